"""Documents of campaigns: a budget of core-hours, spent where it says most, and the record of how."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, FreeForm, Provenance
from mtl_flows.vocabulary import SimulationStatus


class CampaignMaterial(BaseModel):
    """One material of a campaign."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material_id: str = Field(description="id of the material")
    structure_id: str = Field(description="revision that is simulated")
    parent_id: str = Field(description="key of what is ordered of it")


class Observation(BaseModel):
    """One simulation as a round found it; written when it differs from what the round before found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material_id: str = Field(description="id of the material")
    ordering: int = Field(description="number of the approximant")
    temperature_K: float = Field(description="target temperature")
    status: SimulationStatus = Field(description="running, failed, or what the analysis says")
    simulated_ps: float = Field(description="length so far")
    core_hours: float = Field(description="what it has cost so far: wall time times threads")
    diffusivity_cm2_per_s: float | None = Field(description="null where there is only a bound or nothing")
    relative_error: float | None = Field(description="standard error of D over D")


class DecisionRecord(BaseModel):
    """What a round decided for one material."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material_id: str = Field(description="id of the material")
    step: str = Field(description="probe, spread, deepen, wait or stop")
    reason: str = Field(description="in words")
    temperatures_K: list[float] = Field(description="what runs")
    max_production_ps: float = Field(description="how far it may go; 0 for the first length")
    core_hours: float = Field(description="expected cost; 0 without experience")
    conducts: float | None = Field(
        None, description="P(σ(300 K) ≥ 10⁻⁴ S/cm) of the simulation then; null where it said nothing"
    )


class CampaignRound(BaseModel):
    """One look at the store and what followed from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(description="from 0")
    created_at: datetime = Field(description="UTC")
    core_hours: float = Field(description="spent by all materials when the round was decided")
    observations: list[Observation] = Field(description="what had changed since the round before")
    decisions: list[DecisionRecord] = Field(description="one for each material, the most promising first")


class CampaignChange(BaseModel):
    """What somebody changed of a campaign that had begun, and from when on it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    created_at: datetime = Field(description="UTC")
    n_rounds: int = Field(description="rounds that had been decided before")
    core_hours: float = Field(description="budget of all materials together, from then on")
    material_core_hours: float = Field(description="budget of one material")
    at_once: int = Field(description="materials under way at a time")
    stopped: bool = Field(description="no more rounds are decided")


class CampaignDocument(Document):
    """A campaign: its materials, budget, protocol and rounds."""

    telling = ("core_hours", "at_once", "screening")

    schema_version: int = Field(2, description="version of this document's layout")
    name: str = Field(description="what it is called; also its id")
    screening: str = Field(
        "", description="screening whose candidates it simulates; empty before there were several"
    )
    materials: list[CampaignMaterial] = Field(description="in the order of their promise at the start")
    core_hours: float = Field(description="budget of all materials together, as it stands")
    material_core_hours: float = Field(description="budget of one material, as it stands")
    at_once: int = Field(description="materials under way at a time")
    stopped: bool = Field(False, description="somebody stopped it: no more rounds are decided")
    changes: list[CampaignChange] = Field(default_factory=list, description="of budgets, and stops, in order")
    dynamics: FreeForm = Field(description="parameters of the dynamics, as the jobs take them")
    rounds: list[CampaignRound] = Field(default_factory=list, description="every decision, in order")
    provenance: Provenance = Field(description="where the document comes from")
