"""The list of atom sites of a CIF: labels, elements, occupancies, coordinates and charges."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

from mtl_flows.errors import NegativeOccupancyError, UnreadableStructureError
from mtl_flows.science.charges import Ion
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock, number
from mtl_flows.science.reading.formula import declared_composition

_VACANCIES = frozenset({"va", "vac", "vacancy", "x", "dum", "du", "cg", "q"})
# What one symbol stands for: an element, and hydrogen atoms that have no site of their own.
_GROUPS = {
    "wat": ("O", 2),
    "oh2": ("O", 2),
    "h2o": ("O", 2),
    "o-h": ("O", 1),
    "oh": ("O", 1),
    "nh4": ("N", 4),
    "ow": ("O", 0),
    "hw": ("H", 0),
}
_SHARED_SITE = re.compile(r"(\d*\.\d+|\d+)\s*(?:\([^)]*\))?\s*([A-Z][a-z]?)(\d*\.?\d*[+-](?![\d.]))?")
_CHARGE = re.compile(r"(?:(\d*\.?\d*)([+-])|([+-])(\d*\.?\d+))$")
_ROUNDED_THIRD = 1e-4  # 0.3333 and 0.6667 stand for 1/3 and 2/3


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One row of the list of atom sites.

    Attributes
    ----------
    ions
        Occupancy by element symbol and oxidation state, None where the file gives none.
    multiplicity
        As the file gives it; 0 where it says nothing.
    hydrogens
        Atoms for each image of the site that have no site of their own.
    """

    label: str
    ions: dict[Ion, float]
    coords: NDArray[np.float64]
    multiplicity: int
    hydrogens: float


def read_sites(block: CifBlock, notes: list[str]) -> list[SiteRow]:
    """Rows of the list of atom sites that hold atoms; dummies and vacancies are left out.

    Parameters
    ----------
    notes
        What had to be assumed is added to it.

    Raises
    ------
    UnreadableStructureError
        If there is no such list, or an entry is no element, occupancy or coordinate.
    NegativeOccupancyError
        If an occupancy is negative.
    """
    if any(tag.startswith("_atom_site_fract") for tag in block.ragged):
        raise UnreadableStructureError("the list of atom sites has rows of unequal length")
    labels = block.column("_atom_site_label", "_atom_site_type_symbol")
    if not labels or not all(block.column(f"_atom_site_fract_{axis}") for axis in "xyz"):
        raise UnreadableStructureError("no atom sites with fractional coordinates")

    def column(tag: str, default: list[str]) -> list[str]:
        return block.column(f"_atom_site_{tag}") or default

    unknown = ["?"] * len(labels)
    columns = [
        labels,
        column("type_symbol", labels),
        *(column(f"fract_{axis}", []) for axis in "xyz"),
        column("occupancy", unknown),
        column("attached_hydrogens", unknown),
        column("symmetry_multiplicity", column("site_symmetry_multiplicity", unknown)),
        column("calc_flag", unknown),
    ]
    if len({len(values) for values in columns}) != 1:
        raise UnreadableStructureError("the columns of the list of atom sites differ in length")
    reader = _RowReader(block, notes)
    rows = [row for values in zip(*columns, strict=True) if (row := reader.read(*values)) is not None]
    if not rows:
        raise UnreadableStructureError("no atom sites with fractional coordinates")
    return rows


