"""What one temperature says of the diffusivity there: a value with an error, or a count of jumps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, floor, log
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.science.dynamics.result import CM2_PER_S, DiffusionResult, DiffusionStatus

FloatArray = NDArray[np.float64]

USUAL_FREEDOM = 8.0
"""Degrees of freedom of a slope's error where its own were not kept."""


@dataclass(frozen=True, slots=True)
class Value:
    """A slope with its error, converged or not.

    Attributes
    ----------
    temperature_K
        Where.
    ln_D
        Natural logarithm of the diffusivity in cm²/s.
    error
        Standard error of `ln_D`.
    degrees_of_freedom
        Of that error, for Student's t.
    jumps, jumps_per_D_s_per_cm2
        Jumps that the slope amounts to, and jumps of a run of this length and so many ions for each cm²/s.
    production_ps
        Length that was analysed.
    """

    temperature_K: float
    ln_D: float
    error: float
    degrees_of_freedom: float
    jumps: float
    jumps_per_D_s_per_cm2: float
    production_ps: float

    def log_likelihood(self, ln_D: FloatArray) -> FloatArray:
        """Return ln p(observed | D) up to a constant, of any shape."""
        scaled = (self.ln_D - ln_D) / self.error
        freedom = self.degrees_of_freedom
        found: FloatArray = -0.5 * (freedom + 1.0) * np.log1p(scaled**2 / freedom)
        return found


@dataclass(frozen=True, slots=True)
class Count:
    """Few jumps: their number is Poisson distributed about 6 D n t / a².

    Attributes
    ----------
    temperature_K
        Where.
    fewest, most
        The number lies between: jumps that were counted, there and back, and jumps that the slope amounts to are
        both uncertain while few.
    together
        Ions that jump as one.
    jumps_per_D_s_per_cm2
        6 n t / a².
    production_ps
        Length that was analysed.
    """

    temperature_K: float
    fewest: float
    most: float
    together: float
    jumps_per_D_s_per_cm2: float
    production_ps: float

    def log_likelihood(self, ln_D: FloatArray) -> FloatArray:
        """Return ln p(observed | D), of any shape."""
        mean = self.jumps_per_D_s_per_cm2 * np.exp(ln_D) / self.together
        fewest, most = floor(self.fewest / self.together), ceil(self.most / self.together)
        probability = scipy.special.pdtr(most, mean)
        if fewest > 0:
            probability = probability - scipy.special.pdtr(fewest - 1, mean)
        found: FloatArray = np.log(np.maximum(probability, 1e-300))
        return found


Reading = Value | Count


def reading_of(result: DiffusionResult) -> Reading | None:
    """Return what an analysis says of the diffusivity; None if nothing, as of a framework that is gone.

    Values count with ten jumps' worth of displacement, converged or not; fewer are a count. A run too short for a
    slope says nothing.
    """
    if result.status is DiffusionStatus.FRAMEWORK_MELTED:
        return None
    parameters, fit = result.parameters, result.fit
    per_D = 6.0 * result.n_mobile * result.production_ps / parameters.hop_distance_A**2 / CM2_PER_S
    if fit is None:
        # Neither a slope nor a count that could be trusted: ions that jump twice within a window of the count, or
        # about its ends, are counted once or never, and what is left out so is not left out at random.
        return None
    jumps = fit.n_effective_hops
    if jumps < parameters.min_effective_hops:
        fewest, most = sorted((float(result.n_hops), jumps))
        return Count(
            result.temperature_K,
            fewest,
            # What was counted beyond may be ions that rattle.
            min(most, parameters.min_effective_hops),
            fit.design_effect if result.n_hops else 1.0,
            per_D,
            result.production_ps,
        )
    return Value(
        temperature_K=result.temperature_K,
        ln_D=log(fit.D_cm2_per_s),
        error=fit.standard_error_cm2_per_s / fit.D_cm2_per_s,
        degrees_of_freedom=fit.degrees_of_freedom or USUAL_FREEDOM,
        jumps=jumps,
        jumps_per_D_s_per_cm2=per_D,
        production_ps=result.production_ps,
    )


def reading_as_dict(reading: Reading) -> dict[str, Any]:
    """Return a JSON-able copy that `reading_from_dict` reads."""
    return {"kind": "value" if isinstance(reading, Value) else "count", **asdict(reading)}


def reading_from_dict(stored: Mapping[str, Any]) -> Reading:
    """Inverse of `reading_as_dict`."""
    values = {name: value for name, value in stored.items() if name != "kind"}
    return Value(**values) if stored["kind"] == "value" else Count(**values)
