"""Several fits of one material: the spread over its orderings, and whether two potentials say the same.

Fits are compared, never joined: no line runs through points of two orderings or two potentials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.freedom import freedom_of_sum, student_quantile


@dataclass(frozen=True, slots=True)
class Line:
    """What one Arrhenius fit says.

    Attributes
    ----------
    activation_energy_eV, activation_energy_error_eV
        E_a and its standard error.
    conductivity_S_per_cm, conductivity_interval_S_per_cm
        At the target temperature, with its interval.
    degrees_of_freedom
        Of the error of E_a, for Student's t; None if unknown.
    """

    activation_energy_eV: float
    activation_energy_error_eV: float
    conductivity_S_per_cm: float
    conductivity_interval_S_per_cm: tuple[float, float]
    degrees_of_freedom: float | None = None


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Fits of several orderings under one potential.

    Attributes
    ----------
    n
        How many.
    activation_energy_eV, activation_energy_error_eV
        Mean, and standard error of the mean; with one ordering that of its fit.
    activation_energy_fit_error_eV, fit_degrees_of_freedom
        Standard error of the mean by the fits' own errors alone, whatever the orderings scatter, and its degrees of
        freedom; None if those of no fit are known.
    activation_energy_spread_eV
        Standard deviation over the orderings, noise of the fits included; None with one.
    activation_energy_interval_eV
        Interval of the mean, made like that of the conductivity: three orderings are few, and Student's t says so.
    conductivity_S_per_cm
        Geometric mean.
    conductivity_interval_S_per_cm
        Interval of that mean, from the scatter of the orderings (Student's t) and never narrower than the fits'
        own errors allow; with one ordering that of its fit, which knows nothing of the others.
    conductivity_spread_decades
        Standard deviation of the decimal logarithm over the orderings; None with one.
    """

    n: int
    activation_energy_eV: float
    activation_energy_error_eV: float
    activation_energy_fit_error_eV: float
    fit_degrees_of_freedom: float | None
    activation_energy_spread_eV: float | None
    activation_energy_interval_eV: tuple[float, float]
    conductivity_S_per_cm: float
    conductivity_interval_S_per_cm: tuple[float, float]
    conductivity_spread_decades: float | None


@dataclass(frozen=True, slots=True)
class Consensus:
    """Two potentials side by side.

    Attributes
    ----------
    activation_energy_difference_eV, activation_energy_difference_error_eV
        First less second, and its standard error.
    activation_energy_difference_interval_eV
        Interval of the difference, by Welch's t; normal where the degrees of freedom of the fits' errors are unknown
        and no ordering scatters.
    conductivity_ratio_decades
        Decimal logarithm of first over second.
    agree
        The intervals of the conductivity overlap and that of the difference of activation energies holds zero.
    """

    activation_energy_difference_eV: float
    activation_energy_difference_error_eV: float
    activation_energy_difference_interval_eV: tuple[float, float]
    conductivity_ratio_decades: float
    agree: bool


