"""Choice of the simulation cell: large enough, mobile enough, affordable."""

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.science.elements import element_amounts
from mtl_flows.science.ordering.parameters import OrderingParameters
from mtl_flows.science.symmetry import plane_spacings_A


def choose_supercell(
    structure: Structure, parameters: OrderingParameters, mobile_ion: str = "Li"
) -> NDArray[np.int64]:
    """Return the diagonal supercell for molecular dynamics, as a 3 × 3 integer matrix.

    The smallest one with faces ``min_plane_spacing_A`` apart and ``min_mobile_ions`` mobile ions is taken.
    Where no cell within ``max_atoms`` has both, in this order: the size limit holds (unless the given cell is
    beyond it already: then that cell); enough mobile ions; faces far enough apart; where both can not be
    had, as many ions, or as much distance, as there can be. Atoms are counted by occupancy. Never raises.
    """
    amounts = element_amounts(structure.composition)
    n_atoms, n_mobile = sum(amounts.values()), amounts.get(mobile_ion, 0.0)
    spacings = plane_spacings_A(structure.lattice.matrix)
    most = max(int((parameters.max_atoms + 1e-6) // max(n_atoms, 1e-6)), 1)

    best, best_rank = (1, 1, 1), None
    for a in range(1, most + 1):
        for b in range(1, most // a + 1):
            for c in range(1, most // (a * b) + 1):
                copies = a * b * c
                narrowest = float((spacings * (a, b, c)).min())
                # Occupancies from a CIF are rounded: 11.99 ions are 12.
                enough_ions = n_mobile * copies > parameters.min_mobile_ions - 0.5
                wide = narrowest >= parameters.min_plane_spacing_A - 1e-6
                shortcoming = 0.0 if enough_ions and wide else -n_mobile * copies if wide else -narrowest
                rank = (not enough_ions, not wide, shortcoming, copies, -narrowest)
                if best_rank is None or rank < best_rank:
                    best, best_rank = (a, b, c), rank
    return np.diag(best).astype(np.int64)
