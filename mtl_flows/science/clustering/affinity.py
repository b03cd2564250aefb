"""Affinity propagation with its convergence checked, and what scikit-learn does beside it.

Messages that never settle are a failed attempt, though every point would have a label.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering.parameters import ClusteringParameters
from mtl_flows.science.clustering.propagation import Similarities


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    """A usable run of affinity propagation.

    Attributes
    ----------
    exemplars
        Indices of the exemplars, ascending, shape (n_clusters,).
    damping, n_iterations
        With which it converged, and after how many iterations.
    """

    exemplars: NDArray[np.intp]
    damping: float
    n_iterations: int


def propagate(
    points: NDArray[np.float64], parameters: ClusteringParameters, *, weight: float = 1.0
) -> Propagation:
    """Cluster points by affinity propagation, raising the damping until the partition is usable.

    Similarity is the negative squared Euclidean distance, the preference of every point the median similarity
    (B. J. Frey and D. Dueck, doi:10.1126/science.1136800), as in scikit-learn's defaults.

    Parameters
    ----------
    points
        Scaled features of distinct materials, shape (n_points, n_features). Memory is 24 n_points²
        bytes, up to 40 while clusters that hold nearly all points choose their exemplars.
    parameters
        Damping ladder, iteration limit and checks.
    weight
        Materials that one point stands for. The net similarity of a clustering sums over materials, so the
        preference, paid once per exemplar, is divided by it.

    Returns
    -------
    Propagation

    Raises
    ------
    ClusteringError
        No damping factor gave a converged partition with enough clusters and no giant one.
    """
    matrix = _squared_distances(points, points)
    np.negative(matrix, out=matrix)
    preference = float(np.median(matrix)) / weight
    similarities = Similarities(matrix, preference, parameters.seed)
    failures = []
    for damping in parameters.dampings:
        attempt = _attempt(similarities, damping, parameters)
        if isinstance(attempt, Propagation):
            return attempt
        failures.append(f"damping {damping:g}: {attempt}")
    raise ClusteringError(
        f"affinity propagation gave no usable partition of {len(points)} distinct points; "
        + "; ".join(failures),
        remedy="raise max_iterations if it did not converge; if there really are so few groups, "
        "lower min_clusters or raise max_cluster_fraction",
    )


def _attempt(
    similarities: Similarities, damping: float, parameters: ClusteringParameters
) -> Propagation | str:
    """Return the partition at one damping factor, or why it cannot be used."""
    max_iterations = parameters.at_damping(parameters.max_iterations, damping)
    settled = similarities.settle(
        damping,
        max_iterations=max_iterations,
        convergence_iterations=parameters.at_damping(parameters.convergence_iterations, damping),
    )
    if not settled.converged:
        return f"not converged in {max_iterations} iterations"
    n_points, n_clusters = len(settled.labels), len(settled.exemplars)
    required = parameters.required_clusters(n_points)
    if n_clusters < required:
        return f"{n_clusters} cluster(s) where at least {required} are expected"
    fraction = np.bincount(settled.labels).max() / n_points
    if required > 1 and fraction > parameters.max_cluster_fraction:
        return f"one cluster holds {fraction:.0%} of the points"
    return Propagation(settled.exemplars, damping, settled.n_iterations)


def aggregate(points: NDArray[np.float64], n_aggregates: int, seed: int) -> NDArray[np.float64]:
    """Return the centres of non-empty mini-batch k-means cells, shape (at most n_aggregates, n_features)."""
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(n_aggregates, batch_size=4096, n_init=3, random_state=seed).fit(points)
    centres: NDArray[np.float64] = model.cluster_centers_[
        np.bincount(model.labels_, minlength=n_aggregates) > 0
    ]
    return centres


def nearest(
    points: NDArray[np.float64], exemplars: NDArray[np.float64], *, chunk_bytes: int = 64_000_000
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the index of the nearest exemplar of each point (the first of equals) and the distance to it.

    No more than `chunk_bytes` of distances are held at once.
    """
    labels = np.empty(len(points), dtype=np.intp)
    distances = np.empty(len(points))
    step = max(1, chunk_bytes // (8 * len(exemplars)))
    for start in range(0, len(points), step):
        chunk = slice(start, start + step)
        squared = _squared_distances(points[chunk], exemplars)
        labels[chunk] = squared.argmin(axis=1)
        distances[chunk] = np.sqrt(squared.min(axis=1))
    return labels, distances


def silhouette(points: NDArray[np.float64], labels: NDArray[np.intp], *, sample: int, seed: int) -> float:
    """Return the mean silhouette of at most ``sample`` points; 0 for one cluster or none with two points.

    P. J. Rousseeuw, doi:10.1016/0377-0427(87)90125-7.
    """
    from sklearn.metrics import silhouette_score

    if len(points) > sample:
        chosen = np.sort(np.random.default_rng(seed).choice(len(points), sample, replace=False))
        points, labels = points[chosen], labels[chosen]
    if not 1 < len(np.unique(labels)) < len(labels):
        return 0.0
    return float(silhouette_score(points, labels))


def _squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = scipy.spatial.distance.cdist(a, b, "sqeuclidean")
    return squared
