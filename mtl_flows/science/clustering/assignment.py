"""Placing new materials among existing clusters, and noticing when that no longer does."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering.affinity import nearest
from mtl_flows.science.clustering.scaling import Scaler


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Provisional labels: the nearest exemplar of an existing clustering.

    Attributes
    ----------
    labels
        Cluster number, shape (n,).
    distances
        Distance from that cluster's exemplar in the scaled space, shape (n,).
    """

    labels: NDArray[np.intp]
    distances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far materials assigned since a clustering are unlike those it was made from.

    Attributes
    ----------
    n_reference, n_new
        Numbers of distances compared.
    outside_fraction
        Share of the new materials beyond the reference's 95 % quantile; 0.05 is expected without drift.
    p_value
        Probability of so many outside if the new materials were like the old (binomial, one-sided).
    growth
        New materials per material clustered.
    recluster
        Whether to cluster anew.
    reason
        Why, or why not, in words.
    """

    n_reference: int
    n_new: int
    outside_fraction: float
    p_value: float
    growth: float
    recluster: bool
    reason: str


def assign(features: ArrayLike, exemplar_features: ArrayLike, scaler: Scaler) -> Assignment:
    """Give each material the cluster of the nearest exemplar.

    Parameters
    ----------
    features
        Of the new materials, unscaled, shape (n, n_features).
    exemplar_features, scaler
        Those of a ``ClusteringResult``.

    Returns
    -------
    Assignment
        For the materials that were clustered it repeats their labels.

    Raises
    ------
    ClusteringError
        Shapes that do not fit together, or values that are not finite.
    """
    table = np.asarray(features, dtype=np.float64)
    exemplars = np.asarray(exemplar_features, dtype=np.float64)
    n_features = len(scaler.mean)
    tables = table.ndim == exemplars.ndim == 2 and len(exemplars) > 0
    if not tables or not table.shape[1] == exemplars.shape[1] == n_features:
        raise ClusteringError(
            f"features {table.shape}, exemplars {exemplars.shape} and {n_features} scaled columns do not fit",
            remedy="assign with the features and the protocol that were clustered",
        )
    if not np.isfinite(table).all():
        raise ClusteringError("features are not finite", remedy="compute the topology again")
    return Assignment(*nearest(scaler.transform(table), scaler.transform(exemplars)))


def measure_drift(
    reference_distances: ArrayLike,
    new_distances: ArrayLike,
    *,
    n_clustered: int,
    quantile: float = 0.95,
    max_growth: float = 0.25,
    significance: float = 0.01,
) -> Drift:
    """Decide whether provisional labels still do, or the whole set should be clustered anew.

    Two things make a clustering stale: newcomers that lie outside it, and sheer growth, because the number of
    clusters of affinity propagation grows as √n. Being outside must be both significant and frequent (twice
    the expected share), so that neither a few odd structures nor a large release of ordinary ones trigger it.

    Parameters
    ----------
    reference_distances
        Distances from the nearest exemplar expected of an ordinary newcomer:
        ``Stability.held_out_distances``. ``ClusteringResult.distances`` also serve but are shorter, because
        exemplars were chosen to make them so, and trigger too early.
    new_distances
        ``Assignment.distances`` of everything assigned since.
    n_clustered
        Number of materials in the clustering.
    quantile, max_growth, significance
        The reference quantile that bounds "inside"; the growth that is tolerated; the level of the binomial
        test.

    Returns
    -------
    Drift

    Raises
    ------
    ClusteringError
        No reference distances.
    """
    reference = np.asarray(reference_distances, dtype=np.float64)
    new = np.asarray(new_distances, dtype=np.float64)
    if reference.size == 0 or n_clustered < 1:
        raise ClusteringError("there is no clustering to measure drift against")
    growth = new.size / n_clustered
    if new.size == 0:
        return Drift(reference.size, 0, 0.0, 1.0, 0.0, recluster=False, reason="nothing new")

    n_outside = int(np.count_nonzero(new > np.quantile(reference, quantile)))
    outside = n_outside / new.size
    p_value = float(scipy.stats.binomtest(n_outside, new.size, 1 - quantile, alternative="greater").pvalue)
    drifted = p_value < significance and outside > 2 * (1 - quantile)
    if drifted:
        reason = f"{outside:.0%} of the newcomers lie outside the clusters; {1 - quantile:.0%} are expected"
    elif growth > max_growth:
        reason = f"the set has grown by {growth:.0%} since it was clustered"
    else:
        reason = "the new materials are like the old"
    return Drift(reference.size, new.size, outside, p_value, growth, drifted or growth > max_growth, reason)
