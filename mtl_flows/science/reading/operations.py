"""Symmetry operations: reading them, and whether they are a group.

Texts are read here, more leniently than gemmi reads them; completing a list to a group, naming it and its centring are
gemmi's (M. Wojdyr, doi:10.21105/joss.04200).
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.symmetry import Operations

_TERM = re.compile(r"([+-]?)(\d*\.?\d*(?:/\d+)?)\*?([xyz]?)")
_SHIFT_TOLERANCE = 0.01  # 0.3333 and 0.167 of files
_MAX_OPERATIONS = 192


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


@lru_cache(maxsize=4096)
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
    if abs(abs(np.linalg.det(rotation)) - 1) > 1e-6 or not np.allclose(rotation, np.round(rotation)):
        raise ValueError(f"{text!r} is no symmetry operation")
    return rotation, translation


def _codes(rotations: NDArray[np.float64]) -> NDArray[np.intp]:
    """One number for each rotation."""
    digits = np.rint(rotations).astype(np.intp).reshape(*rotations.shape[:-2], 9) + 4
    return np.asarray(digits @ 9 ** np.arange(9), dtype=np.intp)


_IDENTITY: int = int(_codes(np.eye(3)))


def distinct(operations: Operations) -> Operations:
    """Operations without those that an earlier one equals but for whole translations."""
    rotations, translations = operations
    codes = _codes(rotations)
    kept: list[int] = []
    seen: dict[int, list[int]] = {}
    for index, code in enumerate(codes.tolist()):
        shifts = translations[seen.get(code, [])] - translations[index]
        if len(shifts) and _whole(shifts).any():
            continue
        seen.setdefault(code, []).append(index)
        kept.append(index)
    return rotations[kept], translations[kept]


def _whole(shifts: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.all(np.abs(shifts - np.round(shifts)) < _SHIFT_TOLERANCE, axis=-1))


def is_group(operations: Operations) -> bool:
    """Whether distinct operations hold the identity and every product of two of them."""
    rotations, translations = operations
    codes = _codes(rotations)
    kinds, first, which, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    centrings = translations[codes == _IDENTITY]
    if not len(centrings) or not _whole(centrings).any() or np.any(counts != len(centrings)):
        return False

    def centred(shifts: NDArray[np.float64]) -> bool:
        return bool(_whole(shifts[..., None, :] - centrings).any(axis=-1).all())

    heads, shifts = rotations[first], translations[first]
    products = _codes(np.einsum("aij,bjk->abik", heads, heads))
    places = np.minimum(np.searchsorted(kinds, products), len(kinds) - 1)
    moved = np.einsum("aij,bj->abi", heads, shifts) + shifts[:, None]
    return (
        bool(np.all(kinds[places] == products))
        and centred(moved - shifts[places])
        and centred(translations - shifts[which])
        and centred(centrings[:, None] + centrings)
        and centred(np.einsum("aij,bj->abi", heads, centrings))
    )


def combine(outer: Operations, inner: Operations) -> Operations:
    """Every operation of `inner` followed by every one of `outer`."""
    rotations = np.einsum("aij,bjk->abik", outer[0], inner[0]).reshape(-1, 3, 3)
    translations = np.einsum("aij,bj->abi", outer[0], inner[1]) + outer[1][:, None]
    return rotations, translations.reshape(-1, 3)


def contains(operations: Operations, others: Operations) -> bool:
    """Whether every one of `others` is among `operations`."""
    codes, wanted = _codes(operations[0]), _codes(others[0])
    return all(
        _whole(operations[1][codes == code] - shift).any()
        for code, shift in zip(wanted, others[1], strict=True)
    )


def to_gemmi(operations: Operations) -> list[Any] | None:
    """Operations as gemmi holds them; None where a translation is no multiple of 1/24."""
    steps = operations[1] * gemmi.Op.DEN
    if np.max(np.abs(steps - np.round(steps))) > _SHIFT_TOLERANCE * gemmi.Op.DEN:
        return None
    found = []
    for rotation, step in zip(operations[0], np.round(steps).astype(int), strict=True):
        op = gemmi.Op()
        op.rot = (np.rint(rotation).astype(int) * gemmi.Op.DEN).tolist()
        op.tran = (step % gemmi.Op.DEN).tolist()
        found.append(op)
    return found


def from_gemmi(group: Any) -> Operations:
    """Rotations and translations of a group of gemmi."""
    ops = list(group)
    rotations = np.array([op.rot for op in ops], dtype=float) / gemmi.Op.DEN
    return rotations, np.array([op.tran for op in ops], dtype=float) / gemmi.Op.DEN


def completed(operations: Operations) -> Operations | None:
    """Smallest space group that holds operations; None where there is none."""
    ops = to_gemmi(operations)
    if ops is None:
        return None
    found: Operations | None = None
    generators = [gemmi.Op("x,y,z"), *ops]
    # gemmi keeps one translation for each rotation: what differs from it is a centring.
    for _ in range(4):
        group = gemmi.GroupOps(generators)
        try:
            group.add_missing_elements()
        except RuntimeError:
            return None
        if not 0 < len(group) <= _MAX_OPERATIONS:
            return None
        found = from_gemmi(group)
        if contains(found, operations):
            return found if is_group(found) else None
        more = []
        for code, op in zip(_codes(operations[0]), ops, strict=True):
            alike = found[1][_codes(found[0]) == code]
            shift = np.array(op.tran) / gemmi.Op.DEN
            if len(alike) and not _whole(alike - shift).any():
                centring = gemmi.Op("x,y,z")
                centring.tran = np.rint((shift - alike[0]) * gemmi.Op.DEN).astype(int).tolist()
                more.append(centring.wrap())
        if not more:
            return None
        generators = [*generators, *more]
    return None


def group_of(operations: Operations) -> tuple[int, str]:
    """Number and symbol of the space group in a setting that gemmi knows; (0, "") in any other."""
    ops = to_gemmi(operations)
    kind = None if ops is None else gemmi.find_spacegroup_by_ops(gemmi.GroupOps(ops))
    return (0, "") if kind is None else (int(kind.number), str(kind.xhm()))


def n_centrings(operations: Operations) -> int:
    """Number of pure translations among operations, the identity included."""
    return int(np.sum(_codes(operations[0]) == _IDENTITY))
