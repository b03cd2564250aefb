"""The verdict on a candidate: pass, fail or undecided, each criterion with its reason.

A quantity is an interval, not a number. It passes a threshold if all of the interval does, fails if none of
it does, and is undecided otherwise; a quantity nobody knows is the whole line, hence undecided. Where the whole
distribution is known, it passes if it keeps the bounds with a probability of 95 %, and fails if it leaves them with it.
Defaults are the thresholds of the multiscale topological learning study: 0.1 ≤ E_a ≤ 1.0 eV and a window above 0.5
V.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record
from mtl_flows.science.measured import Measured
from mtl_flows.science.quantiles import Quantiles
from mtl_flows.vocabulary import Judgement

DECISIVE: Final = 0.95
"""Probability from which something passes or fails."""

_REMEDIES: Mapping[str, str] = {
    "upper_bound": "only an upper bound is known: a longer or hotter trajectory with enough hops",
    "lower_bound": "only a lower bound is known",
    "unconverged": "the trajectories are not converged: extend them",
    "framework_melted": "the framework melted: trajectories at lower temperatures",
    "unknown": "no value is known",
}


def outcome_of(probability: float) -> Judgement:
    """Pass or fail from a probability of `DECISIVE` on, else undecided."""
    if probability >= DECISIVE:
        return "pass"
    return "fail" if probability <= 1.0 - DECISIVE else "undecided"


@dataclass(frozen=True, slots=True)
class Criterion:
    """Bounds that one quantity must keep.

    Parameters
    ----------
    quantity
        Its name, with the unit, as in the mapping given to ``decide``.
    minimum, maximum
        Bounds; None where there is none.
    strict
        Whether the bounds themselves fail.
    """

    quantity: str
    minimum: float | None = None
    maximum: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ConfigurationError("has no bound", subject=self.quantity)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ConfigurationError("minimum exceeds maximum", subject=self.quantity)

    def __str__(self) -> str:
        less = "<" if self.strict else "≤"
        lower = "" if self.minimum is None else f"{self.minimum:g} {less} "
        upper = "" if self.maximum is None else f" {less} {self.maximum:g}"
        return f"{lower}{self.quantity}{upper}"

    def admits(self, value: float) -> bool:
        """Whether a single number keeps the bounds."""
        return self._above_minimum(value) and self._below_maximum(value)

    def judge(self, low: float, high: float) -> Judgement:
        """Judge an interval: pass if all of it is admitted, fail if none, else undecided."""
        if self.admits(low) and self.admits(high):
            return "pass"
        if not self._above_minimum(high) or not self._below_maximum(low):
            return "fail"
        return "undecided"

    def judge_distribution(self, distribution: Quantiles) -> Judgement:
        """Judge a distribution by the probability that it keeps the bounds."""
        return outcome_of(distribution.between(self.minimum, self.maximum))

    def _above_minimum(self, value: float) -> bool:
        return self.minimum is None or value > self.minimum or (not self.strict and value == self.minimum)

    def _below_maximum(self, value: float) -> bool:
        return self.maximum is None or value < self.maximum or (not self.strict and value == self.maximum)


ACTIVATION_ENERGY = "activation_energy_eV"
WINDOW = "window_V"
HULL_HEIGHT = "e_above_hull_eV_per_atom"
CONDUCTIVITY = "conductivity_300K_S_per_cm"


@dataclass(frozen=True, slots=True)
class VerdictThresholds(Record):
    """The criteria a candidate must meet, by default those of the published screening.

    Attributes
    ----------
    criteria
        Further ones may bound any other quantity, e.g. ``Criterion("e_above_hull_eV_per_atom", maximum=0.05)``.
    window_uncertainty_V
        Half-width of the interval of a window; 0.2 is typical of GGA energies and of potentials trained on them.
    potential_error_eV
        Standard deviation of the potential's error of E_a; None to take what is known of the potential, see
        `mtl_flows.science.dynamics.transport.PotentialError`.
    """

    criteria: tuple[Criterion, ...] = (
        Criterion(ACTIVATION_ENERGY, minimum=0.1, maximum=1.0),
        Criterion(WINDOW, minimum=0.5, strict=True),
    )
    window_uncertainty_V: float = 0.2
    potential_error_eV: float | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of ``as_dict``."""
        criteria = tuple(Criterion(**criterion) for criterion in data["criteria"])
        return cls(criteria, **{name: value for name, value in data.items() if name != "criteria"})

    def bounding(
        self,
        quantity: str,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        strict: bool = False,
    ) -> Self:
        """Return these criteria with other bounds of one quantity; a bound that is None stays as it is."""
        if minimum is None and maximum is None:
            return self
        before = next((c for c in self.criteria if c.quantity == quantity), None)
        bounds = Criterion(
            quantity,
            before.minimum if before and minimum is None else minimum,
            before.maximum if before and maximum is None else maximum,
            before.strict if before else strict,
        )
        others = tuple(bounds if c is before else c for c in self.criteria)
        return replace(self, criteria=others if before else (*others, bounds))


