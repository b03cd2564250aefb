"""Water molecules found by their geometry, or by what the file calls their oxygen."""

import re
from dataclasses import dataclass

from pymatgen.core import Structure

from mtl_flows.science.chemistry.bonding import Bonding
from mtl_flows.science.elements import element_amounts, is_nonmetal

# Two hydrogens per oxygen, with room for rounded occupancies of disordered hydrogens.
_FEWEST_HYDROGENS, _TOO_MANY_HYDROGENS = 1.5, 2.5
_WATER_LABEL = re.compile(r"^(?:ow|wat|h2o)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WaterOxygen:
    """An oxygen site that belongs to water, with the mean number of hydrogens on it."""

    site: int
    hydrogens: float


def find_water(bonding: Bonding, oh_min_A: float, oh_max_A: float) -> list[WaterOxygen]:
    """Find the oxygens that bear two hydrogens and are bonded to no other nonmetal.

    Hydrogens are counted by occupancy relative to that of the oxygen, so half-occupied alternative
    positions count half. One hydrogen is hydroxide, three are hydronium. Metals around the oxygen do not
    matter: a ligand of a metal ion is water of crystallisation too.

    Parameters
    ----------
    bonding
        Sites and contacts of the structure.
    oh_min_A, oh_max_A
        Range of O–H distances that count as a bond.
    """
    found = []
    for site, elements in enumerate(bonding.sites):
        occupancy = elements.get("O", 0.0)
        if occupancy == 0.0 or _bonded_to_nonmetal(bonding, site):
            continue
        hydrogen = sum(
            contact.occupancy
            for contact in bonding.contacts(site)
            if contact.symbol == "H" and oh_min_A <= contact.distance_A <= oh_max_A
        )
        if _FEWEST_HYDROGENS <= hydrogen / occupancy < _TOO_MANY_HYDROGENS:
            found.append(WaterOxygen(site, hydrogen / occupancy))
    return found


def labelled_water(structure: Structure) -> list[str]:
    """Return the labels of oxygen sites that the file calls water: ``Ow``, ``OW1``, ``Wat2``, ``H2O``."""
    return sorted(
        {
            str(site.label)
            for site in structure
            if "O" in element_amounts(site.species) and _WATER_LABEL.match(str(site.label))
        }
    )


def _bonded_to_nonmetal(bonding: Bonding, site: int) -> bool:
    return any(
        is_nonmetal(partner.symbol) and partner.symbol != "H" for partner in bonding.partners(site, "O")
    )
