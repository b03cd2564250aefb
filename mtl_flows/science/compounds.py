"""A table of crystal structures as facts: load it, build the structures, write CIF files.

The table (YAML) gives what a structure paper gives: cell, space group in its setting, the sites of the
asymmetric unit with occupancies, and where the numbers come from. Everything else is generated with the
symmetry operations of the declared setting, so a typing error shows up as a wrong composition, an impossible
metric or two atoms on top of each other.

References
----------
Settings and their operations are those of the table of Hall symbols in spglib (A. Togo, K. Shinohara, I. Tanaka,
https://doi.org/10.1080/27660400.2024.2384822).
"""

import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import spglib
import yaml
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from mtl_flows.errors import ConfigurationError, InputError, OccupancyError, OverlappingSitesError

Coordinates = Literal["published", "approximate", "computed"]
"""Where free coordinates come from: the source; known to about 0.01 only; an energy minimisation."""

Confidence = Literal["high", "low"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_STANDARD_CHOICES = ("", "b", "b1", "H", "2")
_SAME_POSITION_A = 0.01
_COLLISION_A = 0.5
_SHARED_OCCUPANCY = 0.6  # images of a split site may come close if no more than one of them is filled
_COMPOSITION_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """A space group in one setting.

    Parameters
    ----------
    symbol
        Hermann-Mauguin symbol, short (``Pnma``) or full without blanks (``P12_1/n1``).
    number
        Number in International Tables.
    setting
        Origin choice (``1``, ``2``), axes (``H``, ``R``) or permutation (``ba-c``) where the symbol leaves them
        open; empty for the standard one (hexagonal axes, origin choice 2).
    """

    symbol: str
    number: int
    setting: str = ""

    @property
    def hall_number(self) -> int:
        """Serial number (1 to 530) in the table of Hall symbols.

        Raises
        ------
        ConfigurationError
            If symbol, number and setting do not name exactly one setting.
        """
        choices = {
            entry.choice: hall
            for hall, entry in _settings(self.number)
            if self.symbol in (entry.international_short, entry.international_full.replace(" ", ""))
        }
        if self.setting:
            found = [choices[self.setting]] if self.setting in choices else []
        elif len(choices) == 1:
            found = list(choices.values())
        else:
            found = [choices[choice] for choice in _STANDARD_CHOICES if choice in choices]
        if not found:
            raise ConfigurationError(
                f"{self.symbol} (no. {self.number}, setting '{self.setting}') is not a known setting",
                remedy=f"settings known under this symbol: {sorted(choices)}",
            )
        return found[0]

    @property
    def hall_symbol(self) -> str:
        """Hall symbol of the setting."""
        return str(dict(_settings(self.number))[self.hall_number].hall_symbol)

    @property
    def operations(self) -> tuple[SymmOp, ...]:
        """All symmetry operations of the conventional cell, centring included."""
        table = _spglib(spglib.get_symmetry_from_database, self.hall_number)
        return tuple(
            SymmOp.from_rotation_and_translation(rotation, translation)
            for rotation, translation in zip(table["rotations"], table["translations"], strict=True)
        )


@cache
def _settings(number: int) -> tuple[tuple[int, Any], ...]:
    entries = [(hall, _spglib(spglib.get_spacegroup_type, hall)) for hall in range(1, 531)]
    return tuple((hall, entry) for hall, entry in entries if entry.number == number)


def _spglib(call: Callable[[int], Any], hall_number: int) -> Any:
    """Call spglib without its word, at every call, of how it will report failures in future."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING", category=DeprecationWarning)
        return call(hall_number)


@dataclass(frozen=True, slots=True)
class AtomSite:
    """One site of the asymmetric unit.

    Parameters
    ----------
    label
        Label, unique within the compound.
    species
        Element symbol → occupancy.
    position
        Fractional coordinates.
    """

    label: str
    species: Mapping[str, float]
    position: tuple[float, float, float]

    @property
    def occupancy(self) -> float:
        """Total occupancy of the site."""
        return math.fsum(self.species.values())


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: a DOI, a full citation, or both."""

    doi: str = ""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class Conductivity:
    """Measured total conductivity near room temperature, in S/cm; ``below`` marks a detection limit."""

    S_per_cm: float
    below: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Compound:
    """One entry of the table.

    Parameters
    ----------
    id
        Slug; the CIF's block name.
    name
        Chemical or mineral name with the polymorph.
    formula
        Contents of one formula unit, as the sites give them.
    formula_units
        Formula units per conventional cell, Z; not an integer for a defect structure.
    family
        Structural family.
    space_group
        Space group and setting.
    lattice
        a, b, c (Å) and alpha, beta, gamma (degrees).
    sites
        Asymmetric unit.
    source
        The structure determination: cell, space group, sites.
    coordinates
        Where the free coordinates come from.
    temperature_K
        Temperature of the determination, where the source gives it.
    icsd
        ICSD collection code of the determination. Written to the CIF only with published coordinates: otherwise
        the atoms are not those of that code.
    conductivity
        Measured conductivity, if any.
    known_conductor, poor_conductor, article_finalist
        Commonly known as a fast Li conductor; plainly a poor one; among the article's 14 compounds.
    source_confidence
        ``low`` if something could not be checked; ``note`` says what.
    note
        What a reader must know.
    """

    id: str
    name: str
    formula: str
    formula_units: float
    family: str
    space_group: SpaceGroup
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[AtomSite, ...]
    source: Source
    coordinates: Coordinates = "published"
    temperature_K: float | None = None
    icsd: int | None = None
    conductivity: Conductivity | None = None
    known_conductor: bool = False
    poor_conductor: bool = False
    article_finalist: bool = False
    source_confidence: Confidence = "high"
    note: str = ""

    @property
    def is_ordered(self) -> bool:
        """Every site holds exactly one element, fully occupied."""
        return all(len(site.species) == 1 and site.occupancy == 1.0 for site in self.sites)


def load_compounds(path: str | Path) -> tuple[Compound, ...]:
    """Read and check a table of compounds.

    Parameters
    ----------
    path
        YAML file: a list of mappings, one per compound.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is not a list of mappings, or has an id twice.
    InputError
        If an entry is incomplete or malformed; the error names the compound.
    """
    file = Path(path)
    try:
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"not a readable table of compounds: {error}", subject=str(file)) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError("the table of compounds is not a list of mappings", subject=str(file))
    compounds = tuple(parse_compound(row) for row in rows)
    ids = [compound.id for compound in compounds]
    repeated = sorted({slug for slug in ids if ids.count(slug) > 1})
    if repeated:
        raise ConfigurationError(f"ids occur more than once: {repeated}", subject=str(file))
    return compounds


