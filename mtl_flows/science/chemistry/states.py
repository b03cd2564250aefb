"""The oxidation states that elements show in compounds, and the question whether a given one is among them.

The table is ``mtl_flows/data/oxidation_states.json``; it names its sources.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType

from mtl_flows.science.chemistry.species import is_element, is_nonmetal


@dataclass(frozen=True, slots=True)
class ElementStates:
    """Observed oxidation states of one element.

    Attributes
    ----------
    observed
        States without a bond of the element to itself, ascending.
    common
        Those that rank first when several assignments are neutral.
    own_kind
        Lowest and highest average state of atoms bonded to their own kind, empty if there are none.
    """

    observed: tuple[int, ...]
    common: tuple[int, ...]
    own_kind: tuple[float, float] | tuple[()] = ()


_NO_STATES = ElementStates((), ())
# Files round averaged states.
_ROUNDING = 0.05


@cache
def oxidation_state_table() -> Mapping[str, ElementStates]:
    """Return the observed states of every element that has any, by symbol."""
    text = files("mtl_flows").joinpath("data/oxidation_states.json").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            symbol: ElementStates(
                tuple(row["observed"]), tuple(row["common"]), tuple(row.get("own_kind", ()))
            )
            for symbol, row in json.loads(text)["elements"].items()
        }
    )


def states_of(symbol: str) -> ElementStates:
    """Return the observed states of an element; none for an unknown symbol."""
    return oxidation_state_table().get(symbol, _NO_STATES)


def shows_mixed_valence(symbol: str) -> bool:
    """Return whether one compound may hold the element in two neighbouring states of one sign.

    Metals and metalloids do (Fe²⁺/Fe³⁺, Sb³⁺/Sb⁵⁺). In nonmetals, B and Si the sites differ by what
    they are bonded to, so an average over them means nothing.
    """
    return is_element(symbol) and not is_nonmetal(symbol) and symbol not in ("B", "Si")


def mixed_ranges(symbol: str) -> list[tuple[float, float]]:
    """Return the open intervals between neighbouring observed states of one sign."""
    if not shows_mixed_valence(symbol):
        return []
    return [(low, high) for low, high in pairwise(states_of(symbol).observed) if low * high > 0]


def is_observed_mean(symbol: str, mean: float) -> bool:
    """Return whether the atoms of an element may have this state on average over a compound.

    Nonmetals take very different states side by side (amide and borohydride, sulphide and sulphate), so any
    mean between their lowest and highest state will do.
    """
    states = states_of(symbol)
    if shows_mixed_valence(symbol) or not states.observed:
        return is_observed(symbol, mean)
    known: tuple[float, ...] = (*states.observed, *states.own_kind)
    return min(known) - _ROUNDING <= mean <= max(known) + _ROUNDING


def is_observed(symbol: str, state: float, tolerance: float = _ROUNDING) -> bool:
    """Return whether an atom, or the average of a mixed-valence site, may have this state.

    Parameters
    ----------
    symbol
        The element.
    state
        Oxidation state, in elementary charges.
    tolerance
        Rounding allowed in averaged states.
    """
    states = states_of(symbol)
    ranges = mixed_ranges(symbol)
    if states.own_kind:
        ranges.append(states.own_kind)
    return any(abs(state - known) <= tolerance for known in states.observed) or any(
        low - tolerance <= state <= high + tolerance for low, high in ranges
    )
