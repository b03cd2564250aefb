"""Document of the chemistry stage: eight rules, each with its verdict and evidence."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import FreeForm, Provenance, StageDocument, StageParameters
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.chemistry import ChemistryParameters, ChemistryReport

ALGORITHM_VERSION = 1


def chemistry_stage(parameters: ChemistryParameters, mobile_ion: str) -> StageParameters:
    """Key the chemistry stage for `parameters`."""
    return StageParameters(
        stage="chemistry",
        algorithm_version=ALGORITHM_VERSION,
        mobile_ion=mobile_ion,
        values=parameters.as_dict(),
    )


class RuleRecord(BaseModel):
    """Verdict of one rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: int = Field(description="number of the criterion in §2.4 of the article")
    name: str = Field(description="short name of the rule")
    passed: bool = Field(description="whether the material stays")
    reason: str = Field(description="why, in a sentence")
    evidence: FreeForm = Field(description="what the verdict rests on")
    confidence: Literal["certain", "high", "low"] = Field(description="how far the evidence decides")
    reference: str = Field(description="where the rule comes from")


class ChemistryDocument(StageDocument):
    """All eight rules for one structure."""

    formula: str = Field(description="formula that the rules looked at")
    passed: bool = Field(description="whether every rule passed")
    failures: list[int] = Field(description="numbers of the rules that failed")
    rules: list[RuleRecord] = Field(description="every rule, in order")

    @classmethod
    def from_report(
        cls, structure: StructureDocument, report: ChemistryReport, parameters: StageParameters, job: str = ""
    ) -> Self:
        """Document `report` for `structure`."""
        return cls(
            id=cls.key(structure.id, parameters),
            material_id=structure.material_id,
            structure_id=structure.id,
            parameters_hash=parameters.hash,
            provenance=Provenance.record(parameters, {"structure": structure.content_hash}, job),
            formula=report.formula,
            passed=report.passed,
            failures=list(report.failures),
            rules=[
                RuleRecord(
                    rule=verdict.rule,
                    name=verdict.name,
                    passed=verdict.passed,
                    reason=verdict.reason,
                    evidence=dict(verdict.evidence),
                    confidence=verdict.confidence,
                    reference=verdict.reference,
                )
                for verdict in report.rules
            ],
        )
