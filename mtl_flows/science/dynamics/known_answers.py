"""What a potential gets wrong in E_a, from materials whose conductivity is known: its bias and its spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, log10, sqrt
from typing import Any, Final, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.records import Record
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.transport import TARGET_TEMPERATURE_K, PotentialError
from mtl_flows.science.quantiles import PROBABILITIES, Quantiles

FEWEST_MATERIALS: Final = 5
"""From so many materials on, known answers are an error of a potential."""
EV_PER_DECADE: Final = BOLTZMANN_EV_PER_K * TARGET_TEMPERATURE_K * log(10.0)
"""E_a by which a decade of σ(300 K) changes at the same D0."""
_SAMPLES_DECADES = 0.3
"""Samples of one compound differ by a factor of two when measured."""
_PRIOR_EV = PotentialError().deviation_eV / sqrt(2.0)
"""Bias and spread before any comparison: together as wide as the stated default."""
_GRID = 81
_PRIORS_WIDE = 6.0
_VALUES = 100
_NOTHING = 1e-300
_95 = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class AnswerComparison(Record):
    """One material under one potential, against what is published.

    Attributes
    ----------
    material_id, formula
        Which.
    published_S_per_cm
        Lowest and highest σ near 300 K that is published for it.
    simulated_S_per_cm
        Posterior of σ(300 K) of the simulation alone, at `mtl_flows.science.quantiles.PROBABILITIES`.
    simulated_eV
        That of E_a: median and ends of its 95 % interval.
    published_eV
        Lowest and highest published E_a; empty where none with a source is at hand.
    lengths_ps
        Of the productions that were analysed, by temperature in K; several orderings together.
    n_atoms
        In the cell.
    """

    material_id: str
    formula: str
    published_S_per_cm: tuple[float, float]
    simulated_S_per_cm: tuple[float, ...]
    simulated_eV: tuple[float, float, float]
    published_eV: tuple[float, ...]
    lengths_ps: Mapping[str, float]
    n_atoms: int

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**fields)

    @property
    def sigma(self) -> Quantiles:
        """Distribution of σ(300 K) of the simulation."""
        return Quantiles(self.simulated_S_per_cm, logarithmic=True)

    @property
    def decades(self) -> float:
        """By which σ of the simulation is too high; between two published values, their middle counts."""
        found: float = log10(self.sigma.median) - self._published_log10
        return found

    @property
    def decades_error(self) -> float:
        """Standard error of `decades`, of the simulation and of what is published."""
        low, high = self.sigma.interval
        return float(np.hypot(log10(high / low) / 3.92, self._published_decades))

    @property
    def differences_eV(self) -> tuple[float, ...]:
        """Equally likely values of E_a less that which gives the published σ(300 K) at the same D0."""
        steps = (np.arange(_VALUES) + 0.5) / _VALUES
        log10_sigma = np.interp(steps, PROBABILITIES, np.log10(self.simulated_S_per_cm))
        return tuple((EV_PER_DECADE * (self._published_log10 - log10_sigma)).tolist())

    @property
    def published_error_eV(self) -> float:
        """Standard error of that by what is published: samples differ, and published values do."""
        found: float = EV_PER_DECADE * self._published_decades
        return found

    @property
    def _published_log10(self) -> float:
        low, high = self.published_S_per_cm
        return 0.5 * (log10(low) + log10(high))

    @property
    def _published_decades(self) -> float:
        low, high = self.published_S_per_cm
        return float(np.hypot(_SAMPLES_DECADES, 0.5 * log10(high / low)))


@dataclass(frozen=True, slots=True)
class Pooled(Record):
    """Bias and spread of a quantity over materials.

    Attributes
    ----------
    n
        Materials.
    bias, bias_low, bias_high
        Mean of the errors, and its 95 % interval.
    spread, spread_low, spread_high
        Standard deviation of the errors from one material to the next, beyond what each is known to.
    deviation
        Standard deviation of the error of a further material about `bias`: of both together.
    """

    n: int
    bias: float
    bias_low: float
    bias_high: float
    spread: float
    spread_low: float
    spread_high: float
    deviation: float


def pool(
    differences: Sequence[Sequence[float]], errors: Sequence[float], *, prior: float = _PRIOR_EV
) -> Pooled:
    """Find bias and spread of differences that are each known to a distribution.

    Difference i is normal about the bias with the spread, and seen through its own distribution and a further error
    (random effects, on a grid). Before any difference the bias is normal about zero and the spread half-normal.

    Parameters
    ----------
    differences
        Of each, values that are equally likely; one that is hardly known has them far apart, and says little wherever
        the others lie among them.
    errors
        Standard deviation of a further error of each.
    prior
        Standard deviation of the bias and scale of the spread; the default is what is stated of unknown potentials.
    """
    return _pool(tuple(tuple(values) for values in differences), tuple(errors), prior)


@lru_cache(maxsize=64)
def _pool(differences: tuple[tuple[float, ...], ...], errors: tuple[float, ...], prior: float) -> Pooled:
    widest = _PRIORS_WIDE * prior
    bias = np.linspace(-widest, widest, 2 * _GRID + 1)[:, None]
    spread = np.linspace(0.0, widest, _GRID)[None, :]
    log_weights = -0.5 * (bias**2 + spread**2) / prior**2
    for values, error in zip(differences, errors, strict=True):
        variance = spread**2 + error**2
        likelihood = np.zeros(np.broadcast_shapes(bias.shape, spread.shape))
        for value in values:
            likelihood += np.exp(-0.5 * (value - bias) ** 2 / variance) / np.sqrt(variance)
        log_weights = log_weights + np.log(likelihood / len(values) + _NOTHING)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    of_bias, of_spread = weights.sum(axis=1), weights.sum(axis=0)
    mean = float(of_bias @ bias[:, 0])
    variance_of_bias = float(of_bias @ (bias[:, 0] - mean) ** 2)
    bias_ends, spread_ends = _ends(bias[:, 0], of_bias), _ends(spread[0], of_spread)
    return Pooled(
        n=len(differences),
        bias=mean,
        bias_low=bias_ends[0],
        bias_high=bias_ends[1],
        spread=float(of_spread @ spread[0]),
        spread_low=spread_ends[0],
        spread_high=spread_ends[1],
        deviation=sqrt(variance_of_bias + float(of_spread @ spread[0] ** 2)),
    )


def pooled_energy(comparisons: Sequence[AnswerComparison]) -> Pooled:
    """Bias and spread of E_a at the same D0, in eV, from σ(300 K)."""
    return pool([c.differences_eV for c in comparisons], [c.published_error_eV for c in comparisons])


def known_error(comparisons: Sequence[AnswerComparison]) -> PotentialError | None:
    """Return what a potential gets wrong in E_a, for a further material; None of fewer than five materials."""
    if len({c.material_id for c in comparisons}) < FEWEST_MATERIALS:
        return None
    found = pooled_energy(comparisons)
    return PotentialError(found.deviation, found.bias, "known_answers")


def spearman(comparisons: Sequence[AnswerComparison]) -> float | None:
    """Rank correlation of simulated and published σ(300 K); None of fewer than three, or where all are alike."""
    if len(comparisons) < 3:
        return None
    found = scipy.stats.spearmanr(
        [c.sigma.median for c in comparisons],
        [log10(c.published_S_per_cm[0] * c.published_S_per_cm[1]) for c in comparisons],
    ).statistic
    return None if np.isnan(found) else float(found)


def middle(quantiles: Quantiles) -> tuple[float, float, float]:
    """Median and ends of the 95 % interval of a distribution."""
    low, high = quantiles.interval
    return quantiles.median, low, high


def _ends(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.interp(_95, np.cumsum(weights), values)
    return float(low), float(high)
