"""Chemical formulae: reading them, comparing them, and writing them short."""

import math
import re

from pymatgen.core import Composition, Element

from mtl_flows.science.reading.cif import CifBlock

_MOST_ATOMS = 10**9
"""More than any formula holds: what is written beyond it is not worth a search for its factors."""


def declared_composition(block: CifBlock) -> Composition:
    """Composition of the formula a data block declares; empty if there is none or it cannot be read."""
    tags = ("_chemical_formula_sum", "_chemical_formula_structural", "_chemical_formula_moiety")
    return read_formula(block.first(*tags))


def read_formula(text: str) -> Composition:
    """Composition of a formula such as ``Li6.5 La3 O12`` or ``Li (P O3)3``; empty if it cannot be read.

    Deuterium counts as hydrogen.
    """
    cleaned = re.sub(r"\(\d+\)(?=\s|$)|[\[\]{}'\"]", " ", text)
    if cleaned.isupper():
        # Some programs write capitals alone; in a sum formula every element is a word.
        cleaned = re.sub(r"\b[A-Z]{2}(?=[\d.]*(?:\s|$))", lambda word: _spelt(word[0]), cleaned)
    try:
        composition = Composition(re.sub(r"\s+", " ", cleaned).strip())
    except (ValueError, KeyError, TypeError):
        return Composition({})
    amounts: dict[str, float] = {}
    for element, amount in composition.items():
        if not isinstance(element, Element):
            return Composition({})
        symbol = "H" if element.symbol in ("D", "T") else element.symbol
        amounts[symbol] = amounts.get(symbol, 0.0) + amount
    return Composition(amounts)


def _spelt(symbol: str) -> str:
    return symbol.title() if Element.is_valid_symbol(symbol.title()) else symbol


def proportional(one: Composition, other: Composition, tolerance: float = 0.02) -> bool:
    """Whether two compositions agree in every atomic fraction, relative to the larger of the two."""
    symbols = set(one.chemical_system_set) | set(other.chemical_system_set)
    if not one or not other:
        return False
    fractions = [(one.get_atomic_fraction(s), other.get_atomic_fraction(s)) for s in symbols]
    return all(abs(a - b) <= tolerance * max(a, b) for a, b in fractions)


def reduced_formula(composition: Composition) -> str:
    """Formula of one formula unit, amounts with at most two decimals.

    The whole amounts are divided by their largest common factor that leaves no amount with more decimals:
    ``Ba7.9992 Li48 La16.0008 Ta16 O96`` becomes ``BaLi6La2Ta2O12``, ``Li7.8 Ti10.2 Al1.8 P18 O72`` becomes
    ``Li1.3Ti1.7Al0.3P3O12``.
    """
    amounts = {e.symbol: round(amount, 2) for e, amount in composition.element_composition.items()}
    common = math.gcd(*(round(amount) for amount in amounts.values() if amount == round(amount)))
    factors = _factors(common)
    fitting = [f for f in factors if all(_has_two_decimals(amount / f) for amount in amounts.values())]
    factor = next(iter(fitting[:1] if fitting != [1] else factors), 1)
    return str(Composition({s: round(amount / factor, 2) for s, amount in amounts.items()}).reduced_formula)


def _factors(number: int) -> list[int]:
    """Factors of a number, the largest first; of one beyond what a crystal holds only those that are found quickly."""
    small = [f for f in range(1, math.isqrt(min(number, _MOST_ATOMS)) + 1) if number % f == 0]
    return sorted({*small, *(number // f for f in small)}, reverse=True)


def _has_two_decimals(value: float) -> bool:
    return abs(value - round(value, 2)) < 1e-6
