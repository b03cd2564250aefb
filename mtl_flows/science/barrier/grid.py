"""The grid of a landscape: as coarse as allowed, and mapped onto itself by the symmetry of the framework."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.barrier.framework import Framework
from mtl_flows.science.symmetry import Integers, operations_about_origin

FloatArray = NDArray[np.float64]

# Translations of space groups are twelfths, in a primitive cell or a supercell of a few cells finer fractions.
_FINEST = 48
_SAME_PLACE_A = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Points of one cell: ``origin + (i / n_1, j / n_2, k / n_3)`` in fractional coordinates.

    Attributes
    ----------
    lattice
        Cell vectors as rows, Å.
    origin
        Fractional coordinates of the first point.
    shape
        Number of points along each axis.
    rotations, shifts
        Operations that map the grid onto itself, on the numbers of points: shapes ``(n, 3, 3)`` and ``(n, 3)``.
    """

    lattice: FloatArray
    origin: FloatArray
    shape: tuple[int, int, int]
    rotations: Integers
    shifts: Integers

    @property
    def n_points(self) -> int:
        """Number of points in the cell."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def spacing_A(self) -> float:
        """Largest distance of neighbours along an axis."""
        return float(max(np.linalg.norm(self.lattice, axis=1) / self.shape))

    def halved(self) -> "Grid":
        """Return the grid of half the spacing, which holds all points of this one."""
        one, two, three = self.shape
        return Grid(self.lattice, self.origin, (2 * one, 2 * two, 2 * three), self.rotations, 2 * self.shifts)


def symmetric_grid(framework: Framework, spacing_A: float, symprec_A: float) -> Grid:
    """Return the smallest grid of at most a spacing that the space group of the framework maps onto itself.

    Its origin is one that the space group's tables choose, so that the grid goes with the crystal and not with where
    the file begins its cell.
    """
    lengths = np.linalg.norm(framework.lattice, axis=1)
    fewest = [max(1, ceil(round(length / spacing_A, 9))) for length in lengths]
    labels = [
        (kind, round(weight, 5)) for kind, weight in zip(framework.kinds, framework.weights, strict=True)
    ]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    rotations, translations, origin = operations_about_origin(
        framework.lattice, framework.fractional, [numbers[label] for label in labels], symprec_A
    )
    fractions = [
        [Fraction(float(t)).limit_denominator(_FINEST) for t in translation] for translation in translations
    ]
    rounding = np.abs(np.array(fractions, dtype=float) - translations) * lengths
    if rounding.max() > _SAME_PLACE_A:
        rotations, fractions = rotations[:1], fractions[:1]
    together = _coupled_axes(rotations)
    shape = []
    for axis in range(3):
        axes = [other for other in range(3) if together[axis, other]]
        step = lcm(*(translation[other].denominator for translation in fractions for other in axes))
        shape.append(step * ceil(max(fewest[other] for other in axes) / step))
    shifts = np.array(
        [[int(t * n) % n for t, n in zip(translation, shape, strict=True)] for translation in fractions],
        dtype=np.intp,
    )
    return Grid(framework.lattice, origin, (shape[0], shape[1], shape[2]), rotations, shifts)


def _coupled_axes(rotations: Integers) -> NDArray[np.bool_]:
    """Tell which axes some rotation mixes, directly or through a third: they need equally many points."""
    mixed = (rotations != 0).any(axis=0) | np.eye(3, dtype=bool)
    mixed = mixed | mixed.T
    return np.asarray(np.linalg.matrix_power(mixed.astype(int), 2) > 0)
