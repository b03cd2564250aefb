"""Clusterings, told and compared."""

from typing import Any

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.jobs.clustering_run import named_clusters
from mtl_flows.schemas.clustering import ClusteringDocument
from mtl_flows.science.clustering import compare_clusters
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import PROTOCOLS, Protocol


def find_clustering(store: MTLStore, name: str) -> ClusteringDocument:
    """Return a clustering by its id, or by its protocol and age.

    Parameters
    ----------
    name
        Id, such as ``text:0123456789abcdef``; or ``text`` for the current one of that protocol, ``text~1`` for the one
        that its cluster names were carried over from, ``text~2`` for the one before.

    Raises
    ------
    NotFoundError
        If there is no such clustering.
    """
    label, _, age = name.partition("~")
    protocol: Protocol | None = next((p for p in PROTOCOLS if p == label), None)
    if protocol is None or not (age.isdecimal() or not age):
        if not store.clusterings.existing([name]):
            current = [p for p in PROTOCOLS if store.clusterings.has_current(p)]
            known = [*current, *(clustering["id"] for clustering in list_clusterings(store))]
            raise NotFoundError(f"no clustering {name!r}", remedy=there_are(name, known, "run mtl screen"))
        return store.clusterings.get(name)
    run = store.clusterings.current(protocol)
    for _ in range(int(age or 0)):
        if not run.previous:
            raise NotFoundError(
                "no clustering before that", subject=name, remedy="mtl cluster list shows them"
            )
        run = store.clusterings.get(run.previous)
    return run


def list_clusterings(store: MTLStore) -> list[dict[str, Any]]:
    """Every clustering, in a line each."""
    return [
        {
            "id": run.id,
            "current": number == 0 and store.clusterings.has_current(protocol),
            "made_at": run.provenance.created_at,
            "materials": run.n_materials,
            "clusters": len(run.clusters),
            "selected_clusters": sum(cluster.selected for cluster in run.clusters),
            "method": run.method,
            "damping": run.damping,
            "silhouette": run.silhouette,
            "subsample_ari": run.stability.mean_ari,
            "provisional": run.drift.n_new if run.drift else 0,
            "drift": run.drift.reason if run.drift else "nothing new",
        }
        for protocol in PROTOCOLS
        for number, run in enumerate(store.clusterings.runs(protocol))
    ]


def compare_clusterings(store: MTLStore, old: ClusteringDocument, new: ClusteringDocument) -> dict[str, Any]:
    """Say what became of the clusters of one clustering in another.

    Returns
    -------
    dict
        ``events``: clusters that are the same, split, merged, were born or died, by name; ``materials``: how many are
        in both, only in the old and only in the new; ``ari``: adjusted Rand index over those in both, null for fewer
        than two; ``moved``: materials whose cluster has another name now, with both names; ``selected`` and
        ``no_longer_selected``: materials in both that the selection gained and lost.
    """
    from sklearn.metrics import adjusted_rand_score

    before, after = named_clusters(store, old), named_clusters(store, new)
    was = {member: cluster.name for cluster in before for member in cluster.members}
    now = {member: cluster.name for cluster in after for member in cluster.members}
    both = sorted(was.keys() & now.keys())
    selected_before = {cluster.name for cluster in old.clusters if cluster.selected}
    selected_after = {cluster.name for cluster in new.clusters if cluster.selected}
    return {
        "old": old.id,
        "new": new.id,
        "materials": {"both": len(both), "only_old": len(was) - len(both), "only_new": len(now) - len(both)},
        "ari": float(adjusted_rand_score([was[m] for m in both], [now[m] for m in both]))
        if len(both) > 1
        else None,
        "events": [
            {"kind": event.kind, "old": list(event.old), "new": list(event.new)}
            for event in compare_clusters(before, after)
        ],
        "moved": [{"material": m, "old": was[m], "new": now[m]} for m in both if was[m] != now[m]],
        "selected": [m for m in both if was[m] not in selected_before and now[m] in selected_after],
        "no_longer_selected": [m for m in both if was[m] in selected_before and now[m] not in selected_after],
    }
