"""Clustering by topological features, and what is made of the clusters (article §2.3)."""

from mtl_flows.science.clustering.assignment import Assignment, Drift, assign, measure_drift
from mtl_flows.science.clustering.lineage import (
    Lineage,
    LineageEvent,
    NamedCluster,
    compare_clusters,
    match_clusters,
)
from mtl_flows.science.clustering.parameters import ClusteringParameters
from mtl_flows.science.clustering.partition import cluster
from mtl_flows.science.clustering.result import ClusteringResult
from mtl_flows.science.clustering.scaling import Scaler
from mtl_flows.science.clustering.selection import (
    ClusterSelection,
    NearestKnown,
    nearest_known,
    select_clusters,
)
from mtl_flows.science.clustering.stability import Stability, assess_stability

__all__ = [
    "Assignment",
    "ClusterSelection",
    "ClusteringParameters",
    "ClusteringResult",
    "Drift",
    "Lineage",
    "LineageEvent",
    "NamedCluster",
    "NearestKnown",
    "Scaler",
    "Stability",
    "assess_stability",
    "assign",
    "cluster",
    "compare_clusters",
    "match_clusters",
    "measure_drift",
    "nearest_known",
    "select_clusters",
]
