"""Vietoris–Rips homology of point clouds; the one module that knows giotto-tda's engine, giotto-ph.

Two facts make it fast without changing any diagram. H0 is single linkage. And every loop of non-zero length is born at
an edge of the relative-neighbourhood graph: any longer edge ``ab`` has a point ``c`` nearer to both ends than they are to
each other, so its loop is filled by the triangle ``abc`` the moment it appears. The complex therefore need not be built
beyond the longest edge of that graph, and the last death after it.
"""

import numpy as np
from gph import ripser_parallel
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse import coo_matrix
from scipy.spatial.distance import pdist, squareform

from mtl_flows.science.topology.barcodes import Barcodes

# Lengths are rounded to the float32 spacing between 8 and 16 Å. Lengths that symmetry makes equal, and that differ in
# their last bits only, so stay equal, and every length up to 16 Å is a float32 number.
_GRID_PER_A = 2.0**20
_FIRST_MARGIN = 1.08
_GROWTH = 1.2
_BAND = 1.6

Matrix = NDArray[np.float32]


def rips_components(points: NDArray[np.float64], cutoff_A: float) -> Barcodes:
    """H0 barcodes of a cloud.

    Parameters
    ----------
    points
        Cartesian coordinates in Å, shape ``(n, 3)``.
    cutoff_A
        Longest edge of the complex.
    """
    n = len(points)
    deaths = np.full(n, np.inf, dtype=np.float32)
    if n > 1:
        heights = linkage(edge_lengths(points), method="single")[:, 2]
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
    if len(points) < 2:
        return Barcodes(np.full(len(points), np.inf, np.float32), np.empty((0, 2), np.float32))
    distances = squareform(edge_lengths(points))
    spacing = np.cbrt(np.prod(np.ptp(points, axis=0)) / len(points))
    threshold = min(_FIRST_MARGIN * longest_neighbour_edge(distances, 1.1 * spacing, cutoff_A), cutoff_A)
    barcodes = _rips(distances, threshold)
    while threshold < cutoff_A and np.isinf(barcodes.h1_A).any():
        threshold = min(_GROWTH * threshold, cutoff_A)
        barcodes = _rips(distances, threshold)
    return barcodes


def longest_neighbour_edge(distances: Matrix, at_least: float, cutoff_A: float) -> float:
    """Longest edge, up to ``cutoff_A``, of the relative-neighbourhood graph, or ``at_least`` if that is longer.

    Parameters
    ----------
    distances
        All distances, shape ``(n, n)``.
    at_least
        Edges up to this length are not looked at.
    cutoff_A
        Edges beyond this length do not exist.
    """
    shell = max(at_least, float(distances[distances > 0].min(initial=cutoff_A)))
    longest = shell
    row, col = np.nonzero(np.triu((distances > shell) & (distances <= cutoff_A)))
    lengths = distances[row, col]
    while shell < cutoff_A:
        # Edges of this band with a common neighbour within the shell are no edges of the graph. The few others
        # are looked at one by one.
        outer = min(_BAND * shell, cutoff_A)
        band = np.flatnonzero((lengths > shell) & (lengths <= outer))
        near = _bitmap(distances <= shell)
        suspects = band[~(near[row[band]] & near[col[band]]).any(axis=1)]
        length = lengths[suspects, None]
        filled = ((distances[row[suspects]] < length) & (distances[col[suspects]] < length)).any(axis=1)
        longest = max(longest, float(lengths[suspects[~filled]].max(initial=0.0)))
        shell = outer
    return longest


def edge_lengths(points: NDArray[np.float64]) -> Matrix:
    """All pairwise distances in condensed form, rounded to 2⁻²⁰ Å."""
    return (np.round(pdist(points) * _GRID_PER_A) / _GRID_PER_A).astype(np.float32)


def _bitmap(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack each row of a boolean matrix into 64-bit words."""
    packed = np.packbits(mask, axis=1)
    words = np.zeros((len(mask), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view(np.uint64)


def _rips(distances: Matrix, threshold_A: float) -> Barcodes:
    row, col = np.nonzero(np.triu(distances <= threshold_A, k=1))
    edges = coo_matrix((distances[row, col], (row, col)), shape=distances.shape)
    components, loops = ripser_parallel(edges, metric="precomputed", maxdim=1, thresh=threshold_A)["dgms"]
    loops = loops[loops[:, 1] > loops[:, 0]]
    return Barcodes(np.sort(components[:, 1]), loops[np.lexsort((loops[:, 1], loops[:, 0]))])
