"""What decides a clustering, in one record."""

from dataclasses import dataclass
from math import isqrt
from typing import Literal, Self

from mtl_flows.records import Record

ScalerKind = Literal["none", "standard"]


@dataclass(frozen=True, slots=True)
class ClusteringParameters(Record):
    """Parameters of affinity propagation and of the checks on its result.

    Attributes
    ----------
    scaler
        ``"none"`` leaves features as they are, ``"standard"`` gives each zero mean and unit variance.
    dampings
        Damping factors in [0.5, 1), tried in this order until one gives a usable partition.
    max_iterations, convergence_iterations
        Iterations allowed, and iterations for which the exemplars must stay the same, at damping 0.5. Damped
        messages move by 1 − damping per iteration, so both grow as 0.5/(1 − damping); with a fixed window,
        heavy damping passes its first transient off as an answer of one to four clusters.
    min_clusters
        Fewest clusters accepted from a large set; see ``required_clusters`` for small ones.
    max_cluster_fraction
        Largest share of the distinct materials that one cluster may hold.
    twin_tolerance
        Two materials closer than this, in units of the root-mean-square distance from the mean, are twins:
        they are clustered once. It absorbs the single-precision noise of the barcodes.
    preaggregate_above
        Above this number of distinct materials k-means aggregates are clustered instead of the materials.
    n_aggregates
        Number of those aggregates.
    seed
        Of the degeneracy-breaking noise and of k-means.
    """

    scaler: ScalerKind = "none"
    dampings: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9)
    max_iterations: int = 200
    convergence_iterations: int = 15
    min_clusters: int = 5
    max_cluster_fraction: float = 0.9
    twin_tolerance: float = 1e-6
    preaggregate_above: int = 10_000
    n_aggregates: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dampings", tuple(self.dampings))
        if self.scaler not in ("none", "standard"):
            raise ValueError(f"scaler must be 'none' or 'standard', not {self.scaler!r}")
        if not self.dampings or not all(0.5 <= damping < 1 for damping in self.dampings):
            raise ValueError(f"dampings must be a non-empty list of numbers in [0.5, 1), not {self.dampings}")
        if not 0 < self.max_cluster_fraction <= 1:
            raise ValueError(f"max_cluster_fraction must be in (0, 1], not {self.max_cluster_fraction}")
        for name in ("max_iterations", "convergence_iterations", "min_clusters", "preaggregate_above"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 2 <= self.n_aggregates <= self.preaggregate_above:
            raise ValueError("n_aggregates must be at least 2 and at most preaggregate_above")
        if self.twin_tolerance < 0:
            raise ValueError(f"twin_tolerance must not be negative, not {self.twin_tolerance}")

    @classmethod
    def for_protocol(cls, protocol: Literal["published", "text"]) -> Self:
        """Return the defaults of a protocol: raw features as published, standardised ones as in the text."""
        if protocol not in ("published", "text"):
            raise ValueError(f"protocol must be 'published' or 'text', not {protocol!r}")
        return cls(scaler="none" if protocol == "published" else "standard")

    def required_clusters(self, n_distinct: int) -> int:
        """Return the fewest clusters that a set of ``n_distinct`` materials must give.

        Affinity propagation at the median preference yields about √n clusters, whatever the scale of the
        features; fewer than half of that means that the messages collapsed. So half of √n is asked for, but
        never more than ``min_clusters``; below 16 materials a single cluster is a legitimate answer.
        """
        return min(self.min_clusters, max(1, isqrt(n_distinct) // 2))

    def at_damping(self, iterations: int, damping: float) -> int:
        """Return the iterations that move messages as far as ``iterations`` do at damping 0.5."""
        return round(iterations * 0.5 / (1 - damping))
