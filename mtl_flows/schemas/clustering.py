"""Documents of the clustering stage: one run, and one assignment for each of its members."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import Document, Provenance
from mtl_flows.vocabulary import Protocol


class ClusterRecord(BaseModel):
    """One cluster of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="name that survives re-clustering")
    exemplar: str = Field(description="material id of the exemplar")
    exemplar_features: list[float] = Field(description="its features, unscaled, in the run's order")
    size: int = Field(description="members, exact twins included")
    known_conductors: list[str] = Field(description="material ids of its known conductors")
    selected: bool = Field(description="whether it holds a known conductor, the article's selection")


class StabilityRecord(BaseModel):
    """How far the partition depends on which materials were at hand and on the damping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subsample_ari: list[float] = Field(
        description="adjusted Rand index with the partition of each 90 % subsample; 1 is identity, 0 chance"
    )
    n_failed_subsamples: int = Field(description="subsamples without a usable partition")
    damping_ari: dict[str, float] = Field(
        description="adjusted Rand index with the partition at the next damping of the ladder"
    )
    held_out_distances: list[float] = Field(
        description="sorted distances of held-out materials from the nearest exemplar, at most 1000 quantiles"
    )

    @property
    def mean_ari(self) -> float | None:
        """Mean over the subsamples; None if there are none."""
        return sum(self.subsample_ari) / len(self.subsample_ari) if self.subsample_ari else None


class LineageRecord(BaseModel):
    """One thing that happened to clusters since the run before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["same", "split", "merged", "born", "died"] = Field(description="what happened")
    old: list[str] = Field(description="names before; empty for born")
    new: list[str] = Field(description="names after; empty for died")


class DriftRecord(BaseModel):
    """How far materials assigned since the run are unlike those it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_new: int = Field(description="materials assigned provisionally")
    n_departed: int = Field(description="clustered materials that no longer take part")
    outside_fraction: float = Field(
        description="share of the new beyond the 95 % quantile of held-out distances; 0.05 is expected"
    )
    p_value: float = Field(description="probability of so many outside without drift, binomial, one-sided")
    growth: float = Field(description="new materials per material clustered")
    recluster: bool = Field(description="whether the whole set should be clustered anew")
    reason: str = Field(description="why, or why not")


class ClusteringDocument(Document):
    """One clustering of everything that passed the prescreen under one protocol."""

    telling = ("n_materials", "damping", "silhouette")

    protocol: Protocol = Field(description="which features were clustered")
    topology_parameters_hash: str = Field(description="which topology documents the features come from")
    parameters_hash: str = Field(description="hash of the clustering's parameters and thresholds")
    members_hash: str = Field(description="hash of the sorted ids of the crystals clustered")
    provenance: Provenance = Field(description="where the document comes from")
    feature_names: list[str] = Field(description="columns of the feature matrix, in order")
    n_materials: int = Field(description="crystals clustered, one for each unique material")
    clusters: list[ClusterRecord] = Field(description="every cluster, in the order of its exemplars")
    method: str = Field(
        description="affinity_propagation, preaggregated (large sets) or singletons (fewer than four)"
    )
    damping: float = Field(description="the damping that converged")
    n_iterations: int = Field(description="iterations until convergence")
    silhouette: float = Field(description="mean silhouette of the distinct materials; 0 where undefined")
    scaler_mean: list[float] = Field(description="subtracted from each feature")
    scaler_scale: list[float] = Field(description="divided out of each feature")
    stability: StabilityRecord = Field(description="agreement with the partitions of subsamples and dampings")
    previous: str = Field("", description="id of the run whose cluster names were carried over")
    lineage: list[LineageRecord] = Field(description="what became of the clusters of the previous run")
    drift: DriftRecord | None = Field(None, description="of what was assigned since; null while nothing was")


class AssignmentDocument(Document):
    """Where one crystal stands in one clustering."""

    telling = ("material_id", "cluster", "exemplar_distance")

    clustering_id: str = Field(description="id of the run")
    protocol: Protocol = Field(description="protocol of the run")
    material_id: str = Field(description="id of the material that stood for it when it was placed")
    crystal_id: str = Field(description="id of the crystal")
    cluster: str = Field(description="name of the cluster")
    exemplar_distance: float = Field(description="distance from its exemplar in the scaled feature space")
    selected: bool = Field(description="whether the cluster holds a known conductor")
    provisional: bool = Field(description="assigned to the nearest exemplar after the run, not clustered")
    is_known_conductor: bool = Field(description="counts as a known superionic conductor")
    nearest_known: str = Field(description="material id of the nearest other known conductor; empty if none")
    nearest_known_distance: float | None = Field(
        description="distance to it in the scaled feature space; null if there is none"
    )
