"""The rules, each an object in its own right: number, name, origin and check."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mtl_flows.science.chemistry.elements import (
    check_element_count,
    check_ternary,
    check_transition_metals,
)
from mtl_flows.science.chemistry.hydration import check_radioactive_or_water
from mtl_flows.science.chemistry.material import Material
from mtl_flows.science.chemistry.report import Finding, RuleVerdict
from mtl_flows.science.chemistry.sites import check_atom_count, check_shared_sites
from mtl_flows.science.chemistry.valence import check_oxidation_states

ARTICLE = "doi:10.1021/jacs.5c04828, section 2.4"
VERSION: Final = 1
"""Raised whenever a rule is added or judges otherwise: stored crystals are judged anew."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One criterion.

    Attributes
    ----------
    id
        Number; 1 to 8 are those of the article.
    name
        Short name, fit for a database field.
    title
        What is excluded, in words.
    check
        The judgement itself.
    needs_structure
        Whether a composition alone is not enough.
    source
        Where the criterion is stated; in the article if empty.
    """

    id: int
    name: str
    title: str
    check: Callable[[Material], Finding]
    needs_structure: bool = False
    source: str = ""

    @property
    def reference(self) -> str:
        """Where the criterion is stated."""
        return self.source or f"{ARTICLE}, criterion ({self.id})"

    def judge(self, material: Material) -> RuleVerdict:
        """Check a material, unless the rule is switched off, and sign the finding."""
        if self.id in material.parameters.disabled_rules:
            finding = Finding(True, "The rule is switched off.", {"disabled": True})
        else:
            finding = self.check(material)
        return RuleVerdict(
            rule=self.id,
            name=self.name,
            passed=finding.passed,
            reason=finding.reason,
            evidence=finding.evidence,
            confidence=finding.confidence,
            reference=self.reference,
        )


RULES: tuple[Rule, ...] = (
    Rule(1, "few_elements", "Two elements or fewer", check_element_count),
    Rule(2, "radioactive_or_water", "Radioactive elements, water", check_radioactive_or_water),
    Rule(3, "alloy", "Alloys", lambda material: material.alloy),
    Rule(4, "abnormal_oxidation_state", "Abnormal oxidation states", check_oxidation_states),
    Rule(5, "studied_ternary", "Much-studied ternary systems", check_ternary),
    Rule(6, "transition_metal", "Transition metals, certain oxides", check_transition_metals),
    Rule(7, "many_atoms", "More than 500 atoms", check_atom_count, needs_structure=True),
    Rule(8, "shared_mobile_site", "Mobile ion sharing its site", check_shared_sites, needs_structure=True),
)
