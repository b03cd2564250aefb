"""What a clustering returns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.clustering.scaling import Scaler

Method = Literal["affinity_propagation", "preaggregated", "singletons"]


@dataclass(frozen=True, slots=True, eq=False)
class ClusteringResult:
    """A partition of materials; per-material fields are in the order of the input.

    Attributes
    ----------
    ids
        Material ids, length n.
    labels
        Cluster number of each material, shape (n,). Cluster ``k`` is the one of ``exemplar_ids[k]``.
    distances
        Distance of each material from its exemplar in the scaled space, shape (n,).
    exemplar_ids
        The exemplar of each cluster, sorted: numbers depend on the set clustered, not on its order.
    exemplar_features
        Unscaled features of the exemplars, shape (n_clusters, n_features): with ``scaler``, all that
        ``assign`` needs.
    sizes
        Materials in each cluster, twins counted.
    silhouette
        Mean silhouette of the distinct materials in the scaled space; 0 where undefined.
    scaler
        The scaling that was applied (the identity for none).
    damping, n_iterations
        Of the run that converged; both 0 where nothing had to be propagated.
    twins
        Groups of materials with the same features, each group sorted; twins share a cluster by construction.
        In a preaggregated set only exact copies count.
    method
        ``"affinity_propagation"``; ``"preaggregated"`` for large sets; ``"singletons"`` for fewer than four
        distinct materials, where every one is its own cluster because nothing can be said about what belongs
        together.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.intp]
    distances: NDArray[np.float64]
    exemplar_ids: tuple[str, ...]
    exemplar_features: NDArray[np.float64]
    sizes: tuple[int, ...]
    silhouette: float
    scaler: Scaler
    damping: float
    n_iterations: int
    twins: tuple[tuple[str, ...], ...]
    method: Method

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.exemplar_ids)

    def members(self, label: int) -> tuple[str, ...]:
        """Return the ids in one cluster, sorted."""
        return tuple(sorted(self.ids[i] for i in np.flatnonzero(self.labels == label)))
