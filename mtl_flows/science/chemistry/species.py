"""Elements behind species, whatever their decoration, and the element properties that the rules use."""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pymatgen.core import DummySpecies, Element

EQUAL_ELECTRONEGATIVITY = 0.1
"""Elements this close (H and P, As and Te, C and S) may take either sign beside each other."""

_DEFAULT_RADIUS_A = 1.5


def element_symbol(species: Any) -> str:
    """Return the element of a pymatgen element or species; deuterium and tritium are hydrogen."""
    if isinstance(species, DummySpecies):
        return str(species.symbol)
    return str(Element.from_Z(species.Z).symbol)


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
    radii = _covalent_radii_A()
    return radii.get(a, _DEFAULT_RADIUS_A) + radii.get(b, _DEFAULT_RADIUS_A)


@cache
def _covalent_radii_A() -> Mapping[str, float]:
    text = files("mtl_flows").joinpath("data/covalent_radii.json").read_text(encoding="utf-8")
    return {symbol: float(radius) for symbol, radius in json.loads(text)["radius_A"].items()}
