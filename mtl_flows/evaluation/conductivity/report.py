"""What the benchmark returns: plain rows of numbers with their intervals."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, Literal, Self

import numpy as np

from mtl_flows.evaluation.conductivity.families import Halves
from mtl_flows.evaluation.conductivity.parameters import BenchmarkParameters
from mtl_flows.evaluation.conductivity.statistics import Estimate, interval


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over random halvings of the sample: its mean and the range of the central 95 %.

    The halves overlap, so the range is a spread, not a confidence interval.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float]) -> Self:
        """Summarise the values that are defined."""
        defined = np.array([value for value in values if isfinite(value)])
        return cls(float(defined.mean()) if defined.size else float("nan"), *interval(defined))


@dataclass(frozen=True, slots=True)
class JudgedGate:
    """What one gate keeps and finds."""

    gate: str
    kept: Estimate
    recall: Estimate
    precision: Estimate
    enrichment: Estimate


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """How well one number ranks the materials. It was not fitted, so every family is new to it.

    ``promising`` is the end of the scale where superionic conductors are expected, fixed beforehand: an AUC
    below 0.5 means that the expectation was wrong.
    """

    score: str
    promising: Literal["low", "high"]
    n: int
    auc: Estimate
    top_enrichment: Estimate
    held_out_auc: Spread
    held_out_top_enrichment: Spread


@dataclass(frozen=True, slots=True)
class JudgedComparison:
    """What one ranking gains over another on the same materials and draws."""

    score: str
    against: str
    auc_gain: Estimate
    top_enrichment_gain: Estimate
    held_out_auc_gain: Spread
    held_out_top_enrichment_gain: Spread


@dataclass(frozen=True, slots=True)
class JudgedModel:
    """How well a fitted model on one table of numbers ranks materials of families it has seen, and of new ones."""

    model: str
    n: int
    n_columns: int
    auc_same_families: Estimate
    auc_new_families: Estimate
    held_out_auc: Spread
    held_out_top_enrichment: Spread


@dataclass(frozen=True, slots=True)
class JudgedSelection:
    """Keeping the clusters that hold a superionic seed, judged on the half of the sample without seeds.

    ``nearest_enrichment`` is that of as many materials taken by their distance to the nearest seed.
    ``failure`` says why there is no clustering to judge; the figures are then NaN.
    """

    clustering: str
    halves: Halves
    n_clusters: int
    kept: Spread
    recall: Spread
    enrichment: Spread
    nearest_enrichment: Spread
    failure: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """The screening against measured conductivities.

    Attributes
    ----------
    n, n_superionic, n_families
        Of the materials that have both a structure and a decisive conductivity.
    refused
        Ids of those whose structure could not be screened, by reason code; every gate counts as refusing
        them.
    without_structure, without_conductivity, undecided
        Ids left out: rows without a structure, structures without a row, and bounds that leave it open
        whether the material is superionic.
    n_listed, n_listed_superionic
        Materials on the list of known conductors, and how many of them really are superionic.
    gates, scores, comparisons, models, selections
        The results.
    mobile_ion, parameters
        What was asked for.
    """

    n: int
    n_superionic: int
    n_families: int
    refused: Mapping[str, tuple[str, ...]]
    without_structure: tuple[str, ...]
    without_conductivity: tuple[str, ...]
    undecided: tuple[str, ...]
    n_listed: int
    n_listed_superionic: int
    gates: tuple[JudgedGate, ...]
    scores: tuple[JudgedScore, ...]
    comparisons: tuple[JudgedComparison, ...]
    models: tuple[JudgedModel, ...]
    selections: tuple[JudgedSelection, ...]
    mobile_ion: str
    parameters: BenchmarkParameters

    @property
    def base_rate(self) -> float:
        """Share of superionic materials: the precision of keeping everything."""
        return self.n_superionic / self.n

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values; figures that are undefined become ``None``."""
        return {**_jsonable(asdict(self)), "base_rate": self.base_rate}

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return gates, scores, comparisons, models and selections as flat rows, one column per number.

        The bounds of an estimate's intervals are in columns such as ``auc_entry_low`` and
        ``auc_family_high``; those of a spread in ``held_out_auc_low`` and ``held_out_auc_high``.
        """
        return {
            name: [_flat(row) for row in getattr(self, name)]
            for name in ("gates", "scores", "comparisons", "models", "selections")
        }


def _flat(row: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if isinstance(value, Estimate):
            flat[field.name] = value.value
            for sampled, bounds in (("entry", value.by_entry), ("family", value.by_family)):
                flat[f"{field.name}_{sampled}_low"], flat[f"{field.name}_{sampled}_high"] = bounds
        elif isinstance(value, Spread):
            flat[field.name] = value.mean
            flat[f"{field.name}_low"], flat[f"{field.name}_high"] = value.low, value.high
        else:
            flat[field.name] = value
    return flat


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
