"""Documents of the clustering stage: one run, and one assignment for each of its members."""

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, Provenance, StageParameters
from mtl_flows.science.clustering import ClusteringParameters
from mtl_flows.science.topology import PrescreenThresholds, Protocol

ALGORITHM_VERSION = 1


def clustering_stage(
    protocol: Protocol,
    parameters: ClusteringParameters,
    thresholds: PrescreenThresholds,
    mobile_ion: str,
) -> StageParameters:
    """Key the clustering stage."""
    return StageParameters(
        stage="clustering",
        algorithm_version=ALGORITHM_VERSION,
        mobile_ion=mobile_ion,
        values={
            **parameters.as_dict(),
            "protocol": protocol,
            "prescreen_r_connected_A": thresholds.r_connected_A,
            "prescreen_rho_cycles": thresholds.rho_cycles,
        },
    )


class ClusterRecord(BaseModel):
    """One cluster of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="name that survives re-clustering")
    exemplar: str = Field(description="material id of the exemplar")
    exemplar_features: list[float] = Field(description="its features, unscaled, in the run's order")
    size: int = Field(description="members, exact twins included")
    known_conductors: list[str] = Field(description="material ids of its known conductors")
    selected: bool = Field(description="whether it holds a known conductor, the article's selection")


class ClusteringDocument(Document):
    """One clustering of everything that passed the prescreen under one protocol."""

    protocol: Protocol = Field(description="which features were clustered")
    topology_parameters_hash: str = Field(description="which topology documents the features come from")
    parameters_hash: str = Field(description="hash of the clustering's parameters and thresholds")
    members_hash: str = Field(description="hash of the sorted structure ids")
    provenance: Provenance = Field(description="where the document comes from")
    feature_names: list[str] = Field(description="columns of the feature matrix, in order")
    n_materials: int = Field(description="structures clustered")
    clusters: list[ClusterRecord] = Field(description="every cluster, in the order of its exemplars")
    method: str = Field(
        description="affinity_propagation, preaggregated (large sets) or singletons (fewer than four)"
    )
    damping: float = Field(description="the damping that converged")
    n_iterations: int = Field(description="iterations until convergence")
    silhouette: float = Field(description="mean silhouette of the distinct materials; 0 where undefined")
    scaler_mean: list[float] = Field(description="subtracted from each feature")
    scaler_scale: list[float] = Field(description="divided out of each feature")
    previous: str = Field("", description="id of the run whose cluster names were carried over")
    current: bool = Field(description="whether candidates are built from this run")


class AssignmentDocument(Document):
    """Where one structure stands in one clustering."""

    clustering_id: str = Field(description="id of the run")
    protocol: Protocol = Field(description="protocol of the run")
    material_id: str = Field(description="id of the material")
    structure_id: str = Field(description="id of the structure document")
    cluster: str = Field(description="name of the cluster")
    selected: bool = Field(description="whether the cluster holds a known conductor")
    provisional: bool = Field(description="assigned to the nearest exemplar after the run, not clustered")
    is_known_conductor: bool = Field(description="counts as a known superionic conductor")
    nearest_known: str = Field(description="material id of the nearest other known conductor; empty if none")
    nearest_known_distance: float | None = Field(
        description="distance to it in the scaled feature space; null if there is none"
    )
