"""Compiled loops over the points of a grid; imported where they are needed.

Points are numbered in C order. Cells beyond the boundary are counted as lattice translations.
"""

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.compiled import compiled

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled
def first_of_orbit(shape: Integers, rotations: Integers, shifts: Integers) -> Integers:
    """For each point, the first one that some operation carries to it."""
    n1, n2, n3 = shape
    first = np.full(n1 * n2 * n3, -1, dtype=np.int64)
    for point in range(n1 * n2 * n3):
        if first[point] >= 0:
            continue
        i, j, k = point // (n2 * n3), point // n3 % n2, point % n3
        for o in range(len(rotations)):
            r = rotations[o]
            a = (r[0, 0] * i + r[0, 1] * j + r[0, 2] * k + shifts[o, 0]) % n1
            b = (r[1, 0] * i + r[1, 1] * j + r[1, 2] * k + shifts[o, 1]) % n2
            c = (r[2, 0] * i + r[2, 1] * j + r[2, 2] * k + shifts[o, 2]) % n3
            first[(a * n2 + b) * n3 + c] = point
    return first


@compiled
def _select(
    positions: FloatArray, among: Integers, n: int, middle: FloatArray, radius: float, chosen: Integers
) -> int:
    """Write those of the first `n` positions in `among` that lie within a radius to `chosen`; gives their number."""
    found = 0
    for s in range(n):
        a = among[s]
        x, y, z = positions[a, 0] - middle[0], positions[a, 1] - middle[1], positions[a, 2] - middle[2]
        if x * x + y * y + z * z < radius * radius:
            chosen[found] = a
            found += 1
    return found


@compiled
def summed_energies(
    points: FloatArray,
    blocks: Integers,
    outer: Integers,
    middles: FloatArray,
    outer_middles: FloatArray,
    reach: FloatArray,
    positions: FloatArray,
    weights: FloatArray,
    kinds: Integers,
    tables: FloatArray,
    cutoffs: FloatArray,
    step: float,
) -> FloatArray:
    """Sum tabulated interactions at some points.

    Parameters
    ----------
    points
        Cartesian coordinates, those of one block behind each other.
    blocks, outer
        Block of each point, and the larger block around it.
    middles, outer_middles, reach
        Middles of the blocks, and the radii around them within which an ion is felt somewhere in the block.
    positions, weights, kinds
        All ions that some point may feel, images included.
    tables, cutoffs, step
        Energies at multiples of a distance, one row for each kind, and where they end.
    """
    everything = np.arange(len(positions))
    around, near = np.empty_like(everything), np.empty_like(everything)
    n_around, n_near, last_outer, last_block = 0, 0, -1, -1
    out = np.empty(len(points))
    for p in range(len(points)):
        if outer[p] != last_outer:
            last_outer, last_block = outer[p], -1
            middle = outer_middles[last_outer]
            n_around = _select(positions, everything, len(positions), middle, reach[1], around)
        if blocks[p] != last_block:
            last_block = blocks[p]
            n_near = _select(positions, around, n_around, middles[last_block], reach[0], near)
        total = 0.0
        for s in range(n_near):
            a = near[s]
            x = positions[a, 0] - points[p, 0]
            y = positions[a, 1] - points[p, 1]
            z = positions[a, 2] - points[p, 2]
            squared = x * x + y * y + z * z
            kind = kinds[a]
            if squared < cutoffs[kind] * cutoffs[kind]:
                at = np.sqrt(squared) / step
                low = int(at)
                part = at - low
                total += weights[a] * ((1.0 - part) * tables[kind, low] + part * tables[kind, low + 1])
        out[p] = total
    return out


@compiled
def _root(parents: Integers, offsets: Integers, node: int, offset: Integers) -> int:
    """Root of a node; `offset` becomes the translation from the root's cell to the node's. Paths are shortened."""
    offset[:] = 0
    root = node
    while parents[root] != root:
        offset += offsets[root]
        root = parents[root]
    x, y, z = offset
    while parents[node] != root and node != root:
        above = parents[node]
        dx, dy, dz = offsets[node]
        parents[node] = root
        offsets[node, 0], offsets[node, 1], offsets[node, 2] = x, y, z
        x, y, z = x - dx, y - dy, z - dz
        node = above
    return root


@compiled
def _widen(spans: Integers, ranks: Integers, root: int, vector: Integers) -> None:
    """Add a translation to what the closed walks of a network span; exact in integers."""
    rank = ranks[root]
    if rank == 3:
        return
    s = spans[root]
    if rank == 0:
        independent = vector[0] != 0 or vector[1] != 0 or vector[2] != 0
    else:
        if rank == 1:
            a, b = s[0], vector
        else:
            a, b = s[0], s[1]
        x = a[1] * b[2] - a[2] * b[1]
        y = a[2] * b[0] - a[0] * b[2]
        z = a[0] * b[1] - a[1] * b[0]
        triple = x * vector[0] + y * vector[1] + z * vector[2]
        independent = (x != 0 or y != 0 or z != 0) if rank == 1 else triple != 0
    if independent:
        spans[root, rank] = vector
        ranks[root] = rank + 1


@compiled
def flood(points: Integers, numbers: Integers, shape: Integers) -> Integers:
    """Flood a landscape point by point and tell when its networks first span one, two and three dimensions.

    Parameters
    ----------
    points
        Points in the order of their energies.
    numbers
        Place of each point of the grid in that order; -1 of those that are not flooded.

    Returns
    -------
    array of int, shape (3,)
        Place in the order of the point with which each is reached; -1 where it is not.
    """
    n1, n2, n3 = shape
    n = len(points)
    parents = np.arange(n)
    offsets = np.zeros((n, 3), dtype=np.int64)
    ranks = np.zeros(n, dtype=np.int64)
    spans = np.zeros((n, 3, 3), dtype=np.int64)
    reached = np.full(3, -1, dtype=np.int64)
    highest = 0
    here, there, loop = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for number in range(n):
        point = points[number]
        i, j, k = point // (n2 * n3), point // n3 % n2, point % n3
        for di in range(-1, 2):
            for dj in range(-1, 2):
                for dk in range(-1, 2):
                    a, b, c = i + di, j + dj, k + dk
                    x, y, z = a // n1, b // n2, c // n3
                    neighbour = numbers[((a - x * n1) * n2 + b - y * n2) * n3 + c - z * n3]
                    # Points that come later join when their turn comes; a point is its own neighbour in small cells.
                    if neighbour < 0 or neighbour > number:
                        continue
                    one = _root(parents, offsets, number, here)
                    other = _root(parents, offsets, neighbour, there)
                    loop[0], loop[1], loop[2] = x, y, z
                    loop += here
                    loop -= there
                    if one == other:
                        _widen(spans, ranks, one, loop)
                    else:
                        parents[other] = one
                        offsets[other] = loop
                        for s in range(ranks[other]):
                            _widen(spans, ranks, one, spans[other, s])
                    while highest < ranks[one]:
                        reached[highest] = number
                        highest += 1
                    if highest == 3:
                        return reached
    return reached