def parse_compound(row: Mapping[str, Any]) -> Compound:
    """Turn one row of the table into a ``Compound``.

    Raises
    ------
    InputError
        If a field is missing, unknown or malformed; the error names the compound.
    """
    subject = str(row.get("id", "entry without id"))
    try:
        return _parse(dict(row))
    except KeyError as error:
        raise InputError(f"field {error} is missing", subject=subject) from error
    except (ConfigurationError, AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"the entry is malformed: {error}", subject=subject) from error


def build_structure(compound: Compound) -> Structure:
    """Fill the conventional cell of a compound with the orbits of its sites.

    Returns
    -------
    Structure
        In the declared setting; every site carries the label of its orbit.

    Raises
    ------
    InputError
        If the cell lacks the metric of its space group, or its contents do not match the formula.
    OverlappingSitesError
        If a site lies just beside a special position, so that its filled images collide.
    """
    lattice = Lattice.from_parameters(*compound.lattice)
    operations = compound.space_group.operations
    _check_metric(compound, lattice, operations)
    orbits = [(site, _orbit(compound, site, lattice, operations)) for site in compound.sites]
    structure = Structure(
        lattice,
        [dict(site.species) for site, orbit in orbits for _ in orbit],
        [image for _, orbit in orbits for image in orbit],
        labels=[site.label for site, orbit in orbits for _ in orbit],
    )
    _check_composition(compound, structure.composition)
    return structure


def write_cif(compound: Compound, path: str | Path) -> None:
    """Write a compound as a CIF file with its symmetry operations and asymmetric unit.

    Raises
    ------
    InputError
        As ``build_structure``: an entry that contradicts itself is not written.
    """
    Path(path).write_text(cif_text(compound), encoding="utf-8")


