"""How close two atoms may come, and how close they are."""

from itertools import combinations_with_replacement

import numpy as np
from pymatgen.core import Structure

from mtl_flows.science.elements import bond_length_A

_LIKE_CHARGES = 1.2  # repel: kept further apart than bonded atoms


def closest_distance_A(
    first: str, second: str, mobile_ion: str, mobile_A: float, fraction: float, *, like: bool
) -> float:
    """Return the smallest allowed distance between two elements.

    ``mobile_A`` between two mobile ions; otherwise ``fraction`` of the sum of the covalent radii, a fifth more
    where their charges are ``like``.
    """
    if first == second == mobile_ion:
        return mobile_A
    return fraction * bond_length_A(first, second) * (_LIKE_CHARGES if like else 1.0)


def shortest_distances_A(structure: Structure) -> dict[str, float]:
    """Return the shortest distance of each pair of elements of an ordered structure, and ``any``.

    Periodic images of an atom count.
    """
    symbols = np.array([site.specie.symbol for site in structure])
    distances = structure.distance_matrix
    # The matrix has zeros on its diagonal; an atom's own image is a lattice vector away.
    np.fill_diagonal(distances, min(structure.lattice.get_niggli_reduced_lattice().abc))
    shortest = {
        f"{a}-{b}": float(distances[np.ix_(symbols == a, symbols == b)].min())
        for a, b in combinations_with_replacement(sorted(set(symbols.tolist())), 2)
    }
    return {**shortest, "any": float(distances.min())}
