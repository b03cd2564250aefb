"""Apply the rules to a structure, or to a formula those that need no more."""

from collections.abc import Mapping

from pymatgen.core import Composition, Structure

from mtl_flows.science.chemistry.material import Material, from_formula, from_structure
from mtl_flows.science.chemistry.parameters import ChemistryParameters
from mtl_flows.science.chemistry.report import ChemistryReport
from mtl_flows.science.chemistry.rules import RULES

_DEFAULTS = ChemistryParameters()


def check_chemistry(
    structure: Structure,
    mobile_ion: str = "Li",
    parameters: ChemistryParameters = _DEFAULTS,
    oxidation_states: Mapping[str, float] | None = None,
    formula_text: str | None = None,
) -> ChemistryReport:
    """Apply every rule; none hides what another finds.

    Parameters
    ----------
    structure
        The material, ordered or disordered, with or without oxidation states on its sites.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Adjustable parts of the rules.
    oxidation_states
        Mean states known by element, in elementary charges; they go before those on the sites. A zero
        counts as not given.
    formula_text
        The formula as the file writes it. It may name water, or atoms that were not located: where it holds
        elements that no site does, its amounts replace those of the sites.

    Returns
    -------
    A report with a verdict of each rule.

    Raises
    ------
    InputError
        The structure holds no atoms.
    ConfigurationError
        The mobile ion, or an element with a given state, is no element.
    """
    material = from_structure(structure, mobile_ion, parameters, oxidation_states, formula_text)
    return _report(material)


def check_composition(
    formula: str | Composition,
    mobile_ion: str = "Li",
    parameters: ChemistryParameters = _DEFAULTS,
    oxidation_states: Mapping[str, float] | None = None,
) -> ChemistryReport:
    """Apply the rules that a composition decides.

    Parameters
    ----------
    formula
        A composition, or a text such as ``Li7La3Zr2O12`` or ``Li2SO4·H2O``.
    mobile_ion, parameters, oxidation_states
        As for :func:`check_chemistry`.

    Returns
    -------
    A report with a verdict of each of them.

    Raises
    ------
    InputError
        The text is not a formula.
    ConfigurationError
        The mobile ion, or an element with a given state, is no element.
    """
    return _report(from_formula(formula, mobile_ion, parameters, oxidation_states))


def _report(material: Material) -> ChemistryReport:
    rules = (rule for rule in RULES if material.structure is not None or not rule.needs_structure)
    return ChemistryReport(material.formula, tuple(rule.judge(material) for rule in rules))
