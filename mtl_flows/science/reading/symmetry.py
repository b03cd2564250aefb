"""Symmetry operations of a CIF: given as ``x,y,z`` strings, or by the name or number of the space group."""

import re
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock
from mtl_flows.science.symmetry import Operations, Setting, database_operations, settings

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
    known = operations_of_group(hall, symbol, int(text) if text.isdecimal() else 0)
    if known:
        notes.append(f"no symmetry operations given, those of {name} used")
        return known
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
            return tuple(database_operations(setting.hall_number) for setting in matches)
    return ()


def _squeeze(symbol: str) -> str:
    return re.sub(r"[\s_']", "", symbol).lower()


def _settings_by_hall(hall: str) -> list[Setting]:
    wanted = _squeeze(hall)
    return [setting for setting in settings() if wanted and _squeeze(setting.hall_symbol) == wanted][:1]


def _settings_by_symbol(symbol: str) -> list[Setting]:
    name, _, choice = _squeeze(symbol).partition(":")
    if not choice and len(name) > 2 and name[0] == "r" and name[-1] in "hr":
        name, choice = name[:-1], name[-1]
    if not choice and len(name) > 2 and name[-1] in "sz":
        name, choice = name[:-1], {"s": "1", "z": "2"}[name[-1]]
    matches = [setting for setting in settings() if name and name in map(_squeeze, setting.names)]
    exact = [setting for setting in matches if choice and setting.choice.lower() == choice]
    return exact or _conventional_first(matches)


def _settings_by_number(number: int) -> list[Setting]:
    matches = [setting for setting in settings() if setting.number == number]
    choices = {setting.choice for setting in matches}
    return _conventional_first(matches if choices & {"1", "2", "H", "R"} else matches[:1])


def _conventional_first(found: list[Setting]) -> list[Setting]:
    return sorted(found, key=lambda setting: (setting.choice not in ("2", "H"), setting.hall_number))