def summarise_orderings(lines: Sequence[Line], *, confidence: float = 0.95) -> Ensemble:
    """Summarise the fits of several orderings of one material under one potential.

    Raises
    ------
    DynamicsError
        If there is none.
    """
    if not lines:
        raise DynamicsError("no fit to summarise", remedy="run more temperatures or longer")
    energies = np.array([line.activation_energy_eV for line in lines])
    energy_errors = np.array([line.activation_energy_error_eV for line in lines])
    logs = np.log([line.conductivity_S_per_cm for line in lines])
    normal = float(scipy.stats.norm.ppf(0.5 + 0.5 * confidence))
    log_errors = np.array(
        [
            np.log(high / low) / (2.0 * normal)
            for low, high in (x.conductivity_interval_S_per_cm for x in lines)
        ]
    )
    n = len(lines)
    mean_log = float(logs.mean())
    own = float(np.sqrt((log_errors**2).sum())) / n
    own_energy = float(np.sqrt((energy_errors**2).sum())) / n
    half, energy_half, energy_error = normal * own, normal * own_energy, own_energy
    if n > 1:
        student = float(scipy.stats.t.ppf(0.5 + 0.5 * confidence, n - 1))
        scatter = float(logs.std(ddof=1) / np.sqrt(n))
        energy_scatter = float(energies.std(ddof=1) / np.sqrt(n))
        half = max(half, student * scatter)
        energy_half = max(energy_half, student * energy_scatter)
        energy_error = max(own_energy, energy_scatter)
    energy = float(energies.mean())
    return Ensemble(
        n=n,
        activation_energy_eV=energy,
        activation_energy_error_eV=energy_error,
        activation_energy_fit_error_eV=own_energy,
        fit_degrees_of_freedom=freedom_of_sum(
            (energy_errors**2).tolist(), [line.degrees_of_freedom for line in lines]
        ),
        activation_energy_spread_eV=float(energies.std(ddof=1)) if n > 1 else None,
        activation_energy_interval_eV=(energy - energy_half, energy + energy_half),
        conductivity_S_per_cm=float(np.exp(mean_log)),
        conductivity_interval_S_per_cm=(float(np.exp(mean_log - half)), float(np.exp(mean_log + half))),
        conductivity_spread_decades=float(logs.std(ddof=1) / np.log(10.0)) if n > 1 else None,
    )


def compare_potentials(first: Ensemble, second: Ensemble, *, confidence: float = 0.95) -> Consensus:
    """Say whether two potentials agree on a material.

    Parameters
    ----------
    first, second
        Of one potential each.
    confidence
        Level of the interval of the difference; the conductivities bring theirs.
    """
    difference = first.activation_energy_eV - second.activation_energy_eV
    half = _difference_half_width_eV(first, second, confidence)
    low_eV, high_eV = difference - half, difference + half
    (low, high), (other_low, other_high) = (
        first.conductivity_interval_S_per_cm,
        second.conductivity_interval_S_per_cm,
    )
    return Consensus(
        activation_energy_difference_eV=difference,
        activation_energy_difference_error_eV=float(
            np.hypot(first.activation_energy_error_eV, second.activation_energy_error_eV)
        ),
        activation_energy_difference_interval_eV=(low_eV, high_eV),
        conductivity_ratio_decades=float(
            np.log10(first.conductivity_S_per_cm / second.conductivity_S_per_cm)
        ),
        agree=low <= other_high and other_low <= high and low_eV <= 0.0 <= high_eV,
    )


def _difference_half_width_eV(first: Ensemble, second: Ensemble, confidence: float) -> float:
    """Half the interval of a difference of activation energies, never narrower than the fits' own errors allow."""
    both = first, second
    own = [(ensemble.activation_energy_fit_error_eV, ensemble.fit_degrees_of_freedom) for ensemble in both]
    governing = [_governing_error(ensemble, confidence) for ensemble in both]
    return max(_welch_half_width(own, confidence), _welch_half_width(governing, confidence))


def _governing_error(ensemble: Ensemble, confidence: float) -> tuple[float, float | None]:
    """Standard error that the interval of the mean activation energy is made of, eV, and its degrees of freedom.

    The error of a fit has the degrees of freedom of those of its points; the scatter of n orderings has n − 1.
    """
    errors = [(ensemble.activation_energy_fit_error_eV, ensemble.fit_degrees_of_freedom)]
    if ensemble.activation_energy_spread_eV is not None:
        errors.append((ensemble.activation_energy_spread_eV / np.sqrt(ensemble.n), ensemble.n - 1.0))
    return max(errors, key=lambda error: _welch_half_width([error], confidence))


def _welch_half_width(errors: Sequence[tuple[float, float | None]], confidence: float) -> float:
    """Half-width for independent errors by Welch and Satterthwaite; the normal one if all are known."""
    variances = [error**2 for error, _ in errors]
    freedom = freedom_of_sum(variances, [freedom for _, freedom in errors])
    return student_quantile(freedom, confidence) * float(np.sqrt(sum(variances)))
