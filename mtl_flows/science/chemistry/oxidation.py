"""Assign oxidation states to a material, or find that observed ones cannot be assigned."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mtl_flows.science.chemistry.balance import Group, Neutral, SearchLimitError, balance
from mtl_flows.science.chemistry.bonding import Bonding
from mtl_flows.science.chemistry.groups import (
    assumed_bond_variants,
    bonded_groups,
    mixed_valence_variants,
    signless_groups,
    textbook_groups,
)
from mtl_flows.science.chemistry.parameters import ChemistryParameters
from mtl_flows.science.chemistry.report import Confidence
from mtl_flows.science.elements import is_alkali_or_alkaline_earth, states_of

Method = Literal[
    "one state per element",
    "mixed valence",
    "states by bonding",
    "mixed valence and bonding",
    "bonds assumed",
    "anionic metalloids assumed",
]


@dataclass(frozen=True, slots=True)
class StateAssignment:
    """Oxidation states that make a material neutral.

    Attributes
    ----------
    states
        State of each element; where atoms of one element differ, of each group of like atoms.
    method
        How it was found.
    imbalance_e_per_atom
        Charge left over, in elementary charges per atom.
    confidence
        ``low`` if occupancies had to be rounded generously or bonds assumed.
    ignores_given
        Whether given states had to be set aside because nothing neutral could be made of them.
    """

    states: Mapping[str, float]
    method: Method
    imbalance_e_per_atom: float
    confidence: Confidence
    ignores_given: bool = False


@dataclass(frozen=True, slots=True)
class _Attempt:
    method: Method
    confidence: Confidence
    variants: Sequence[Sequence[Group]]
    tolerance: float
    electronegativity_order: bool = True


def assign_states(
    composition: Mapping[str, float],
    bonding: Bonding | None,
    fixed: Mapping[str, float],
    parameters: ChemistryParameters,
    *,
    disordered: bool,
) -> StateAssignment | None:
    """Find observed oxidation states that add up to zero.

    From the plainest explanation to the least plain: one state per element; one metal in two neighbouring
    states; one state per element with the tolerance for disorder; atoms of one element told apart by their
    bonds; and, for a bare formula, bonds that only a structure could show.

    Parameters
    ----------
    composition
        Amount of each element.
    bonding
        Contacts of the structure, ``None`` for a bare formula.
    fixed
        Elements whose mean state is given.
    parameters
        Tolerances and the anion formers.
    disordered
        Whether occupancies may have been rounded, so that a small charge may be left over.

    Returns
    -------
    The assignment, or ``None`` if observed states cannot be neutral.

    Raises
    ------
    SearchLimitError
        No answer within the bounds of the search.
    """
    atoms = sum(composition.values())
    given_up = False
    for attempt in _attempts(composition, bonding, fixed, parameters, disordered):
        best: Neutral | None = None
        for groups in attempt.variants:
            try:
                neutral = balance(
                    groups, attempt.tolerance, electronegativity_order=attempt.electronegativity_order
                )
            except SearchLimitError:
                given_up = True
                continue
            if neutral is not None and (best is None or neutral.cost < best.cost):
                best = neutral
        if best is not None:
            return StateAssignment(best.states, attempt.method, best.imbalance_e / atoms, attempt.confidence)
    if given_up:
        raise SearchLimitError
    return None


def required_states(composition: Mapping[str, float], anion_formers: Collection[str]) -> dict[str, float]:
    """Return for each element the average state that would make a composition neutral.

    The other elements are in observed states, those that leave the least to be desired.
    """
    groups = textbook_groups(composition, anion_formers, {})
    required: dict[str, float] = {}
    for group in groups:
        free = replace(group, states=(), span=(-12.0, 12.0))
        try:
            neutral = balance([free if one is group else one for one in groups])
        except SearchLimitError:
            continue
        if neutral is not None:
            required[group.symbol] = neutral.states[group.label]
    return required


def suspect(required: Mapping[str, float]) -> str:
    """Return which of the required states to blame; an empty text if there is none to choose from.

    Cations before anions, elements of variable state before those that know but one and these before alkali
    and alkaline-earth metals, small deviations before large ones.
    """

    def order(symbol: str) -> tuple[bool, bool, bool, float]:
        observed = states_of(symbol).observed
        distance = min(abs(required[symbol] - state) for state in observed)
        return required[symbol] <= 0, len(observed) == 1, is_alkali_or_alkaline_earth(symbol), distance

    return min(required, key=order, default="")


def _attempts(
    composition: Mapping[str, float],
    bonding: Bonding | None,
    fixed: Mapping[str, float],
    parameters: ChemistryParameters,
    disordered: bool,
) -> Iterator[_Attempt]:
    rounding = parameters.charge_tolerance
    textbook = textbook_groups(composition, parameters.anion_formers, fixed)
    tight = rounding if disordered else 0.0
    yield _Attempt("one state per element", "high", [textbook], tight)
    yield _Attempt("mixed valence", "high", mixed_valence_variants(textbook), tight)
    if disordered:
        yield _Attempt("one state per element", "low", [textbook], parameters.disorder_charge_tolerance)
    if bonding is not None:
        bonded = bonded_groups(bonding, fixed)
        mixed = mixed_valence_variants(bonded)
        yield _Attempt("states by bonding", "high", [bonded], tight, False)
        if disordered:
            yield _Attempt("states by bonding", "low", [bonded], parameters.disorder_charge_tolerance, False)
        yield _Attempt("mixed valence and bonding", "low", mixed, tight, False)
    else:
        yield _Attempt("bonds assumed", "low", assumed_bond_variants(textbook, fixed), tight)
        signless = signless_groups(composition, fixed)
        yield _Attempt("anionic metalloids assumed", "low", [signless], tight)
