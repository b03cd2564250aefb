"""What all temperatures together say of E_a and D0: a posterior on a grid, whether or not there is a line.

ln D(T) = ln D0 − E_a / k_B T with two unknowns. Every temperature enters: a slope as Student's t about ln D, converged
or not, a run with few jumps as their Poisson count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.belief import Belief, Priors
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.readings import Reading

FloatArray = NDArray[np.float64]

_LN10 = log(10.0)
_SHAPE = (101, 101)
_MOST_ZOOMS = 6
_SMALLER = 0.5
"""A zoom that leaves more than this share of both axes is the last."""
_NEGLIGIBLE = 15.0
"""Decline of the logarithm of the density below which a point of the grid does not count."""
_SCATTERS = np.geomspace(0.02, 4.0, 12)
"""Scatters of the orderings that are summed over, of ln D."""


def infer(readings: Sequence[Sequence[Reading]], priors: Priors = Priors()) -> Belief:
    """Return the posterior of E_a and D0 from every temperature of one or several orderings.

    Several orderings are samples about a mean: each of them is shifted in ln D and in E_a / k_B T by normal variables
    whose common scatter is summed over, so that the result is the belief about the mean.

    Parameters
    ----------
    readings
        One sequence for each ordering, of one potential.

    Raises
    ------
    DynamicsError
        If there is no reading.
    """
    told = [list(ordering) for ordering in readings if ordering]
    if not told:
        raise DynamicsError(
            "no temperature says anything", remedy="run one below the melting of the framework"
        )
    beta = float(np.mean([1.0 / r.temperature_K for ordering in told for r in ordering])) / BOLTZMANN_EV_PER_K
    box = _Box.of(priors, beta)
    alone = [_around_mass(box, ordering, priors) for ordering in told]
    if len(told) == 1:
        (box,) = alone
        return box.belief(box.log_prior(priors) + box.log_likelihood(told[0]), priors)
    # With room for the mean to lie beside all of them.
    box = _Box.around(alone, box, margin=2.0 * priors.ordering_scatter)
    return box.belief(box.log_prior(priors) + _log_pooled(box, told, priors), priors)


@dataclass(frozen=True, slots=True)
class _Box:
    """A grid over E_a and y = ln D at the middle of the temperatures, where the two are nearly independent.

    `beta_per_eV` is 1 / k_B T there; arrays have the shape (energies, y).
    """

    beta_per_eV: float
    energy_eV: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def of(cls, priors: Priors, beta_per_eV: float) -> "_Box":
        low, high = priors.energy_range_eV
        reach = 4.5 * priors.log10_D0_deviation
        return cls(
            beta_per_eV,
            (low, high),
            (
                _LN10 * (priors.log10_D0_mean - reach) - beta_per_eV * high,
                _LN10 * (priors.log10_D0_mean + reach) - beta_per_eV * low,
            ),
        )

    @classmethod
    def around(cls, parts: Sequence["_Box"], whole: "_Box", margin: float) -> "_Box":
        beta = whole.beta_per_eV
        shift_eV = margin / beta
        return cls(
            beta,
            (
                max(whole.energy_eV[0], min(p.energy_eV[0] for p in parts) - shift_eV),
                min(whole.energy_eV[1], max(p.energy_eV[1] for p in parts) + shift_eV),
            ),
            (
                max(whole.y[0], min(p.y[0] for p in parts) - margin),
                min(whole.y[1], max(p.y[1] for p in parts) + margin),
            ),
        )

    @property
    def axes(self) -> tuple[FloatArray, FloatArray]:
        n_energies, n_y = _SHAPE
        return (
            np.linspace(*self.energy_eV, n_energies)[:, None],
            np.linspace(*self.y, n_y)[None, :],
        )

    @property
    def steps(self) -> tuple[float, float]:
        n_energies, n_y = _SHAPE
        return (
            (self.energy_eV[1] - self.energy_eV[0]) / (n_energies - 1),
            (self.y[1] - self.y[0]) / (n_y - 1),
        )

    def log_prior(self, priors: Priors) -> FloatArray:
        energies, y = self.axes
        log10_D0 = (y + self.beta_per_eV * energies) / _LN10
        found: FloatArray = -0.5 * ((log10_D0 - priors.log10_D0_mean) / priors.log10_D0_deviation) ** 2
        return found

    def log_likelihood(self, readings: Sequence[Reading]) -> FloatArray:
        energies, y = self.axes
        total: FloatArray = np.zeros(_SHAPE)
        for reading in readings:
            beta = 1.0 / (BOLTZMANN_EV_PER_K * reading.temperature_K)
            total = total + reading.log_likelihood(y - (beta - self.beta_per_eV) * energies)
        return total

    def zoomed(self, log_density: FloatArray) -> "_Box":
        """The part that holds the mass, with a cell around it."""
        counts = log_density > log_density.max() - _NEGLIGIBLE
        spans = []
        for axis, (ends, step) in enumerate(zip((self.energy_eV, self.y), self.steps, strict=True)):
            found = np.flatnonzero(counts.any(axis=1 - axis))
            low = max(ends[0], ends[0] + (found[0] - 1) * step)
            high = min(ends[1], ends[0] + (found[-1] + 1) * step)
            spans.append((float(low), float(high)))
        return replace(self, energy_eV=spans[0], y=spans[1])

    def belief(self, log_density: FloatArray, priors: Priors) -> Belief:
        energies, y = np.broadcast_arrays(*self.axes)
        counts = log_density > log_density.max() - _NEGLIGIBLE
        weights = np.exp(log_density[counts] - log_density.max())
        return Belief(
            energies_eV=energies[counts],
            log10_D0=(y[counts] + self.beta_per_eV * energies[counts]) / _LN10,
            weights=weights / weights.sum(),
            resolution_eV=self.steps[0],
            priors=priors,
        )


def _around_mass(box: _Box, readings: Sequence[Reading], priors: Priors) -> _Box:
    """The part of a box that holds the posterior of one ordering."""
    for _ in range(_MOST_ZOOMS):
        closer = box.zoomed(box.log_prior(priors) + box.log_likelihood(readings))
        smaller = min(new / old for new, old in zip(closer.steps, box.steps, strict=True)) < _SMALLER
        box = closer
        if not smaller:
            break
    return box


def _log_pooled(box: _Box, told: Sequence[Sequence[Reading]], priors: Priors) -> FloatArray:
    """Logarithm of the likelihood of the mean: of each ordering blurred by the scatter, summed over the scatter."""
    padded = [2 * n for n in _SHAPE]
    spectra, tops = [], []
    for readings in told:
        log_likelihood = box.log_likelihood(readings)
        tops.append(float(log_likelihood.max()))
        spectra.append(np.fft.rfft2(np.exp(log_likelihood - tops[-1]), padded))
    step_eV, step = box.steps
    logs = []
    for scatter in _SCATTERS:
        widths = (scatter / box.beta_per_eV / step_eV, scatter / step)
        # Steps of the scatter are even in its logarithm.
        weight = log(scatter) - 0.5 * (scatter / priors.ordering_scatter) ** 2
        total = np.full(_SHAPE, weight)
        for spectrum in spectra:
            blurred = np.fft.irfft2(scipy.ndimage.fourier_gaussian(spectrum, widths, n=padded[-1]), padded)
            total += np.log(np.maximum(blurred[: _SHAPE[0], : _SHAPE[1]], 1e-30))
        logs.append(total)
    pooled: FloatArray = scipy.special.logsumexp(logs, axis=0)
    return pooled
