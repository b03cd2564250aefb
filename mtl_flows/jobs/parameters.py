"""Parameters of a whole screening: every stage's in one record, from which each stage's hash follows."""

from dataclasses import asdict, dataclass, field
from typing import Any

from mtl_flows.schemas.base import StageParameters
from mtl_flows.schemas.chemistry import chemistry_stage
from mtl_flows.schemas.clustering import clustering_stage
from mtl_flows.schemas.topology import topology_stage
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.science.clustering import ClusteringParameters
from mtl_flows.science.topology import PrescreenThresholds, Protocol, TopologyParameters


@dataclass(frozen=True)
class ScreeningParameters:
    """What decides a candidate's gates.

    Attributes
    ----------
    published_clustering, text_clustering
        Of affinity propagation under each protocol.
    """

    mobile_ion: str = "Li"
    topology: TopologyParameters = field(default_factory=TopologyParameters)
    thresholds: PrescreenThresholds = field(default_factory=PrescreenThresholds)
    published_clustering: ClusteringParameters = field(
        default_factory=lambda: ClusteringParameters.for_protocol("published")
    )
    text_clustering: ClusteringParameters = field(
        default_factory=lambda: ClusteringParameters.for_protocol("text")
    )
    chemistry: ChemistryParameters = field(default_factory=ChemistryParameters)

    def clustering(self, protocol: Protocol) -> ClusteringParameters:
        """Clustering parameters of one protocol."""
        return self.published_clustering if protocol == "published" else self.text_clustering

    def topology_stage(self) -> StageParameters:
        """Key of the topology documents."""
        return topology_stage(self.topology, self.mobile_ion)

    def chemistry_stage(self) -> StageParameters:
        """Key of the chemistry documents."""
        return chemistry_stage(self.chemistry, self.mobile_ion)

    def clustering_stage(self, protocol: Protocol) -> StageParameters:
        """Key of one protocol's clusterings."""
        return clustering_stage(protocol, self.clustering(protocol), self.thresholds, self.mobile_ion)

    def as_dict(self) -> dict[str, Any]:
        """Plain mappings, as a job's document holds them."""
        return asdict(self)
