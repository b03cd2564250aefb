"""A distribution as a short table of quantiles, to be stored and asked for probabilities."""

from dataclasses import dataclass
from typing import Final

import numpy as np

PROBABILITIES: Final = (
    *(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4),
    0.5,
    *(0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999),
)
"""At which every table gives the value."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution by its values at `PROBABILITIES`.

    Attributes
    ----------
    values
        Never falling.
    logarithmic
        The values are positive, and between two of them it is their logarithm that is interpolated.
    """

    values: tuple[float, ...]
    logarithmic: bool = False

    @property
    def median(self) -> float:
        """Value that lies in the middle."""
        return self.values[PROBABILITIES.index(0.5)]

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval."""
        return self.values[PROBABILITIES.index(0.025)], self.values[PROBABILITIES.index(0.975)]

    def below(self, value: float) -> float:
        """Return the probability of less than a value; beyond the table 0 and 1."""
        values = np.asarray(self.values)
        if self.logarithmic:
            if value <= 0.0:
                return 0.0
            values, value = np.log(values), float(np.log(value))
        if value < values[0] or value > values[-1]:
            return float(value > values[-1])
        return float(np.interp(value, values, PROBABILITIES))

    def between(self, minimum: float | None, maximum: float | None) -> float:
        """Return the probability of lying between two bounds; None where there is none."""
        below_minimum = 0.0 if minimum is None else self.below(minimum)
        below_maximum = 1.0 if maximum is None else self.below(maximum)
        return max(below_maximum - below_minimum, 0.0)
