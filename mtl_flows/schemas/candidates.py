"""The flat document people query: one per material, every stage's headline numbers side by side."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document

Stage = Literal[
    "ingested", "topology", "prescreen", "clustering", "chemistry", "dynamics", "stability", "verdict"
]


class DiffusivityRecord(BaseModel):
    """Diffusivity at one temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_K: float
    ordering: int = Field(description="number of the ordered approximant")
    diffusivity_cm2_per_s: float | None = Field(description="null where there is only a bound or nothing")
    low_cm2_per_s: float | None = Field(description="lower end of the 95 % interval")
    high_cm2_per_s: float | None = Field(description="upper end of the 95 % interval, or the bound")
    status: str = Field(
        description="running, converged, upper_bound, framework_melted, unconverged or failed"
    )


class CandidateDocument(Document):
    """One material: what it is, what every gate said, what was measured and calculated.

    ``None`` stands for *not computed*; the stage that is missing is named by `pending`.
    """

    material_id: str
    structure_id: str = Field(description="the current revision")
    representative_id: str = Field(description="material that stands for this one and its duplicates")
    is_representative: bool = Field(description="not a duplicate of another material")
    formula: str = Field(description="formula as the source gives it")
    reduced_formula: str
    chemical_system: str = Field(description="elements in alphabetical order, joined by hyphens")
    elements: list[str]
    n_elements: int
    n_sites: int
    space_group_number: int
    ordered: bool = Field(description="no partial occupancy")
    mobile_ion: str
    releases: list[str]

    is_known_conductor: bool
    conductivity_measured_S_per_cm: float | None = Field(
        None, description="measured near room temperature, from the user's labels or the file"
    )

    r_connected_A: float | None = None
    rho_cycles_published: float | None = None
    rho_cycles_text: float | None = None
    d1_A: float | None = None
    d2_A: float | None = None
    d3_A: float | None = None
    v1_A: float | None = None
    v2_A: float | None = None
    v3_A: float | None = None
    priority: float | None = Field(None, description="v3/d3: the order in which molecular dynamics is spent")

    passes_connectivity: bool | None = Field(None, description="r_connected below its threshold")
    passes_prescreen_published: bool | None = None
    passes_prescreen_text: bool | None = None
    cluster_published: str | None = None
    cluster_text: str | None = None
    selected_published: bool | None = Field(None, description="cluster holds a known conductor")
    selected_text: bool | None = None
    nearest_known_published: str | None = None
    nearest_known_text: str | None = None
    nearest_known_distance_published: float | None = None
    nearest_known_distance_text: float | None = None

    passes_chemistry: bool | None = None
    failed_rules: list[int] | None = None
    survives_published: bool | None = Field(None, description="prescreen, cluster and chemistry passed")
    survives_text: bool | None = None

    engine: str | None = Field(None, description="what the molecular dynamics ran on")
    diffusivities: list[DiffusivityRecord] = Field(default_factory=list)
    dynamics_status: str | None = None
    activation_energy_eV: float | None = None
    activation_energy_error_eV: float | None = Field(None, description="standard error")
    conductivity_300K_low_S_per_cm: float | None = None
    conductivity_300K_high_S_per_cm: float | None = None

    window_status: str | None = Field(None, description="known or unknown")
    window_low_V: float | None = None
    window_high_V: float | None = None
    e_above_hull_eV_per_atom: float | None = None

    verdict: str | None = Field(None, description="pass, fail or undecided")
    furthest_stage: Stage
    pending: list[str] = Field(description="stages that have not run for this material")

    @property
    def survives(self) -> bool:
        """Whether it passed every gate of at least one protocol."""
        return bool(self.survives_published or self.survives_text)
