"""Energies of a mobile ion on the points of a grid, and the levels at which they let it through."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.barrier.framework import Framework
from mtl_flows.science.barrier.grid import Grid
from mtl_flows.science.barrier.parameters import BarrierParameters
from mtl_flows.science.barrier.softbv import Morse, ScreenedCoulomb
from mtl_flows.science.symmetry import plane_spacings_A

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]
Levels = tuple[float, float, float]

_BLOCK, _OUTER = 4, 16
_TABLE_STEP_A = 0.002
# Closer than this to an ion nothing passes; the Coulomb potential has no value at its centre.
_CORE_A = 0.2
_FIRST_FLOOD_EV = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Energies on a grid, eV.

    Attributes
    ----------
    energies_eV
        By number of the point in C order; infinite where it was not computed.
    """

    grid: Grid
    energies_eV: FloatArray

    @property
    def minimum_eV(self) -> float:
        """Energy of the deepest point."""
        return float(self.energies_eV.min())

    def levels_eV(self) -> Levels:
        """Energies at which a network first spans one, two and three dimensions; NaN for those it never does.

        A network consists of points no higher than the level, each joined to those of its 26 neighbours.
        """
        from mtl_flows.science.barrier.kernels import flood

        finite = np.isfinite(self.energies_eV)
        low = finite & (self.energies_eV <= self.minimum_eV + _FIRST_FLOOD_EV)
        for chosen in (low, finite):
            points = np.flatnonzero(chosen)
            points = points[np.argsort(self.energies_eV[points], kind="stable")]
            numbers = np.full(self.grid.n_points, -1, dtype=np.int64)
            numbers[points] = np.arange(len(points))
            reached = flood(points, numbers, np.array(self.grid.shape, dtype=np.int64))
            if reached[2] >= 0:
                break
        one, two, three = (float(self.energies_eV[points[at]]) if at >= 0 else nan for at in reached)
        return one, two, three

    def fraction_below(self, energies_eV: Sequence[float]) -> tuple[float, ...]:
        """Share of the points no higher than some energies above the deepest one."""
        above = self.energies_eV - self.minimum_eV
        return tuple(float(np.mean(above <= level)) for level in energies_eV)


def compute_landscape(
    framework: Framework,
    grid: Grid,
    parameters: BarrierParameters,
    wanted: NDArray[np.bool_] | None = None,
) -> Landscape:
    """Sum the interactions at the points of a grid, of those that symmetry makes equal at one.

    Parameters
    ----------
    wanted
        Points to compute, by number; all of them if None.
    """
    from mtl_flows.science.barrier.kernels import first_of_orbit, summed_energies

    shape = np.array(grid.shape, dtype=np.int64)
    first = first_of_orbit(shape, grid.rotations.astype(np.int64), grid.shifts.astype(np.int64))
    chosen = np.unique(first if wanted is None else first[wanted])
    indices = np.stack(np.unravel_index(chosen, grid.shape), axis=1)
    blocks, middles, reach = _blocks(grid, indices, _BLOCK)
    outer, outer_middles, outer_reach = _blocks(grid, indices, _OUTER)
    order = np.lexsort((blocks, outer))
    cutoffs = np.array(
        [
            parameters.attraction_cutoff_A if isinstance(one, Morse) else parameters.repulsion_cutoff_A
            for one in framework.interactions
        ]
    )
    farthest = float(cutoffs.max())
    images, of_site = _images(framework, grid, farthest)
    found = np.empty(len(chosen))
    found[order] = summed_energies(
        (grid.origin + indices[order] / shape) @ grid.lattice,
        blocks[order],
        outer[order],
        middles,
        outer_middles,
        farthest + np.array([reach, outer_reach]),
        images,
        framework.weights[of_site],
        framework.kinds[of_site].astype(np.int64),
        _tables(framework.interactions, farthest),
        cutoffs,
        _TABLE_STEP_A,
    )
    at_first = np.full(grid.n_points, np.inf)
    at_first[chosen] = found
    return Landscape(grid, at_first[first])


def _tables(interactions: Sequence[Morse | ScreenedCoulomb], farthest_A: float) -> FloatArray:
    distances = np.maximum(np.arange(ceil(farthest_A / _TABLE_STEP_A) + 2) * _TABLE_STEP_A, _CORE_A)
    return np.array([one.energy_eV(distances) for one in interactions])


def _blocks(grid: Grid, indices: Integers, size: int) -> tuple[Integers, FloatArray, float]:
    """Number of the block of each point, the middles of all blocks, and half their longest diagonal, Å."""
    counts = tuple(ceil(n / size) for n in grid.shape)
    numbers = np.ravel_multi_index(tuple((indices // size).T), counts)
    corners = np.stack(np.unravel_index(np.arange(int(np.prod(counts))), counts), axis=1) * size
    middles = (grid.origin + (corners + 0.5 * (size - 1)) / grid.shape) @ grid.lattice
    edges = grid.lattice * (0.5 * (size - 1) / np.array(grid.shape))[:, None]
    diagonals = [np.linalg.norm(np.array(signs) @ edges) for signs in product((-1, 1), repeat=3)]
    return numbers.astype(np.int64), middles, float(max(diagonals))


def _images(framework: Framework, grid: Grid, cutoff_A: float) -> tuple[FloatArray, Integers]:
    """Cartesian coordinates of all ions that some point of the cell may feel, and the site of each."""
    fractional = (framework.fractional - grid.origin) % 1.0
    margin = cutoff_A / plane_spacings_A(grid.lattice)
    ranges = (np.arange(-ceil(m), ceil(m) + 1) for m in margin)
    shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    images = fractional + shifts
    near = ((images >= -margin) & (images <= 1.0 + margin)).all(axis=-1)
    sites = np.broadcast_to(np.arange(len(fractional)), near.shape)[near]
    return (images[near] + grid.origin) @ grid.lattice, sites
