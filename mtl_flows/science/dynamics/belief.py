"""What is believed of E_a and D0: weighted points, and the distributions that follow from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any, Self

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from mtl_flows.records import Record
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K

FloatArray = NDArray[np.float64]

_LN10 = log(10.0)
_POINTS = 121
"""Points at which a distribution is evaluated for its quantiles."""


@dataclass(frozen=True, slots=True)
class Priors(Record):
    """What is believed before any run.

    Attributes
    ----------
    energy_range_eV
        E_a is uniform in it.
    log10_D0_mean, log10_D0_deviation
        log10 of D0 in cm²/s is normal. A jump of 3 Å at 10¹³ Hz in three dimensions is 1.5·10⁻³ cm²/s; occupation and
        entropy move it by decades. Narrower ones cover less than they say.
    ordering_scatter
        Orderings differ from their mean in ln D and in E_a / k_B T by a scatter that is half-normal with this scale; of
        one ordering nothing is known.
    """

    energy_range_eV: tuple[float, float] = (0.0, 2.0)
    log10_D0_mean: float = -3.0
    log10_D0_deviation: float = 1.5
    ordering_scatter: float = 1.0

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        low_eV, high_eV = stored["energy_range_eV"]
        return cls(**{**stored, "energy_range_eV": (low_eV, high_eV)})


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """A distribution of E_a and log10 D0 as weighted points.

    Attributes
    ----------
    energies_eV, log10_D0
        Points, each of shape (n,).
    weights
        Of the points; they add up to one.
    resolution_eV
        Distance of the points in E_a.
    priors
        Under which it was found.
    bias_eV, error_eV
        The crystal's E_a is that of the simulation less a normal variable of this mean and standard deviation: what the
        potential gets wrong. D0 is taken to be right, and E_a to stay within the range of the prior.
    """

    energies_eV: FloatArray
    log10_D0: FloatArray
    weights: FloatArray
    resolution_eV: float
    priors: Priors
    bias_eV: float = 0.0
    error_eV: float = 0.0

    def with_error(self, error_eV: float, bias_eV: float = 0.0) -> Self:
        """Return the same with the potential's error."""
        return replace(self, error_eV=error_eV, bias_eV=bias_eV)

    def energy_below(self, energy_eV: ArrayLike) -> FloatArray:
        """Return P(E_a < energy), of the shape of `energy_eV`, which is one-dimensional."""
        return self._mass_below(np.asarray(energy_eV, dtype=float)[:, None])

    def log10_D_below(self, log10_D: ArrayLike, temperature_K: float) -> FloatArray:
        """Return P(log10 D(T) < value) with D in cm²/s, of the shape of `log10_D`, which is one-dimensional."""
        per_eV = 1.0 / (_LN10 * BOLTZMANN_EV_PER_K * temperature_K)
        # D lies below where E_a lies above.
        energies = (self.log10_D0[None, :] - np.asarray(log10_D, dtype=float)[:, None]) / per_eV
        return 1.0 - self._mass_below(energies)

    def energy_quantiles_eV(self, probabilities: Sequence[float]) -> FloatArray:
        """Return quantiles of E_a."""
        low, high = self.priors.energy_range_eV
        spread = 6.0 * (self.error_eV + self.resolution_eV)
        grid = np.linspace(
            max(low, self.energies_eV.min() - abs(self.bias_eV) - spread),
            min(high, self.energies_eV.max() + abs(self.bias_eV) + spread),
            _POINTS,
        )
        return _inverse(grid, self.energy_below(grid), probabilities)

    def log10_D_quantiles(self, probabilities: Sequence[float], temperature_K: float) -> FloatArray:
        """Return quantiles of log10 D(T), D in cm²/s."""
        per_eV = 1.0 / (_LN10 * BOLTZMANN_EV_PER_K * temperature_K)
        centre = self.log10_D0 - per_eV * (self.energies_eV - self.bias_eV)
        spread = 6.0 * per_eV * (self.error_eV + self.resolution_eV)
        grid = np.linspace(
            centre.min() - spread,
            # No ion is faster than without any barrier.
            min(centre.max() + spread, self.log10_D0.max() - per_eV * self.priors.energy_range_eV[0]),
            _POINTS,
        )
        return _inverse(grid, self.log10_D_below(grid, temperature_K), probabilities)

    def _mass_below(self, energies_eV: FloatArray) -> FloatArray:
        """P(E_a of each point and the potential's error together < energies), of shape (m, n) or (m, 1)."""
        low, high = self.priors.energy_range_eV
        # Half a cell of the grid makes a density of the points.
        width = float(np.hypot(self.error_eV, 0.5 * self.resolution_eV))
        centres = self.energies_eV - self.bias_eV

        def below(energy_eV: FloatArray | float) -> FloatArray:
            found: FloatArray = scipy.special.ndtr((energy_eV - centres) / width)
            return found

        at_low = below(low)
        inside = float(self.weights @ (below(high) - at_low))
        within = below(np.clip(energies_eV, low, high)) - at_low
        mass: FloatArray = within @ self.weights / inside
        return np.clip(mass, 0.0, 1.0)


def _inverse(grid: FloatArray, below: FloatArray, probabilities: Sequence[float]) -> FloatArray:
    """Values of a distribution at some probabilities, from the probabilities at values that rise."""
    rising = np.maximum.accumulate(below)
    kept = np.concatenate([[True], np.diff(rising) > 0.0])
    return np.interp(probabilities, rising[kept], grid[kept])
