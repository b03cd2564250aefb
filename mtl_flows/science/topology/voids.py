"""Channels of the framework: the largest sphere that travels along its periodic Voronoi network."""

from dataclasses import dataclass
from itertools import cycle
from math import inf

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.science.topology.clouds import Array, PeriodicPoints
from mtl_flows.science.topology.percolation import Thresholds, percolation_weights

# Voronoi vertices nearer than this are one; more than four sites on one sphere give several.
_SAME_VERTEX_A = 1e-5
_FLAT_A = 1e-3
_VOLUME_TOLERANCE = 1e-6
# Vertices are counted in a cell that begins where no special position lies.
_WINDOW_SHIFT = 0.5 + np.array([0.0141421356, 0.0173205081, 0.0223606798])
# Padding in units of the mean distance between sites; enough for four crystals of five.
_FIRST_MARGIN = 1.85
_GROWTH = 1.2
_DISPLACEMENT_A = 1e-6


def channel_radii(framework: PeriodicPoints) -> Thresholds:
    """Largest radius v1, v2, v3 of a sphere that can travel through the framework in 1, 2, 3 dimensions.

    The sphere moves between the framework sites, taken as points, and is as large as the narrowest place on its way
    allows. The widest ways follow the edges of the Voronoi network, whose narrowest place is where
    an edge comes nearest to the three sites that it is equally far from.

    Parameters
    ----------
    framework
        The framework sites in a reduced cell. Without any, every sphere can pass: ``inf``.
    """
    if len(framework.fractional) == 0:
        return (inf, inf, inf)
    network = _network_of(framework)
    widest_first = np.argsort(-network.radii, kind="stable")
    return percolation_weights(
        network.n_vertices,
        network.ends[widest_first],
        network.translations[widest_first],
        network.radii[widest_first],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """Voronoi vertices and edges modulo the lattice, each edge with the radius of its narrowest place."""

    n_vertices: int
    ends: NDArray[np.intp]
    translations: NDArray[np.intp]
    radii: Array


def _network_of(framework: PeriodicPoints) -> _Network:
    """Build the network with as much padding as it needs.

    Sites that are on one sphere but for the last digits give tetrahedra too flat to be told apart from their
    images. Displaced at random by far less than matters they do not.
    """
    lattice = framework.lattice
    displacements = _DISPLACEMENT_A * np.random.default_rng(0).uniform(-1.0, 1.0, framework.fractional.shape)
    displaced = PeriodicPoints(lattice, framework.fractional + displacements @ np.linalg.inv(lattice))
    volume_per_site = abs(float(np.linalg.det(lattice))) / len(framework.fractional)
    margin = _FIRST_MARGIN * float(np.cbrt(volume_per_site))
    # No point is farther from the images of one site than half the diagonal of a reduced cell.
    enough = margin + 2.0 * float(np.linalg.norm(lattice))
    for sites in cycle((framework, framework, framework, displaced)):
        network = _voronoi_network(sites, margin)
        if network is not None:
            return network
        if margin > enough:
            break
        margin *= _GROWTH
    raise ArithmeticError("the Voronoi network of the framework does not close")


def _voronoi_network(framework: PeriodicPoints, margin_A: float) -> _Network | None:
    """Build the network from the Delaunay tetrahedra of a padded cell; None if the padding was too thin.

    The padding was enough if the tetrahedra centred in one cell fill its volume, and each of their neighbours is
    an image of one of them.
    """
    lattice = framework.lattice
    points = _around_the_cell(framework, margin_A) - 0.5 * lattice.sum(axis=0)
    if np.linalg.matrix_rank(points[1:] - points[0], tol=_FLAT_A) < 3:
        return None
    triangulation = scipy.spatial.Delaunay(points)
    corners = triangulation.simplices
    # The plane of a lifted tetrahedron gives its circumcentre, also for flat ones among cospherical sites.
    planes = triangulation.equations
    centres = planes[:, :3] / (-2.0 * triangulation.paraboloid_scale * planes[:, 3:4])
    fractional = centres @ np.linalg.inv(lattice) + _WINDOW_SHIFT

    home = np.flatnonzero(((fractional >= 0.0) & (fractional < 1.0)).all(axis=1))
    edges = points[corners[home, 1:]] - points[corners[home, :1]]
    filled = float(np.abs(np.linalg.det(edges)).sum()) / 6.0
    volume = abs(float(np.linalg.det(lattice)))
    neighbours = triangulation.neighbors[home]
    if abs(filled - volume) > _VOLUME_TOLERANCE * volume or (neighbours < 0).any():
        return None

    involved, where = np.unique(np.concatenate([home, neighbours.ravel()]), return_inverse=True)
    vertex, translation, n_vertices = _merge_images(fractional[involved], lattice)
    at_home, at_neighbour = where[: len(home)], where[len(home) :]
    if len(np.unique(vertex[at_home])) < n_vertices:
        return None

    # Neighbour k shares all corners but k.
    start, stop = np.repeat(home, 4), neighbours.ravel()
    touching = points[corners[home][:, [1, 2, 3, 0]].ravel()]
    radii = _distances_to_segments(touching, centres[start], centres[stop])
    start_index = np.repeat(at_home, 4)
    ends = np.stack([vertex[start_index], vertex[at_neighbour]], axis=1)
    translations = translation[at_neighbour] - translation[start_index]
    kept = (ends[:, 0] < ends[:, 1]) | ((ends[:, 0] == ends[:, 1]) & translations.any(axis=1))
    return _Network(n_vertices, ends[kept], translations[kept], radii[kept])


def _around_the_cell(framework: PeriodicPoints, margin_A: float) -> Array:
    """Images of the sites in the cell and about ``margin_A`` around it, without those beyond its edges and corners."""
    positions = framework.images(margin_A).positions
    fractional = positions @ np.linalg.inv(framework.lattice)
    outside = (fractional - np.clip(fractional, 0.0, 1.0)) @ framework.lattice
    return np.asarray(positions[np.einsum("ij,ij->i", outside, outside) <= margin_A**2])


def _merge_images(fractional: Array, lattice: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Number points that coincide modulo the lattice alike, and tell each one's translation from the first."""
    wrapped = fractional - np.floor(fractional)
    wrapped[wrapped >= 1.0] = 0.0
    tolerance = _SAME_VERTEX_A / float(np.linalg.norm(lattice))
    same = scipy.spatial.cKDTree(wrapped, boxsize=1.0).query_pairs(tolerance, output_type="ndarray")
    first = np.arange(len(wrapped))
    np.minimum.at(first, same[:, 1], same[:, 0])
    firsts, classes = np.unique(first, return_inverse=True)
    return classes, np.rint(fractional - wrapped[first]).astype(np.intp), len(firsts)


def _distances_to_segments(points: Array, start: Array, stop: Array) -> Array:
    """Distance of each point to the segment that belongs to it."""
    along = stop - start
    length_squared = np.einsum("ij,ij->i", along, along)
    position = np.einsum("ij,ij->i", points - start, along) / np.where(
        length_squared > 0, length_squared, 1.0
    )
    nearest = start + np.clip(position, 0.0, 1.0)[:, None] * along
    return np.asarray(np.linalg.norm(points - nearest, axis=1))
