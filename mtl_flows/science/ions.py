"""Oxidation states of the ions of crystals whose composition need not be an integer one.

What the file says counts first. For the rest every element gets one state. The combination of plausible states that
balances the charge best wins; where none does, an element of variable valence takes the fractional mean that balances
it, if that mean lies between two states it is known in. Otherwise the charge stays unbalanced, as it is in a file that
lacks atoms.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Self

from pymatgen.core import Structure

from mtl_flows.science.charges import ion_amounts, known_states, mean_states, species_name
from mtl_flows.science.elements import electronegativity, element_amounts, states_of

_CHARGE_TOLERANCE = 0.02  # e for each atom: site occupancies are not known better
_CHARGE_COST = (
    100.0  # cost of one e for each atom beyond that, against one for each step down the preferences
)
_EQUAL_STATES = 1e-3


@dataclass(frozen=True, slots=True)
class Ions:
    """The ions of a crystal: its elements, those apart whose sites the file puts in different states.

    Attributes
    ----------
    charges
        Charge of each ion in e, by its name: the element (``Li``), or the species (``Mn3+``) where the sites of an
        element differ.
    elements
        Element of each ion.
    on_sites
        For each site of the crystal, the name of the ion that each of its elements is there.
    states
        Mean charge of each element.
    """

    charges: Mapping[str, float]
    elements: Mapping[str, str]
    on_sites: tuple[Mapping[str, str], ...]
    states: Mapping[str, float]

    @classmethod
    def of(cls, structure: Structure, mobile_ion: str) -> Self:
        """Take the charges that the file puts on the sites, or find some; the mobile ions are all alike."""
        states, given = _states(structure)
        by_site = [mean_states(ion_amounts(site.species)) if given else {} for site in structure]
        several = {
            symbol for symbol in given - {mobile_ion} if _differ(means.get(symbol) for means in by_site)
        }
        charges: dict[str, float] = {}
        elements: dict[str, str] = {}
        on_sites = []
        for site, means in zip(structure, by_site, strict=True):
            names = {}
            for symbol in element_amounts(site.species):
                state = means[symbol] if symbol in several else states[symbol]
                name = species_name(symbol, round(state, 3)) if symbol in several else symbol
                names[symbol] = name
                charges.setdefault(name, state)
                elements[name] = symbol
            on_sites.append(names)
        return cls(charges, elements, tuple(on_sites), states)

    def total_charge(self, structure: Structure) -> float:
        """Return the charge of a structure in e whose sites know the site of the crystal that they come from."""
        return sum(
            self.charges[self.on_sites[parent][symbol]] * amount
            for site, parent in zip(structure, structure.site_properties["parent_site"], strict=True)
            for symbol, amount in element_amounts(site.species).items()
        )


def assign_oxidation_states(structure: Structure) -> dict[str, float]:
    """Assign one oxidation state to each element of an ordered or disordered structure.

    States on the sites are kept, as means over the atoms of an element, if a neutral assignment can be made with
    them; those of other elements are found. Never raises: elements without known states are neutral, and a
    composition that cannot be balanced gets the best compromise.

    Parameters
    ----------
    structure
        Any structure; occupancies count.

    Returns
    -------
    dict
        Element symbol → state; fractional for mixed valence.
    """
    return _states(structure)[0]


def total_charge(states: Mapping[str, float], amounts: Mapping[str, float]) -> float:
    """Return the charge of a composition in e."""
    return sum(states[element] * amount for element, amount in amounts.items())


def _states(structure: Structure) -> tuple[dict[str, float], frozenset[str]]:
    """Return the state of each element, and the elements whose state the file gives."""
    amounts = element_amounts(structure.composition)
    given = {
        symbol: _mean(atoms) for symbol, atoms in known_states(ion_amounts(structure.composition)).items()
    }
    if given:
        states = _balanced(amounts, given)
        if abs(total_charge(states, amounts)) <= _CHARGE_TOLERANCE * sum(amounts.values()):
            return states, frozenset(given)
    return _balanced(amounts, {}), frozenset()


def _differ(states: Iterable[float | None]) -> bool:
    known = [state for state in states if state is not None]
    return max(known) - min(known) > _EQUAL_STATES


def _mean(amounts: Mapping[float, float]) -> float:
    return sum(state * amount for state, amount in amounts.items()) / sum(amounts.values())


def _balanced(amounts: Mapping[str, float], given: Mapping[str, float]) -> dict[str, float]:
    """Return the states that balance best, those that are given among them."""
    n_atoms = sum(amounts.values())
    options: dict[str, tuple[float, ...]] = {
        symbol: (given[symbol],) if symbol in given else states
        for symbol, states in _options(amounts).items()
    }
    best = min(
        product(*options.values()),
        key=lambda states: _cost(dict(zip(options, states, strict=True)), options, amounts, n_atoms),
    )
    states: dict[str, float] = dict(zip(options, map(float, best), strict=True))
    residue = total_charge(states, amounts)
    if abs(residue) > 2.0 * _CHARGE_TOLERANCE * n_atoms:
        _balance_by_mixed_valence(states, residue, amounts, given)
    return states


def _options(amounts: Mapping[str, float]) -> dict[str, tuple[int, ...]]:
    """Return the states each element may take, preferred ones first."""
    most_electronegative = max(amounts, key=electronegativity)
    options: dict[str, tuple[int, ...]] = {}
    for symbol in amounts:
        states = states_of(symbol).preferred or (0,)
        if symbol == most_electronegative and len(amounts) > 1:
            # Nothing is there to take its electrons.
            states = tuple(state for state in states if state < 0) or states
        options[symbol] = states
    return options


def _cost(
    states: Mapping[str, float],
    options: Mapping[str, tuple[float, ...]],
    amounts: Mapping[str, float],
    n_atoms: float,
) -> float:
    """Return how implausible a combination is: unbalanced charge, then rarity of the states."""
    excess = abs(total_charge(states, amounts)) / n_atoms
    rarity = sum(options[element].index(state) for element, state in states.items())
    return _CHARGE_COST * max(excess - _CHARGE_TOLERANCE, 0.0) + rarity


def _balance_by_mixed_valence(
    states: dict[str, float], residue: float, amounts: Mapping[str, float], given: Mapping[str, float]
) -> None:
    """Shift one element to the fractional state that balances the charge, changing ``states``.

    Of the elements that have known states of one sign on both sides of the mean, the one shifted least.
    """
    means = {
        element: state - residue / amounts[element]
        for element, state in states.items()
        if element not in given
    }
    able = [element for element, mean in means.items() if _is_mixed_valence(element, mean)]
    if able:
        chosen = min(able, key=lambda element: abs(means[element] - states[element]))
        states[chosen] = means[chosen]


def _is_mixed_valence(symbol: str, mean: float) -> bool:
    same_sign = [state for state in states_of(symbol).preferred if state * mean > 0.0]
    return bool(same_sign) and min(same_sign) <= mean <= max(same_sign)
