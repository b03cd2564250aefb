"""Chemical screening: independent rules, each with its verdict, its reason and its evidence.

:func:`check_chemistry` judges a structure, :func:`check_composition` a bare formula. ``docs/explanation/chemistry.md``
tells how each rule is read and why.
"""

from mtl_flows.science.chemistry.parameters import ChemistryParameters
from mtl_flows.science.chemistry.report import ChemistryReport, Confidence, RuleVerdict
from mtl_flows.science.chemistry.rules import RULES, Rule
from mtl_flows.science.chemistry.screen import check_chemistry, check_composition

__all__ = [
    "RULES",
    "ChemistryParameters",
    "ChemistryReport",
    "Confidence",
    "Rule",
    "RuleVerdict",
    "check_chemistry",
    "check_composition",
]
