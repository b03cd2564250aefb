"""Judging gates, scores and models on one sample, by the same draws and halvings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.evaluation.conductivity.baselines import Learner, forest_scores, out_of_fold_scores
from mtl_flows.evaluation.conductivity.families import (
    Halves,
    Mask,
    Split,
    entry_halves,
    family_halves,
    has_both,
)
from mtl_flows.evaluation.conductivity.parameters import BenchmarkParameters
from mtl_flows.evaluation.conductivity.report import (
    JudgedComparison,
    JudgedGate,
    JudgedModel,
    JudgedScore,
    Spread,
)
from mtl_flows.evaluation.conductivity.statistics import (
    Estimate,
    Resamples,
    gate_statistics,
    roc_auc,
    top_enrichment,
)

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedSample:
    """Labelled materials and the draws and halvings by which everything is judged alike.

    Attributes
    ----------
    positive
        Which are superionic, shape (n,).
    families
        Length n.
    resamples
        Bootstrap draws.
    parameters
        Of the benchmark.
    """

    positive: Mask
    families: tuple[str, ...]
    resamples: Resamples
    parameters: BenchmarkParameters

    @classmethod
    def of(cls, positive: Mask, families: Sequence[str], parameters: BenchmarkParameters) -> Self:
        """Draw the resamples of a set of materials."""
        draws = Resamples.draw(families, parameters.n_bootstrap, parameters.seed)
        return cls(positive, tuple(families), draws, parameters)

    def among(self, subset: Mask) -> Self:
        """Restrict the sample, and its draws, to some of the materials."""
        families = tuple(np.asarray(self.families)[subset].tolist())
        return type(self)(self.positive[subset], families, self.resamples.among(subset), self.parameters)

    def halves(self, kind: Halves) -> Iterable[Split]:
        """Yield the random halvings in which both halves hold superionic and other materials."""
        n_splits, seed = self.parameters.n_splits, self.parameters.seed
        splits = (
            family_halves(self.families, n_splits, seed)
            if kind == "new families"
            else entry_halves(len(self.families), n_splits, seed)
        )
        return ((train, test) for train, test in splits if has_both(self.positive, train, test))


def judge_gate(sample: JudgedSample, name: str, kept: Mask) -> JudgedGate:
    """Judge a gate by what it keeps, shape (n,)."""

    def estimate(statistic: str) -> Estimate:
        return sample.resamples.estimate(lambda w: gate_statistics(kept, sample.positive, w)[statistic])

    return JudgedGate(
        name, estimate("kept"), estimate("recall"), estimate("precision"), estimate("enrichment")
    )


def judge_score(
    sample: JudgedSample, name: str, values: Values, promising: Literal["low", "high"]
) -> JudgedScore:
    """Judge a ranking by values of shape (n,)."""
    scores = values if promising == "high" else -values
    auc, top = _held_out(sample, lambda train, test: scores[test])
    return JudgedScore(
        score=name,
        promising=promising,
        n=len(values),
        auc=_auc(sample, scores),
        top_enrichment=sample.resamples.estimate(
            lambda w: top_enrichment(scores, sample.positive, w, sample.parameters.top_fraction)
        ),
        held_out_auc=auc,
        held_out_top_enrichment=top,
    )


def compare_scores(
    sample: JudgedSample, name: str, scores: Values, against: str, others: Values
) -> JudgedComparison:
    """Judge what one ranking gains over another, by the same draws and halvings; higher scores come first."""
    fraction, positive = sample.parameters.top_fraction, sample.positive
    aucs, tops = [], []
    for _, test in sample.halves("new families"):
        whole = np.ones((1, np.count_nonzero(test)))
        one, other = (
            (
                roc_auc(s[test], positive[test], whole)[0],
                top_enrichment(s[test], positive[test], whole, fraction)[0],
            )
            for s in (scores, others)
        )
        aucs.append(float(one[0] - other[0]))
        tops.append(float(one[1] - other[1]))
    return JudgedComparison(
        score=name,
        against=against,
        auc_gain=sample.resamples.estimate(
            lambda w: roc_auc(scores, positive, w) - roc_auc(others, positive, w)
        ),
        top_enrichment_gain=sample.resamples.estimate(
            lambda w: (
                top_enrichment(scores, positive, w, fraction) - top_enrichment(others, positive, w, fraction)
            )
        ),
        held_out_auc_gain=Spread.over(aucs),
        held_out_top_enrichment_gain=Spread.over(tops),
    )


def judge_model(
    sample: JudgedSample, name: str, table: Values, learner: Learner = forest_scores
) -> JudgedModel:
    """Judge a model, a random forest unless told otherwise, on a table of shape (n, n_columns)."""
    smaller_class = min(np.count_nonzero(sample.positive), np.count_nonzero(~sample.positive))
    n_folds = int(min(sample.parameters.n_folds, smaller_class, len(set(sample.families))))
    seed = sample.parameters.seed
    auc, top = _held_out(
        sample, lambda train, test: learner(table[train], sample.positive[train], table[test], seed)
    )
    same = out_of_fold_scores(table, sample.positive, None, n_folds, seed, learner)
    new = out_of_fold_scores(table, sample.positive, sample.families, n_folds, seed, learner)
    return JudgedModel(
        model=name,
        n=len(table),
        n_columns=table.shape[1],
        auc_same_families=_auc(sample, same),
        auc_new_families=_auc(sample, new),
        held_out_auc=auc,
        held_out_top_enrichment=top,
    )


def _auc(sample: JudgedSample, scores: Values) -> Estimate:
    return sample.resamples.estimate(lambda w: roc_auc(scores, sample.positive, w))


def _held_out(sample: JudgedSample, score: Callable[[Mask, Mask], Values]) -> tuple[Spread, Spread]:
    """Judge scores of the second half, perhaps learnt on the first, over halvings that share no family."""
    aucs, tops = [], []
    for train, test in sample.halves("new families"):
        scores, positive = score(train, test), sample.positive[test]
        whole = np.ones((1, len(positive)))
        aucs.append(float(roc_auc(scores, positive, whole)[0]))
        tops.append(float(top_enrichment(scores, positive, whole, sample.parameters.top_fraction)[0]))
    return Spread.over(aucs), Spread.over(tops)
