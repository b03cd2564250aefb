"""The disordered supercell as an ordering problem: sites, whole occupants, interactions, pools."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure

from mtl_flows.science.elements import element_amounts
from mtl_flows.science.ions import Ions
from mtl_flows.science.ordering.annealing import Arrangement, OrderingProblem, Pool
from mtl_flows.science.ordering.distances import closest_distance_A
from mtl_flows.science.ordering.ewald import ewald_matrix
from mtl_flows.science.ordering.parameters import OrderingParameters
from mtl_flows.science.ordering.rounding import VACANCY, SiteGroup, round_occupancies
from mtl_flows.science.symmetry import equivalent_sites

_LEAST_OCCUPANCY = 1e-3
_LENIENCE = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class DisorderedCell:
    """A supercell whose sites have been given whole occupants, not yet arranged.

    Attributes
    ----------
    supercell
        All sites, with the site property ``parent_site``.
    elements
        Element of each kind of occupant; kind 0 is the vacancy. One element makes several kinds if its ions differ.
    kinds
        Kind on each site, in an arbitrary arrangement.
    problem
        What to minimise; each group of equivalent sites is a pool of its own.
    relaxed_problem
        The same, but mobile ions may also change between groups and come a little closer: for crystals whose
        occupancies, taken literally, cannot be arranged without overlaps.
    """

    supercell: Structure
    elements: tuple[str, ...]
    kinds: tuple[int, ...]
    problem: OrderingProblem
    relaxed_problem: OrderingProblem

    @classmethod
    def build(
        cls,
        parent: Structure,
        matrix: NDArray[np.int64],
        ions: Ions,
        mobile_ion: str,
        parameters: OrderingParameters,
    ) -> Self:
        """Multiply the parent, round its occupancies and set up the interactions.

        Raises
        ------
        OrderingError
            If occupancies cannot be rounded.
        """
        supercell = plain_supercell(parent, matrix)
        groups = _site_groups(parent, supercell, ions)
        counts = round_occupancies(groups, ions.charges, mobile_ion)
        occupants = (VACANCY, *sorted({ion for count in counts for ion in count} - {VACANCY}))
        kinds = np.zeros(len(supercell), dtype=np.int64)
        pools: list[Pool] = []
        optional: set[int] = set()
        mobile_sites: set[int] = set()
        for group, count in zip(groups, counts, strict=True):
            contents = [occupants.index(ion) for ion, n in count.items() for _ in range(n)]
            kinds[list(group.sites)] = contents
            if len(count) > 1:
                pools.append(Pool(group.sites, frozenset(contents)))
            if VACANCY in count:
                optional.update(group.sites)
            if mobile_ion in group.occupancy:
                mobile_sites.update(group.sites)

        closest = np.array(
            [[_closest(a, b, ions, mobile_ion, parameters) for b in occupants] for a in occupants]
        )
        problem = OrderingProblem(
            matrix=ewald_matrix(supercell.lattice, supercell.frac_coords),
            charges=tuple(0.0 if ion == VACANCY else ions.charges[ion] for ion in occupants),
            neighbours=_close_neighbours(supercell, optional, mobile_sites, float(closest.max())),
            closest_A=tuple(map(tuple, closest.tolist())),
            pools=tuple(pools),
        )
        mobile_kinds = frozenset({0, occupants.index(mobile_ion)} if mobile_ion in occupants else {0})
        relaxed = replace(
            problem,
            closest_A=tuple(map(tuple, (_LENIENCE * closest).tolist())),
            pools=(*pools, Pool(tuple(sorted(mobile_sites)), mobile_kinds)),
        )
        elements = tuple(ions.elements.get(ion, VACANCY) for ion in occupants)
        return cls(supercell, elements, tuple(kinds.tolist()), problem, relaxed)

    def ordered(self, arrangement: Arrangement) -> Structure:
        """Return the ordered structure of an arrangement, atoms sorted by electronegativity."""
        occupied = [site for site, kind in enumerate(arrangement.kinds) if kind]
        return Structure(
            self.supercell.lattice,
            [self.elements[arrangement.kinds[site]] for site in occupied],
            self.supercell.frac_coords[occupied],
            site_properties={
                "parent_site": [self.supercell.site_properties["parent_site"][site] for site in occupied]
            },
        ).get_sorted_structure()


def plain_supercell(parent: Structure, matrix: NDArray[np.int64]) -> Structure:
    """Return the supercell of a structure without charges, its sites labelled with the parent's site they come from."""
    compositions = [_plain_composition(site.species) for site in parent]
    plain = Structure(
        parent.lattice,
        compositions,
        parent.frac_coords,
        site_properties={"parent_site": list(range(len(parent)))},
    )
    return plain.make_supercell(matrix, in_place=False)


def _plain_composition(species: Composition) -> Composition:
    """Merge isotopes, drop traces, and cut an occupancy above one back to one."""
    amounts = element_amounts(species)
    kept = {symbol: amount for symbol, amount in amounts.items() if amount > _LEAST_OCCUPANCY}
    total = sum(kept.values())
    # Thirds and sixths written with few digits add up to 0.999 or 1.001.
    scale = 1.0 / total if abs(total - 1.0) < 2e-3 or total > 1.0 else 1.0
    return Composition({symbol: amount * scale for symbol, amount in kept.items()})


def _site_groups(parent: Structure, supercell: Structure, ions: Ions) -> list[SiteGroup]:
    """Group the supercell's sites by the orbit of the parent's site they come from, and by their ions."""
    orbit_of = equivalent_sites(parent).tolist()
    members: dict[Hashable, list[int]] = defaultdict(list)
    parents = supercell.site_properties["parent_site"]
    for index, site in enumerate(parents):
        members[orbit_of[site], tuple(sorted(ions.on_sites[site].items()))].append(index)
    groups = []
    for sites in members.values():
        ion_of = ions.on_sites[parents[sites[0]]]
        amounts = element_amounts(supercell[sites[0]].species)
        occupancy = {ion_of[symbol]: amount for symbol, amount in amounts.items()}
        vacant = 1.0 - sum(occupancy.values())
        if vacant > _LEAST_OCCUPANCY:
            occupancy[VACANCY] = vacant
        groups.append(SiteGroup(tuple(sites), occupancy))
    return groups


def _closest(first: str, second: str, ions: Ions, mobile_ion: str, parameters: OrderingParameters) -> float:
    if VACANCY in (first, second):
        return 0.0
    return closest_distance_A(
        ions.elements[first],
        ions.elements[second],
        mobile_ion,
        parameters.min_mobile_distance_A,
        parameters.min_distance_fraction,
        like=ions.charges[first] * ions.charges[second] > 0.0,
    )


def _close_neighbours(
    supercell: Structure, optional: set[int], mobile_sites: set[int], reach_A: float
) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Return, for each site, the others within reach that the arrangement can keep apart.

    These are pairs of sites that may both be vacant, or both hold a mobile ion. Other short distances are
    given by the file, whatever the arrangement, and are left to the relaxation.
    """
    neighbours: list[list[tuple[int, float]]] = [[] for _ in supercell]
    first, second, _images, distance = supercell.get_neighbor_list(reach_A, exclude_self=True)
    for i, j, d in zip(first.tolist(), second.tolist(), distance.tolist(), strict=True):
        if i != j and ((i in optional and j in optional) or (i in mobile_sites and j in mobile_sites)):
            neighbours[i].append((j, d))
    return tuple(map(tuple, neighbours))
