"""Persistent homology of the mobile and framework sublattices, the article's metrics and features, and percolation.

Definitions follow doi:10.1021/jacs.5c04828 (sections 2.2, 2.3 and 3.1); where its text and its released numbers differ
both are computed, see :data:`Protocol`.
"""

from mtl_flows.science.topology.barcodes import Barcodes, decode_barcodes
from mtl_flows.science.topology.compute import (
    TopologyResult,
    compute_barcodes,
    compute_percolation,
    compute_topology,
    describe_topology,
)
from mtl_flows.science.topology.features import (
    OrbitBarcodes,
    StructureBarcodes,
    TopologyMetrics,
    features_from_barcodes,
    metrics_from_barcodes,
)
from mtl_flows.science.topology.parameters import (
    FEATURE_NAMES,
    BarcodeParameters,
    PrescreenThresholds,
    TopologyParameters,
)
from mtl_flows.science.topology.rescreen import (
    Alternative,
    BarLimit,
    BarStatistic,
    rho_cycles_at,
)
from mtl_flows.vocabulary import PROTOCOLS, Protocol

__all__ = [
    "FEATURE_NAMES",
    "PROTOCOLS",
    "Alternative",
    "BarLimit",
    "BarStatistic",
    "BarcodeParameters",
    "Barcodes",
    "OrbitBarcodes",
    "PrescreenThresholds",
    "Protocol",
    "StructureBarcodes",
    "TopologyMetrics",
    "TopologyParameters",
    "TopologyResult",
    "compute_barcodes",
    "compute_percolation",
    "compute_topology",
    "decode_barcodes",
    "describe_topology",
    "features_from_barcodes",
    "metrics_from_barcodes",
    "rho_cycles_at",
]
