"""Symmetry that saves work: equivalent sites have isometric surroundings, a primitive cell has fewer sites.

Only which sites are equivalent matters here, not the space group, so operations are looked for in the lattice
and tried on the sites. (spglib, which finds far more, takes ten times as long.)
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.science.symmetry import plane_spacings_A, reduce_lattice, site_kinds
from mtl_flows.science.topology.clouds import Array, PeriodicPoints

Integers = NDArray[np.intp]

_POINTS_AT_ONCE: Final = 200_000
# So few that moving them all is quicker than to sort out the promising operations first.
_FEW_POINTS: Final = 10_000
# Automorphisms of a reduced lattice have no other entries.
_SMALL_VECTORS: Final = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)], dtype=float)
# Sites are told apart by a projection on which no two symmetric ones fall together.
_PROJECTION: Final = np.array([0.6180339887, 0.7548776662, 0.5698402910])


@dataclass(frozen=True, slots=True, eq=False)
class CrystalSymmetry:
    """What the symmetry of a crystal says about its sites.

    Attributes
    ----------
    equivalent
        For each site of the given cell one site equivalent to it, the same for a whole orbit, shape ``(n_sites,)``.
    primitive_lattice
        Lattice vectors of a reduced primitive cell as rows in Å, in the frame of the given cell.
    primitive_sites
        Sites of the given cell that make up the primitive one.
    """

    equivalent: Integers
    primitive_lattice: Array
    primitive_sites: Integers


def find_symmetry(
    structure: Structure, symprec_A: float, of_interest: Integers | None = None
) -> CrystalSymmetry:
    """Find the translations, then the rotations, that carry every site to one of its kind.

    Species with their occupancies tell kinds apart, so what is found holds for the point pattern too. Each operation
    is checked on every site; one that is missed makes the work longer, not wrong.

    Parameters
    ----------
    structure
        Any cell, of any shape.
    symprec_A
        How far an operation may miss a site.
    of_interest
        Indices of the only sites whose equivalents are asked for, all of their kinds; all sites if None. Once these
        are known to be equivalent the search ends, and other sites may be left apart.
    """
    given = PeriodicPoints(
        np.asarray(structure.lattice.matrix, dtype=float), np.asarray(structure.frac_coords)
    )
    if of_interest is not None and len(of_interest) == 1:
        # A site that is alone in its cell has no equivalents there, and a cell with such a site is primitive.
        alone = np.arange(len(structure))
        return CrystalSymmetry(alone, reduce_lattice(given.lattice), alone)
    kinds = site_kinds(structure)

    pattern = _Pattern(given, kinds, symprec_A)
    rarest = pattern.rarest
    candidates = given.fractional[rarest] - given.fractional[rarest[0]]
    found, images = pattern.overlay(np.broadcast_to(np.eye(3), (len(rarest), 3, 3)), candidates)
    lattice = reduce_lattice(_finer_lattice(candidates[found]) @ given.lattice)
    sites, site_class = np.unique(images.min(axis=0), return_inverse=True)
    if of_interest is not None and (site_class[of_interest] == site_class[of_interest[0]]).all():
        return CrystalSymmetry(sites[site_class], lattice, sites)

    fractional = given.fractional[sites] @ given.lattice @ np.linalg.inv(lattice)
    equivalent = _equivalent_points(PeriodicPoints(lattice, fractional), kinds[sites], symprec_A)
    return CrystalSymmetry(sites[equivalent][site_class], lattice, sites)


def _equivalent_points(points: PeriodicPoints, kinds: Integers, symprec_A: float) -> Integers:
    """For each point of a reduced primitive cell one to stand for its orbit, shape ``(n,)``."""
    pattern = _Pattern(points, kinds, symprec_A)
    rarest = pattern.rarest
    rotations = _lattice_rotations(points.lattice, symprec_A)
    # An operation carries the first point of the rarest kind to one of that kind.
    fixed, first = points.fractional[rarest], points.fractional[rarest[0]]
    translations = (fixed[None, :, :] - (rotations @ first)[:, None, :]).reshape(-1, 3)
    rotations = np.repeat(rotations, len(rarest), axis=0)
    if len(rotations) * len(kinds) > _FEW_POINTS:
        promising, _ = _Pattern(points.subset(rarest), kinds[rarest], symprec_A).overlay(
            rotations, translations
        )
        rotations, translations = rotations[promising], translations[promising]
    _, images = pattern.overlay(rotations, translations)
    orbits = images.min(axis=0)
    return np.asarray(orbits[orbits], dtype=np.intp)


class _Pattern:
    """Points of several kinds, sorted so that many moved copies can be laid over them at once."""

    def __init__(self, points: PeriodicPoints, kinds: Integers, symprec_A: float) -> None:
        self.points = points
        self.kinds = kinds
        self.symprec_A = symprec_A
        # Cells are cut where no point lies near: rounding must not throw one to the other side.
        self.origin = _middle_of_largest_gap(points.fractional)
        wrapped = self._wrap(points.fractional)
        labels = self._labels(wrapped)
        self.order = np.argsort(labels)
        self.labels, self.wrapped = labels[self.order], wrapped[self.order]
        self.label_tolerance = 2.0 * float(_PROJECTION @ (symprec_A / plane_spacings_A(points.lattice)))

    @property
    def rarest(self) -> Integers:
        """Indices of the points of the rarest kind."""
        counts = np.bincount(self.kinds)
        kind = np.argmin(np.where(counts > 0, counts, counts.max() + 1))
        return np.flatnonzero(self.kinds == kind)

    def overlay(self, rotations: Array, translations: Array) -> tuple[Integers, Integers]:
        """Find the operations that carry every point to one of its kind.

        Parameters
        ----------
        rotations, translations
            ``x`` becomes ``rotation @ x + translation``, fractional; shapes ``(m, 3, 3)`` and ``(m, 3)``.

        Returns
        -------
        indices, images
            Which operations do, and the point that each point is carried to, shape ``(n_found, n_points)``.
        """
        n_points = len(self.kinds)
        step = 1 + _POINTS_AT_ONCE // n_points
        found, images = [], []
        for first in range(0, len(rotations), step):
            turned = self.points.fractional @ rotations[first : first + step].transpose(0, 2, 1)
            moved = self._wrap(turned + translations[first : first + step, None, :])
            labels = self._labels(moved)
            order = labels.argsort(axis=1)
            rows = np.arange(len(labels))[:, None]
            misfits = np.abs(labels[rows, order] - self.labels)
            near = np.flatnonzero((misfits <= self.label_tolerance).all(axis=1))
            order = order[near]
            misses = (moved[near[:, None], order] - self.wrapped) @ self.points.lattice
            squares = np.einsum("ijk,ijk->ij", misses, misses)
            good = np.flatnonzero((squares <= self.symprec_A**2).all(axis=1))
            carried = np.empty((len(good), n_points), dtype=np.intp)
            carried[np.arange(len(good))[:, None], order[good]] = self.order
            found.append(first + near[good])
            images.append(carried)
        return np.concatenate(found), np.concatenate(images)

    def _wrap(self, fractional: Array) -> Array:
        shifted = fractional - self.origin
        return np.asarray(shifted - np.floor(shifted))

    def _labels(self, wrapped: Array) -> Array:
        """Numbers by which to sort points: first by kind, then by position."""
        return np.asarray(wrapped @ _PROJECTION + 2.0 * self.kinds)


def _middle_of_largest_gap(fractional: Array) -> Array:
    """Middle of the widest stretch without a coordinate, on each periodic axis."""
    ordered = np.sort(fractional - np.floor(fractional), axis=0)
    gaps = np.concatenate([ordered[1:], ordered[:1] + 1.0]) - ordered
    widest = np.argmax(gaps, axis=0), np.arange(3)
    return np.asarray(ordered[widest] + 0.5 * gaps[widest])


def _finer_lattice(translations: Array) -> Array:
    """Basis of the lattice that a group of fractional translations makes of the unit cubes, shape ``(3, 3)``."""
    order = len(translations)
    vectors = [row for row in np.rint(translations * order).astype(int).tolist() if any(row)]
    vectors += (order * np.eye(3, dtype=int)).tolist()
    basis = []
    # Euclid's algorithm, column by column, leaves a triangular basis.
    for column in range(3):
        while True:
            vectors.sort(key=lambda v: (v[column] == 0, abs(v[column])))
            pivot = vectors[0]
            if all(v[column] == 0 for v in vectors[1:]):
                break
            vectors[1:] = [
                [x - v[column] // pivot[column] * y for x, y in zip(v, pivot, strict=True)]
                for v in vectors[1:]
            ]
        basis.append(vectors.pop(0))
    return np.array(basis, dtype=float) / order


def _lattice_rotations(lattice: Array, symprec_A: float) -> Array:
    """Integer matrices that carry a reduced lattice to itself, acting on fractional columns, shape ``(m, 3, 3)``."""
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    products = _SMALL_VECTORS @ metric @ _SMALL_VECTORS.T
    # Images of each basis vector must have its length, and the angles between them must stay.
    tolerance = symprec_A * (lengths[:, None] + lengths[None, :])
    first, second, third = (
        np.flatnonzero(np.abs(np.diag(products) - metric[i, i]) <= tolerance[i, i]) for i in range(3)
    )
    one, two = np.nonzero(np.abs(products[np.ix_(first, second)] - metric[0, 1]) <= tolerance[0, 1])
    one, two = first[one], second[two]
    fits = np.abs(products[np.ix_(one, third)] - metric[0, 2]) <= tolerance[0, 2]
    fits &= np.abs(products[np.ix_(two, third)] - metric[1, 2]) <= tolerance[1, 2]
    pair, three = np.nonzero(fits)
    columns = [_SMALL_VECTORS[one[pair]], _SMALL_VECTORS[two[pair]], _SMALL_VECTORS[third[three]]]
    return np.stack(columns, axis=2)
