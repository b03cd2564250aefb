"""Sites on top of each other."""

import numpy as np
from pymatgen.core import Structure

_FULL = 1 - 1e-3
_ROWS = 256  # keeps the distance matrix of a large cell small


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
