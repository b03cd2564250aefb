"""The flat document people query: one per material, every stage's headline numbers side by side.

Each part of the row is a record of its own, made by `mtl_flows.stages.candidates` from the documents of one stage.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document
from mtl_flows.schemas.descriptors import Descriptors
from mtl_flows.vocabulary import DynamicsStatus, ErrorSource, Judgement, Reached, SimulationStatus


class DiffusivityRecord(BaseModel):
    """Diffusivity at one temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_K: float = Field(description="target temperature")
    ordering: int = Field(description="number of the ordered approximant")
    diffusivity_cm2_per_s: float | None = Field(description="null where there is only a bound or nothing")
    low_cm2_per_s: float | None = Field(description="lower end of the 95 % interval")
    high_cm2_per_s: float | None = Field(description="upper end of the 95 % interval, or the bound")
    status: SimulationStatus = Field(
        description="running, converged, upper_bound, framework_melted, unconverged or failed"
    )


class RowPart(BaseModel):
    """Fields of the row that are made together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fields(self) -> dict[str, Any]:
        """Fields of the row, by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class MaterialPart(RowPart):
    """What the material is."""

    material_id: str = Field(description="id of the material, such as icsd-188887")
    structure_id: str = Field(description="the current revision")
    crystal_id: str = Field(description="id of the crystal that it holds")
    representative_id: str = Field(description="material that stands for this one and its duplicates")
    is_representative: bool = Field(description="not a duplicate of another material")
    formula: str = Field(description="formula as the source gives it")
    reduced_formula: str = Field(description="reduced formula of the sites")
    chemical_system: str = Field(description="elements in alphabetical order, joined by hyphens")
    elements: list[str] = Field(description="element symbols, sorted")
    n_elements: int = Field(description="number of elements")
    n_sites: int = Field(description="crystallographic sites in the cell, whatever their occupancy")
    space_group_number: int = Field(description="found by spglib")
    ordered: bool = Field(description="no partial occupancy")
    releases: list[str] = Field(description="releases that hold the current revision")


class KnownPart(RowPart):
    """What is known of it from experiment."""

    is_known_conductor: bool = Field(
        description="on the article's list of superionic conductors, or labelled so"
    )
    conductivity_measured_S_per_cm: float | None = Field(
        None, description="measured near room temperature, from the user's labels or the file"
    )


class TopologyPart(Descriptors, RowPart):
    """Metrics and descriptors."""

    r_connected_A: float | None = Field(None, description="mean over mobile sites of the largest H0 death, Å")
    rho_cycles_published: float | None = Field(
        None, description="loops per mobile site at r_connected, mobile sites of the cell"
    )
    rho_cycles_text: float | None = Field(
        None, description="loops per mobile site at r_connected, framework sites of the cell"
    )
    v3_over_d3: float | None = Field(
        None, description="width of the widest channel over the shortest hop, both in three dimensions"
    )
    E_1D_eV: float | None = Field(
        None, description="bond-valence barrier in one dimension, above the deepest point of the landscape"
    )
    E_2D_eV: float | None = Field(None, description="as E_1D_eV, in two dimensions")
    E_3D_eV: float | None = Field(None, description="as E_1D_eV, in three dimensions")
    priority: float | None = Field(
        None,
        description="ln max(v3/d3, 0.05) − min(E_3D, 3 eV)/0.5 eV: the order in which molecular dynamics is spent; "
        "without it a material comes after all others, by v3/d3",
    )


class ClusterPart(RowPart):
    """Its places in the current clusterings."""

    cluster_published: str | None = Field(None, description="name of its cluster")
    cluster_text: str | None = Field(None, description="name of its cluster")
    provisional_published: bool | None = Field(
        None, description="assigned to the nearest cluster after the clustering"
    )
    provisional_text: bool | None = Field(
        None, description="assigned to the nearest cluster after the clustering"
    )
    nearest_known_published: str | None = Field(
        None, description="material id of the nearest known conductor in the feature space"
    )
    nearest_known_text: str | None = Field(
        None, description="material id of the nearest known conductor in the feature space"
    )
    nearest_known_distance_published: float | None = Field(
        None, description="distance to it, features unscaled"
    )
    nearest_known_distance_text: float | None = Field(
        None, description="distance to it, features standardised"
    )


