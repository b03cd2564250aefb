"""Oxidation states that a file writes on its sites: kept beside a structure, since no geometry depends on them.

A list of *site charges* is aligned with the sites of a structure and holds, for each, its species with their oxidation
states and occupancies, such as ``{"Mn3+": 0.5, "Mn4+": 0.5}``; a species without a state is a bare element.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from pymatgen.core import Composition, Structure

from mtl_flows.science.elements import element_amounts, element_symbol

SiteCharges = Sequence[Mapping[str, float]]


def species_name(symbol: str, state: float | None) -> str:
    """Return the name of a species, such as ``Mn3+`` or ``Fe2.5+``; the element itself where no state is known."""
    if state is None:
        return symbol
    # pymatgen's own text has two decimals: too few for the 8/3 of Fe3O4.
    size = "" if abs(state) == 1 else f"{abs(state):g}"
    return f"{symbol}{size}{'-' if state < 0 else '+'}"


def site_charges(structure: Structure) -> list[dict[str, float]]:
    """Return the charges that the sites of a structure bear; empty if none bears any."""
    if not _is_charged(structure):
        return []
    return [
        _summed(
            (species_name(element_symbol(one), _state(one)), amount) for one, amount in site.species.items()
        )
        for site in structure
    ]


def with_charges(structure: Structure, charges: SiteCharges) -> Structure:
    """Return a copy of a structure whose sites bear these charges; the structure itself if there are none."""
    if not charges:
        return structure
    known: dict[Hashable, Composition] = {}
    species = []
    for charged in charges:
        key = tuple(charged.items())
        if key not in known:
            known[key] = Composition(charged)
        species.append(known[key])
    return Structure(structure.lattice, species, structure.frac_coords, labels=structure.labels)


def without_charges(structure: Structure) -> Structure:
    """Return a copy of a structure without oxidation states; the structure itself if it bears none."""
    if not _is_charged(structure):
        return structure
    species = [Composition(element_amounts(site.species)) for site in structure]
    return Structure(structure.lattice, species, structure.frac_coords, labels=structure.labels)


def mean_states(structure: Structure) -> dict[str, float]:
    """Return the mean oxidation state of each element over those of its atoms that bear one."""
    sums: dict[str, tuple[float, float]] = {}
    for one, amount in structure.composition.items():
        if (state := _state(one)) is not None:
            charge, weight = sums.get(element_symbol(one), (0.0, 0.0))
            sums[element_symbol(one)] = (charge + amount * state, weight + amount)
    return {symbol: round(charge / weight, 6) for symbol, (charge, weight) in sorted(sums.items())}


def stated_amounts(structure: Structure) -> dict[str, dict[float, float]]:
    """Return how many atoms the sites put in each oxidation state, for every element whose states are all known.

    Zero is what files hold that know no state, so a zero counts as not known.
    """
    stated: dict[str, dict[float, float]] = {}
    open_elements = set()
    for one, amount in structure.composition.items():
        symbol, state = element_symbol(one), _state(one)
        if not state:
            open_elements.add(symbol)
            continue
        amounts = stated.setdefault(symbol, {})
        amounts[state] = amounts.get(state, 0.0) + float(amount)
    return {symbol: amounts for symbol, amounts in stated.items() if symbol not in open_elements}


def has_several_states(structure: Structure) -> bool:
    """Whether some element bears different oxidation states, so that its mean does not tell all."""
    states: dict[str, set[float | None]] = {}
    for one in structure.composition:
        states.setdefault(element_symbol(one), set()).add(_state(one))
    return any(len(found) > 1 for found in states.values())


def _state(species: Any) -> float | None:
    state = getattr(species, "oxi_state", None)
    return None if state is None else float(state)


def _is_charged(structure: Structure) -> bool:
    return any(_state(species) is not None for species in structure.composition)


def _summed(amounts: Any) -> dict[str, float]:
    summed: dict[str, float] = {}
    for name, amount in amounts:
        summed[name] = summed.get(name, 0.0) + float(amount)
    return summed
