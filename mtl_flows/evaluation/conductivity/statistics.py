"""How well a gate or a score finds superionic conductors, for many weightings of the materials at once.

Every statistic takes ``weights`` of shape (n_draws, n): how often each material counts in each bootstrap
draw. One draw of ones is the sample itself. Where a draw leaves a statistic undefined it is NaN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
Statistic = Callable[[Weights], NDArray[np.float64]]


def gate_statistics(
    kept: NDArray[np.bool_], positive: NDArray[np.bool_], weights: Weights
) -> dict[str, NDArray[np.float64]]:
    """Compute what a gate keeps and finds.

    Parameters
    ----------
    kept, positive
        Which materials pass the gate, and which are superionic; shape (n,).
    weights
        Shape (n_draws, n).

    Returns
    -------
    dict
        ``kept``, share of all that pass; ``recall``, share of the superionic that pass; ``precision``, share
        of those passing that are superionic; ``enrichment``, precision over the share of superionic in the
        whole sample: 1 is chance. Each of shape (n_draws,).
    """
    total, positives = weights.sum(axis=1), weights @ positive
    passing, found = weights @ kept, weights @ (kept & positive)
    precision = _ratio(found, passing)
    return {
        "kept": _ratio(passing, total),
        "recall": _ratio(found, positives),
        "precision": precision,
        "enrichment": _ratio(precision, _ratio(positives, total)),
    }


def roc_auc(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """Compute the area under the receiver operating characteristic.

    It is the probability that a superionic material scores above another, ties counting half (J. A. Hanley
    and B. J. McNeil, doi:10.1148/radiology.143.1.7063747).

    Parameters
    ----------
    scores
        High for promising materials; may be infinite, not NaN. Shape (n,).
    positive
        Shape (n,).
    weights
        Shape (n_draws, n).

    Returns
    -------
    NDArray, shape (n_draws,)
    """
    hits, misses = _by_score(scores, weights * positive), _by_score(scores, weights * ~positive)
    misses_below = np.cumsum(misses, axis=1) - misses
    return _ratio((hits * (misses_below + misses / 2)).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1))


def top_enrichment(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: Weights, fraction: float
) -> NDArray[np.float64]:
    """Compute the enrichment among the best-scoring ``fraction`` of the materials.

    Where the budget ends among equal scores, each of them counts in part.

    Parameters
    ----------
    scores, positive, weights
        As for ``roc_auc``.
    fraction
        Share of the materials that the budget allows.

    Returns
    -------
    NDArray, shape (n_draws,)
    """
    every, hits = _by_score(-scores, weights), _by_score(-scores, weights * positive)
    total, positives = every.sum(axis=1), hits.sum(axis=1)
    budget_left = fraction * total[:, None] - (np.cumsum(every, axis=1) - every)
    share = np.clip(np.divide(budget_left, every, out=np.zeros_like(every), where=every > 0), 0, 1)
    return _ratio((share * hits).sum(axis=1), fraction * positives)


def _by_score(scores: NDArray[np.float64], weights: Weights) -> Weights:
    """Add up the weights of materials with equal scores, in ascending order of score."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    summed: Weights = np.add.reduceat(weights[:, order], starts, axis=1)
    return summed


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b > 0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic of the sample with two 95 % bootstrap intervals.

    Attributes
    ----------
    value
        NaN where undefined, as is each bound of an interval where most draws are.
    by_entry
        Interval from resampling materials: what it would be in another sample of the same families.
    by_family
        Interval from resampling whole families: what it would be among other families. The wider and the
        honest one.
    """

    value: float
    by_entry: tuple[float, float]
    by_family: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """Bootstrap draws of a sample: how often each material counts in each, shape (n_draws, n)."""

    entry: Weights
    family: Weights

    @classmethod
    def draw(cls, families: Sequence[str], n_draws: int, seed: int) -> Self:
        """Draw materials with replacement, and families with replacement, each as many as there are."""
        rng = np.random.default_rng(seed)
        n = len(families)
        groups, member = np.unique(np.asarray(families), return_inverse=True)
        entry = rng.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)
        family = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=n_draws)
        return cls(entry, family.astype(np.float64)[:, member])

    def among(self, subset: NDArray[np.bool_]) -> Self:
        """Restrict the draws to some of the materials."""
        return type(self)(self.entry[:, subset], self.family[:, subset])

    def estimate(self, statistic: Statistic) -> Estimate:
        """Evaluate a statistic on the sample and on every draw."""
        value = statistic(np.ones((1, self.entry.shape[1])))
        return Estimate(float(value[0]), interval(statistic(self.entry)), interval(statistic(self.family)))


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the central 95 % of the values that are defined; NaN if fewer than half are."""
    defined = values[np.isfinite(values)]
    if defined.size == 0 or defined.size < values.size / 2:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
