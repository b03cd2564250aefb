"""What composition and density alone say: the baseline that any topology must beat."""

from typing import Final

import numpy as np
from pymatgen.core import Element, Structure

from mtl_flows.science.sublattices import split_sublattices

TRIVIAL_NAMES: Final = (
    "n_elements",
    "mobile_fraction",
    "density_g_per_cm3",
    "volume_per_atom_A3",
    "mobile_density_per_A3",
    "framework_electronegativity",
    "framework_mass_amu",
)
"""Composition and density only: nothing that needs to know where an atom is."""


def trivial_descriptors(structure: Structure, mobile_ion: str = "Li") -> dict[str, float]:
    """Compute the seven numbers of ``TRIVIAL_NAMES`` and the mean occupancy of the mobile sites.

    Parameters
    ----------
    structure
        Any structure, ordered or not; atoms are counted with their occupancies.
    mobile_ion
        Symbol of the mobile element.

    Returns
    -------
    dict
        ``n_elements``; ``mobile_fraction`` of all atoms; ``density_g_per_cm3``; ``volume_per_atom_A3``;
        ``mobile_density_per_A3``; mean Pauling ``framework_electronegativity`` and ``framework_mass_amu``
        over all atoms but the mobile ones (0 without any); ``mobile_occupancy``, the mean over mobile sites
        of the share that the mobile element has in them.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    mobile_sites = split_sublattices(structure, mobile_ion).mobile_indices
    amounts: dict[str, float] = structure.composition.get_el_amt_dict()
    n_atoms = sum(amounts.values())
    framework = {symbol: amount for symbol, amount in amounts.items() if symbol != mobile_ion}
    bonding = {symbol: amount for symbol, amount in framework.items() if Element(symbol).data.get("X")}
    occupancies = [structure[i].species.get_el_amt_dict().get(mobile_ion, 0.0) for i in mobile_sites]
    return {
        "n_elements": float(len(amounts)),
        "mobile_fraction": amounts.get(mobile_ion, 0.0) / n_atoms,
        "density_g_per_cm3": float(structure.density),
        "volume_per_atom_A3": structure.volume / n_atoms,
        "mobile_density_per_A3": amounts.get(mobile_ion, 0.0) / structure.volume,
        "framework_electronegativity": _mean(bonding, "X"),
        "framework_mass_amu": _mean(framework, "Atomic mass"),
        "mobile_occupancy": float(np.mean(occupancies)),
    }


def _mean(amounts: dict[str, float], key: str) -> float:
    """Average an elemental property over atoms; 0 without any."""
    if not amounts:
        return 0.0
    return float(np.average([Element(s).data[key] for s in amounts], weights=list(amounts.values())))
