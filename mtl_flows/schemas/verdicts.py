"""Verdicts: what each number said against each threshold."""

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, Provenance
from mtl_flows.vocabulary import Judgement, Trust


class CriterionRecord(BaseModel):
    """One criterion, the number it was held against, and how it went."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantity: str = Field(description="name of the quantity, with its unit")
    minimum: float | None = Field(description="lower threshold; null if there is none")
    maximum: float | None = Field(description="upper threshold; null if there is none")
    strict: bool = Field(description="a value at the threshold fails")
    value: float | None = Field(description="best estimate; null where no number can be used")
    value_alone: float | None = Field(
        None, description="the same of the simulation alone, uncorrected; null of other quantities"
    )
    low: float | None = Field(description="lower end of the interval; null where it is open")
    high: float | None = Field(description="upper end of the interval; null where it is open")
    status: Trust = Field(description="how far the number can be trusted")
    origin: str = Field(description="what the number rests on")
    note: str = Field(description="what is missing or doubtful")
    probability: float | None = Field(
        None,
        description="of keeping the thresholds, where the distribution is known; it decides from 0.95 on",
    )
    outcome: Judgement = Field(description="an interval across a threshold is undecided")
    outcome_alone: Judgement | None = Field(
        None, description="what the simulation alone would say, without the error of its potential"
    )
    what_would_decide: str = Field(description="what an undecided criterion waits for")


class VerdictDocument(Document):
    """Verdict on one material under one set of thresholds."""

    telling = ("formula", "outcome")

    material_id: str = Field(description="id of the material")
    structure_id: str = Field(description="revision that was judged")
    parameters_hash: str = Field(description="hash of the thresholds")
    provenance: Provenance = Field(description="what the verdict rests on")
    formula: str = Field(description="reduced formula")
    outcome: Judgement = Field(description="fail if any criterion fails, else undecided if any is, else pass")
    criteria: list[CriterionRecord] = Field(
        description="every number with its interval, origin and thresholds"
    )
    what_would_decide: list[str] = Field(description="what an undecided verdict waits for")
