"""What the rules say: one verdict per rule, one report per material."""

from dataclasses import dataclass
from typing import Any, Literal

from mtl_flows.records import Record

Confidence = Literal["certain", "high", "low"]


@dataclass(frozen=True, slots=True)
class RuleVerdict(Record):
    """One rule's answer for one material.

    Attributes
    ----------
    rule
        Number of the rule.
    name
        Short name of the rule, fit for a database field.
    passed
        Whether the rule lets the material through.
    reason
        One sentence for a person.
    evidence
        JSON-able facts that the verdict rests on.
    confidence
        ``certain``: follows from what is given; ``high``: rests on a well-founded criterion;
        ``low``: look at this one by hand.
    reference
        Where the rule comes from.
    """

    rule: int
    name: str
    passed: bool
    reason: str
    evidence: dict[str, Any]
    confidence: Confidence
    reference: str


@dataclass(frozen=True, slots=True)
class ChemistryReport:
    """Verdicts of the rules for one material, in the order of the rules."""

    formula: str
    rules: tuple[RuleVerdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule objects."""
        return all(verdict.passed for verdict in self.rules)

    @property
    def failures(self) -> list[int]:
        """Numbers of the rules that object."""
        return [verdict.rule for verdict in self.rules if not verdict.passed]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "formula": self.formula,
            "passed": self.passed,
            "failures": self.failures,
            "rules": [verdict.as_dict() for verdict in self.rules],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule's check returns; the rule adds its own name to make a :class:`RuleVerdict`."""

    passed: bool
    reason: str
    evidence: dict[str, Any]
    confidence: Confidence = "certain"
