"""Clustering a set of materials by their features (article §2.3)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering.affinity import aggregate, nearest, propagate, silhouette
from mtl_flows.science.clustering.parameters import ClusteringParameters
from mtl_flows.science.clustering.result import ClusteringResult, Method
from mtl_flows.science.clustering.scaling import Scaler

_FEWEST_TO_COMPARE = 4  # distinct materials below which similarities cannot single out a pair
_SILHOUETTE_SAMPLE = 5000


def cluster(
    features: ArrayLike, ids: Sequence[str], parameters: ClusteringParameters = ClusteringParameters()
) -> ClusteringResult:
    """Partition materials by affinity propagation on their features.

    The materials are sorted by id first, so the partition does not depend on their order. Twins are clustered
    once and share a label. Above ``parameters.preaggregate_above`` distinct materials, exemplars are found
    among the centres of mini-batch k-means cells and each is replaced by the material nearest to it. The
    preference is scaled for the granularity of a set of ``preaggregate_above`` materials, so clusters stop
    getting finer there.

    Parameters
    ----------
    features
        Shape (n, n_features), finite.
    ids
        Distinct material ids, length n.
    parameters
        Scaling, damping ladder and checks.

    Returns
    -------
    ClusteringResult

    Raises
    ------
    ClusteringError
        Nothing to cluster, values that are not finite, repeated ids, more than three materials that are all
        the same, or no damping factor with a converged and non-degenerate partition.

    Notes
    -----
    With one to three distinct materials every one is its own cluster (``method="singletons"``).
    """
    table = _checked(features, ids)
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.intp)
    table, sorted_ids = table[order], [ids[i] for i in order]

    scaler, first, group = _distinct(table, parameters)
    points = scaler.transform(table[first])
    if len(points) == 1 and len(table) >= _FEWEST_TO_COMPARE:
        raise ClusteringError(
            f"all {len(table)} materials have the same features",
            remedy="check that the features were computed for these materials",
        )

    exemplars, damping, n_iterations, method = _exemplars(points, parameters)
    labels, distances = nearest(points, points[exemplars])
    unsort = np.argsort(order)
    return ClusteringResult(
        ids=tuple(ids),
        labels=labels[group][unsort],
        distances=distances[group][unsort],
        exemplar_ids=tuple(sorted_ids[i] for i in first[exemplars]),
        exemplar_features=table[first[exemplars]],
        sizes=tuple(np.bincount(labels[group], minlength=len(exemplars)).tolist()),
        silhouette=silhouette(points, labels, sample=_SILHOUETTE_SAMPLE, seed=parameters.seed),
        scaler=scaler,
        damping=damping,
        n_iterations=n_iterations,
        twins=_groups(sorted_ids, group),
        method=method,
    )


def _checked(features: ArrayLike, ids: Sequence[str]) -> NDArray[np.float64]:
    """Return the features as a table of finite numbers with one distinct id per row."""
    table = np.asarray(features, dtype=np.float64)
    if len(ids) == 0:
        raise ClusteringError(
            "there is nothing to cluster", remedy="screen materials first, or widen the query"
        )
    if table.ndim != 2 or len(table) != len(ids) or table.shape[1] == 0:
        raise ClusteringError(
            f"features of shape {table.shape} do not give one row to each of {len(ids)} ids"
        )
    repeated = [material_id for material_id, count in Counter(ids).items() if count > 1]
    if repeated:
        raise ClusteringError(
            f"{len(repeated)} id(s) are given more than once", subject=", ".join(repeated[:5])
        )
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        bad = [ids[i] for i in np.flatnonzero(~finite)]
        raise ClusteringError(
            f"features of {len(bad)} material(s) are not finite",
            subject=", ".join(bad[:5]),
            remedy="compute their topology again",
        )
    return table


def _distinct(
    table: NDArray[np.float64], parameters: ClusteringParameters
) -> tuple[Scaler, NDArray[np.intp], NDArray[np.intp]]:
    """Find the distinct rows.

    Returns
    -------
    scaler
        Fitted to rows that differ at all, so that it does not depend on how often a material is listed.
    first
        Row of the first member of each group of twins, ascending, shape (n_distinct,).
    group
        Position in ``first`` of each row's group, shape (n,).
    """
    exact, exact_group = _number_by_first(np.unique(table, axis=0, return_inverse=True)[1].ravel())
    rows = table[exact]
    scaler = Scaler.standard(rows) if parameters.scaler == "standard" else Scaler.identity(table.shape[1])

    if len(rows) > parameters.preaggregate_above:  # near twins need no care there: k-means pools them
        return scaler, exact, exact_group
    points = scaler.transform(rows)
    radius = parameters.twin_tolerance * float(np.sqrt(points.var(axis=0).sum()))
    pairs = scipy.spatial.KDTree(points).query_pairs(radius, output_type="ndarray")
    links = scipy.sparse.coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows))
    )
    close, close_group = _number_by_first(scipy.sparse.csgraph.connected_components(links, directed=False)[1])
    return scaler, exact[close], close_group[exact_group]


def _number_by_first(labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Renumber groups by their first member; return those members' positions and the new labels."""
    first, inverse = np.unique(labels, return_index=True, return_inverse=True)[1:]
    rank = np.argsort(np.argsort(first))
    return np.sort(first), rank[inverse.ravel()]


def _exemplars(
    points: NDArray[np.float64], parameters: ClusteringParameters
) -> tuple[NDArray[np.intp], float, int, Method]:
    """Choose the exemplars among the points: their indices, ascending, and how they were found."""
    if len(points) < _FEWEST_TO_COMPARE:
        return np.arange(len(points)), 0.0, 0, "singletons"
    if len(points) <= parameters.preaggregate_above:
        found = propagate(points, parameters)
        return found.exemplars, found.damping, found.n_iterations, "affinity_propagation"
    centres = aggregate(points, parameters.n_aggregates, parameters.seed)
    found = propagate(centres, parameters, weight=parameters.preaggregate_above / len(centres))
    nearest_material = scipy.spatial.KDTree(points).query(centres[found.exemplars])[1]
    return np.unique(nearest_material), found.damping, found.n_iterations, "preaggregated"


def _groups(ids: Sequence[str], group: NDArray[np.intp]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two and more ids."""
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    return tuple(tuple(ids[i] for i in members) for members in np.split(order, bounds) if len(members) > 1)
