"""From clusters to candidates: clusters that hold a known conductor, and the distance to the nearest one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering.scaling import Scaler
from mtl_flows.science.known import is_known


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSelection:
    """The article's selection (§2.3): every cluster that holds a known conductor, whole.

    Attributes
    ----------
    clusters
        Labels of the clusters kept, ascending.
    kept_ids
        Their members, known conductors included, sorted.
    known_by_cluster
        For each cluster kept, the known conductors in it, sorted.
    """

    clusters: tuple[int, ...]
    kept_ids: tuple[str, ...]
    known_by_cluster: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class NearestKnown:
    """The nearest known conductor of each material, itself excluded.

    Attributes
    ----------
    known_ids
        Id of the nearest known conductor, as the material bearing it spells it; ``None`` where there is no
        other.
    distances
        Distance to it in the scaled space, shape (n,); infinite where there is no other.
    """

    known_ids: tuple[str | None, ...]
    distances: NDArray[np.float64]


def select_clusters(labels: ArrayLike, ids: Sequence[str], known_ids: Collection[str]) -> ClusterSelection:
    """Keep every cluster that holds at least one known conductor.

    The rule is circular as a test of itself: known conductors are kept by construction. What it finds beyond
    them is measured in ``mtl_flows.evaluation.conductivity``.

    Parameters
    ----------
    labels
        Cluster of each material, shape (n,).
    ids
        Material ids, length n.
    known_ids
        Ids of known conductors, in any case; those that no material bears are ignored.

    Returns
    -------
    ClusterSelection
        Empty if none of the materials is a known conductor.
    """
    numbers = np.asarray(labels, dtype=np.intp)
    if numbers.shape != (len(ids),):
        raise ClusteringError(f"labels of shape {numbers.shape} do not fit {len(ids)} ids")
    known = is_known(ids, known_ids)
    clusters = np.unique(numbers[known])
    kept = np.isin(numbers, clusters)
    return ClusterSelection(
        clusters=tuple(clusters.tolist()),
        kept_ids=tuple(sorted(ids[i] for i in np.flatnonzero(kept))),
        known_by_cluster={
            int(k): tuple(sorted(ids[i] for i in np.flatnonzero(known & (numbers == k)))) for k in clusters
        },
    )


def nearest_known(
    features: ArrayLike, ids: Sequence[str], known_ids: Collection[str], scaler: Scaler
) -> NearestKnown:
    """Find for each material the nearest known conductor other than itself.

    Unlike the choice of whole clusters this gives an order, so a budget can be spent from the top.

    Parameters
    ----------
    features
        Unscaled, shape (n, n_features).
    ids
        Material ids, length n.
    known_ids
        Ids of known conductors, in any case; only those among ``ids`` count, for only they have features.
    scaler
        The scaling of the clustering.

    Returns
    -------
    NearestKnown
    """
    points = scaler.transform(features)
    if len(points) != len(ids):
        raise ClusteringError(f"features of shape {points.shape} do not fit {len(ids)} ids")
    rows = np.arange(len(ids))
    # in the order of their ids, so that ties between equally near conductors do not depend on the order of
    # the input
    known = np.array(sorted(np.flatnonzero(is_known(ids, known_ids)), key=ids.__getitem__), dtype=np.intp)
    if known.size == 0:
        return NearestKnown((None,) * len(ids), np.full(len(ids), np.inf))
    distances, positions = scipy.spatial.KDTree(points[known]).query(points, k=2)
    own_position = np.full(len(ids), -1)
    own_position[known] = np.arange(known.size)
    column = (positions[:, 0] == own_position).astype(np.intp)  # a known conductor may find itself first
    chosen = positions[rows, column]  # equal to known.size where there is no other
    return NearestKnown(
        tuple(ids[known[i]] if i < known.size else None for i in chosen), distances[rows, column]
    )
