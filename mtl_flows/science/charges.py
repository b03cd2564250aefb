"""Oxidation states that a file writes on its sites: kept beside a structure, since no geometry depends on them.

*Site charges* are aligned with the sites of a structure and hold, for each, its species with their oxidation states and
occupancies, such as ``{"Mn3+": 0.5, "Mn4+": 0.5}``; a species without a state is a bare element.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from pymatgen.core import Composition, Structure

from mtl_flows.science.elements import element_amounts, element_symbol

SiteCharges = Sequence[Mapping[str, float]]
Ion = tuple[str, float | None]
"""Element symbol and oxidation state; None where no state is known."""


def species_name(symbol: str, state: float | None) -> str:
    """Return the name of an ion, such as ``Mn3+`` or ``Fe2.5+``; the element itself where no state is known."""
    if state is None:
        return symbol
    # pymatgen's own text has two decimals: too few for the 8/3 of Fe3O4.
    size = f"{abs(state):.6f}".rstrip("0").rstrip(".")
    return f"{symbol}{'' if size == '1' else size}{'-' if state < 0 else '+'}"


def ion_amounts(species: Mapping[Any, float]) -> dict[Ion, float]:
    """Return the amount of each ion on a site or in a composition."""
    amounts: dict[Ion, float] = {}
    for one, amount in species.items():
        state = getattr(one, "oxi_state", None)
        ion = element_symbol(one), None if state is None else float(state)
        amounts[ion] = amounts.get(ion, 0.0) + float(amount)
    return amounts


def mean_states(amounts: Mapping[Ion, float]) -> dict[str, float]:
    """Return the mean oxidation state of each element over those of its atoms that bear one."""
    sums: dict[str, tuple[float, float]] = {}
    for (symbol, state), amount in amounts.items():
        if state is not None:
            charge, atoms = sums.get(symbol, (0.0, 0.0))
            sums[symbol] = (charge + amount * state, atoms + amount)
    return {symbol: round(charge / atoms, 6) for symbol, (charge, atoms) in sorted(sums.items())}


def known_states(amounts: Mapping[Ion, float]) -> dict[str, dict[float, float]]:
    """Return the oxidation states of every element whose states are all known, and how many atoms are in each.

    Zero is what files hold that know no state, so a zero counts as not known.
    """
    found: dict[str, dict[float, float]] = {}
    for (symbol, state), amount in amounts.items():
        if state:
            found.setdefault(symbol, {})[state] = amount
    unknown = {symbol for symbol, state in amounts if not state}
    return {symbol: states for symbol, states in found.items() if symbol not in unknown}


def has_several_states(amounts: Mapping[Ion, float]) -> bool:
    """Whether atoms of one element differ in what is known of their state, so that means do not tell all."""
    return len(amounts) > len({symbol for symbol, _ in amounts})


def site_charges(structure: Structure) -> list[dict[str, float]]:
    """Return the charges that the sites of a structure bear."""
    return [
        {species_name(*ion): amount for ion, amount in ion_amounts(site.species).items()}
        for site in structure
    ]


def with_charges(structure: Structure, charges: SiteCharges, means: Mapping[str, float]) -> Structure:
    """Return a copy of a structure whose sites bear charges.

    Parameters
    ----------
    structure
        Without charges.
    charges
        Aligned with its sites; empty where `means` tell all.
    means
        Oxidation state by element; an element that is left out bears none.
    """
    known: dict[Hashable, Composition] = {}
    if not charges:
        charges = [
            {
                species_name(symbol, means.get(symbol)): x
                for symbol, x in element_amounts(site.species).items()
            }
            for site in structure
        ]
    species = []
    for charged in charges:
        key = tuple(charged.items())
        if key not in known:
            known[key] = Composition(charged)
        species.append(known[key])
    return Structure(structure.lattice, species, structure.frac_coords, labels=structure.labels)


def without_charges(structure: Structure) -> Structure:
    """Return a structure without oxidation states; the structure itself if it bears none."""
    if all(state is None for _, state in ion_amounts(structure.composition)):
        return structure
    return bare_structure(structure)


def bare_structure(structure: Structure) -> Structure:
    """Return a copy with elements and labels on its sites and nothing else."""
    species = [Composition(element_amounts(site.species)) for site in structure]
    return Structure(structure.lattice, species, structure.frac_coords, labels=structure.labels)
