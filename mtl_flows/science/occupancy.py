"""What the occupancies of the mobile sublattice say."""

import numpy as np
import scipy
from pymatgen.core import Structure

from mtl_flows.science.elements import element_amounts, element_symbol
from mtl_flows.science.sublattices import split_sublattices

_A3_PER_NM3 = 1000.0


def mobile_entropy_kB_per_nm3(structure: Structure, mobile_ion: str = "Li") -> float:
    """Return the ideal configurational entropy of the mobile ions on their sites, per volume.

    The sum over mobile sites of −[c ln c + (1 − c) ln(1 − c)], with c the share of the mobile ion in the site: zero
    in an ordered crystal.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile ion.
    """
    mobile = element_symbol(mobile_ion)
    sites = split_sublattices(structure, mobile_ion).mobile_indices
    shares = np.array([element_amounts(structure[int(i)].species).get(mobile, 0.0) for i in sites])
    shares = np.clip(shares, 0.0, 1.0)
    entropy = float(np.sum(scipy.special.entr(shares) + scipy.special.entr(1.0 - shares)))
    return _A3_PER_NM3 * entropy / float(structure.volume)
