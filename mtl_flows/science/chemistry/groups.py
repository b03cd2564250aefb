"""Divide the atoms of a material into groups that may each take one set of oxidation states.

A *textbook* division has one group per element: elements that form simple anions may take either sign,
all others are positive. With a structure at hand, atoms of one element are told apart by what they are
bonded to: the sulphur of a sulphate and of a sulphide, the hydrogen of an amide and of a borohydride,
peroxide and oxide.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from mtl_flows.science.chemistry.balance import Group
from mtl_flows.science.chemistry.bonding import Bonding, Contact
from mtl_flows.science.elements import (
    EQUAL_ELECTRONEGATIVITY,
    electronegativity,
    is_alkali_or_alkaline_earth,
    is_nonmetal,
    mixed_ranges,
    states_of,
)

Role = Literal["own kind", "electron donor", "electron acceptor", "either"]

_HYDROGEN_REACH_A = 2.0
_HYDROGEN_MIN_A = 0.5


def textbook_groups(
    composition: Mapping[str, float], anion_formers: Collection[str], fixed: Mapping[str, float]
) -> list[Group]:
    """Return one group per element, only the anion formers allowed to be negative.

    Parameters
    ----------
    composition
        Amount of each element.
    anion_formers
        Elements that may be negative.
    fixed
        Elements whose state is given.
    """
    return [
        _group(symbol, symbol, amount, 1 if symbol not in anion_formers else 0, fixed)
        for symbol, amount in composition.items()
    ]


def signless_groups(composition: Mapping[str, float], fixed: Mapping[str, float]) -> list[Group]:
    """Return one group per element with all its observed states, as in Zintl phases and stannide oxides."""
    return [_group(symbol, symbol, amount, 0, fixed) for symbol, amount in composition.items()]


def bonded_groups(bonding: Bonding, fixed: Mapping[str, float]) -> list[Group]:
    """Return the groups that follow from what each atom is bonded to."""
    amounts: dict[tuple[str, Role], float] = defaultdict(float)
    for site, elements in enumerate(bonding.sites):
        for symbol, occupancy in elements.items():
            role = "either" if symbol in fixed else _role(bonding, site, symbol, occupancy)
            amounts[symbol, role] += occupancy
    symbols = [symbol for symbol, _ in amounts]
    groups = []
    for (symbol, role), amount in amounts.items():
        label = symbol if symbols.count(symbol) == 1 else f"{symbol} ({role})"
        if role == "own kind":
            groups.append(Group(label, symbol, amount, span=states_of(symbol).own_kind))
        else:
            sign = {"electron donor": 1, "electron acceptor": -1, "either": 0}[role]
            groups.append(_group(label, symbol, amount, sign, fixed))
    return groups


def mixed_valence_variants(groups: Sequence[Group]) -> list[list[Group]]:
    """Return copies of the groups, each with one group between two neighbouring states of one sign."""
    return [
        _with(groups, group, (low, high))
        for group in groups
        if len(group.states) > 1
        for low, high in mixed_ranges(group.symbol)
        if low in group.states and high in group.states
    ]


def assumed_bond_variants(groups: Sequence[Group], fixed: Collection[str]) -> list[list[Group]]:
    """Return copies of the groups, each with bonds assumed that a bare formula cannot show.

    Part of one element is bonded to itself (carbon: or to hydrogen), or hydrogen is bonded to boron or
    aluminium as well as to nitrogen or oxygen. Of oxygen, bromine and iodine that is assumed beside alkali and
    alkaline-earth metals only (peroxides, polyiodides) and of all atoms: elsewhere an excess of them speaks
    for an abnormal state of the metal.
    """
    symbols = {group.symbol for group in groups}
    variants = []
    for group in groups:
        if group.symbol in fixed:
            continue
        states = states_of(group.symbol)
        if group.symbol in ("O", "Br", "I"):
            if all(map(is_alkali_or_alkaline_earth, symbols - {group.symbol})):
                variants.append(_with(groups, group, states.own_kind))
        elif states.own_kind:
            variants.append(_with(groups, group, (float(states.observed[0]), max(states.own_kind))))
        elif group.symbol == "H" and symbols & {"B", "Al"} and symbols & {"N", "O"}:
            variants.append(_with(groups, group, (-1.0, 1.0)))
    return variants


def _with(groups: Sequence[Group], group: Group, span: tuple[float, float] | tuple[()]) -> list[Group]:
    return [replace(one, states=(), span=span) if one is group else one for one in groups]


def _group(label: str, symbol: str, amount: float, sign: int, fixed: Mapping[str, float]) -> Group:
    if symbol in fixed:
        return Group(label, symbol, amount, states=(fixed[symbol],), common=(fixed[symbol],))
    known = states_of(symbol)
    states = tuple(state for state in known.observed if state * sign >= 0)
    return Group(label, symbol, amount, states=states, common=known.common)


def _role(bonding: Bonding, site: int, symbol: str, occupancy: float) -> Role:
    if symbol == "H":
        return _hydrogen_role(bonding, site)
    known = states_of(symbol)
    partners = list(bonding.partners(site, symbol))
    if known.own_kind and any(_is_own_kind(symbol, occupancy, partner) for partner in partners):
        return "own kind"
    if not (known.observed and known.observed[0] < 0 < known.observed[-1]):
        return "either"
    nonmetals = [
        electronegativity(partner.symbol) - electronegativity(symbol)
        for partner in partners
        if partner.symbol != symbol and (is_nonmetal(partner.symbol) or partner.symbol in ("As", "Te"))
    ]
    if any(difference > EQUAL_ELECTRONEGATIVITY for difference in nonmetals):
        return "electron donor"
    if not is_nonmetal(symbol) or any(abs(difference) <= EQUAL_ELECTRONEGATIVITY for difference in nonmetals):
        return "either"
    return "electron acceptor"


def _is_own_kind(symbol: str, occupancy: float, partner: Contact) -> bool:
    if symbol == "C" and partner.symbol == "H":
        return True
    # Two sites that are together occupied no more than once are alternatives, however far apart.
    return partner.symbol == symbol and occupancy + partner.occupancy > 1.0 + 1e-3


def _hydrogen_role(bonding: Bonding, site: int) -> Role:
    """Tell protons from hydride by the nearest atom, whatever the length of the bond."""
    nearest = min(
        (
            contact
            for contact in bonding.contacts(site)
            if contact.symbol != "H" and _HYDROGEN_MIN_A < contact.distance_A < _HYDROGEN_REACH_A
        ),
        key=lambda contact: contact.distance_A,
        default=None,
    )
    if nearest is None:
        return "electron acceptor"
    difference = electronegativity(nearest.symbol) - electronegativity("H")
    if abs(difference) <= EQUAL_ELECTRONEGATIVITY:
        return "either"
    return "electron donor" if difference > 0 else "electron acceptor"