def cif_text(compound: Compound) -> str:
    """CIF of a compound: cell, symmetry operations, asymmetric unit, occupancies, provenance."""
    structure = build_structure(compound)
    group = compound.space_group
    parameters = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), compound.lattice, strict=True))
    items = {
        "_chemical_name_common": _quoted(compound.name),
        "_chemical_formula_sum": _quoted(Composition(compound.formula).formula),
        "_cell_formula_units_Z": f"{compound.formula_units:g}",
        **{f"_cell_length_{axis}": f"{parameters[axis]:.8g}" for axis in ("a", "b", "c")},
        **{f"_cell_angle_{angle}": f"{parameters[angle]:.8g}" for angle in ("alpha", "beta", "gamma")},
        "_space_group_name_H-M_alt": _quoted(group.symbol),
        "_space_group_name_Hall": _quoted(group.hall_symbol),
        "_space_group_IT_number": str(group.number),
    }
    if compound.temperature_K is not None:
        items["_cell_measurement_temperature"] = f"{compound.temperature_K:g}"
    if compound.icsd is not None and compound.coordinates == "published":
        items["_database_code_ICSD"] = str(compound.icsd)
    if compound.source.doi:
        items["_journal_paper_doi"] = compound.source.doi
    texts = {"_publ_section_references": compound.source.citation, "_publ_section_comment": compound.note}
    lines = [f"data_{compound.id}", *(f"{key} {value}" for key, value in items.items())]
    lines += [f"{key}\n;\n{text}\n;" for key, text in texts.items() if text]
    lines += ["loop_", "_space_group_symop_id", "_space_group_symop_operation_xyz"]
    lines += [f"{n} '{operation.as_xyz_str()}'" for n, operation in enumerate(group.operations, start=1)]
    columns = ("label", "type_symbol", "site_symmetry_multiplicity", *(f"fract_{axis}" for axis in "xyz"))
    lines += ["loop_", *(f"_atom_site_{column}" for column in (*columns, "occupancy"))]
    for site in compound.sites:
        multiplicity = structure.labels.count(site.label)
        x, y, z = site.position
        for element, occupancy in site.species.items():
            label = site.label if len(site.species) == 1 else f"{site.label}_{element}"
            lines.append(f"{label} {element} {multiplicity} {x:.8f} {y:.8f} {z:.8f} {occupancy:.6g}")
    return _ascii("\n".join(lines) + "\n")


def _parse(row: dict[str, Any]) -> Compound:
    slug = str(row.pop("id"))
    if not _SLUG.fullmatch(slug):
        raise ValueError("the id is not a lower-case slug")
    group = SpaceGroup(**_only(row.pop("space_group"), {"symbol": str, "number": int, "setting": str}))
    _ = group.hall_number  # an unknown setting raises here, not when the structure is built
    a, b, c, alpha, beta, gamma = (_number(value) for value in row.pop("lattice"))
    sites = tuple(_parse_site(slug, entry) for entry in row.pop("sites"))
    if len({site.label for site in sites}) != len(sites):
        raise ValueError("site labels are repeated")
    conductivity = row.pop("conductivity", None)
    temperature_K, icsd = row.pop("temperature_K", None), row.pop("icsd", None)
    compound = Compound(
        id=slug,
        name=str(row.pop("name")),
        formula=str(row.pop("formula")),
        formula_units=_number(row.pop("formula_units")),
        family=str(row.pop("family")),
        space_group=group,
        lattice=(a, b, c, alpha, beta, gamma),
        sites=sites,
        source=_parse_source(row.pop("source")),
        coordinates=row.pop("coordinates", "published"),
        temperature_K=None if temperature_K is None else _number(temperature_K),
        icsd=None if icsd is None else int(icsd),
        conductivity=None if conductivity is None else _parse_conductivity(conductivity),
        known_conductor=bool(row.pop("known_conductor", False)),
        poor_conductor=bool(row.pop("poor_conductor", False)),
        article_finalist=bool(row.pop("article_finalist", False)),
        source_confidence=row.pop("source_confidence", "high"),
        note=str(row.pop("note", "")).strip(),
    )
    if row:
        raise ValueError(f"unknown fields {sorted(row)}")
    if compound.coordinates not in get_args(Coordinates):
        raise ValueError(f"coordinates are not one of {get_args(Coordinates)}")
    if compound.source_confidence not in get_args(Confidence):
        raise ValueError(f"source_confidence is not one of {get_args(Confidence)}")
    if (compound.coordinates != "published" or compound.source_confidence == "low") and not compound.note:
        raise ValueError("an entry that is not fully published needs a note")
    return compound


