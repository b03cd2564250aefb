"""One clustering of everything that passed the prescreen: the one stage that needs the whole set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.jobs.clustering_task import ClusteringTask, plan_clustering
from mtl_flows.jobs.context import job_id
from mtl_flows.jobs.screening import register
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.clustering import (
    AssignmentDocument,
    ClusteringDocument,
    ClusterRecord,
    LineageRecord,
    StabilityRecord,
)
from mtl_flows.science.clustering import (
    ClusteringParameters,
    ClusteringResult,
    NamedCluster,
    assess_stability,
    cluster,
    match_clusters,
    nearest_known,
    select_clusters,
)
from mtl_flows.science.known import canonical_id
from mtl_flows.science.topology import FEATURE_NAMES, Protocol
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

_KEPT_DISTANCES = 1000


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
    store = store.under(parameters.screening)
    register(store, parameters)
    return run_task(store, plan_clustering(store, protocol, parameters), parameters.clustering(protocol))


def run_task(store: MTLStore, task: ClusteringTask, parameters: ClusteringParameters) -> ClusteringDocument:
    """As `run_clustering`, once it is planned."""
    protocol = task.protocol
    if not task.members:
        raise ClusteringError(
            "no structure passed the prescreen",
            subject=f"protocol {protocol}",
            remedy="compute topology first, or look at the thresholds",
        )
    if is_done(store, task):
        store.clusterings.make_current(task.id, protocol)
        return store.clusterings.get(task.id)

    features = task.features(store)
    result = cluster(features, task.material_ids, parameters)
    stability = _stability(features, result, parameters)
    selection = select_clusters(result.labels, task.material_ids, task.known)
    previous_id, previous = _previous(store, protocol)
    lineage = match_clusters(previous, result, retired=store.clusterings.names(protocol, before=task.id))
    labels = lineage.names
    clustering = ClusteringDocument(
        id=task.id,
        protocol=protocol,
        topology_parameters_hash=task.topology_hash,
        parameters_hash=task.stage.hash,
        members_hash=task.members_hash,
        provenance=Provenance.record(
            task.stage, {"members": task.members_hash, "topology": task.topology_hash}, job_id()
        ),
        feature_names=list(FEATURE_NAMES[protocol]),
        n_materials=len(task.members),
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
        stability=stability,
        previous=previous_id,
        lineage=[
            LineageRecord(kind=event.kind, old=list(event.old), new=list(event.new))
            for event in (lineage.events if previous_id else ())
        ],
    )
    store.clusterings.put([clustering])
    store.assignments.put(_assignments(clustering, task, result, labels, set(selection.clusters), features))
    # Last, so that a killed job never leaves a current run without its assignments.
    store.clusterings.make_current(task.id, protocol)
    return clustering


def is_done(store: MTLStore, task: ClusteringTask) -> bool:
    """Whether the run of a task is there with all its assignments."""
    assigned = {"clustering_id": task.id, "provisional": False}
    return bool(store.clusterings.existing([task.id])) and store.assignments.count(assigned) == len(
        task.members
    )


def named_clusters(store: MTLStore, run: ClusteringDocument) -> list[NamedCluster]:
    """Clusters of a stored run with what they were made of."""
    members = store.assignments.members(run.id)
    return [
        NamedCluster(record.name, record.exemplar, members.get(record.name, frozenset()))
        for record in run.clusters
    ]


def _previous(store: MTLStore, protocol: Protocol) -> tuple[str, list[NamedCluster]]:
    """Id and clusters of the run that is current, whose names are carried over; empty before the first."""
    if not store.clusterings.has_current(protocol):
        return "", []
    run = store.clusterings.current(protocol)
    return run.id, named_clusters(store, run)


def _stability(
    features: NDArray[np.float64], result: ClusteringResult, parameters: ClusteringParameters
) -> StabilityRecord:
    """Assess a partition; the record is empty where there is too little to leave anything out."""
    try:
        found = assess_stability(features, result.ids, parameters, whole=result)
    except ClusteringError:
        return StabilityRecord(subsample_ari=[], n_failed_subsamples=0, damping_ari={}, held_out_distances=[])
    distances = np.sort(found.held_out_distances)
    if len(distances) > _KEPT_DISTANCES:
        distances = np.quantile(distances, np.linspace(0, 1, _KEPT_DISTANCES))
    return StabilityRecord(
        subsample_ari=list(found.subsample_ari),
        n_failed_subsamples=found.n_failed_subsamples,
        damping_ari={f"{damping:g}": ari for damping, ari in found.damping_ari},
        held_out_distances=distances.tolist(),
    )


def _assignments(
    clustering: ClusteringDocument,
    task: ClusteringTask,
    result: ClusteringResult,
    names: Sequence[str],
    selected: set[int],
    features: NDArray[np.float64],
) -> list[AssignmentDocument]:
    nearest = nearest_known(features, task.material_ids, task.known, result.scaler)
    return [
        AssignmentDocument(
            id=f"{clustering.id}:{member.crystal_id}",
            clustering_id=clustering.id,
            protocol=clustering.protocol,
            material_id=member.material_id,
            crystal_id=member.crystal_id,
            cluster=names[label],
            exemplar_distance=float(exemplar_distance),
            selected=int(label) in selected,
            provisional=False,
            is_known_conductor=canonical_id(member.material_id) in task.known,
            nearest_known=known_id or "",
            nearest_known_distance=float(distance) if known_id else None,
        )
        for member, label, exemplar_distance, known_id, distance in zip(
            task.members, result.labels, result.distances, nearest.known_ids, nearest.distances, strict=True
        )
    ]
