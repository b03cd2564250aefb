"""Document of the chemistry stage: each rule with its verdict and evidence."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import CrystalResult, FreeForm, Header, shared
from mtl_flows.science.chemistry import ChemistryReport


class RuleRecord(BaseModel):
    """Verdict of one rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: int = Field(description="number of the rule; 1 to 8 are the criteria in §2.4 of the article")
    name: str = Field(description="short name of the rule")
    passed: bool = Field(description="whether the material stays")
    reason: str = Field(description="why, in a sentence")
    evidence: FreeForm = Field(description="what the verdict rests on")
    confidence: Literal["certain", "high", "low"] = Field(description="how far the evidence decides")
    reference: str = Field(description="where the rule comes from")


class ChemistryDocument(CrystalResult):
    """What every rule says of one structure."""

    telling = ("formula", "passed", "failures")

    formula: str = Field(description="formula that the rules looked at")
    passed: bool = Field(description="whether every rule passed")
    failures: list[int] = Field(description="numbers of the rules that failed")
    rules: list[RuleRecord] = Field(description="every rule, in order")

    @classmethod
    def of(cls, header: Header, report: ChemistryReport) -> Self:
        """Document what the rules said."""
        return cls(
            **header.fields(),
            **shared(cls, report),
        )
