"""What the rankings of a store are worth on those of its materials that are labelled with a conductivity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mtl_flows.evaluation.conductivity import BenchmarkParameters
from mtl_flows.evaluation.conductivity.statistics import Estimate, Resamples, roc_auc, top_enrichment
from mtl_flows.records import Record
from mtl_flows.schemas.candidates import CandidateDocument

FEWEST: Final = 10
"""Labelled materials, and a tenth of them on either side, below which no figure means anything."""

_SCORES: Final = (("priority", 1.0), ("v3_over_d3", 1.0), ("E_3D_eV", -1.0), ("r_connected_A", -1.0))


@dataclass(frozen=True, slots=True)
class LabelledScore(Record):
    """One number as a ranking: among how many, and its AUC and enrichment with intervals by family."""

    score: str
    n: int
    auc: Estimate
    top_enrichment: Estimate


@dataclass(frozen=True, slots=True)
class LabelledBenchmark(Record):
    """The rankings of the labelled materials, and how many of these are superionic."""

    n: int
    n_good: int
    scores: list[LabelledScore]


def benchmark_labelled(
    rows: Sequence[CandidateDocument],
    families: Mapping[str, str],
    parameters: BenchmarkParameters = BenchmarkParameters(),
) -> LabelledBenchmark | None:
    """Judge the rankings by the conductivities that materials are labelled with; None where these are too few.

    Parameters
    ----------
    rows
        Each unique material once.
    families
        Family of a material by its id in lower case; one without is a family of its own.
    """
    known = [row for row in rows if row.conductivity_measured_S_per_cm is not None]
    good = np.array(
        [(row.conductivity_measured_S_per_cm or 0.0) >= parameters.superionic_S_per_cm for row in known],
        dtype=bool,
    )
    fewest = max(2, len(known) // FEWEST)
    if len(known) < FEWEST or not fewest <= int(good.sum()) <= len(known) - fewest:
        return None
    names = [families.get(row.material_id.casefold()) or row.material_id for row in known]
    scores = [
        found
        for name, sign in _SCORES
        if (found := _judged(name, sign, known, good, names, parameters)) is not None
    ]
    return LabelledBenchmark(len(known), int(good.sum()), scores)


def _judged(
    name: str,
    sign: float,
    rows: Sequence[CandidateDocument],
    good: NDArray[np.bool_],
    families: Sequence[str],
    parameters: BenchmarkParameters,
) -> LabelledScore | None:
    values = [getattr(row, name) for row in rows]
    told = np.array([value is not None and isfinite(value) for value in values])
    positive = good[told]
    if told.sum() < FEWEST or positive.all() or not positive.any():
        return None
    scores = sign * np.array([value for value, there in zip(values, told, strict=True) if there], dtype=float)
    families = [family for family, there in zip(families, told, strict=True) if there]
    draws = Resamples.draw(families, parameters.n_bootstrap, parameters.seed)
    return LabelledScore(
        name,
        int(told.sum()),
        draws.estimate(lambda weights: roc_auc(scores, positive, weights)),
        draws.estimate(lambda weights: top_enrichment(scores, positive, weights, parameters.top_fraction)),
    )