def _parse_site(slug: str, entry: Any) -> AtomSite:
    label, content, x, y, z = entry
    species = {content: 1} if isinstance(content, str) else content
    occupancies = {Element(symbol).symbol: _number(value) for symbol, value in species.items()}
    site = AtomSite(str(label), MappingProxyType(occupancies), (_number(x), _number(y), _number(z)))
    if min(occupancies.values()) <= 0 or site.occupancy > 1 + 1e-6:
        raise OccupancyError(f"the occupancy of site {label} is not between 0 and 1", subject=slug)
    return site


def _parse_source(entry: Mapping[str, Any]) -> Source:
    source = Source(**_only(entry, {"doi": str, "citation": str}))
    if not source.doi and not source.citation:
        raise ValueError("a source needs a DOI or a citation")
    if source.doi and not _DOI.fullmatch(source.doi):
        raise ValueError(f"'{source.doi}' is not a DOI")
    return source


def _parse_conductivity(entry: Mapping[str, Any]) -> Conductivity:
    fields = dict(entry)
    value = _number(fields.pop("S_per_cm"))
    if value <= 0:
        raise ValueError("the conductivity is not positive")
    return Conductivity(value, bool(fields.pop("below", False)), _parse_source(fields))


def _only(entry: Mapping[str, Any], fields: Mapping[str, type]) -> dict[str, Any]:
    unknown = sorted(set(entry) - set(fields))
    if unknown:
        raise ValueError(f"unknown fields {unknown}")
    return {key: fields[key](value) for key, value in entry.items()}


def _number(value: Any) -> float:
    """Read 0.25 and 1/4 alike: fractions keep special positions exact."""
    return float(Fraction(str(value)))


def _orbit(
    compound: Compound, site: AtomSite, lattice: Lattice, operations: Iterable[SymmOp]
) -> list[npt.NDArray[np.float64]]:
    """Distinct images of a site, fractional coordinates of shape (3,) each."""
    images: list[npt.NDArray[np.float64]] = []
    for operation in operations:
        image = np.mod(operation.operate(site.position), 1.0)
        nearest_A = float(np.min(lattice.get_all_distances(images, [image]))) if images else math.inf
        if nearest_A < _SAME_POSITION_A:
            continue
        if nearest_A < _COLLISION_A and site.occupancy > _SHARED_OCCUPANCY:
            raise OverlappingSitesError(
                f"images of site {site.label} are {nearest_A:.2f} Å apart",
                subject=compound.id,
                remedy="write coordinates of special positions as exact fractions",
            )
        images.append(image)
    return images


def _check_metric(compound: Compound, lattice: Lattice, operations: Iterable[SymmOp]) -> None:
    metric = lattice.matrix @ lattice.matrix.T
    tolerance = 1e-4 * float(np.max(metric))
    for operation in operations:
        turned = operation.rotation_matrix.T @ metric @ operation.rotation_matrix
        if not np.allclose(turned, metric, rtol=0.0, atol=tolerance):
            raise InputError(
                f"the cell does not have the symmetry of {compound.space_group.symbol}", subject=compound.id
            )


def _check_composition(compound: Compound, found: Composition) -> None:
    expected = Composition(compound.formula) * compound.formula_units
    for element in {*expected, *found}:
        if abs(found[element] - expected[element]) > _COMPOSITION_TOLERANCE * max(expected[element], 1.0):
            raise InputError(
                f"the cell holds {found.formula}, the formula says {expected.formula}", subject=compound.id
            )


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _ascii(text: str) -> str:
    """Drop accents: CIF 1.1 knows ASCII only."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
