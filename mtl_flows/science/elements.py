"""Elements: the one table of oxidation states, the one of radii, and what else the sciences ask of an element.

The tables are ``mtl_flows/data/oxidation_states.json`` and ``covalent_radii.json``; they name their sources.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError

EQUAL_ELECTRONEGATIVITY = 0.1
"""Elements this close (H and P, As and Te, C and S) may take either sign beside each other."""

_DEFAULT_RADIUS_A = 1.5
# Files round averaged states.
_ROUNDING = 0.05


@dataclass(frozen=True, slots=True)
class ElementStates:
    """Oxidation states of one element.

    Attributes
    ----------
    observed
        States without a bond of the element to itself, ascending.
    common
        Those that rank first when several assignments are neutral.
    own_kind
        Lowest and highest average state of atoms bonded to their own kind, empty if there are none.
    preferred
        Observed states to try where one has to do for all atoms, the likeliest first.
    """

    observed: tuple[int, ...]
    common: tuple[int, ...]
    own_kind: tuple[float, float] | tuple[()] = ()
    preferred: tuple[int, ...] = ()


_NO_STATES = ElementStates((), ())


def element_symbol(species: Any) -> str:
    """Return the element of a symbol or of a pymatgen species; deuterium and tritium are hydrogen."""
    symbol = str(getattr(species, "symbol", species))
    return "H" if symbol in ("D", "T") else symbol


def element_amounts(species: Mapping[Any, float]) -> dict[str, float]:
    """Return the amount of each element on a site or in a composition, oxidation states and isotopes merged."""
    merged: dict[str, float] = {}
    for one, amount in species.items():
        symbol = element_symbol(one)
        merged[symbol] = merged.get(symbol, 0.0) + float(amount)
    return merged


def is_element(symbol: str) -> bool:
    """Return whether a symbol is an element of the periodic table and no dummy."""
    return bool(Element.is_valid_symbol(symbol))


def electronegativity(symbol: str) -> float:
    """Return Pauling's electronegativity, 0 where none is defined (He, Ne, Ar, dummies)."""
    if not is_element(symbol):
        return 0.0
    value = float(Element(symbol).data.get("X") or math.nan)
    return 0.0 if math.isnan(value) else value


def is_nonmetal(symbol: str) -> bool:
    """Return whether an element is neither a metal nor a metalloid (B, Si, Ge, As, Sb, Te, Po)."""
    if not is_element(symbol):
        return False
    element = Element(symbol)
    return not (element.is_metal or element.is_metalloid)


def is_metal(symbol: str) -> bool:
    """Return whether an element is a metal; Ge and Sb are not."""
    return is_element(symbol) and bool(Element(symbol).is_metal)


def is_alkali_or_alkaline_earth(symbol: str) -> bool:
    """Return whether an element is a metal of group 1 or 2."""
    return is_metal(symbol) and int(Element(symbol).group) <= 2


def bond_length_A(a: str, b: str) -> float:
    """Return the sum of the covalent radii of two elements (Cordero et al. 2008, doi:10.1039/b801115j)."""
    return covalent_radius_A(a) + covalent_radius_A(b)


def covalent_radius_A(symbol: str) -> float:
    """Return the covalent radius of an element (Cordero et al. 2008); 1.5 Å where the table has none."""
    return _covalent_radii_A().get(symbol, _DEFAULT_RADIUS_A)


@cache
def _covalent_radii_A() -> Mapping[str, float]:
    return {symbol: float(radius) for symbol, radius in _data("covalent_radii.json")["radius_A"].items()}


@cache
def oxidation_state_table() -> Mapping[str, ElementStates]:
    """Return the states of every element that has any, by symbol."""
    return MappingProxyType(
        {
            symbol: ElementStates(
                observed=tuple(row["observed"]),
                common=tuple(row["common"]),
                own_kind=tuple(row.get("own_kind", ())),
                preferred=tuple(row.get("preferred", sorted(row["common"], reverse=True))),
            )
            for symbol, row in _data("oxidation_states.json")["elements"].items()
        }
    )


@cache
def ion_charges() -> Mapping[str, int]:
    """Return the charge of every element that is known as a mobile ion, in elementary charges."""
    rows = _data("oxidation_states.json")["elements"].items()
    return MappingProxyType({symbol: int(row["ion"]) for symbol, row in rows if "ion" in row})


def ion_charge(symbol: str) -> int:
    """Return the usual charge of a mobile ion, in elementary charges.

    Raises
    ------
    ConfigurationError
        If the element is not known as a mobile ion.
    """
    if symbol not in ion_charges():
        raise ConfigurationError("has no usual charge as an ion", subject=symbol, remedy="give its charge")
    return ion_charges()[symbol]


def states_of(symbol: str) -> ElementStates:
    """Return the states of an element; none for an unknown symbol."""
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


def _data(name: str) -> Any:
    return json.loads(files("mtl_flows").joinpath(f"data/{name}").read_text(encoding="utf-8"))