@dataclass(frozen=True, slots=True)
class CriterionOutcome:
    """How one criterion went.

    Parameters
    ----------
    criterion
        The bounds.
    measured
        The quantity as given.
    outcome
        Pass, fail or undecided.
    what_would_decide
        For an undecided criterion, what would settle it; otherwise empty.
    """

    criterion: Criterion
    measured: Measured
    outcome: Judgement
    what_would_decide: str = ""

    @property
    def probability(self) -> float | None:
        """Of keeping the bounds; None where no distribution is known."""
        distribution = self.measured.distribution
        bounds = self.criterion.minimum, self.criterion.maximum
        return None if distribution is None else distribution.between(*bounds)

    @property
    def outcome_alone(self) -> Judgement | None:
        """What the simulation alone would say, without the error of its potential; None of other quantities."""
        alone = self.measured.alone
        return None if alone is None else self.criterion.judge_distribution(alone)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able form; an open end of the interval is None."""
        low, high = self.measured.interval
        return {
            "quantity": self.criterion.quantity,
            "minimum": self.criterion.minimum,
            "maximum": self.criterion.maximum,
            "strict": self.criterion.strict,
            "value": self.measured.value,
            "value_alone": None if self.measured.alone is None else self.measured.alone.median,
            "low": low if math.isfinite(low) else None,
            "high": high if math.isfinite(high) else None,
            "status": self.measured.status,
            "origin": self.measured.origin,
            "note": self.measured.note,
            "probability": self.probability,
            "outcome": self.outcome,
            "outcome_alone": self.outcome_alone,
            "what_would_decide": self.what_would_decide,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome over all criteria: fail if any fails, else undecided if any is, else pass."""

    outcome: Judgement
    criteria: tuple[CriterionOutcome, ...]

    @property
    def what_would_decide(self) -> tuple[str, ...]:
        """What the undecided criteria wait for; empty once the verdict stands."""
        if self.outcome != "undecided":
            return ()
        return tuple(
            criterion.what_would_decide for criterion in self.criteria if criterion.what_would_decide
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "outcome": self.outcome,
            "criteria": [criterion.as_dict() for criterion in self.criteria],
            "what_would_decide": list(self.what_would_decide),
        }


def decide(quantities: Mapping[str, Measured], thresholds: VerdictThresholds | None = None) -> Verdict:
    """Judge one material.

    Parameters
    ----------
    quantities
        Name, with unit, → measured quantity. One that a criterion asks for and that is absent counts as
        unknown; others are ignored.
    thresholds
        Criteria; None for the published ones.
    """
    thresholds = VerdictThresholds() if thresholds is None else thresholds
    absent = Measured.unusable("not computed")
    outcomes = tuple(
        _judge(criterion, quantities.get(criterion.quantity, absent)) for criterion in thresholds.criteria
    )
    found = {outcome.outcome for outcome in outcomes}
    overall: Judgement = "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"
    return Verdict(overall, outcomes)


def _judge(criterion: Criterion, measured: Measured) -> CriterionOutcome:
    if measured.distribution is None:
        outcome = criterion.judge(*measured.interval)
    else:
        outcome = criterion.judge_distribution(measured.distribution)
    hint = _what_would_decide(criterion, measured) if outcome == "undecided" else ""
    return CriterionOutcome(criterion, measured, outcome, hint)


def _what_would_decide(criterion: Criterion, measured: Measured) -> str:
    name = criterion.quantity
    if measured.distribution is not None:
        probability = measured.distribution.between(criterion.minimum, criterion.maximum)
        return f"{name}: kept with {100 * probability:.0f} %" + (
            f"; {measured.note}" if measured.note else ""
        )
    if measured.status in _REMEDIES:
        return f"{name}: {measured.note or _REMEDIES[measured.status]}"
    low, high = measured.interval
    inside = [
        bound
        for bound in (criterion.minimum, criterion.maximum)
        if bound is not None and low <= bound <= high
    ]
    bounds = " and ".join(f"{bound:g}" for bound in inside)
    return f"{name}: an interval narrower than [{low:.3g}, {high:.3g}] that leaves out {bounds}"