class _RowReader:
    """Reads rows in the light of the declared formula and the table of atom types."""

    def __init__(self, block: CifBlock, notes: list[str]) -> None:
        self.elements = {element.symbol for element in declared_composition(block)}
        self.charges = _oxidation_numbers(block)
        self.notes = notes

    def read(
        self,
        label: str,
        symbol: str,
        x: str,
        y: str,
        z: str,
        occupancy: str,
        attached: str,
        multiplicity: str,
        calc_flag: str,
    ) -> SiteRow | None:
        if calc_flag.lower() == "dum":
            return None
        if symbol in UNKNOWN:
            symbol = label
        ions, hydrogens = self._ions(symbol, occupancy, label)
        if not ions:
            return None
        if {element for element, _ in ions} == {"H"} and {x, y, z} & UNKNOWN:
            self.notes.append(f"hydrogen site {label} without coordinates left out")
            return None
        try:
            coords = np.array([_ideal(number(text)) for text in (x, y, z)])
            hydrogens += number(attached) if attached not in UNKNOWN else 0.0
        except ValueError:
            raise UnreadableStructureError(
                f"site {label} has coordinates {x}, {y}, {z}, which are no numbers"
            ) from None
        return SiteRow(
            label,
            ions,
            coords,
            int(multiplicity) if multiplicity.isdecimal() else 0,
            hydrogens,
        )

    def _ions(self, symbol: str, occupancy: str, label: str) -> tuple[dict[Ion, float], float]:
        """Occupancy by element symbol and oxidation state, and hydrogen atoms without a site of their own."""
        shared = _SHARED_SITE.findall(symbol) if "+" in symbol and "." in symbol else []
        if shared:
            ions: dict[Ion, float] = {}
            for amount, element, charge in shared:
                ion = element, _charge_in(charge)
                ions[ion] = ions.get(ion, 0.0) + float(amount)
            return ions, 0.0
        try:
            occupied = 1.0 if occupancy in UNKNOWN else number(occupancy)
        except ValueError:
            raise UnreadableStructureError(f"site {label} has the occupancy {occupancy!r}") from None
        if occupied < 0:
            raise NegativeOccupancyError(
                f"site {label} has the occupancy {occupied:g}", remedy="correct the occupancies"
            )
        element, hydrogens = self._element(symbol)
        if not element or occupied == 0:
            return {}, 0.0
        state = self.charges.get(symbol, _charge_in(symbol) if not self.charges else None)
        return {(element, state): occupied}, hydrogens * occupied

    def _element(self, symbol: str) -> tuple[str, int]:
        """Element symbol and implicit hydrogens of ``Li1+``, ``CO2``, ``Wat``, ``D`` and the like.

        Two letters are one element if written like one (``Co``); else (``CO1``) the declared formula decides.
        """
        letters = re.match(r"[A-Za-z]+(?:-H)?\d*", symbol)
        name = letters[0] if letters else ""
        bare = name.rstrip("0123456789")
        if bare.lower() in _VACANCIES:
            return "", 0
        for key in (name.lower(), bare.lower()):
            if key in _GROUPS:
                return _GROUPS[key]
        two, one = bare[:2].title(), bare[:1].upper()
        readings = [s for s in dict.fromkeys((two, one)) if s and Element.is_valid_symbol(s)]
        if not readings:
            raise UnreadableStructureError(f"{symbol!r} is no element")
        if (
            len(readings) == 2
            and not bare[1:2].islower()
            and two not in self.elements
            and one in self.elements
        ):
            readings.reverse()
        if readings[0] not in ("D", "T"):
            return readings[0], 0
        self.notes.append("deuterium and tritium read as hydrogen")
        return "H", 0


def _ideal(coordinate: float) -> float:
    fraction = coordinate % 1.0
    for third in (1 / 3, 2 / 3):
        if abs(fraction / third - 1) <= _ROUNDED_THIRD:
            return coordinate - fraction + third
    return coordinate


def _oxidation_numbers(block: CifBlock) -> dict[str, float]:
    """Oxidation state by atom-type symbol; empty if the table of atom types gives none."""
    symbols = block.column("_atom_type_symbol")
    texts = block.column("_atom_type_oxidation_number")
    if len(symbols) != len(texts):
        return {}
    return {symbol: number(text) for symbol, text in zip(symbols, texts, strict=True) if _is_number(text)}


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _charge_in(symbol: str) -> float | None:
    """Charge written into a symbol such as ``Fe3+``, ``O2-``, ``Li+``, ``Li+1`` or ``Mn3.5+``."""
    match = _CHARGE.search(symbol)
    if match is None:
        return None
    size = float(match[1] or match[4] or 1)
    return size if (match[2] or match[3]) == "+" else -size
