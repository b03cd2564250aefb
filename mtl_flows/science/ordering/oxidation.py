"""Oxidation states of elements in crystals whose composition need not be an integer one.

Every element gets one state. The combination of plausible states that balances the charge best wins; where
none does, an element of variable valence takes the fractional mean that balances it, if that mean lies between
two states it is known in. Otherwise the charge stays unbalanced, as it is in a file that lacks atoms.
"""

from itertools import product

from pymatgen.core import Element, Structure

# States in order of preference; elements not listed use their common states, highest first.
_PREFERRED: dict[str, tuple[int, ...]] = {
    "H": (1, -1), "B": (3,), "C": (4, -4, 2), "N": (-3, 5, 3), "O": (-2,), "F": (-1,),
    "Si": (4, -4), "P": (5, -3, 3), "S": (-2, 6, 4), "Cl": (-1, 7, 5),
    "Ge": (4, 2, -4), "As": (5, 3, -3), "Se": (-2, 4, 6), "Br": (-1, 5),
    "Sn": (4, 2), "Sb": (5, 3, -3), "Te": (-2, 6, 4), "I": (-1, 5, 7), "Pb": (2, 4), "Bi": (3, 5, -3),
    "Ti": (4, 3, 2), "V": (5, 4, 3, 2), "Cr": (3, 6, 2), "Mn": (2, 3, 4), "Fe": (3, 2), "Co": (2, 3, 4),
    "Ni": (2, 3, 4), "Cu": (2, 1), "Zn": (2,), "Nb": (5, 4), "Mo": (6, 4, 5, 3), "Tc": (7, 4), "Ru": (4, 5),
    "Rh": (3,),
    "Pd": (2, 4), "Ag": (1,), "Cd": (2,), "Ta": (5,), "W": (6, 4, 5), "Re": (7, 5), "Os": (4, 6), "Ir": (4, 5),
    "Pt": (4, 2), "Au": (3, 1), "Hg": (2, 1), "In": (3, 1), "Tl": (1, 3), "Ga": (3,), "Al": (3,),
    "Ce": (3, 4), "Pr": (3, 4), "Eu": (3, 2), "Yb": (3, 2), "Sm": (3, 2), "Tb": (3, 4),
    "Th": (4,), "U": (6, 4, 5), "Zr": (4,), "Hf": (4,),
}  # fmt: skip
_CHARGE_TOLERANCE = 0.02  # e for each atom: site occupancies are not known better
_CHARGE_COST = (
    100.0  # cost of one e for each atom beyond that, against one for each step down the preferences
)


def assign_oxidation_states(structure: Structure) -> dict[str, float]:
    """Assign one oxidation state to each element of an ordered or disordered structure.

    States that the structure carries itself are kept if they balance. Never raises: elements without known
    states are neutral, and a composition that cannot be balanced gets the best compromise.

    Parameters
    ----------
    structure
        Any structure; occupancies count.

    Returns
    -------
    dict
        Element symbol → state; fractional for mixed valence.
    """
    amounts = element_amounts(structure)
    n_atoms = sum(amounts.values())
    carried = _carried_states(structure)
    if carried and abs(total_charge(carried, amounts)) <= _CHARGE_TOLERANCE * n_atoms:
        return carried

    options = _options(amounts)
    best = min(
        product(*options.values()),
        key=lambda states: _cost(dict(zip(options, states, strict=True)), options, amounts, n_atoms),
    )
    states: dict[str, float] = dict(zip(options, map(float, best), strict=True))
    residue = total_charge(states, amounts)
    if abs(residue) > 2.0 * _CHARGE_TOLERANCE * n_atoms:
        _balance_by_mixed_valence(states, residue, amounts)
    return states


def total_charge(states: dict[str, float], amounts: dict[str, float]) -> float:
    """Return the charge of a composition in e."""
    return sum(states[element] * amount for element, amount in amounts.items())


def element_amounts(structure: Structure) -> dict[str, float]:
    """Return atoms of each element in the cell, isotopes and oxidation states merged."""
    amounts: dict[str, float] = {}
    for species, amount in structure.composition.items():
        symbol = element_symbol(species)
        amounts[symbol] = amounts.get(symbol, 0.0) + float(amount)
    return amounts


def element_symbol(species: object) -> str:
    """Return the element symbol of a pymatgen species; deuterium is hydrogen."""
    number = getattr(species, "Z", 0)
    return Element.from_Z(number).symbol if number else str(species)


def _carried_states(structure: Structure) -> dict[str, float]:
    """Return mean states given with the structure; empty unless every species has one."""
    sums: dict[str, float] = {}
    for species, amount in structure.composition.items():
        state = getattr(species, "oxi_state", None)
        if state is None:
            return {}
        symbol = element_symbol(species)
        sums[symbol] = sums.get(symbol, 0.0) + float(state) * float(amount)
    amounts = element_amounts(structure)
    return {symbol: total / amounts[symbol] for symbol, total in sums.items()}


def _options(amounts: dict[str, float]) -> dict[str, tuple[int, ...]]:
    """Return the states each element may take, preferred ones first."""
    most_electronegative = max(amounts, key=_electronegativity)
    options: dict[str, tuple[int, ...]] = {}
    for symbol in amounts:
        states = _known_states(symbol)
        if symbol == most_electronegative and len(amounts) > 1:
            # Nothing is there to take its electrons.
            states = tuple(state for state in states if state < 0) or states
        options[symbol] = states
    return options


def _known_states(symbol: str) -> tuple[int, ...]:
    if symbol in _PREFERRED:
        return _PREFERRED[symbol]
    try:
        common = Element(symbol).common_oxidation_states
    except ValueError:
        return (0,)
    return tuple(sorted(common, reverse=True)) or (0,)


def _electronegativity(symbol: str) -> float:
    try:
        value = Element(symbol).X
    except ValueError:
        return 0.0
    return float(value) if value == value else 0.0  # noble gases have none (NaN)


def _cost(
    states: dict[str, int], options: dict[str, tuple[int, ...]], amounts: dict[str, float], n_atoms: float
) -> float:
    """Return how implausible a combination is: unbalanced charge, then rarity of the states."""
    excess = abs(total_charge({k: float(v) for k, v in states.items()}, amounts)) / n_atoms
    rarity = sum(options[element].index(state) for element, state in states.items())
    return _CHARGE_COST * max(excess - _CHARGE_TOLERANCE, 0.0) + rarity


def _balance_by_mixed_valence(states: dict[str, float], residue: float, amounts: dict[str, float]) -> None:
    """Shift one element to the fractional state that balances the charge, changing ``states``.

    Of the elements that have known states of one sign on both sides of the mean, the one shifted least.
    """
    means = {element: state - residue / amounts[element] for element, state in states.items()}
    able = [element for element, mean in means.items() if _is_mixed_valence(element, mean)]
    if able:
        chosen = min(able, key=lambda element: abs(means[element] - states[element]))
        states[chosen] = means[chosen]


def _is_mixed_valence(symbol: str, mean: float) -> bool:
    same_sign = [state for state in _known_states(symbol) if state * mean > 0.0]
    return bool(same_sign) and min(same_sign) <= mean <= max(same_sign)
