"""How close two atoms may come, and how close they are."""

from itertools import combinations_with_replacement

import numpy as np
from pymatgen.analysis.molecule_structure_comparator import CovalentRadius
from pymatgen.core import Structure

_UNKNOWN_RADIUS_A = 1.5
_LIKE_CHARGES = 1.2  # repel: kept further apart than bonded atoms


def closest_distance_A(
    first: str, second: str, states: dict[str, float], mobile_ion: str, mobile_A: float, fraction: float
) -> float:
    """Return the smallest allowed distance between two elements.

    ``mobile_A`` between two mobile ions; otherwise ``fraction`` of the sum of the covalent radii (Cordero et
    al. 2008, doi:10.1039/b801115j), a fifth more between charges of the same sign.
    """
    if first == second == mobile_ion:
        return mobile_A
    radii = [float(CovalentRadius.radius.get(symbol, _UNKNOWN_RADIUS_A)) for symbol in (first, second)]
    like = states.get(first, 0.0) * states.get(second, 0.0) > 0.0
    return fraction * sum(radii) * (_LIKE_CHARGES if like else 1.0)


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
