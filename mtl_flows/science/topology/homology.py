"""Vietoris–Rips homology of point clouds; the one module that knows giotto-tda's engine, giotto-ph.

Three facts make it fast without changing any diagram. H0 is single linkage. Every loop of non-zero
length is born at an edge of the relative-neighbourhood graph: any longer edge ``ab`` has a point ``c``
nearer to both ends than they are to each other, so the triangle ``abc`` fills its loop the moment it
appears. The complex is therefore built up to the longest edge of that graph, and on until the last
loop has closed. And the order of the points decides how long the reduction takes: outermost first is
best for the clouds of a crystal.
"""

from itertools import combinations
from math import inf
from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.science.topology.barcodes import Barcodes

# Lengths are rounded to the float32 spacing between 8 and 16 Å. Lengths that symmetry makes equal, and
# that differ in their last bits only, so stay equal, and every length up to 16 Å is a float32 number.
_GRID_PER_A: Final = 2.0**20
# The complex is built a little beyond the longest relative neighbours, then in these steps.
_FIRST_MARGIN: Final = 1.1
_GROWTH: Final = 1.2
_BAND: Final = 1.4
# The longest relative neighbours are seldom this many times the spacing of the points apart.
_USUAL_REACH: Final = 1.2
# So few points that the whole complex is built sooner than its bound is found.
_FEW_POINTS: Final = 40
_COMPARISONS_AT_ONCE: Final = 4_000_000

Lengths = NDArray[np.float32]
Indices = NDArray[np.intp]


def rips_components(points: NDArray[np.float64], cutoff_A: float) -> Barcodes:
    """H0 barcodes of a cloud.

    Parameters
    ----------
    points
        Cartesian coordinates in Å, shape ``(n, 3)``.
    cutoff_A
        Longest edge of the complex.
    """
    deaths = np.full(len(points), np.inf, dtype=np.float32)
    if len(points) > 1:
        heights = _on_grid(
            scipy.cluster.hierarchy.linkage(scipy.spatial.distance.pdist(points), method="single")[:, 2]
        )
        deaths[:-1] = np.where(heights <= cutoff_A, heights, np.inf)
    return Barcodes(deaths, np.empty((0, 2), np.float32), max_dimension=0)


def rips_barcodes(points: NDArray[np.float64], cutoff_A: float) -> Barcodes:
    """H0 and H1 barcodes of a cloud over Z/2, with edges up to ``cutoff_A``.

    Parameters
    ----------
    points
        Cartesian coordinates in Å, shape ``(n, 3)``; any position, duplicates included.
    cutoff_A
        Longest edge of the complex.
    """
    n = len(points)
    if n <= 4:
        return _barcodes_of_few(points, cutoff_A)
    from_centre = points - points.mean(axis=0)
    outermost_first = np.argsort(-np.einsum("ij,ij->i", from_centre, from_centre), kind="stable")
    lengths = pair_lengths(points[outermost_first])
    distances = scipy.spatial.distance.squareform(lengths)
    threshold = cutoff_A
    if n > _FEW_POINTS:
        spacing = float(np.cbrt(np.prod(np.maximum(np.ptp(points, axis=0), 1.0)) / n))
        longest = longest_relative_neighbours(lengths, distances, _USUAL_REACH * spacing, cutoff_A)
        threshold = min(_FIRST_MARGIN * longest, cutoff_A)
    while True:
        components, loops = _rips(distances, threshold)
        if threshold >= cutoff_A or np.isfinite(loops).all():
            return Barcodes(components, loops)
        threshold = min(_GROWTH * threshold, cutoff_A)


