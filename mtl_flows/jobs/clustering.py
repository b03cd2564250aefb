"""Clustering of everything that passed the prescreen: the one stage that needs the whole set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import Maker, OnMissing, job
from numpy.typing import NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, ClusterRecord
from mtl_flows.schemas.topology import TopologyDocument, topology_stage
from mtl_flows.science.clustering import (
    ClusteringParameters,
    ClusteringResult,
    NamedCluster,
    cluster,
    match_clusters,
    nearest_known,
    select_clusters,
)
from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PrescreenThresholds,
    Protocol,
    TopologyParameters,
    prescreen,
)
from mtl_flows.store.database import MTLStore

ALGORITHM_VERSION = 1


def clustering_stage(
    protocol: Protocol, parameters: ClusteringParameters, thresholds: PrescreenThresholds, mobile_ion: str
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


def run_clustering(
    store: MTLStore,
    protocol: Protocol,
    *,
    mobile_ion: str,
    topology: TopologyParameters,
    parameters: ClusteringParameters,
    thresholds: PrescreenThresholds = PrescreenThresholds(),
) -> ClusteringDocument:
    """Cluster the current representatives that pass the prescreen, and make the run the current one.

    The run's id is made of its parameters, its members and the known conductors among them, so running it
    again on the same set changes nothing.

    Raises
    ------
    ClusteringError
        If nothing passed the prescreen, or the clustering did not converge or is degenerate.
    """
    stage = clustering_stage(protocol, parameters, thresholds, mobile_ion)
    topology_hash = topology_stage(topology, mobile_ion).hash
    members = _members(store, protocol, topology_hash, thresholds)
    if not members:
        raise ClusteringError(
            "no structure passed the prescreen",
            subject=f"protocol {protocol}",
            remedy="compute topology first, or look at the thresholds",
        )
    material_ids = [member.material_id for member in members]
    known = store.labels.known_conductors() & {material_id.casefold() for material_id in material_ids}
    members_hash = content_hash(sorted(member.structure_id for member in members))
    key = content_hash([stage.hash, topology_hash, members_hash, sorted(known)])[:16]
    clustering_id = f"{protocol}:{key}"
    if store.clusterings.existing([clustering_id]) and _complete(store, clustering_id, len(members)):
        store.clusterings.make_current(clustering_id, protocol)
        return store.clusterings.get(clustering_id)

    names = FEATURE_NAMES[protocol]
    features = np.array([[member.features[protocol][name] for name in names] for member in members])
    result = cluster(features, material_ids, parameters)
    selection = select_clusters(result.labels, material_ids, known)
    previous_id, previous = _previous(store, protocol)
    labels = match_clusters(previous, result).names
    clustering = ClusteringDocument(
        _id=clustering_id,
        protocol=protocol,
        topology_parameters_hash=topology_hash,
        parameters_hash=stage.hash,
        members_hash=members_hash,
        provenance=Provenance.record(stage, {"members": members_hash, "topology": topology_hash}, job_id()),
        feature_names=list(names),
        n_materials=len(members),
        clusters=[
            ClusterRecord(
                name=labels[k],
                exemplar=exemplar,
                exemplar_features=result.exemplar_features[k].tolist(),
                size=result.sizes[k],
                known_conductors=list(selection.known_by_cluster.get(k, ())),
                selected=k in selection.clusters,
            )
            for k, exemplar in enumerate(result.exemplar_ids)
        ],
        method=result.method,
        damping=result.damping,
        n_iterations=result.n_iterations,
        silhouette=result.silhouette,
        scaler_mean=np.asarray(result.scaler.mean).tolist(),
        scaler_scale=np.asarray(result.scaler.scale).tolist(),
        previous=previous_id,
        current=False,
    )
    store.clusterings.put([clustering])
    store.assignments.put(
        _assignments(clustering, members, result, labels, set(selection.clusters), features, known)
    )
    # Last, so that a killed job never leaves a current run without its assignments.
    store.clusterings.make_current(clustering_id, protocol)
    return clustering


def _members(
    store: MTLStore, protocol: Protocol, topology_hash: str, thresholds: PrescreenThresholds
) -> list[TopologyDocument]:
    representatives = set(store.structures.representative_ids())
    return [
        document
        for document in store.topology.find({"parameters_hash": topology_hash})
        if document.structure_id in representatives
        and prescreen(document.r_connected_A, document.rho_cycles[protocol], protocol, thresholds).passed
    ]


def _complete(store: MTLStore, clustering_id: str, n_members: int) -> bool:
    return store.assignments.count({"clustering_id": clustering_id, "provisional": False}) == n_members


def _previous(store: MTLStore, protocol: Protocol) -> tuple[str, list[NamedCluster]]:
    """Id and clusters of the run that is current, whose names are carried over; empty before the first."""
    if not store.clusterings.has_current(protocol):
        return "", []
    run = store.clusterings.current(protocol)
    members: dict[str, set[str]] = {record.name: set() for record in run.clusters}
    for assignment in store.assignments.find({"clustering_id": run.id, "provisional": False}):
        members[assignment.cluster].add(assignment.material_id)
    return run.id, [
        NamedCluster(record.name, record.exemplar, frozenset(members[record.name])) for record in run.clusters
    ]


def _assignments(
    clustering: ClusteringDocument,
    members: Sequence[TopologyDocument],
    result: ClusteringResult,
    names: Sequence[str],
    selected: set[int],
    features: NDArray[np.float64],
    known: frozenset[str],
) -> list[AssignmentDocument]:
    material_ids = [member.material_id for member in members]
    nearest = nearest_known(features, material_ids, known, result.scaler)
    return [
        AssignmentDocument(
            _id=f"{clustering.id}:{member.structure_id}",
            clustering_id=clustering.id,
            protocol=clustering.protocol,
            material_id=member.material_id,
            structure_id=member.structure_id,
            cluster=names[label],
            selected=int(label) in selected,
            provisional=False,
            is_known_conductor=member.material_id.casefold() in known,
            nearest_known=known_id or "",
            nearest_known_distance=float(distance) if known_id else None,
        )
        for member, label, known_id, distance in zip(
            members, result.labels, nearest.known_ids, nearest.distances, strict=True
        )
    ]


@dataclass
class ClusteringMaker(Maker):
    """Job that clusters everything that passed the prescreen under one protocol.

    Parameters
    ----------
    parameters
        Of affinity propagation; the protocol's own if not given.
    """

    name: str = "clustering"
    protocol: Protocol = "published"
    mobile_ion: str = "Li"
    topology: TopologyParameters = field(default_factory=TopologyParameters)
    thresholds: PrescreenThresholds = field(default_factory=PrescreenThresholds)
    parameters: ClusteringParameters | None = None

    # One lost batch must not hold up the clustering of all the others.
    @job(config={"on_missing_references": OnMissing.NONE})
    def make(self, after: list[Any]) -> dict[str, Any]:
        """Cluster, once the jobs whose outputs are listed in `after` have ended; return a summary."""
        with worker_store() as store:
            clustering = run_clustering(
                store,
                self.protocol,
                mobile_ion=self.mobile_ion,
                topology=self.topology,
                parameters=self.parameters or ClusteringParameters.for_protocol(self.protocol),
                thresholds=self.thresholds,
            )
        return {
            "clustering_id": clustering.id,
            "n_materials": clustering.n_materials,
            "n_clusters": len(clustering.clusters),
            "n_selected_clusters": sum(record.selected for record in clustering.clusters),
        }
