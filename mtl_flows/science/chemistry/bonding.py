"""Who is bonded to whom: what water and uncommon oxidation states are recognised by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Self

from pymatgen.core import Structure

from mtl_flows.science.elements import bond_length_A, electronegativity, element_amounts

_HYDROGEN_REACH_A = 2.1
# Atoms nearer than this share of a bond length are alternative positions of one another.
_MIN_BOND_SHARE = 0.6
# Less electronegative elements form no bonds that anything here depends on.
_MIN_ELECTRONEGATIVITY = 1.5


@dataclass(frozen=True, slots=True)
class Contact:
    """A species near another one."""

    symbol: str
    occupancy: float
    distance_A: float


@dataclass(frozen=True, slots=True)
class Bonding:
    """The elements on every site and the contacts between sites.

    Attributes
    ----------
    sites
        For each site, its elements and their occupancies.
    neighbours
        For each site, ``(site, distance in Å)`` of the sites around it, periodic images included.
    bond_factor
        Two atoms are bonded below this multiple of the sum of their covalent radii.
    """

    sites: Sequence[Mapping[str, float]]
    neighbours: Sequence[Sequence[tuple[int, float]]]
    bond_factor: float

    @classmethod
    def of(cls, structure: Structure, bond_factor: float) -> Self:
        """Find all contacts within the longest bond that can matter in the structure."""
        sites = [element_amounts(site.species) for site in structure]
        elements = sorted(
            {
                symbol
                for on_site in sites
                for symbol in on_site
                if electronegativity(symbol) > _MIN_ELECTRONEGATIVITY
            }
        )
        longest_A = max(
            (bond_factor * bond_length_A(a, b) for a, b in combinations_with_replacement(elements, 2)),
            default=0.0,
        )
        centres, others, _, distances = structure.get_neighbor_list(max(longest_A, _HYDROGEN_REACH_A))
        neighbours: list[list[tuple[int, float]]] = [[] for _ in sites]
        for centre, other, distance_A in zip(
            centres.tolist(), others.tolist(), distances.tolist(), strict=True
        ):
            neighbours[centre].append((other, distance_A))
        return cls(sites, neighbours, bond_factor)

    def contacts(self, site: int) -> Iterator[Contact]:
        """Yield every species around a site, in no particular order."""
        for other, distance_A in self.neighbours[site]:
            for symbol, occupancy in self.sites[other].items():
                yield Contact(symbol, occupancy, distance_A)

    def partners(self, site: int, symbol: str) -> Iterator[Contact]:
        """Yield the species that are bonded to the element ``symbol`` on a site."""
        for contact in self.contacts(site):
            length_A = bond_length_A(symbol, contact.symbol)
            if _MIN_BOND_SHARE * length_A < contact.distance_A <= self.bond_factor * length_A:
                yield contact
