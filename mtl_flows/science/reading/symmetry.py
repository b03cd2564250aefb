"""Symmetry operations of a CIF: given as ``x,y,z`` strings, or by the name or number of the space group."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock
from mtl_flows.science.spglib_calls import quiet_spglib

Operations = tuple[NDArray[np.float64], NDArray[np.float64]]

_OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC_TAGS = ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz")
_SYMBOL_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_symmetry_space_group_name_h_m",
)
_HALL_TAGS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number")

_TERM = re.compile(r"([+-]?)(\d*\.?\d*(?:/\d+)?)\*?([xyz]?)")


def read_settings(block: CifBlock, notes: list[str]) -> tuple[Operations, ...]:
    """Symmetry operations of a data block; several sets where it leaves the setting of its space group open.

    Parameters
    ----------
    notes
        What had to be assumed is added to it.

    Raises
    ------
    UnreadableStructureError
        If operations cannot be read, or only a space group is given that nobody knows.
    """
    try:
        if texts := _known(block.column(*_OPERATION_TAGS)):
            return (parse_operations(texts),)
        if texts := _known(block.column(_MAGNETIC_TAGS[0])):
            centrings = _known(block.column(_MAGNETIC_TAGS[1])) or ("x,y,z",)
            return (_product(parse_operations(centrings), parse_operations(texts)),)
    except (ValueError, ZeroDivisionError) as error:
        raise UnreadableStructureError(f"symmetry operations cannot be read: {error}") from None
    hall, symbol, text = block.first(*_HALL_TAGS), block.first(*_SYMBOL_TAGS), block.first(*_NUMBER_TAGS)
    name = hall or symbol or text
    settings = operations_of_group(hall, symbol, int(text) if text.isdecimal() else 0)
    if settings:
        notes.append(f"no symmetry operations given, those of {name} used")
        return settings
    if name or block.ragged.intersection(_OPERATION_TAGS):
        raise UnreadableStructureError(
            f"no readable symmetry operations, nor a known space group ({name or 'none'})"
        )
    notes.append("no symmetry given, P 1 assumed")
    return (parse_operations(("x,y,z",)),)


def _known(texts: list[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in UNKNOWN)


def _product(outer: Operations, inner: Operations) -> Operations:
    """Every operation of `inner` followed by every one of `outer`."""
    rotations = np.einsum("aij,bjk->abik", outer[0], inner[0]).reshape(-1, 3, 3)
    translations = np.einsum("aij,bj->abi", outer[0], inner[1]) + outer[1][:, None]
    return rotations, translations.reshape(-1, 3)


@lru_cache(maxsize=512)
def parse_operations(texts: tuple[str, ...]) -> Operations:
    """Rotations (n, 3, 3) and translations (n, 3) of operations such as ``-x, y+1/2, -z``.

    Raises
    ------
    ValueError
        If a text is no operation.
    """
    pairs = [_parse_operation(text) for text in texts]
    return np.array([r for r, _ in pairs]), np.array([t for _, t in pairs])


def _parse_operation(text: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rotation, translation = np.zeros((3, 3)), np.zeros(3)
    parts = re.sub(r"[\s'\"]", "", text).lower().rstrip(",").split(",")[:3]
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text!r} is no symmetry operation")
    for row, part in enumerate(parts):
        position = 0
        while position < len(part):
            match = _TERM.match(part, position)
            if match is None or match.end() == position or not (match[2] or match[3]):
                raise ValueError(f"{text!r} is no symmetry operation")
            size = float(Fraction(match[2])) if match[2] else 1.0
            size = -size if match[1] == "-" else size
            if match[3]:
                rotation[row, "xyz".index(match[3])] += size
            else:
                translation[row] += size
            position = match.end()
    if abs(abs(np.linalg.det(rotation)) - 1) > 1e-6:
        raise ValueError(f"{text!r} is no symmetry operation")
    return rotation, translation


@lru_cache(maxsize=512)
def operations_of_group(hall: str, symbol: str, number: int) -> tuple[Operations, ...]:
    """Operations of every setting that goes by this Hall symbol, Hermann–Mauguin symbol or number.

    The first that is recognised decides. Several settings remain where the name leaves the origin or the axes
    open; the conventional one comes first (origin at the centre of inversion, hexagonal axes).
    """
    for matches in (_settings_by_hall(hall), _settings_by_symbol(symbol), _settings_by_number(number)):
        if matches:
            return tuple(_database_operations(hall_number) for hall_number in matches)
    return ()


@lru_cache(maxsize=1)
def _settings() -> dict[int, tuple[str, set[str], int, str]]:
    """Hall number to Hall symbol, Hermann–Mauguin symbols, number and choice, all without spaces."""
    with quiet_spglib():
        kinds = {hall_number: spglib.get_spacegroup_type(hall_number) for hall_number in range(1, 531)}
    found = {}
    for hall_number, kind in kinds.items():
        if kind is None:
            continue
        symbols = {kind.international_short, kind.international_full}
        symbols.update(kind.international.split("="))
        names = {_squeeze(symbol) for symbol in symbols}
        found[hall_number] = (_squeeze(kind.hall_symbol), names, int(kind.number), kind.choice)
    return found


def _squeeze(symbol: str) -> str:
    return re.sub(r"[\s_']", "", symbol).lower()


def _settings_by_hall(hall: str) -> list[int]:
    wanted = _squeeze(hall)
    return [n for n, (symbol, *_) in _settings().items() if wanted and symbol == wanted][:1]


def _settings_by_symbol(symbol: str) -> list[int]:
    name, _, choice = _squeeze(symbol).partition(":")
    if not choice and len(name) > 2 and name[0] == "r" and name[-1] in "hr":
        name, choice = name[:-1], name[-1]
    if not choice and len(name) > 2 and name[-1] in "sz":
        name, choice = name[:-1], {"s": "1", "z": "2"}[name[-1]]
    matches = [n for n, (_, names, _, _) in _settings().items() if name and name in names]
    exact = [n for n in matches if choice and _settings()[n][3].lower() == choice]
    return exact or _conventional_first(matches)


def _settings_by_number(number: int) -> list[int]:
    matches = [n for n, (_, _, found, _) in _settings().items() if found == number]
    origins = {_settings()[n][3] for n in matches}
    return _conventional_first(matches if origins & {"1", "2", "H", "R"} else matches[:1])


def _conventional_first(hall_numbers: list[int]) -> list[int]:
    return sorted(hall_numbers, key=lambda n: (_settings()[n][3] not in ("2", "H"), n))


def _database_operations(hall_number: int) -> Operations:
    with quiet_spglib():
        stored = spglib.get_symmetry_from_database(hall_number)
    if stored is None:
        raise LookupError(f"spglib knows no Hall number {hall_number}")
    return stored["rotations"].astype(float), stored["translations"].astype(float)


def space_group(structure: Structure, symprec_A: float = 0.01) -> tuple[int, str]:
    """Number and Hermann–Mauguin symbol of the space group; (1, ``P1``) where spglib finds none.

    Sites with the same species and occupancies count as alike.
    """
    kinds: dict[object, int] = {}
    numbers = [kinds.setdefault(species, len(kinds)) for species in structure.species_and_occu]
    cell: Any = (structure.lattice.matrix, structure.frac_coords, numbers)
    with quiet_spglib():
        try:
            dataset = spglib.get_symmetry_dataset(cell, symprec=symprec_A)
        except spglib.SpglibError:
            dataset = None
    return (int(dataset.number), str(dataset.international)) if dataset else (1, "P1")
