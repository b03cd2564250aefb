"""What the rules look at: one material, with everything derived from it computed at most once."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pymatgen.core import Composition, Element, Structure

from mtl_flows.errors import ConfigurationError, InputError
from mtl_flows.science.charges import ion_amounts, known_states, without_charges
from mtl_flows.science.chemistry.alloy import judge_alloy
from mtl_flows.science.chemistry.balance import SearchLimitError
from mtl_flows.science.chemistry.bonding import Bonding
from mtl_flows.science.chemistry.formula import parse_formula
from mtl_flows.science.chemistry.oxidation import StateAssignment, assign_states
from mtl_flows.science.chemistry.parameters import ChemistryParameters
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.elements import element_amounts, element_symbol, is_element


@dataclass(frozen=True)
class Material:
    """A composition, with or without its structure, and what else the file says.

    Attributes
    ----------
    composition
        Amount of each element: of the sites, or of the formula text where that names elements that no
        site holds (hydrogens that were not located).
    located
        Elements that the sites hold.
    structure
        Without oxidation states; ``None`` for a bare formula.
    mobile_ion, parameters
        As given to the check.
    formula_text
        The formula as written, empty if none was given.
    given_states
        Mean oxidation states given by the caller, by element.
    stated_atoms
        For each element whose sites all bear an oxidation state, the states and how many atoms are in each.
    """

    composition: Mapping[str, float]
    located: frozenset[str]
    structure: Structure | None
    mobile_ion: str
    parameters: ChemistryParameters
    formula_text: str = ""
    given_states: Mapping[str, float] = field(default_factory=dict)
    stated_atoms: Mapping[str, Mapping[float, float]] = field(default_factory=dict)

    @property
    def unlocated(self) -> list[str]:
        """Elements of the formula that no site holds."""
        return sorted(set(self.composition) - self.located)

    @property
    def formula(self) -> str:
        """Reduced formula, amounts to three decimals."""
        rounded = Composition({one: round(x, 3) for one, x in self.composition.items()})
        with warnings.catch_warnings():  # pymatgen sorts by electronegativity, which noble gases lack
            warnings.filterwarnings("ignore", message="No Pauling electronegativity", category=UserWarning)
            return str(rounded.reduced_formula)

    @cached_property
    def is_disordered(self) -> bool:
        """Whether a site is partially or jointly occupied; of a formula, whether an amount is not whole."""
        if self.structure is not None and not self.structure.is_ordered:
            return True
        return any(abs(amount - round(amount)) > 1e-6 for amount in self.composition.values())

    @property
    def crystal(self) -> Structure:
        """The structure, for rules that cannot do without."""
        if self.structure is None:
            raise ValueError(f"{self.formula} is a bare formula")
        return self.structure

    @cached_property
    def bonding(self) -> Bonding:
        """Contacts between the sites of the structure."""
        return Bonding.of(self.crystal, self.parameters.bond_factor)

    @cached_property
    def alloy(self) -> Finding:
        """Whether the composition is an alloy."""
        return judge_alloy(self.composition, self.parameters)

    @cached_property
    def has_neutral_charges(self) -> bool:
        """Whether the file puts all atoms in an oxidation state and these add up to zero."""
        if set(self.stated_atoms) != set(self.composition) or self.given_states:
            return False
        charges = [
            state * amount for states in self.stated_atoms.values() for state, amount in states.items()
        ]
        positive = math.fsum(charge for charge in charges if charge > 0)
        return abs(math.fsum(charges)) <= self.parameters.charge_tolerance * positive

    @property
    def stated_oxidation(self) -> dict[str, list[float]]:
        """Oxidation states given by the caller, else those on the sites, by element."""
        if self.given_states:
            return {symbol: [state] for symbol, state in self.given_states.items()}
        return {symbol: sorted(states) for symbol, states in self.stated_atoms.items()}

    @cached_property
    def known_means(self) -> dict[str, float]:
        """Mean oxidation states given by the caller, else those on the sites, by element."""
        return dict(self.given_states) or {
            symbol: math.fsum(state * amount for state, amount in states.items()) / math.fsum(states.values())
            for symbol, states in self.stated_atoms.items()
        }

    @cached_property
    def assignment(self) -> StateAssignment | None:
        """Neutral oxidation states found by search, ``None`` if there are none.

        Raises
        ------
        SearchLimitError
            No answer within the bounds of the search.
        """
        found = self._assign(self.known_means)
        if found is None and self.known_means:
            found = self._assign({})
            return None if found is None else replace(found, confidence="low", ignores_given=True)
        return found

    def _assign(self, fixed: Mapping[str, float]) -> StateAssignment | None:
        bonding = None if self.structure is None or self.unlocated else self.bonding
        return assign_states(self.composition, bonding, fixed, self.parameters, disordered=self.is_disordered)

    def states(self, symbol: str) -> list[float]:
        """Return the oxidation states of an element as given or found; empty if unknown."""
        if self.has_neutral_charges:
            return self.stated_oxidation.get(symbol, [])
        try:
            assignment = self.assignment
        except SearchLimitError:
            return []
        if assignment is None:
            return []
        return [state for label, state in assignment.states.items() if label.split(" ")[0] == symbol]


def from_structure(
    structure: Structure,
    mobile_ion: str,
    parameters: ChemistryParameters,
    oxidation_states: Mapping[str, float] | None,
    formula_text: str | None,
) -> Material:
    """Gather what the rules need from a structure and its file.

    Raises
    ------
    InputError
        The structure holds no atoms.
    ConfigurationError
        The mobile ion or an element with a given state is no element.
    """
    located = element_amounts(structure.composition)
    if not located:
        raise InputError("the structure holds no atoms", remedy="check the file")
    stated = None if not formula_text else parse_formula(formula_text)
    composition = located
    if stated is not None and set(located) < set(element_amounts(stated)):
        composition = element_amounts(stated)
    return Material(
        composition=composition,
        located=frozenset(located),
        structure=without_charges(structure),
        mobile_ion=_require_element(mobile_ion),
        parameters=parameters,
        formula_text=formula_text or "",
        given_states=_require_states(oxidation_states),
        stated_atoms=known_states(ion_amounts(structure.composition)),
    )


def from_formula(
    formula: str | Composition,
    mobile_ion: str,
    parameters: ChemistryParameters,
    oxidation_states: Mapping[str, float] | None,
) -> Material:
    """Gather what the rules need from a bare formula.

    Raises
    ------
    InputError
        The text is not a formula.
    ConfigurationError
        The mobile ion or an element with a given state is no element.
    """
    parsed = parse_formula(formula) if isinstance(formula, str) else formula
    if parsed is None or parsed.num_atoms <= 0:
        raise InputError("not a chemical formula", subject=str(formula), remedy="write it like Li7La3Zr2O12")
    composition = element_amounts(parsed)
    return Material(
        composition=composition,
        located=frozenset(composition),
        structure=None,
        mobile_ion=_require_element(mobile_ion),
        parameters=parameters,
        formula_text=formula if isinstance(formula, str) else "",
        given_states=_require_states(oxidation_states),
    )


def _require_element(symbol: str) -> str:
    if not is_element(symbol):
        raise ConfigurationError(f"{symbol!r} is not an element", subject="mobile_ion")
    return symbol


def _require_states(states: Mapping[str, float] | None) -> dict[str, float]:
    for symbol, state in (states or {}).items():
        if not is_element(symbol) or not math.isfinite(state):
            raise ConfigurationError(
                f"no element and its state: {symbol!r}, {state}", subject="oxidation_states"
            )
    return {element_symbol(Element(symbol)): float(x) for symbol, x in (states or {}).items() if x != 0}
