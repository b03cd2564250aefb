"""From the tags of a CIF data block to a pymatgen structure in the cell of the file."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element, Lattice, Structure

from mtl_flows.errors import OccupancyError, UnreadableStructureError
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock
from mtl_flows.science.reading.distances import overlapping_pair
from mtl_flows.science.reading.formula import proportional, read_formula
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.reading.symmetry import Operations, operations_of_group, parse_operations

_SYMMETRY_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_SYMBOL_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_symmetry_space_group_name_h_m",
)
_HALL_TAGS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number")

_VACANCIES = frozenset({"va", "vac", "vacancy", "x", "dum", "du", "cg", "q"})
# What one symbol stands for: element and hydrogen atoms that have no site of their own.
_GROUPS = {
    "wat": ("O", 2),
    "oh2": ("O", 2),
    "h2o": ("O", 2),
    "o-h": ("O", 1),
    "oh": ("O", 1),
    "nh4": ("N", 4),
}
_GROUPS |= {"ow": ("O", 0), "hw": ("H", 0)}
_SHARED_SITE = re.compile(r"(\d*\.\d+|\d+)\s*(?:\([^)]*\))?\s*([A-Z][a-z]?)")
_ROUNDED_THIRD = 1e-4  # 0.3333 and 0.6667 stand for 1/3 and 2/3
_ANGLES = ("alpha", "beta", "gamma")


@dataclass(slots=True)
class _Site:
    """One row of the list of atom sites."""

    label: str
    species: dict[str, float]
    coords: NDArray[np.float64]
    oxidation_state: float | None
    hydrogens: float


@dataclass(slots=True)
class _Orbit:
    """Images of one site and what sits on them."""

    label: str
    coords: NDArray[np.float64]
    species: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Expansion:
    """The structure and, for each row of the list of atom sites, its multiplicity."""

    structure: Structure
    multiplicities: list[int]


@dataclass(frozen=True, slots=True)
class Crystal:
    """A structure and what building it found on the way."""

    structure: Structure
    oxidation_states: dict[str, float]
    implicit_hydrogens: float
    warnings: tuple[str, ...]


def number(text: str) -> float:
    """Value of a CIF number, its standard uncertainty in brackets dropped.

    Raises
    ------
    ValueError
        If it is no finite number.
    """
    value = float(re.sub(r"\(.*", "", text))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def build_crystal(block: CifBlock, parameters: ReadingParameters) -> Crystal:
    """Expand the sites of `block` by its symmetry operations.

    Raises
    ------
    UnreadableStructureError
        If cell, symmetry or sites are missing or make no sense.
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    """
    notes: list[str] = []
    lattice = _lattice(block, notes)
    sites = _sites(block, notes)
    settings = _settings(block, notes)
    expansions = (_expand_carefully(lattice, sites, operations, parameters, notes) for operations in settings)
    chosen = next(expansions)
    if len(settings) > 1:
        declared = declared_composition(block)
        fitting = (e for e in (chosen, *expansions) if proportional(e.structure.composition, declared))
        chosen = next(fitting, chosen)
    return Crystal(
        chosen.structure,
        _mean_oxidation_states(sites, chosen.multiplicities),
        sum(s.hydrogens * m for s, m in zip(sites, chosen.multiplicities, strict=True)),
        tuple(dict.fromkeys(notes)),
    )


def declared_composition(block: CifBlock) -> Composition:
    """Composition of the formula the block declares; empty if there is none or it cannot be read."""
    text = block.first("_chemical_formula_sum", "_chemical_formula_structural", "_chemical_formula_moiety")
    return read_formula(text)


def _lattice(block: CifBlock, notes: list[str]) -> Lattice:
    try:
        lengths = [number(block.first(f"_cell_length_{axis}")) for axis in "abc"]
        angles = [number(block.first(f"_cell_angle_{angle}") or "90") for angle in _ANGLES]
    except ValueError:
        raise UnreadableStructureError("cell lengths or angles are missing or no numbers") from None
    if min(lengths) < 0.5 or max(lengths) > 1000:
        raise UnreadableStructureError(f"cell lengths {lengths} Å make no sense")
    cosines = np.cos(np.radians(angles))
    squared_volume = 1 - np.sum(cosines**2) + 2 * np.prod(cosines)
    if not all(0 < angle < 180 for angle in angles) or squared_volume < 1e-6:
        raise UnreadableStructureError(f"cell angles {angles}° span no volume")
    if not all(block.first(f"_cell_angle_{angle}") for angle in _ANGLES):
        notes.append("cell angles missing, taken as 90°")
    return Lattice.from_parameters(*lengths, *angles)


def _settings(block: CifBlock, notes: list[str]) -> tuple[Operations, ...]:
    """Symmetry operations; several where the file leaves the setting of its space group open."""
    texts = block.column(*_SYMMETRY_TAGS)
    if texts:
        try:
            return (parse_operations(tuple(texts)),)
        except (ValueError, ZeroDivisionError) as error:
            raise UnreadableStructureError(f"symmetry operations cannot be read: {error}") from None
    hall, symbol, text = block.first(*_HALL_TAGS), block.first(*_SYMBOL_TAGS), block.first(*_NUMBER_TAGS)
    settings = operations_of_group(hall, symbol, int(text) if text.isdecimal() else 0)
    if settings:
        notes.append(f"no symmetry operations, those of {hall or symbol or text} used")
        return settings
    if hall or symbol or text:
        raise UnreadableStructureError(
            f"no symmetry operations, and the space group {hall or symbol or text} is not known"
        )
    notes.append("no symmetry given, P 1 assumed")
    return (parse_operations(("x,y,z",)),)


def _sites(block: CifBlock, notes: list[str]) -> list[_Site]:
    if any(tag.startswith("_atom_site_fract") for tag in block.ragged):
        raise UnreadableStructureError("the list of atom sites has rows of unequal length")
    columns = [block.column(f"_atom_site_fract_{axis}") for axis in "xyz"]
    labels = block.column("_atom_site_label", "_atom_site_type_symbol")
    if not all(columns) or not labels:
        raise UnreadableStructureError("no atom sites with fractional coordinates")
    symbols = block.column("_atom_site_type_symbol") or labels
    occupancies = block.column("_atom_site_occupancy") or ["1"] * len(labels)
    attached = block.column("_atom_site_attached_hydrogens") or ["0"] * len(labels)
    if len({len(column) for column in (*columns, labels, symbols, occupancies, attached)}) != 1:
        raise UnreadableStructureError("the columns of the list of atom sites differ in length")
    elements = {e.symbol for e in declared_composition(block)}
    charges = _oxidation_numbers(block)
    sites = []
    for label, symbol, x, y, z, occupancy, hydrogens in zip(
        labels, symbols, *columns, occupancies, attached, strict=True
    ):
        species, implicit = _species(symbol, occupancy, label, elements, notes)
        if not species:
            continue
        if set(species) == {"H"} and {x, y, z} & UNKNOWN:
            notes.append(f"hydrogen site {label} without coordinates left out")
            continue
        try:
            coords = np.array([_ideal(number(text)) for text in (x, y, z)])
            implicit += number(hydrogens) if hydrogens not in UNKNOWN else 0.0
        except ValueError:
            raise UnreadableStructureError(
                f"site {label} has coordinates {x}, {y}, {z}, which are no numbers"
            ) from None
        sites.append(_Site(label, species, coords, charges.get(symbol), implicit))
    if not sites:
        raise UnreadableStructureError("no atom sites with fractional coordinates")
    return sites


def _ideal(coordinate: float) -> float:
    for third in (1 / 3, 2 / 3):
        if abs(coordinate / third - 1) <= _ROUNDED_THIRD:
            return third
    return coordinate


def _species(
    symbol: str, occupancy: str, label: str, elements: set[str], notes: list[str]
) -> tuple[dict[str, float], float]:
    """Occupancy by element symbol, and hydrogen atoms without a site of their own."""
    shared = _SHARED_SITE.findall(symbol) if "+" in symbol and "." in symbol else []
    if shared:
        return {element: float(amount) for amount, element in shared}, 0.0
    try:
        occupied = 1.0 if occupancy in UNKNOWN else number(occupancy)
    except ValueError:
        raise UnreadableStructureError(f"site {label} has the occupancy {occupancy!r}") from None
    if occupied < 0:
        raise OccupancyError(f"site {label} has the occupancy {occupied:g}")
    element, hydrogens = _element(symbol, elements, notes)
    if not element or occupied == 0:
        return {}, 0.0
    return {element: occupied}, hydrogens * occupied


def _element(symbol: str, elements: set[str], notes: list[str]) -> tuple[str, int]:
    """Element symbol and implicit hydrogens of ``Li1+``, ``CO2``, ``Wat``, ``D`` and the like.

    Two letters are read as one element if written like one (``Co``); else the declared formula decides.
    """
    letters = re.match(r"[A-Za-z]+(?:-H)?\d*", symbol)
    name = letters[0] if letters else ""
    bare = name.rstrip("0123456789")
    if bare.lower() in _VACANCIES:
        return "", 0
    for key in (name.lower(), bare.lower()):
        if key in _GROUPS and key.capitalize() not in elements:
            return _GROUPS[key]
    two, one = bare[:2].title(), bare[:1].upper()
    readings = [s for s in (two, one) if s and Element.is_valid_symbol(s)]
    if not readings:
        raise UnreadableStructureError(f"{symbol!r} is no element")
    if len(readings) == 2 and not bare[1:2].islower() and two not in elements and one in elements:
        readings.reverse()
    if readings[0] in ("D", "T"):
        if "deuterium and tritium read as hydrogen" not in notes:
            notes.append("deuterium and tritium read as hydrogen")
        return "H", 0
    return readings[0], 0


def _expand_carefully(
    lattice: Lattice,
    sites: Sequence[_Site],
    operations: Operations,
    parameters: ReadingParameters,
    notes: list[str],
) -> _Expansion:
    """Expand with the first tolerance that leaves no fully occupied sites on top of each other."""
    first: _Expansion | None = None
    for tolerance in parameters.site_tolerances:
        try:
            expansion = _expand(lattice, sites, operations, tolerance, parameters.occupancy_tolerance, notes)
        except OccupancyError:
            if first is None:
                raise
            break
        if overlapping_pair(expansion.structure, parameters.min_distance_A) is None:
            if first is not None:
                notes.append(f"sites within {tolerance:g} of each other merged: too few digits")
            return expansion
        first = first or expansion
    if first is None:
        raise ValueError("site_tolerances must not be empty")
    return first


def _expand(
    lattice: Lattice,
    sites: Sequence[_Site],
    operations: Operations,
    site_tolerance: float,
    occupancy_tolerance: float,
    notes: list[str],
) -> _Expansion:
    """Apply the operations, merge images closer than `site_tolerance` (fractional) and rows on one site."""
    rotations, translations = operations
    orbits: list[_Orbit] = []
    multiplicities = []
    for site in sites:
        images = (rotations @ site.coords + translations) % 1.0
        orbit = next((o for o in orbits if _close(images, o.coords[0], site_tolerance).any()), None)
        if orbit is None:
            orbit = _Orbit(site.label, _distinct(images, site_tolerance), {})
            orbits.append(orbit)
        for element, occupancy in site.species.items():
            orbit.species[element] = orbit.species.get(element, 0.0) + occupancy
        multiplicities.append(len(orbit.coords))
    compositions = [_composition(orbit, occupancy_tolerance, notes) for orbit in orbits]
    structure = Structure(
        lattice,
        [c for c, orbit in zip(compositions, orbits, strict=True) for _ in orbit.coords],
        np.concatenate([orbit.coords for orbit in orbits]),
        labels=[orbit.label for orbit in orbits for _ in orbit.coords],
    )
    return _Expansion(structure, multiplicities)


def _composition(orbit: _Orbit, occupancy_tolerance: float, notes: list[str]) -> Composition:
    occupied = sum(orbit.species.values())
    if occupied > occupancy_tolerance:
        shares = " + ".join(f"{amount:g} {element}" for element, amount in orbit.species.items())
        raise OccupancyError(f"occupancies of site {orbit.label} add up to {occupied:g} ({shares})")
    if occupied > 1 + 1e-6:
        notes.append(f"occupancies of site {orbit.label} scaled from {occupied:g} to 1")
    scale = max(occupied, 1.0)
    return Composition({element: amount / scale for element, amount in orbit.species.items()})


def _close(coords: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    difference = coords - other
    close: NDArray[np.bool_] = np.all(np.abs(difference - np.round(difference)) < tolerance, axis=-1)
    return close


def _distinct(images: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Images that no earlier one coincides with."""
    repeats = np.tril(_close(images[:, None], images[None, :], tolerance), -1).any(axis=1)
    distinct: NDArray[np.float64] = images[~repeats]
    return distinct


def _oxidation_numbers(block: CifBlock) -> dict[str, float]:
    symbols = block.column("_atom_type_symbol")
    texts = block.column("_atom_type_oxidation_number")
    if len(symbols) != len(texts):
        return {}
    found = {}
    for symbol, text in zip(symbols, texts, strict=True):
        try:
            found[symbol] = number(text)
        except ValueError:
            continue
    return found


def _mean_oxidation_states(sites: Sequence[_Site], multiplicities: Sequence[int]) -> dict[str, float]:
    """Mean oxidation state by element, weighted by occupancy and multiplicity."""
    sums: dict[str, tuple[float, float]] = {}
    for site, multiplicity in zip(sites, multiplicities, strict=True):
        if site.oxidation_state is None:
            continue
        for element, occupancy in site.species.items():
            charge, weight = sums.get(element, (0.0, 0.0))
            atoms = occupancy * multiplicity
            sums[element] = (charge + atoms * site.oxidation_state, weight + atoms)
    return {element: round(charge / weight, 6) for element, (charge, weight) in sorted(sums.items())}