def _barcodes_of_few(points: NDArray[np.float64], cutoff_A: float) -> Barcodes:
    """H0 and H1 barcodes of up to four points, as the small cells have them, without the engine.

    The only loop that four points can make is a quadrilateral both of whose diagonals are longer than its sides.
    """
    n = len(points)
    lengths = pair_lengths(points).tolist() if n > 1 else []
    ends = list(combinations(range(n), 2))
    component = list(range(n))
    deaths = []
    for length, (one, other) in sorted(zip(lengths, ends, strict=True)):
        if component[one] != component[other] and length <= cutoff_A:
            deaths.append(length)
            component = [component[one] if c == component[other] else c for c in component]
    deaths += [inf] * (n - len(deaths))
    loops = []
    for diagonals in ((0, 5), (1, 4), (2, 3)) if n == 4 else ():
        birth = max(length for k, length in enumerate(lengths) if k not in diagonals)
        death = min(lengths[k] for k in diagonals)
        if birth < death and birth <= cutoff_A:
            loops.append((birth, death if death <= cutoff_A else inf))
    return Barcodes(np.array(deaths, np.float32), np.array(loops, np.float32).reshape(-1, 2))


def pair_lengths(points: NDArray[np.float64]) -> Lengths:
    """All distances between points in SciPy's condensed order, rounded to 2⁻²⁰ Å."""
    return _on_grid(scipy.spatial.distance.pdist(points))


def longest_relative_neighbours(
    lengths: Lengths, distances: Lengths, at_least: float, cutoff_A: float
) -> float:
    """Length of the longest edge of the relative-neighbourhood graph, or ``at_least`` if that is more.

    Two points are relative neighbours if no third is nearer to both than they are to each other.

    Parameters
    ----------
    lengths, distances
        All distances between the points, condensed and as a square matrix.
    at_least
        Positive; pairs up to this length are not looked at.
    cutoff_A
        Pairs beyond this length are no edges.
    """
    n = len(distances)
    pairs = condensed_pairs(n)
    shell = longest = at_least
    while shell < cutoff_A:
        # Most pairs of a band of lengths have a common neighbour nearer than the band begins, which a
        # look at two bitmaps tells; only the others are compared with every point.
        outer = min(_BAND * shell, cutoff_A)
        band = np.flatnonzero((lengths > shell) & (lengths <= outer))
        row, col = pairs[0][band], pairs[1][band]
        for word in _bitmap(distances <= shell):
            alone = np.flatnonzero((word[row] & word[col]) == 0)
            row, col = row[alone], col[alone]
        step = 1 + _COMPARISONS_AT_ONCE // n
        for first in range(0, len(row), step):
            ends = row[first : first + step], col[first : first + step]
            length = distances[ends]
            filled = (distances[ends[0]] < length[:, None]) & (distances[ends[1]] < length[:, None])
            longest = max(longest, float(length[~filled.any(axis=1)].max(initial=0.0)))
        shell = outer
    return longest


def _on_grid(lengths: NDArray[np.float64]) -> Lengths:
    return np.asarray(np.rint(lengths * _GRID_PER_A) / _GRID_PER_A, dtype=np.float32)


def _bitmap(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack the rows of a boolean matrix into 64-bit words, one array of words after the other."""
    packed = np.packbits(mask, axis=1)
    padded = np.zeros((len(mask), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)


def condensed_pairs(n: int) -> tuple[Indices, Indices]:
    """Both ends of every pair of ``n`` points, in SciPy's condensed order."""
    counts = np.arange(n - 1, 0, -1)
    row = np.repeat(np.arange(n - 1), counts)
    first = np.cumsum(counts) - counts
    return row, np.arange(len(row)) - first[row] + row + 1


def _rips(distances: Lengths, threshold_A: float) -> tuple[Lengths, Lengths]:
    """Sorted H0 deaths and H1 birth–death pairs of the complex with edges up to a threshold."""
    from gph import ripser_parallel  # it loads scikit-learn; who only reads barcodes needs neither

    components, loops = ripser_parallel(distances, metric="precomputed", maxdim=1, thresh=threshold_A)["dgms"]
    # The engine leaves out what dies at once: points that coincide, loops without length.
    deaths = np.zeros(len(distances), dtype=np.float32)
    deaths[len(deaths) - len(components) :] = np.sort(components[:, 1])
    loops = loops[loops[:, 1] > loops[:, 0]]
    return deaths, loops[np.lexsort((loops[:, 1], loops[:, 0]))]
