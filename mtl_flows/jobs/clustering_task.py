"""What a clustering is to be made of: who takes part, under which parameters, and the id that follows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_flows.jobs.labels import known_groups
from mtl_flows.schemas.base import StageParameters, content_hash
from mtl_flows.schemas.clustering import ClusteringDocument
from mtl_flows.science.gates import Facts, gates_before, stand
from mtl_flows.science.known import canonical_id
from mtl_flows.stages import TOPOLOGY, ScreeningParameters, Subject
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import Protocol


@dataclass(frozen=True)
class ClusteringTask:
    """One clustering to be done.

    Attributes
    ----------
    id
        Made of the parameters, the members and the known conductors among them.
    members
        Current representatives whose crystals pass the prescreen, each crystal once, by crystal id.
    known
        Canonical ids of the known conductors among them.
    """

    id: str
    protocol: Protocol
    stage: StageParameters
    topology_hash: str
    members: Sequence[Subject]
    members_hash: str
    known: frozenset[str]

    @property
    def crystal_ids(self) -> list[str]:
        """Crystals that take part."""
        return [member.crystal_id for member in self.members]

    @property
    def material_ids(self) -> list[str]:
        """Materials that stand for them."""
        return [member.material_id for member in self.members]

    def features(self, store: MTLStore) -> NDArray[np.float64]:
        """Features of the members, shape (n, 22)."""
        return store.topology.features(self.crystal_ids, self.topology_hash, self.protocol)

    def fits(self, run: ClusteringDocument) -> bool:
        """Whether a run has the same parameters, so that new members can be placed in it."""
        return (run.parameters_hash, run.topology_parameters_hash) == (self.stage.hash, self.topology_hash)


def plan_clustering(
    store: MTLStore,
    protocol: Protocol,
    parameters: ScreeningParameters,
    representatives: Sequence[Subject] | None = None,
) -> ClusteringTask:
    """Find out who takes part in the clustering of one protocol; reads who stands for the groups if not given."""
    if representatives is None:
        representatives = store.structures.representatives()
    stage = parameters.clustering_stage(protocol)
    topology_hash = parameters.of(TOPOLOGY).hash
    criteria, asked_before = parameters.criteria(protocol), gates_before("cluster")
    # Of two unique materials of one crystal, which no matcher told to be one, the first by its id takes part.
    standing = {subject.crystal_id: subject for subject in reversed(representatives)}
    members = [
        standing[found.crystal_id]
        for found in store.topology.metrics(topology_hash, protocol, criteria.thresholds.r_connected_A)
        if found.crystal_id in standing
        and stand(Facts(found.r_connected_A, found.rho_cycles), criteria, asked_before, stop=True).outcome
        == "pass"
    ]
    members_hash = content_hash(sorted(member.crystal_id for member in members))
    ids = {canonical_id(member.material_id) for member in members}
    known = known_groups(store, parameters.mobile_ion) & ids
    key = content_hash([stage.hash, topology_hash, members_hash, sorted(known)])[:16]
    return ClusteringTask(f"{protocol}:{key}", protocol, stage, topology_hash, members, members_hash, known)
