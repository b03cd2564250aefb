"""The list of atom sites of a CIF: labels, elements, occupancies, coordinates and charges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import InconsistentFileError, NegativeOccupancyError, UnreadableStructureError
from mtl_flows.science.charges import Ion
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock, number
from mtl_flows.science.reading.formula import declared_composition
from mtl_flows.science.reading.species import Occupants, read_label, read_type_symbol

MAX_FRACTION = 1000.0
"""Fractional coordinates beyond this are no coordinates."""

_COORDINATES = ("_atom_site_fract_x", "_atom_site_label")
_COLUMNS = (
    *(
        "label",
        "type_symbol",
        "fract_x",
        "fract_y",
        "fract_z",
        "occupancy",
        "attached_hydrogens",
        "calc_flag",
    ),
    *("symmetry_multiplicity", "site_symmetry_multiplicity", "site_symmetry_order"),
)
_CHARGE_ROUNDING = 0.05
_SHARE_ROUNDING = 0.011
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
    order
        Of the site's symmetry, as the file gives it; 0 where it says nothing.
    """

    label: str
    ions: dict[Ion, float]
    coords: NDArray[np.float64]
    multiplicity: int
    hydrogens: float
    order: int = 0


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
    InconsistentFileError
        If several lists of atom sites do not belong together.
    NegativeOccupancyError
        If an occupancy is negative.
    """
    ragged = sorted(block.ragged.intersection(f"_atom_site_{name}" for name in _COLUMNS))
    if ragged:
        raise UnreadableStructureError("the list of atom sites has rows of unequal length", about=ragged[:1])
    columns = _one_list(block)
    labels = columns.get("label") or columns.get("type_symbol") or []
    if not labels or not all(columns.get(f"fract_{axis}") for axis in "xyz"):
        raise UnreadableStructureError("no atom sites with fractional coordinates", about=_COORDINATES)
    unknown = ["?"] * len(labels)
    # Old SHELX files write the order of the site's symmetry under the first of these.
    multiplicity = columns.get("symmetry_multiplicity") or columns.get("site_symmetry_multiplicity")
    table = [
        labels,
        columns.get("type_symbol") or unknown,
        *(columns[f"fract_{axis}"] for axis in "xyz"),
        columns.get("occupancy") or unknown,
        columns.get("attached_hydrogens") or unknown,
        multiplicity or unknown,
        columns.get("site_symmetry_order") or unknown,
        columns.get("calc_flag") or unknown,
    ]
    if len({len(values) for values in table}) != 1:
        raise UnreadableStructureError(
            "the columns of the list of atom sites differ in length", about=_COORDINATES[:1]
        )
    reader = _RowReader(block, notes)
    rows = [row for values in zip(*table, strict=True) if (row := reader.read(*values)) is not None]
    if not rows:
        raise UnreadableStructureError("no atom sites with fractional coordinates", about=_COORDINATES)
    return rows


def _one_list(block: CifBlock) -> dict[str, list[str]]:
    """Columns of the list of atom sites; those of a second list are put in the order of the first by their labels.

    Raises
    ------
    InconsistentFileError
        If there are two lists with coordinates, or the labels of a second list are not those of the first.
    """
    lists = [
        {name: loop[tag] for name in _COLUMNS if (tag := f"_atom_site_{name}") in loop}
        for loop in block.loops
    ]
    lists = [columns for columns in lists if set(columns) - {"label"}]
    if not lists:
        return {name: block.values[tag] for name in _COLUMNS if (tag := f"_atom_site_{name}") in block.values}
    placed = [columns for columns in lists if "fract_x" in columns]
    if len(placed) > 1:
        raise InconsistentFileError(
            f"two lists of atom sites, of {len(placed[0]['fract_x'])} and {len(placed[1]['fract_x'])} rows",
            remedy="leave one of them",
            about=("_atom_site_fract_x",),
        )
    main = placed[0] if placed else lists[0]
    merged = dict(main)
    for other in lists:
        if other is main:
            continue
        labels, order = main.get("label", []), other.get("label", [])
        new = {name: values for name, values in other.items() if name not in merged}
        if not new:
            continue
        if sorted(labels) != sorted(order) or len(set(labels)) != len(labels):
            raise InconsistentFileError(
                f"a second list of atom sites, with {', '.join(sorted(new))}, has other labels than the first "
                f"({len(order)} rows, {len(labels)} in the first)",
                remedy="put all columns into one list",
                about=tuple(f"_atom_site_{name}" for name in sorted(new)),
            )
        places = {label: index for index, label in enumerate(order)}
        for name, values in new.items():
            merged[name] = [values[places[label]] for label in labels]
    return merged


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
        order: str,
        calc_flag: str,
    ) -> SiteRow | None:
        if calc_flag.lower() == "dum":
            return None
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
                f"site {label} has coordinates {x}, {y}, {z}, which are no numbers", about=(label,)
            ) from None
        if np.max(np.abs(coords)) > MAX_FRACTION:
            raise UnreadableStructureError(
                f"site {label} has coordinates {x}, {y}, {z}, far outside the cell", about=(label,)
            )
        return SiteRow(
            label,
            ions,
            coords,
            int(multiplicity) if multiplicity.isdecimal() else 0,
            hydrogens,
            int(order) if order.isdecimal() else 0,
        )

    def _ions(self, symbol: str, occupancy: str, label: str) -> tuple[dict[Ion, float], float]:
        """Occupancy by element symbol and oxidation state, and hydrogen atoms without a site of their own."""
        try:
            occupied = 1.0 if occupancy in UNKNOWN else number(occupancy)
        except ValueError:
            raise UnreadableStructureError(
                f"site {label} has the occupancy {occupancy!r}", about=(label,)
            ) from None
        if occupied < 0:
            raise NegativeOccupancyError(
                f"site {label} has the occupancy {occupied:g}",
                remedy="correct the occupancies",
                about=(label,),
            )
        if symbol in UNKNOWN:
            symbol = label
            found = read_label(label, self.elements)
        else:
            found = read_type_symbol(symbol, label, self.elements)
        if not found.shares or occupied == 0:
            return {}, 0.0
        self.notes.extend(found.notes)
        if found.shared:
            return self._shared(found, occupied, symbol, label), 0.0
        ((element, charge), _) = next(iter(found.shares.items()))
        state = self.charges.get(symbol, None if self.charges else charge)
        if charge is not None and state is not None and abs(charge - state) > _CHARGE_ROUNDING:
            self.notes.append(
                f"{symbol} bears the oxidation state {state:g} in the table of atom types, which is taken"
            )
        return {(element, state): occupied}, found.hydrogens * occupied

    def _shared(self, found: Occupants, occupied: float, symbol: str, label: str) -> dict[Ion, float]:
        """Occupancies of a site whose symbol gives shares, which may be those of the site or of its atoms."""
        total = sum(found.shares.values())
        if abs(occupied - 1) <= _SHARE_ROUNDING or abs(occupied - total) <= _SHARE_ROUNDING:
            return dict(found.shares)
        if abs(total - 1) <= _SHARE_ROUNDING:
            return {ion: share * occupied for ion, share in found.shares.items()}
        raise InconsistentFileError(
            f"the shares of {symbol!r} add up to {total:g}, and site {label} has the occupancy {occupied:g}",
            remedy="correct the occupancies",
            about=(label,),
        )


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
