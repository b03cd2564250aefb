"""A landscape small enough to keep for a picture: on a coarse grid, in steps of energy."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.barrier.landscape import Landscape

_MOST_POINTS = 6000
_STEPS = 100  # from the deepest point to the level; values end at 255 of them


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """The isosurface at which a landscape percolates, as a coarse grid of energies.

    Attributes
    ----------
    level_eV
        Of the surface: E_3D, above the deepest point.
    step_eV
        Unit of the values.
    origin
        Fractional coordinates of the middle of the first block.
    values
        Energy above the deepest point in steps, rounded up, shape ``(n_1, n_2, n_3)``; 255 is as high or higher. Each
        is the lowest of a block of the landscape, so that what percolates at the level does so here.
    """

    level_eV: float
    step_eV: float
    origin: NDArray[np.float64]
    values: NDArray[np.uint8]

    @property
    def energies_eV(self) -> NDArray[np.float64]:
        """Energies above the deepest point."""
        return self.values * self.step_eV


def coarse_surface(landscape: Landscape) -> Surface:
    """Keep what draws the surface at which a landscape first spans three dimensions.

    At most 6000 blocks, about as long along each axis, of one byte each. A landscape without a pass into three
    dimensions is drawn at the level of the most that it spans.
    """
    grid = landscape.grid
    above = (landscape.energies_eV - landscape.minimum_eV).reshape(grid.shape)
    lengths = np.linalg.norm(grid.lattice, axis=1)
    counts, edge_A = list(grid.shape), (np.prod(lengths) / _MOST_POINTS) ** (1 / 3)
    while np.prod(counts) > _MOST_POINTS:
        counts = [min(n, max(1, int(length / edge_A))) for n, length in zip(grid.shape, lengths, strict=True)]
        edge_A *= 1.02
    coarse = above
    for axis, (n, count) in enumerate(zip(grid.shape, counts, strict=True)):
        starts = [ceil(k * n / count) for k in range(count)]
        coarse = np.minimum.reduceat(coarse, starts, axis=axis)
    reached = [level for level in landscape.levels_eV() if np.isfinite(level)]
    level_eV = (max(reached) if reached else float(landscape.energies_eV.max())) - landscape.minimum_eV
    step_eV = level_eV / _STEPS or 1.0
    # What lies at the level itself is within it, whatever the last bit says.
    values = np.ceil(np.minimum(coarse / step_eV, 255.0) - 1e-6)
    middle = 0.5 * (1 / np.array(counts) - 1 / np.array(grid.shape))
    return Surface(level_eV, step_eV, (grid.origin + middle) % 1.0, values.astype(np.uint8))