class GatePart(RowPart):
    """What the gates say."""

    passes_connectivity: bool | None = Field(None, description="r_connected below its threshold")
    passes_prescreen_published: bool | None = Field(
        None, description="r_connected and rho_cycles within the thresholds of the protocol"
    )
    passes_prescreen_text: bool | None = Field(
        None, description="as passes_prescreen_published, under the other protocol"
    )
    selected_published: bool | None = Field(None, description="cluster holds a known conductor")
    selected_text: bool | None = Field(None, description="cluster holds a known conductor")
    passes_chemistry: bool | None = Field(None, description="every chemical rule passed")
    survives_published: bool | None = Field(None, description="prescreen, cluster and chemistry passed")
    survives_text: bool | None = Field(None, description="prescreen, cluster and chemistry passed")

    @property
    def survives(self) -> bool:
        """Whether it passed every gate of at least one protocol."""
        return bool(self.survives_published or self.survives_text)


class ChemistryPart(RowPart):
    """What the chemical rules say."""

    failed_rules: list[int] | None = Field(None, description="numbers of the chemical rules that failed")


class DynamicsPart(RowPart):
    """The one run that is shown, and its fits."""

    engine: str | None = Field(
        None,
        description="what the molecular dynamics ran on: of several runs the one whose last simulation began last; "
        "the numbers of this row are its own",
    )
    result_of: str | None = Field(
        None,
        description="revision whose molecular dynamics the row shows: its own, or one of its group; null without any",
    )
    result_is_earlier: bool = Field(
        False, description="the material of that revision has another crystal by now: read anew, or refined"
    )
    diffusivities: list[DiffusivityRecord] = Field(
        default_factory=list, description="one record for each approximant and temperature simulated"
    )
    dynamics_status: DynamicsStatus | None = Field(
        None, description="running, fitted, or why there is no activation energy"
    )
    n_orderings: int | None = Field(None, description="ordered approximants of the run shown")
    n_fits: int | None = Field(
        None,
        description="those of them with an Arrhenius line, which the energies and conductivities summarise",
    )
    activation_energy_eV: float | None = Field(
        None, description="slope of the Arrhenius fit, eV; mean over the orderings"
    )
    activation_energy_error_eV: float | None = Field(None, description="standard error, of the mean")
    activation_energy_low_eV: float | None = Field(
        None, description="lower end of the 95 % interval of the mean, which the verdict judges by"
    )
    activation_energy_high_eV: float | None = Field(
        None, description="upper end of the 95 % interval of the mean"
    )
    activation_energy_spread_eV: float | None = Field(
        None, description="standard deviation over the orderings; null with one"
    )
    conductivity_300K_S_per_cm: float | None = Field(
        None, description="extrapolated to 300 K; geometric mean over the orderings"
    )
    conductivity_300K_low_S_per_cm: float | None = Field(
        None, description="lower end of the 95 % interval, extrapolated to 300 K"
    )
    conductivity_300K_high_S_per_cm: float | None = Field(
        None, description="upper end of the 95 % interval, extrapolated to 300 K"
    )
    conductivity_300K_spread_decades: float | None = Field(
        None, description="standard deviation of its decimal logarithm over the orderings; null with one"
    )
    posterior_temperatures_K: list[float] = Field(
        default_factory=list, description="temperatures that the posterior rests on, converged or not"
    )
    activation_energy_simulated_eV: float | None = Field(
        None, description="posterior median, of the simulation alone"
    )
    activation_energy_simulated_low_eV: float | None = Field(
        None, description="lower end of its 95 % interval"
    )
    activation_energy_simulated_high_eV: float | None = Field(
        None, description="upper end of its 95 % interval"
    )
    conductivity_300K_simulated_S_per_cm: float | None = Field(
        None, description="posterior median, of the simulation alone"
    )
    conductivity_300K_simulated_low_S_per_cm: float | None = Field(
        None, description="lower end of its 95 % interval"
    )
    conductivity_300K_simulated_high_S_per_cm: float | None = Field(
        None, description="upper end of its 95 % interval"
    )
    P_conducts_simulated: float | None = Field(
        None, description="probability of σ(300 K) ≥ 10⁻⁴ S/cm, of the simulation alone"
    )
    P_energy_simulated: float | None = Field(
        None, description="probability of 0.1 ≤ E_a ≤ 1.0 eV, of the simulation alone"
    )
    activation_energy_crystal_eV: float | None = Field(
        None, description="posterior median, with the potential's error"
    )
    activation_energy_crystal_low_eV: float | None = Field(None, description="lower end of its 95 % interval")
    activation_energy_crystal_high_eV: float | None = Field(
        None, description="upper end of its 95 % interval"
    )
    conductivity_300K_crystal_S_per_cm: float | None = Field(
        None, description="posterior median, with the potential's error"
    )
    conductivity_300K_crystal_low_S_per_cm: float | None = Field(
        None, description="lower end of its 95 % interval"
    )
    conductivity_300K_crystal_high_S_per_cm: float | None = Field(
        None, description="upper end of its 95 % interval"
    )
    P_conducts_crystal: float | None = Field(
        None, description="probability of σ(300 K) ≥ 10⁻⁴ S/cm, with the potential's error"
    )
    P_energy_crystal: float | None = Field(
        None, description="probability of 0.1 ≤ E_a ≤ 1.0 eV, with the potential's error"
    )
    activation_energy_simulated_quantiles_eV: list[float] = Field(
        default_factory=list,
        description="of the simulation alone, at `mtl_flows.science.quantiles.PROBABILITIES`",
    )
    activation_energy_quantiles_eV: list[float] = Field(
        default_factory=list, description="with the potential's error, which the verdict judges by"
    )
    conductivity_300K_simulated_quantiles_S_per_cm: list[float] = Field(
        default_factory=list, description="of the simulation alone"
    )
    conductivity_300K_quantiles_S_per_cm: list[float] = Field(
        default_factory=list, description="with the potential's error, which the verdict judges by"
    )
    potential_error_eV: float | None = Field(
        None, description="standard deviation of what the potential gets wrong in E_a"
    )
    potential_bias_eV: float | None = Field(
        None, description="mean of that: the simulation's E_a less the crystal's"
    )
    potential_error_source: ErrorSource | None = Field(None, description="where these come from")
    what_more: dict[str, str] = Field(
        default_factory=dict,
        description="what would decide the criteria that the dynamics leave undecided, by their quantity",
    )
    compared_engines: list[str] = Field(
        default_factory=list, description="other potentials that have a fit of this material"
    )
    potentials_agree: bool | None = Field(
        None, description="the newest fits of all of them agree with this row; null with one potential"
    )


