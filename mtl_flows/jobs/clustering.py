"""Clustering of everything that passed the prescreen: the one stage that needs the whole set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import JobConfig, OnMissing, job
from numpy.typing import NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.parameters import ScreeningParameters
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, ClusterRecord
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.science.clustering import (
    ClusteringResult,
    NamedCluster,
    cluster,
    match_clusters,
    nearest_known,
    select_clusters,
)
from mtl_flows.science.topology import FEATURE_NAMES, PrescreenThresholds, Protocol, prescreen
from mtl_flows.store.database import MTLStore


def run_clustering(
    store: MTLStore, protocol: Protocol, parameters: ScreeningParameters
) -> ClusteringDocument:
    """Cluster the current representatives that pass the prescreen, and make the run the current one.

    The run's id is made of its parameters, its members and the known conductors among them, so running it
    again on the same set changes nothing.

    Raises
    ------
    ClusteringError
        If nothing passed the prescreen, or the clustering did not converge or is degenerate.
    """
    task = _plan(store, protocol, parameters)
    if not task.members:
        raise ClusteringError(
            "no structure passed the prescreen",
            subject=f"protocol {protocol}",
            remedy="compute topology first, or look at the thresholds",
        )
    if _is_done(store, task):
        store.clusterings.make_current(task.id, protocol)
        return store.clusterings.get(task.id)

    members = task.members
    material_ids = [member.material_id for member in members]
    names = FEATURE_NAMES[protocol]
    features = np.array([[member.features[protocol][name] for name in names] for member in members])
    result = cluster(features, material_ids, parameters.clustering(protocol))
    selection = select_clusters(result.labels, material_ids, task.known)
    previous_id, previous = _previous(store, protocol)
    labels = match_clusters(previous, result, retired=store.clusterings.names(protocol, before=task.id)).names
    clustering = ClusteringDocument(
        id=task.id,
        protocol=protocol,
        topology_parameters_hash=task.topology_hash,
        parameters_hash=task.stage.hash,
        members_hash=task.members_hash,
        provenance=Provenance.record(
            task.stage, {"members": task.members_hash, "topology": task.topology_hash}, job_id()
        ),
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
        _assignments(clustering, members, result, labels, set(selection.clusters), features, task.known)
    )
    # Last, so that a killed job never leaves a current run without its assignments.
    store.clusterings.make_current(task.id, protocol)
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


@dataclass(frozen=True)
class _Task:
    """One clustering to be done: what goes in, and the id that follows from it."""

    id: str
    stage: StageParameters
    topology_hash: str
    members: Sequence[TopologyDocument]
    members_hash: str
    known: frozenset[str]


def _plan(store: MTLStore, protocol: Protocol, parameters: ScreeningParameters) -> _Task:
    stage = parameters.clustering_stage(protocol)
    topology_hash = parameters.topology_stage().hash
    members = _members(store, protocol, topology_hash, parameters.thresholds)
    members_hash = content_hash(sorted(member.structure_id for member in members))
    known = store.labels.known_conductors() & {member.material_id.casefold() for member in members}
    key = content_hash([stage.hash, topology_hash, members_hash, sorted(known)])[:16]
    return _Task(f"{protocol}:{key}", stage, topology_hash, members, members_hash, known)


def _is_done(store: MTLStore, task: _Task) -> bool:
    assigned = {"clustering_id": task.id, "provisional": False}
    return bool(store.clusterings.existing([task.id])) and store.assignments.count(assigned) == len(
        task.members
    )


def clustering_is_current(store: MTLStore, protocol: Protocol, parameters: ScreeningParameters) -> bool:
    """Whether the current run of a protocol is the one that `run_clustering` would make."""
    task = _plan(store, protocol, parameters)
    if not task.members or not store.clusterings.has_current(protocol):
        return not task.members and not store.clusterings.has_current(protocol)
    return store.clusterings.current(protocol).id == task.id and _is_done(store, task)


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
            id=f"{clustering.id}:{member.structure_id}",
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
class ClusteringMaker(RecordMaker):
    """Job that clusters everything that passed the prescreen under one protocol."""

    name: str = "clustering"
    protocol: Protocol = "published"
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)

    # One lost batch must not hold up the clustering of all the others.
    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, after: list[Any]) -> dict[str, Any]:
        """Cluster, once the jobs whose outputs are listed in `after` have ended; return a summary."""
        with worker_store() as store:
            if not _plan(store, self.protocol, self.parameters).members:
                # A gate that nobody passes is a result, not a failure.
                store.clusterings.retire(self.protocol)
                return {"clustering_id": "", "n_materials": 0, "n_clusters": 0, "n_selected_clusters": 0}
            clustering = run_clustering(store, self.protocol, self.parameters)
        return {
            "clustering_id": clustering.id,
            "n_materials": clustering.n_materials,
            "n_clusters": len(clustering.clusters),
            "n_selected_clusters": sum(record.selected for record in clustering.clusters),
        }
