"""Parameters of a whole screening: every stage's in one record, from which each stage's key follows."""

from dataclasses import dataclass, field
from typing import Any

from mtl_flows.records import Record
from mtl_flows.schemas.base import StageParameters
from mtl_flows.science.barrier import BarrierParameters
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.science.clustering import ClusteringParameters
from mtl_flows.science.gates import Criteria
from mtl_flows.science.topology import PrescreenThresholds, Protocol, TopologyParameters
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.stages.base import CrystalStage
from mtl_flows.stages.clustering import CLUSTERING, clustering_values


@dataclass(frozen=True)
class ScreeningParameters(Record):
    """What decides a candidate's gates, and its verdict.

    Attributes
    ----------
    published_clustering, text_clustering
        Of affinity propagation under each protocol.
    verdict
        What the dynamics and the window are held against.
    name
        Of the screening; the symbol of the ion if empty.
    """

    mobile_ion: str = "Li"
    topology: TopologyParameters = field(default_factory=TopologyParameters)
    barrier: BarrierParameters = field(default_factory=BarrierParameters)
    thresholds: PrescreenThresholds = field(default_factory=PrescreenThresholds)
    published_clustering: ClusteringParameters = field(
        default_factory=lambda: ClusteringParameters.for_protocol("published")
    )
    text_clustering: ClusteringParameters = field(
        default_factory=lambda: ClusteringParameters.for_protocol("text")
    )
    chemistry: ChemistryParameters = field(default_factory=ChemistryParameters)
    verdict: VerdictThresholds = field(default_factory=VerdictThresholds)
    name: str = ""

    @property
    def screening(self) -> str:
        """Name of the screening."""
        return self.name or self.mobile_ion

    def of(self, stage: CrystalStage[Any]) -> StageParameters:
        """Key part that a stage's parameters make."""
        return stage.keyed(getattr(self, stage.section), self.mobile_ion)

    def criteria(self, protocol: Protocol) -> Criteria:
        """What the gates ask for under one protocol."""
        return Criteria(protocol, self.thresholds)

    def clustering(self, protocol: Protocol) -> ClusteringParameters:
        """Clustering parameters of one protocol."""
        return self.published_clustering if protocol == "published" else self.text_clustering

    def clustering_stage(self, protocol: Protocol) -> StageParameters:
        """Key part of one protocol's clusterings."""
        values = clustering_values(protocol, self.clustering(protocol), self.thresholds)
        return CLUSTERING.parameters(values, self.mobile_ion)
