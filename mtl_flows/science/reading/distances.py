"""Sites on top of each other."""

import numpy as np
from pymatgen.core import Structure

_FULL = 1 - 1e-3
_ROWS = 256  # keeps the distance matrix of a large cell small


def coinciding_pair(
    structure: Structure, same_atom_A: float, occupancy_tolerance: float
) -> tuple[int, int, float] | None:
    """First two sites in one place whose occupancies add up to more than one, with their distance in Å.

    Sites in one place that share it are disorder.
    """
    occupied = np.array([site.species.num_atoms for site in structure])
    heavy = np.flatnonzero(2 * occupied > occupancy_tolerance)
    if not (occupied < _FULL).any():
        return None
    coords = structure.frac_coords
    for start in range(0, len(heavy), _ROWS):
        rows = heavy[start : start + _ROWS]
        difference = coords[rows, None] - coords[None, :]
        difference -= np.round(difference)
        squared = np.sum((difference @ structure.lattice.matrix) ** 2, axis=-1)
        near = (squared < same_atom_A**2) & (occupied[rows, None] + occupied > occupancy_tolerance)
        near[np.arange(len(rows)), rows] = False
        if near.any():
            row, j = np.argwhere(near)[0]
            i = int(rows[row])
            return min(i, int(j)), max(i, int(j)), float(np.sqrt(squared[row, j]))
    return None


def overlapping_pair(structure: Structure, min_distance_A: float) -> tuple[int, int, float] | None:
    """First two fully occupied sites closer than `min_distance_A`, with their distance in Å.

    Split, partly occupied sites are not looked at: they are meant to be close. Exact as long as the lattice
    planes are more than twice `min_distance_A` apart, since then no farther image can be the closest.
    """
    full = np.array([i for i, site in enumerate(structure) if site.species.num_atoms >= _FULL], dtype=int)
    coords = structure.frac_coords[full] if len(full) else np.empty((0, 3))
    for start in range(0, len(full), _ROWS):
        difference = coords[start : start + _ROWS, None] - coords[None, :]
        difference -= np.round(difference)
        squared = np.sum((difference @ structure.lattice.matrix) ** 2, axis=-1)
        near = np.argwhere(squared < min_distance_A**2)
        near[:, 0] += start
        near = near[near[:, 0] < near[:, 1]]
        if len(near):
            i, j = near[0]
            return int(full[i]), int(full[j]), float(np.sqrt(squared[i - start, j]))
    return None
