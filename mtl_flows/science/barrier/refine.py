"""A finer grid where it matters: near the deepest points and the saddles."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.science.barrier.framework import Framework
from mtl_flows.science.barrier.grid import Grid
from mtl_flows.science.barrier.landscape import Landscape, Levels, compute_landscape
from mtl_flows.science.barrier.parameters import BarrierParameters

# Of the coarser grid, above the level at which it percolates; on walls a finer one is not lower than this.
_WINDOW_EV = 0.4
_SMALLEST_SPACING_A = 0.02
_MOST_POINTS = 30_000_000


@dataclass(frozen=True, slots=True)
class Refined:
    """Levels on a grid that was made finer until they stood still.

    Attributes
    ----------
    minimum_eV, levels_eV
        Of the finest grid.
    change_eV
        Largest change of a barrier at the last step.
    spacing_A
        Of the finest grid.
    """

    minimum_eV: float
    levels_eV: Levels
    change_eV: float
    spacing_A: float


def refined_levels(
    framework: Framework, coarse: Landscape, levels_eV: Levels, parameters: BarrierParameters
) -> Refined:
    """Halve the spacing until no barrier changes by more than `BarrierParameters.refine_to_eV`.

    Only points near those that the coarser grid floods, or nearly, are computed. The steps end early where a grid would
    become too large; `Refined.change_eV` tells what is left.

    Parameters
    ----------
    coarse, levels_eV
        The landscape on a coarser grid, and its levels.
    """
    landscape, levels, change_eV = coarse, levels_eV, np.inf
    barriers = np.array(levels) - landscape.minimum_eV
    while change_eV > parameters.refine_to_eV:
        finer = landscape.grid.halved()
        if finer.n_points > _MOST_POINTS or finer.spacing_A < _SMALLEST_SPACING_A:
            break
        flooded = landscape.energies_eV <= levels[2] + _WINDOW_EV
        landscape = compute_landscape(framework, finer, parameters, _around(flooded, landscape.grid))
        levels = landscape.levels_eV()
        before, barriers = barriers, np.array(levels) - landscape.minimum_eV
        change_eV = float(np.abs(barriers - before).max())
    return Refined(landscape.minimum_eV, levels, change_eV, landscape.grid.spacing_A)


def _around(flooded: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Points of the halved grid that lie on, or between, points of a grid."""
    doubled = np.zeros([2 * n for n in grid.shape], dtype=bool)
    doubled[::2, ::2, ::2] = flooded.reshape(grid.shape)
    return np.asarray(scipy.ndimage.maximum_filter(doubled, size=3, mode="wrap")).reshape(-1)
