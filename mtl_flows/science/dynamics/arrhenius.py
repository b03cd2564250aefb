"""Arrhenius fit of diffusivities and its extrapolation, errors carried through."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError
from mtl_flows.records import Record
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K, nernst_einstein
from mtl_flows.science.dynamics.freedom import freedom_of_sum
from mtl_flows.science.dynamics.result import DiffusionResult, DiffusionStatus
from mtl_flows.science.elements import ion_charge


class ArrheniusStatus(StrEnum):
    """Whether there is a line."""

    FITTED = "fitted"
    TOO_FEW_TEMPERATURES = "too_few_temperatures"


@dataclass(frozen=True, slots=True)
class ArrheniusFit:
    """ln D = ln D0 − E_a / k_B T.

    Attributes
    ----------
    activation_energy_eV, activation_energy_error_eV
        E_a and its standard error.
    ln_D0, ln_D0_error
        ln of D0 in cm²/s and its standard error.
    covariance_eV
        Covariance of E_a and ln D0.
    scatter
        √(χ² / degrees of freedom) of the points about the line; 1 where there are two points. Above 1 the
        errors above have been multiplied by it.
    degrees_of_freedom
        Of the error of E_a, for Student's t: those of the diffusivities' errors, less where `scatter` enlarged them.
        None if unknown, as with results stored before the diffusivities' were kept.
    target_temperature_K
        Temperature of the extrapolation.
    D_cm2_per_s, D_interval_cm2_per_s
        Diffusivity there.
    conductivity_S_per_cm, conductivity_interval_S_per_cm
        Nernst–Einstein conductivity there.
    """

    activation_energy_eV: float
    activation_energy_error_eV: float
    ln_D0: float
    ln_D0_error: float
    covariance_eV: float
    scatter: float
    degrees_of_freedom: float | None
    target_temperature_K: float
    D_cm2_per_s: float
    D_interval_cm2_per_s: tuple[float, float]
    conductivity_S_per_cm: float
    conductivity_interval_S_per_cm: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ArrheniusResult(Record):
    """Outcome of a fit.

    Attributes
    ----------
    status
        Whether at least two temperatures could be used.
    temperatures_K
        Those in the fit.
    excluded
        Temperature and reason of each result left out.
    fit
        The line; absent unless the status is ``fitted``.
    """

    status: ArrheniusStatus
    temperatures_K: tuple[float, ...]
    excluded: tuple[tuple[float, str], ...]
    fit: ArrheniusFit | None


def fit_arrhenius(
    results: Sequence[DiffusionResult],
    *,
    target_temperature_K: float = 300.0,
    charge_e: float | None = None,
    confidence: float = 0.95,
) -> ArrheniusResult:
    """Fit the converged diffusivities and extrapolate.

    Points are weighted by their relative errors. The errors of the line follow from those of the points;
    where the points scatter more than their errors allow, both are enlarged in proportion (the Birge
    ratio). With two points there is no scatter to see and the errors of the points are all there is.

    Parameters
    ----------
    results
        One for each temperature, of the same ion, cell and potential.
    target_temperature_K
        Temperature to extrapolate to.
    charge_e
        Charge of the ion; by default the formal one.
    confidence
        Level of the intervals.

    Raises
    ------
    DynamicsError
        If the results are of different ions.
    """
    if len({result.mobile_ion for result in results}) > 1:
        raise DynamicsError("results of different ions cannot be fitted together")
    used = [result for result in results if result.status is DiffusionStatus.CONVERGED]
    excluded = tuple(
        (result.temperature_K, f"{result.status}: {result.reason}")
        for result in results
        if result.status is not DiffusionStatus.CONVERGED
    )
    temperatures = tuple(result.temperature_K for result in used)
    if len(set(temperatures)) < 2:
        return ArrheniusResult(ArrheniusStatus.TOO_FEW_TEMPERATURES, temperatures, excluded, None)

    # Converged results carry both numbers.
    ln_D = np.log([result.D_cm2_per_s or np.nan for result in used])
    errors = np.array([result.relative_error or np.nan for result in used])
    beta = 1.0 / (BOLTZMANN_EV_PER_K * np.array(temperatures))
    design = np.stack([-beta, np.ones_like(beta)], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    solver = covariance @ design.T / errors
    coefficients = solver @ ln_D
    residual = ln_D / errors - design @ coefficients
    freedom = len(used) - 2
    scatter = float(np.sqrt(residual @ residual / freedom)) if freedom > 0 else 1.0
    covariance = covariance * max(scatter, 1.0) ** 2

    activation_energy, ln_D0 = (float(value) for value in coefficients)
    target = np.array([-1.0 / (BOLTZMANN_EV_PER_K * target_temperature_K), 1.0])
    ln_D_target = float(target @ coefficients)
    spread = float(scipy.stats.norm.ppf(0.5 + 0.5 * confidence) * np.sqrt(target @ covariance @ target))
    D_target, D_low, D_high = (float(np.exp(ln_D_target + shift)) for shift in (0.0, -spread, spread))
    density = float(np.mean([result.number_density_per_A3 for result in used]))
    charge = ion_charge(used[0].mobile_ion) if charge_e is None else charge_e
    conductivity, low, high = (
        nernst_einstein(D, density, charge, target_temperature_K) for D in (D_target, D_low, D_high)
    )
    return ArrheniusResult(
        status=ArrheniusStatus.FITTED,
        temperatures_K=temperatures,
        excluded=excluded,
        fit=ArrheniusFit(
            activation_energy_eV=activation_energy,
            activation_energy_error_eV=float(np.sqrt(covariance[0, 0])),
            ln_D0=ln_D0,
            ln_D0_error=float(np.sqrt(covariance[1, 1])),
            covariance_eV=float(covariance[0, 1]),
            scatter=scatter,
            degrees_of_freedom=_freedom(used, (solver[0] * errors) ** 2, scatter),
            target_temperature_K=target_temperature_K,
            D_cm2_per_s=D_target,
            D_interval_cm2_per_s=(D_low, D_high),
            conductivity_S_per_cm=conductivity,
            conductivity_interval_S_per_cm=(low, high),
        ),
    )


def _freedom(
    used: Sequence[DiffusionResult], variances_eV2: NDArray[np.float64], scatter: float
) -> float | None:
    """Return the degrees of freedom of the variance of E_a, made of the points' `variances_eV2`.

    The square of the Birge ratio multiplies that variance and is itself uncertain, as far as it departs from one:
    relative variances of factors add up.
    """
    of_points = freedom_of_sum(
        variances_eV2.tolist(), [result.fit.degrees_of_freedom if result.fit else None for result in used]
    )
    inverse = 0.0 if of_points is None else 1.0 / of_points
    if scatter > 1.0:
        inverse += (1.0 - 1.0 / scatter**2) ** 2 / (len(used) - 2)
    return 1.0 / inverse if inverse > 0.0 else None