class WindowPart(RowPart):
    """The electrochemical window."""

    window_status: str | None = Field(None, description="known or unknown")
    window_low_V: float | None = Field(
        None, description="lower end of the electrochemical window against Li/Li⁺, V"
    )
    window_high_V: float | None = Field(
        None, description="upper end of the electrochemical window against Li/Li⁺, V"
    )
    window_width_V: float | None = Field(None, description="width of the window, V")
    e_above_hull_eV_per_atom: float | None = Field(None, description="energy above the convex hull")


class VerdictPart(RowPart):
    """The verdict under the screening's thresholds."""

    verdict: Judgement | None = Field(None, description="pass, fail or undecided")
    what_would_decide: list[str] = Field(
        default_factory=list, description="what an undecided verdict waits for"
    )


# Fields are kept in the order of the bases, the last one first.
class CandidateDocument(
    VerdictPart,
    WindowPart,
    DynamicsPart,
    GatePart,
    ChemistryPart,
    ClusterPart,
    TopologyPart,
    KnownPart,
    MaterialPart,
    Document,
):
    """One material: what it is, what every gate said, what was measured and calculated.

    ``None`` stands for *not computed*; the stage that is missing is named by `pending`.
    """

    telling = ("reduced_formula", "priority", "activation_energy_eV", "verdict")

    schema_version: int = Field(2, description="version of this document's layout")
    screening: str = Field(description="name of the screening")
    mobile_ion: str = Field(description="element symbol of the mobile ion")
    furthest_stage: Reached = Field(description="last gate that was passed")
    pending: list[str] = Field(description="stages that have not run for this material")
    inputs_hash: str = Field(
        "", description="hash of what the row was built from; a rebuild leaves rows whose inputs stand"
    )

    @staticmethod
    def key(screening: str, material_id: str) -> str:
        """Id of the row of a material in a screening."""
        return f"{screening}:{material_id}"
