"""Neutral assignments of oxidation states: a bounded search over groups of like atoms."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mtl_flows.science.elements import EQUAL_ELECTRONEGATIVITY, electronegativity, is_nonmetal

_MAX_NODES = 50_000
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Group:
    """Atoms that share one oxidation state, or one average state.

    Attributes
    ----------
    label
        Name in the assignment: the element, with its surroundings where one element makes several groups.
    symbol
        The element.
    amount
        Number of atoms.
    states
        States to choose from, in elementary charges.
    span
        Instead of ``states``: lowest and highest average.
    common
        States that cost nothing; any other one costs ``amount``, a span half of that.
    """

    label: str
    symbol: str
    amount: float
    states: tuple[float, ...] = ()
    span: tuple[float, float] | tuple[()] = ()
    common: tuple[float, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest charge that the group can bring."""
        values = self.span or self.states
        return self.amount * min(values), self.amount * max(values)

    def cost(self, state: float) -> float:
        """Return how much an assignment pays for putting the group in a state."""
        if self.span:
            return 0.5 * self.amount
        return 0.0 if state in self.common else self.amount


@dataclass(frozen=True, slots=True)
class Neutral:
    """A neutral assignment.

    Attributes
    ----------
    states
        Oxidation state of each group, by label.
    imbalance_e
        Charge left over, in elementary charges.
    cost
        0 if every state is a common one.
    """

    states: Mapping[str, float]
    imbalance_e: float
    cost: float


class SearchLimitError(Exception):
    """The search was given up without a result; nothing is known about neutrality."""


def balance(
    groups: Sequence[Group], tolerance: float = 0.0, *, electronegativity_order: bool = True
) -> Neutral | None:
    """Find the neutral assignment with the most common states.

    Parameters
    ----------
    groups
        Groups of atoms with the states that each may take.
    tolerance
        Charge that may be left over, as a share of the positive charge.
    electronegativity_order
        Refuse assignments where a nonmetal is positive beside a clearly less electronegative negative one.

    Returns
    -------
    The best assignment, or ``None`` if there is none.

    Raises
    ------
    SearchLimitError
        The search was larger than its bound.
    """
    if not all(group.span or group.states for group in groups):
        return None
    slack_e = (tolerance + _ROUNDING) * math.fsum(max(0.0, group.bounds[1]) for group in groups)
    search = _Search(groups, slack_e)
    neutral = [
        candidate
        for candidate in map(search.complete, search.choices())
        if abs(candidate.imbalance_e) <= (tolerance + _ROUNDING) * _positive_charge(groups, candidate.states)
        and (not electronegativity_order or _in_order(groups, candidate.states))
    ]
    if not neutral and search.exhausted:
        raise SearchLimitError
    return min(neutral, key=lambda one: (round(one.cost, 6), abs(one.imbalance_e)), default=None)


class _Search:
    """Depth-first search over the states of the groups, cut off where no neutral end can be reached."""

    def __init__(self, groups: Sequence[Group], slack_e: float) -> None:
        self.groups, self.slack_e = groups, slack_e
        self.fixed = sorted((group for group in groups if group.states), key=_width, reverse=True)
        self.spans = [group for group in groups if group.span]
        self.span_low = math.fsum(group.bounds[0] for group in self.spans)
        self.span_high = math.fsum(group.bounds[1] for group in self.spans)
        reach = [(self.span_low, self.span_high)]
        for group in reversed(self.fixed):
            low, high = group.bounds
            reach.append((reach[-1][0] + low, reach[-1][1] + high))
        self.reach = reach[::-1]  # charge that groups k, k+1, … and the spans can bring
        self.nodes = 0
        self.exhausted = False

    def choices(self, chosen: tuple[float, ...] = (), charge: float = 0.0) -> Iterator[tuple[float, ...]]:
        """Yield one state per fixed group, wherever the total can vanish."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            self.exhausted = True
            return
        low, high = self.reach[len(chosen)]
        if charge + low > self.slack_e or charge + high < -self.slack_e:
            return
        if len(chosen) == len(self.fixed):
            yield chosen
            return
        group = self.fixed[len(chosen)]
        for state in group.states:
            yield from self.choices((*chosen, state), charge + group.amount * state)

    def complete(self, chosen: tuple[float, ...]) -> Neutral:
        """Let the spans take up what the chosen states leave."""
        states = {group.label: state for group, state in zip(self.fixed, chosen, strict=True)}
        charge = math.fsum(group.amount * state for group, state in zip(self.fixed, chosen, strict=True))
        width = self.span_high - self.span_low
        share = 0.0 if width == 0.0 else min(1.0, max(0.0, (-charge - self.span_low) / width))
        for group in self.spans:
            low, high = min(group.span), max(group.span)
            states[group.label] = low + share * (high - low)
        return Neutral(
            states={group.label: states[group.label] for group in self.groups},
            imbalance_e=math.fsum(group.amount * states[group.label] for group in self.groups),
            cost=math.fsum(group.cost(states[group.label]) for group in self.groups),
        )


def _width(group: Group) -> float:
    low, high = group.bounds
    return high - low


def _positive_charge(groups: Sequence[Group], states: Mapping[str, float]) -> float:
    return math.fsum(max(0.0, group.amount * states[group.label]) for group in groups)


def _in_order(groups: Sequence[Group], states: Mapping[str, float]) -> bool:
    """Return whether no nonmetal gives electrons to a clearly less electronegative one."""
    negative = [electronegativity(group.symbol) for group in groups if states[group.label] < 0]
    if not negative:
        return True
    limit = min(negative) + EQUAL_ELECTRONEGATIVITY + 1e-9
    return all(
        electronegativity(group.symbol) <= limit
        for group in groups
        if states[group.label] > 0 and is_nonmetal(group.symbol)
    )
