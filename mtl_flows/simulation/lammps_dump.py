"""Text dumps of LAMMPS, frame by frame, atoms in the order of their ids."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import UnusableTrajectoryError

FloatArray = NDArray[np.float64]

_UNWRAPPED, _WRAPPED = ("xu", "yu", "zu"), ("x", "y", "z")
_SCALED_UNWRAPPED, _SCALED = ("xsu", "ysu", "zsu"), ("xs", "ys", "zs")
_IMAGES = ("ix", "iy", "iz")


def lammps_frames(
    lines: Iterator[str], types: Mapping[int, str]
) -> Iterator[tuple[int, FloatArray, tuple[str, ...], FloatArray]]:
    """Read step, cell, elements and positions of each frame; one that is cut off at the end is left out.

    Positions are unwrapped where the dump tells how: by ``xu``, ``xsu``, or ``x`` or ``xs`` with ``ix``. Lengths are
    taken to be Å (units ``metal`` or ``real``).

    Parameters
    ----------
    types
        Elements by type of atom; not needed where there is a column ``element``.

    Raises
    ------
    UnusableTrajectoryError
        If columns are missing, or an element is not known.
    """
    step, n_atoms = 0, 0
    cell, origin = np.zeros((3, 3)), np.zeros(3)
    for line in lines:
        item = line.strip()
        try:
            if item == "ITEM: TIMESTEP":
                step = int(next(lines))
            elif item == "ITEM: NUMBER OF ATOMS":
                n_atoms = int(next(lines))
            elif item.startswith("ITEM: BOX BOUNDS"):
                cell, origin = _box([next(lines) for _ in range(3)], tilted="xy" in item)
            elif item.startswith("ITEM: ATOMS"):
                rows = [next(lines).split() for _ in range(n_atoms)]
                yield step, cell, *_atoms(item.split()[2:], rows, cell, origin, types)
        except StopIteration:
            return


def _box(rows: Sequence[str], *, tilted: bool) -> tuple[FloatArray, FloatArray]:
    bounds = np.array([[float(x) for x in row.split()] for row in rows])
    low, high = bounds[:, 0].copy(), bounds[:, 1].copy()
    xy, xz, yz = bounds[:, 2] if tilted else (0.0, 0.0, 0.0)
    # What is written bounds the tilted box.
    low[0] -= min(0.0, xy, xz, xy + xz)
    high[0] -= max(0.0, xy, xz, xy + xz)
    low[1] -= min(0.0, yz)
    high[1] -= max(0.0, yz)
    lx, ly, lz = high - low
    return np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]), low


def _atoms(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    cell: FloatArray,
    origin: FloatArray,
    types: Mapping[int, str],
) -> tuple[tuple[str, ...], FloatArray]:
    place = {name: number for number, name in enumerate(columns)}
    if "id" in place:
        rows = sorted(rows, key=lambda row: int(row[place["id"]]))

    def numbers(names: Sequence[str]) -> FloatArray:
        return np.array([[float(row[place[name]]) for name in names] for row in rows])

    def has(names: Sequence[str]) -> bool:
        return all(name in place for name in names)

    images = numbers(_IMAGES) @ cell if has(_IMAGES) else 0.0
    if has(_UNWRAPPED):
        positions = numbers(_UNWRAPPED) - origin
    elif has(_SCALED_UNWRAPPED):
        positions = numbers(_SCALED_UNWRAPPED) @ cell
    elif has(_WRAPPED):
        positions = numbers(_WRAPPED) - origin + images
    elif has(_SCALED):
        positions = numbers(_SCALED) @ cell + images
    else:
        raise UnusableTrajectoryError(
            f"has no positions among its columns: {' '.join(columns)}",
            remedy="dump id element xu yu zu, or x y z",
        )
    return _elements(place, rows, types), positions


def _elements(
    place: Mapping[str, int], rows: Sequence[Sequence[str]], types: Mapping[int, str]
) -> tuple[str, ...]:
    if "element" in place:
        return tuple(row[place["element"]] for row in rows)
    found = [int(row[place["type"]]) for row in rows] if "type" in place else []
    if not found or not set(found) <= types.keys():
        missing = sorted(set(found) - types.keys())
        raise UnusableTrajectoryError(
            f"says of which type its atoms are and not of which element{f': {missing}' if missing else ''}",
            remedy="name the elements in the order of their types: --types Li,P,S",
        )
    return tuple(types[number] for number in found)
