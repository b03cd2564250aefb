"""Split a structure into the mobile sublattice and the framework around it."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure

from mtl_flows.errors import NoMobileIonError
from mtl_flows.science.elements import element_symbol


@dataclass(frozen=True, slots=True, eq=False)
class Sublattices:
    """Site indices of the two sublattices; together they hold every site once.

    Attributes
    ----------
    mobile_indices
        Sites with any share of the mobile element, shape ``(n_mobile,)``, ascending.
    framework_indices
        All other sites, shape ``(n_framework,)``, ascending.
    """

    mobile_indices: NDArray[np.intp]
    framework_indices: NDArray[np.intp]


def is_mobile(species: Composition, mobile_ion: str) -> bool:
    """Tell whether any species of a site is the mobile element.

    Occupancy, oxidation state and isotope (``D`` and ``T`` are hydrogen) do not matter.
    """
    wanted = element_symbol(mobile_ion)
    return any(element_symbol(element) == wanted for element in species)


def split_sublattices(structure: Structure, mobile_ion: str = "Li") -> Sublattices:
    """Divide the sites of a structure into mobile and framework.

    Parameters
    ----------
    structure
        Any periodic structure, ordered or disordered. Partial occupancy does not remove a site.
    mobile_ion
        Symbol of the mobile element.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    known: dict[Hashable, bool] = {}
    mobile = np.zeros(len(structure), dtype=bool)
    for index, site in enumerate(structure):
        species = site.species
        kind = frozenset(species)
        if kind not in known:
            known[kind] = is_mobile(species, mobile_ion)
        mobile[index] = known[kind]
    if not mobile.any():
        raise NoMobileIonError(
            f"no site holds {mobile_ion}",
            subject=structure.formula,
            remedy="check the file, or choose another mobile ion",
        )
    return Sublattices(np.flatnonzero(mobile), np.flatnonzero(~mobile))
