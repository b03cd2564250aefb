"""Point clouds cut from a periodic structure: spheres around sites, and the content of the unit cell."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.symmetry import plane_spacings_A, reduce_lattice

Array = NDArray[np.float64]

# Neighbours at exactly the cutoff count, whatever the last bits of their coordinates.
_INCLUSION_TOLERANCE_A = 1e-6
# Coordinates this little below a cell face belong to the other side of it.
_WRAP_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class PeriodicPoints:
    """A periodic point set.

    Attributes
    ----------
    lattice
        Lattice vectors as rows in Å, shape ``(3, 3)``.
    fractional
        Fractional coordinates in that lattice, shape ``(n, 3)``.
    """

    lattice: Array
    fractional: Array

    def reduced(self) -> "PeriodicPoints":
        """Return the same point set in a Niggli-reduced cell, in the same Cartesian frame and order."""
        lattice = reduce_lattice(self.lattice)
        return PeriodicPoints(lattice, self.fractional @ (self.lattice @ np.linalg.inv(lattice)))

    def subset(self, indices: NDArray[np.intp]) -> "PeriodicPoints":
        """Return the points with these indices only."""
        return PeriodicPoints(self.lattice, self.fractional[indices])

    def cell_cloud(self) -> Array:
        """Cartesian coordinates of the points wrapped into the unit cell, shape ``(n, 3)`` in Å."""
        wrapped = self.fractional - np.floor(self.fractional + _WRAP_TOLERANCE)
        return np.asarray(wrapped @ self.lattice)

    def sphere(self, centre: Array, radius_A: float) -> Array:
        """Positions relative to a fractional ``centre`` of all points within ``radius_A`` of it, shape ``(m, 3)`` in Å.

        The lattice should be reduced: the search goes through every cell that a sphere can touch.
        """
        ((positions, _),) = self.spheres(centre[None], radius_A)
        return positions

    def spheres(self, centres: Array, radius_A: float) -> Iterator[tuple[Array, NDArray[np.intp]]]:
        """Yield what :meth:`sphere` gives for each centre, and the point that each position is an image of."""
        radius = radius_A + _INCLUSION_TOLERANCE_A
        reach = np.floor(radius / plane_spacings_A(self.lattice) + 0.5).astype(int)
        images = lattice_translations(*reach.tolist()) @ self.lattice
        for centre in centres:
            offsets = self.fractional - centre
            offsets -= np.round(offsets)
            positions = ((offsets @ self.lattice)[:, None, :] + images[None, :, :]).reshape(-1, 3)
            distances = np.sqrt(np.einsum("ij,ij->i", positions, positions))
            within = np.flatnonzero(distances <= radius)
            yield positions[within], within // len(images)

    def images(self, margin_A: float) -> "Images":
        """Return the images in the unit cell and around it, at least those within ``margin_A`` of it.

        The lattice should be reduced.
        """
        home = np.floor(self.fractional)
        wrapped = self.fractional - home
        reach = margin_A / plane_spacings_A(self.lattice)
        shifts = lattice_translations(*np.ceil(reach).astype(int).tolist())
        fractional = (wrapped[:, None, :] + shifts[None, :, :]).reshape(-1, 3)
        inside = np.flatnonzero((np.abs(fractional - 0.5) <= 0.5 + reach).all(axis=1))
        sites, shift = np.divmod(inside, len(shifts))
        translations = (shifts[shift] - home[sites]).astype(np.intp)
        return Images(fractional[inside] @ self.lattice, sites, translations)


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Periodic images of points.

    Attributes
    ----------
    positions
        Cartesian coordinates in Å, shape ``(m, 3)``.
    sites
        Index of the point that each is an image of, shape ``(m,)``.
    translations
        Lattice translation from that point as given, shape ``(m, 3)``.
    """

    positions: Array
    sites: NDArray[np.intp]
    translations: NDArray[np.intp]


@lru_cache(maxsize=32)
def lattice_translations(x: int, y: int, z: int) -> Array:
    """All integer translations with components up to these in absolute value, shape ``(m, 3)``; not to be changed."""
    axes = [np.arange(-n, n + 1) for n in (x, y, z)]
    translations = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    translations.flags.writeable = False
    return np.asarray(translations)
