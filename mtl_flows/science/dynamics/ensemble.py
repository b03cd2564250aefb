"""Several fits of one material: the spread over its orderings, and whether two potentials say the same.

Fits are compared, never joined: no line runs through points of two orderings or two potentials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mtl_flows.errors import DynamicsError


@dataclass(frozen=True, slots=True)
class Line:
    """What one Arrhenius fit says.

    Attributes
    ----------
    activation_energy_eV, activation_energy_error_eV
        E_a and its standard error.
    conductivity_S_per_cm, conductivity_interval_S_per_cm
        At the target temperature, with its interval.
    """

    activation_energy_eV: float
    activation_energy_error_eV: float
    conductivity_S_per_cm: float
    conductivity_interval_S_per_cm: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Fits of several orderings under one potential.

    Attributes
    ----------
    n
        How many.
    activation_energy_eV, activation_energy_error_eV
        Mean, and standard error of the mean; with one ordering that of its fit.
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
    conductivity_ratio_decades
        Decimal logarithm of first over second.
    agree
        The intervals of the conductivity overlap and the activation energies are within two standard errors.
    """

    activation_energy_difference_eV: float
    activation_energy_difference_error_eV: float
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
    normal = float(stats.norm.ppf(0.5 + 0.5 * confidence))
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
        student = float(stats.t.ppf(0.5 + 0.5 * confidence, n - 1))
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
        activation_energy_spread_eV=float(energies.std(ddof=1)) if n > 1 else None,
        activation_energy_interval_eV=(energy - energy_half, energy + energy_half),
        conductivity_S_per_cm=float(np.exp(mean_log)),
        conductivity_interval_S_per_cm=(float(np.exp(mean_log - half)), float(np.exp(mean_log + half))),
        conductivity_spread_decades=float(logs.std(ddof=1) / np.log(10.0)) if n > 1 else None,
    )


def compare_potentials(first: Ensemble, second: Ensemble) -> Consensus:
    """Say whether two potentials agree on a material."""
    difference = first.activation_energy_eV - second.activation_energy_eV
    error = float(np.hypot(first.activation_energy_error_eV, second.activation_energy_error_eV))
    (low, high), (other_low, other_high) = (
        first.conductivity_interval_S_per_cm,
        second.conductivity_interval_S_per_cm,
    )
    return Consensus(
        activation_energy_difference_eV=difference,
        activation_energy_difference_error_eV=error,
        conductivity_ratio_decades=float(
            np.log10(first.conductivity_S_per_cm / second.conductivity_S_per_cm)
        ),
        agree=low <= other_high and other_low <= high and abs(difference) <= 2.0 * error,
    )
