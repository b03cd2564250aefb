"""Clustering of everything that passed the prescreen: the one stage that needs the whole set."""

from typing import Any

from mtl_flows.schemas.clustering import ClusteringDocument
from mtl_flows.science.clustering import ClusteringParameters
from mtl_flows.science.topology import PrescreenThresholds, Protocol
from mtl_flows.stages.base import Stage

CLUSTERING = Stage(noun="clustering", version=3, document=ClusteringDocument)


def clustering_values(
    protocol: Protocol, parameters: ClusteringParameters, thresholds: PrescreenThresholds
) -> dict[str, Any]:
    """Everything that decides a clustering but its members."""
    return {
        **parameters.as_dict(),
        "protocol": protocol,
        "prescreen_r_connected_A": thresholds.r_connected_A,
        "prescreen_rho_cycles": thresholds.rho_cycles,
    }
