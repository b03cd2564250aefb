"""Shortest hops between mobile sites that take an ion across the crystal."""

import numpy as np
import scipy

from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.percolation import Thresholds, percolation_weights

_FIRST_REACH = 1.3
_GROWTH = 1.5


def percolating_hops(mobile: PeriodicPoints) -> Thresholds:
    """Shortest hop length d1, d2, d3 at which the graph of mobile sites percolates in 1, 2, 3 dimensions.

    Sites are joined if they are at most that far apart. Unlike r_connected, which asks for the whole
    content of a sphere to be connected, this looks at the infinite crystal and depends neither on a cutoff
    nor on the choice of cell.

    Parameters
    ----------
    mobile
        The mobile sites, at least one, in a reduced cell.
    """
    lattice = mobile.lattice
    # Every site can hop along the lattice vectors, so this far is always enough.
    longest = float(np.linalg.norm(lattice, axis=1).max()) * (1 + 1e-9)
    reach = min(_FIRST_REACH * np.cbrt(abs(np.linalg.det(lattice)) / len(mobile.fractional)), longest)
    while True:
        thresholds = _percolation_within(mobile, reach)
        if not np.isnan(thresholds[2]) or reach >= longest:
            return thresholds
        reach = min(_GROWTH * reach, longest)


def _percolation_within(mobile: PeriodicPoints, reach_A: float) -> Thresholds:
    images = mobile.images(reach_A)
    home = np.flatnonzero((images.translations == -np.floor(mobile.fractional[images.sites])).all(axis=1))
    hops = scipy.spatial.cKDTree(images.positions[home]).sparse_distance_matrix(
        scipy.spatial.cKDTree(images.positions), reach_A, output_type="ndarray"
    )
    start, stop = home[hops["i"]], hops["j"]
    # Images are sorted by site: this keeps one of the two directions in which each hop is found.
    kept = start < stop
    start, stop, lengths = start[kept], stop[kept], hops["v"][kept]
    order = np.argsort(lengths, kind="stable")
    start, stop = start[order], stop[order]
    return percolation_weights(
        len(mobile.fractional),
        np.stack([images.sites[start], images.sites[stop]], axis=1),
        images.translations[stop] - images.translations[start],
        lengths[order],
    )
