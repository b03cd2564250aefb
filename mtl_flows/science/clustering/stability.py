"""How far a partition depends on which materials were at hand and on the damping factor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering.affinity import nearest
from mtl_flows.science.clustering.parameters import ClusteringParameters
from mtl_flows.science.clustering.partition import cluster
from mtl_flows.science.clustering.result import ClusteringResult

# No mean is trusted that rests on fewer subsamples, nor a distribution of distances on fewer.
_FEWEST_SUBSAMPLES, _FEWEST_DISTANCES = 4, 200


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """Adjusted Rand indices (ARI) of a partition with its neighbours: 1 is identity, 0 is chance.

    Attributes
    ----------
    subsample_ari
        One per subsample that could be clustered, over the materials in it.
    n_failed_subsamples
        Subsamples without a usable partition.
    damping_ari
        Pair (damping, ARI) for the next damping of the ladder, if it gave a usable partition; the dampings before
        the one that was used gave none.
    held_out_distances
        Distances, in the scaled space, of materials left out of a subsample from the nearest exemplar found
        without them: how far a newcomer of the same kind lies, the reference for ``measure_drift``.
    """

    subsample_ari: tuple[float, ...]
    n_failed_subsamples: int
    damping_ari: tuple[tuple[float, float], ...]
    held_out_distances: NDArray[np.float64]

    @property
    def mean_ari(self) -> float:
        """Mean over the subsamples; 0 if none could be clustered."""
        return float(np.mean(self.subsample_ari)) if self.subsample_ari else 0.0

    @property
    def n_subsamples(self) -> int:
        """Subsamples that were tried."""
        return len(self.subsample_ari) + self.n_failed_subsamples


def assess_stability(
    features: ArrayLike,
    ids: Sequence[str],
    parameters: ClusteringParameters = ClusteringParameters(),
    *,
    whole: ClusteringResult | None = None,
    n_subsamples: int = 10,
    fraction: float = 0.9,
    precision: float = 0.03,
) -> Stability:
    """Cluster subsamples, and the whole set at the next damping, and compare.

    The ladder starts at the damping that suited the whole set: large sets spend most of their time on lower ones that
    never settle. It costs at most about ``n_subsamples + 1`` clusterings at that damping, and ends early when more
    would tell little.

    Parameters
    ----------
    features, ids, parameters
        As for ``cluster``.
    whole
        What ``cluster`` gave for them; computed if None.
    n_subsamples, fraction
        At most how many random subsamples, and what share of the materials each holds.
    precision
        The subsamples end when the mean ARI is known this well (half the width of its 95 % interval by Student's t),
        from four of them and 200 held-out distances on; 0 takes all.

    Returns
    -------
    Stability

    Raises
    ------
    ClusteringError
        The whole set has no usable partition, or is too small to leave anything out.
    """
    table = np.asarray(features, dtype=np.float64)
    whole = whole or cluster(table, ids, parameters)
    kept = int(fraction * len(ids))
    if not 2 <= kept < len(ids):
        raise ClusteringError(
            f"{len(ids)} material(s) leave nothing to compare in a {fraction:.0%} subsample"
        )

    # Singletons have no damping; they go down the whole ladder, and there is no next one to compare with.
    has_damping = whole.damping in parameters.dampings
    rung = parameters.dampings.index(whole.damping) if has_damping else 0
    from_damping = replace(parameters, dampings=parameters.dampings[rung:])
    next_damping = parameters.dampings[rung + 1 : rung + 2] if has_damping else ()
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.intp)
    rng = np.random.default_rng(parameters.seed)
    agreements: list[float] = []
    held_out: list[NDArray[np.float64]] = []
    n_failed = 0
    for _ in range(n_subsamples):
        shuffled = rng.permutation(order)
        inside, outside = shuffled[:kept], shuffled[kept:]
        try:
            part = cluster(table[inside], [ids[i] for i in inside], from_damping)
        except ClusteringError:
            n_failed += 1
            continue
        agreements.append(_ari(whole.labels[inside], part.labels))
        exemplars = part.scaler.transform(part.exemplar_features)
        held_out.append(nearest(part.scaler.transform(table[outside]), exemplars)[1])
        if sum(map(len, held_out)) >= _FEWEST_DISTANCES and _half_width(agreements) < precision:
            break
    return Stability(
        subsample_ari=tuple(agreements),
        n_failed_subsamples=n_failed,
        damping_ari=_damping_agreement(whole, table, parameters, next_damping),
        held_out_distances=np.concatenate(held_out) if held_out else np.empty(0),
    )


def _damping_agreement(
    whole: ClusteringResult,
    table: NDArray[np.float64],
    parameters: ClusteringParameters,
    dampings: tuple[float, ...],
) -> tuple[tuple[float, float], ...]:
    """Return (damping, ARI) for those of some dampings that give a usable partition."""
    agreement = []
    for damping in dampings:
        try:
            other = cluster(table, whole.ids, replace(parameters, dampings=(damping,)))
        except ClusteringError:
            continue
        agreement.append((damping, _ari(whole.labels, other.labels)))
    return tuple(agreement)


def _half_width(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of a mean, by Student's t; infinite for too few values."""
    n = len(values)
    if n < _FEWEST_SUBSAMPLES:
        return inf
    return float(scipy.stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / sqrt(n))


def _ari(a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(a, b))
