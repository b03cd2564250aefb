"""Extended XYZ: one structure for each frame that has a cell.

Format: https://github.com/libAtoms/extxyz (number of atoms, a line of ``key=value`` with ``Lattice`` and
``Properties``, one line for each atom).
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.reading.species import is_element

_PAIR = re.compile(r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|\{([^}]*)\}|(\[[^\]]*\])|(\S+))")
_MAX_CELL_A = 1e6
_DEFAULT = "species:S:1:pos:R:3"


def spans_of_frames(text: str) -> Iterator[tuple[int, int, int]]:
    """Where each frame of a file begins and ends, and the number of its first line."""
    lines = re.finditer(r"[^\n]*\n|[^\n]+\Z", text)
    begun: tuple[int, int] | None = None
    left = 0
    for number, line in enumerate(lines, start=1):
        if left:
            left -= 1
        elif line[0].strip():
            if begun is not None:
                yield begun[0], line.start(), begun[1]
            begun = line.start(), number
            left = _count(line[0]) + 1
    if begun is not None:
        yield begun[0], len(text), begun[1]


def read_frame(text: str) -> Structure:
    """Structure of one frame.

    Raises
    ------
    UnreadableStructureError
        If it is none.
    """
    return _frame(text.splitlines())


def _count(line: str) -> int:
    text = line.strip()
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _frame(lines: list[str]) -> Structure:
    n_atoms = _count(lines[0])
    if not n_atoms:
        raise UnreadableStructureError(f"{lines[0].strip()[:40]!r} is no number of atoms")
    if len(lines) < n_atoms + 2 or not all(line.strip() for line in lines[2 : n_atoms + 2]):
        raise UnreadableStructureError(f"{n_atoms} atoms are announced, there are lines for {len(lines) - 2}")
    pairs = {
        match[1].lower(): next(value for value in match.groups()[1:] if value is not None)
        for match in _PAIR.finditer(lines[1])
    }
    try:
        cell = np.array([float(x) for x in re.split(r"[\s,]+", pairs["lattice"].strip("[] "))])
        matrix = cell.reshape(3, 3)
        symbols, positions = _columns(lines[2 : n_atoms + 2], pairs.get("properties", _DEFAULT))
    except KeyError:
        raise UnreadableStructureError("the frame has no Lattice", remedy="give the cell") from None
    except ValueError as error:
        raise UnreadableStructureError(f"not extended XYZ: {error}") from None
    if not (np.abs(matrix).max() < _MAX_CELL_A and abs(np.linalg.det(matrix)) > 1e-6):
        raise UnreadableStructureError(f"the cell {matrix.tolist()} spans no volume")
    unknown = sorted({symbol for symbol in symbols if not is_element(symbol)})
    if unknown:
        raise UnreadableStructureError(f"{', '.join(unknown)}: no element", about=unknown)
    return Structure(Lattice(matrix), symbols, positions, coords_are_cartesian=True)


def _columns(rows: list[str], properties: str) -> tuple[list[str], NDArray[np.float64]]:
    """Element symbols, and positions in Å, shape ``(n_atoms, 3)``."""
    parts = properties.split(":")
    places, at = {}, 0
    for name, width in zip(parts[::3], parts[2::3], strict=True):
        places[name.lower()] = at
        at += int(width)
    table = [row.split() for row in rows]
    if any(len(row) < at for row in table):
        raise ValueError(f"a line has fewer than {at} columns")
    where = places["pos"]
    positions = np.array([[float(x) for x in row[where : where + 3]] for row in table])
    if "species" in places:
        return [row[places["species"]].title() for row in table], positions
    return [Element.from_Z(int(row[places["z"]])).symbol for row in table], positions
