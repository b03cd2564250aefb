"""The clustering stage: clusters everything that passed the prescreen, and places newcomers between two clusterings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import JobConfig, OnMissing, job

from mtl_flows.jobs.clustering_run import is_done, run_task
from mtl_flows.jobs.clustering_task import ClusteringTask, plan_clustering
from mtl_flows.jobs.context import worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.screening import register
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, ClusterRecord, DriftRecord
from mtl_flows.science.clustering import (
    Assignment,
    ClusteringParameters,
    Scaler,
    assign,
    measure_drift,
    nearest_known,
)
from mtl_flows.science.known import canonical_id
from mtl_flows.stages import ScreeningParameters, Subject
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import PROTOCOLS, Protocol

_MAX_DEPARTED = 0.25


def update_clustering(
    store: MTLStore, protocol: Protocol, parameters: ScreeningParameters, *, recluster: bool = False
) -> ClusteringDocument:
    """Bring the clustering of one protocol up to date.

    Newcomers are assigned to the nearest exemplar of the current run, provisionally. The whole set is clustered anew
    if there is no run under these parameters, if the known conductors among the members have changed, if the
    newcomers are too many or too unlike the others, or if `recluster` asks for it.

    Returns
    -------
    ClusteringDocument
        The run that is current now.

    Raises
    ------
    ClusteringError
        As `run_clustering`.
    """
    store = store.under(parameters.screening)
    register(store, parameters)
    task = plan_clustering(store, protocol, parameters)
    return _update(store, task, parameters.clustering(protocol), recluster=recluster)


def _update(
    store: MTLStore, task: ClusteringTask, parameters: ClusteringParameters, *, recluster: bool
) -> ClusteringDocument:
    if recluster or not store.clusterings.has_current(task.protocol):
        return run_task(store, task, parameters)
    run = store.clusterings.current(task.protocol)
    change = None if run.id == task.id else _change(store, task, run)
    if change is None or change.drift.recluster:
        return run_task(store, task, parameters)
    if change.newcomers:
        store.assignments.put(_provisional(store, task, run, change))
    store.clusterings.note_drift(run.id, change.drift)
    return store.clusterings.get(run.id)


def clusterings_are_current(store: MTLStore, parameters: ScreeningParameters) -> bool:
    """Whether those of every protocol are, see `clustering_is_current`; who stands for the groups is read once."""
    representatives = store.structures.representatives()
    return all(clustering_is_current(store, protocol, parameters, representatives) for protocol in PROTOCOLS)


def clustering_is_current(
    store: MTLStore,
    protocol: Protocol,
    parameters: ScreeningParameters,
    representatives: Sequence[Subject] | None = None,
) -> bool:
    """Whether `update_clustering` would leave everything as it is."""
    store = store.under(parameters.screening)
    task = plan_clustering(store, protocol, parameters, representatives)
    if not task.members or not store.clusterings.has_current(protocol):
        return not task.members and not store.clusterings.has_current(protocol)
    run = store.clusterings.current(protocol)
    if run.id == task.id:
        return is_done(store, task)
    change = _change(store, task, run)
    if change is None or change.drift.recluster or change.drift != run.drift:
        return False
    return len(store.assignments.of(run.id, change.newcomers)) == len(change.newcomers)


@dataclass(frozen=True)
class _Change:
    """Who has come since a run, where they belong, and whether the run still does."""

    newcomers: list[str]
    placed: Assignment
    drift: DriftRecord


def _change(store: MTLStore, task: ClusteringTask, run: ClusteringDocument) -> _Change | None:
    """Compare the members with those of a run; None if the run is of another kind."""
    run_known = {canonical_id(known) for cluster in run.clusters for known in cluster.known_conductors}
    if not task.fits(run) or task.known != run_known or not run.stability.held_out_distances:
        return None
    clustered = store.assignments.clustered(run.id)
    present = set(task.crystal_ids)
    newcomers = [key for key in task.crystal_ids if key not in clustered]
    departed = len(clustered.keys() - present)
    features = store.topology.features(newcomers, task.topology_hash, task.protocol)
    placed = assign(features, [c.exemplar_features for c in run.clusters], _scaler(run))
    drift = measure_drift(run.stability.held_out_distances, placed.distances, n_clustered=run.n_materials)
    too_few = departed > _MAX_DEPARTED * run.n_materials
    record = DriftRecord(
        n_new=drift.n_new,
        n_departed=departed,
        outside_fraction=drift.outside_fraction,
        p_value=drift.p_value,
        growth=drift.growth,
        recluster=drift.recluster or too_few,
        reason=f"{departed} of {run.n_materials} clustered materials have left" if too_few else drift.reason,
    )
    return _Change(newcomers, placed, record)


def _provisional(
    store: MTLStore, task: ClusteringTask, run: ClusteringDocument, change: _Change
) -> list[AssignmentDocument]:
    """Assignments of the newcomers, with the nearest of the known conductors that were clustered.

    Who came to stand for a group that was clustered keeps the cluster of the one that stood before.
    """
    material_of = {member.crystal_id: member.material_id for member in task.members}
    known = [m.crystal_id for m in task.members if canonical_id(m.material_id) in task.known]
    together = [*change.newcomers, *known]
    features = store.topology.features(together, task.topology_hash, task.protocol)
    nearest = nearest_known(features, [material_of[key] for key in together], task.known, _scaler(run))
    inherited = _inherited(store, task, run, change.newcomers)
    assignments = []
    for key, label, distance, known_id, known_distance in zip(
        change.newcomers,
        change.placed.labels,
        change.placed.distances,
        nearest.known_ids,  # the known conductors at the end drop out
        nearest.distances,
        strict=False,
    ):
        cluster = inherited.get(key, run.clusters[int(label)])
        assignments.append(
            AssignmentDocument(
                id=f"{run.id}:{key}",
                clustering_id=run.id,
                protocol=run.protocol,
                material_id=material_of[key],
                crystal_id=key,
                cluster=cluster.name,
                exemplar_distance=float(distance),
                selected=cluster.selected,
                provisional=True,
                is_known_conductor=False,
                nearest_known=known_id or "",
                nearest_known_distance=float(known_distance) if known_id else None,
            )
        )
    return assignments


def _inherited(
    store: MTLStore, task: ClusteringTask, run: ClusteringDocument, newcomers: Sequence[str]
) -> dict[str, ClusterRecord]:
    """Clusters of those newcomers of whose group another crystal was clustered."""
    new = set(newcomers)
    heads = {member.crystal_id: member.material_id for member in task.members if member.crystal_id in new}
    held = store.groups.crystals_of_groups(heads.values())
    assigned = store.assignments.of(
        run.id, {crystal for crystals in held.values() for crystal in crystals} - new
    )
    clusters = {cluster.name: cluster for cluster in run.clusters}
    return {
        crystal: clusters[assigned[sibling].cluster]
        for crystal, head in heads.items()
        for sibling in held.get(head, ())
        if sibling in assigned
    }


def _scaler(run: ClusteringDocument) -> Scaler:
    return Scaler(np.array(run.scaler_mean), np.array(run.scaler_scale))


@dataclass
class ClusteringMaker(RecordMaker):
    """Job that clusters everything that passed the prescreen under one protocol.

    Parameters
    ----------
    recluster
        Cluster anew even where newcomers could join the current clusters.
    """

    name: str = "clustering"
    protocol: Protocol = "published"
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)
    recluster: bool = False

    # One lost batch must not hold up the clustering of all the others.
    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, after: list[Any]) -> dict[str, Any]:
        """Cluster, once the jobs whose outputs are listed in `after` have ended; return a summary."""
        with worker_store() as opened:
            store = opened.under(self.parameters.screening)
            register(store, self.parameters)
            task = plan_clustering(store, self.protocol, self.parameters)
            if not task.members:
                # A gate that nobody passes is a result, not a failure.
                store.clusterings.retire(self.protocol)
                return {"clustering_id": "", "n_materials": 0, "n_clusters": 0, "n_selected_clusters": 0}
            parameters = self.parameters.clustering(self.protocol)
            clustering = _update(store, task, parameters, recluster=self.recluster)
        return {
            "clustering_id": clustering.id,
            "n_materials": clustering.n_materials,
            "n_clusters": len(clustering.clusters),
            "n_selected_clusters": sum(record.selected for record in clustering.clusters),
            "n_provisional": clustering.drift.n_new if clustering.drift else 0,
        }
