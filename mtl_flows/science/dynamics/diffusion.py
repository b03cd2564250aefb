"""From a trajectory to a diffusivity with an interval and a status, never a bare number."""

from dataclasses import dataclass
from importlib import metadata

import numpy as np
import scipy
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import DynamicsError, NoFrameworkError, NoMobileIonError
from mtl_flows.science.dynamics.motion import (
    FrameworkMotion,
    cage_positions,
    count_hops,
    framework_motion,
)
from mtl_flows.science.dynamics.parameters import DiffusionParameters
from mtl_flows.science.dynamics.result import CM2_PER_S, DiffusionResult, DiffusionStatus, SlopeFit
from mtl_flows.science.dynamics.slope import (
    SlopeEstimate,
    block_contributions,
    estimate_slope,
    slope_weights,
)
from mtl_flows.science.dynamics.tensor import DiffusionTensor, slope_tensor
from mtl_flows.science.dynamics.trajectory import Trajectory, displacements_A

METHOD = "msd-slope/1"
_FEWEST_LAGS = 5
_MOST_LAGS = 30

FloatArray = NDArray[np.float64]


def analyse_diffusion(
    trajectory: Trajectory,
    mobile_ion: str,
    temperature_K: float,
    parameters: DiffusionParameters = DiffusionParameters(),
) -> DiffusionResult:
    """Measure the diffusion of ``mobile_ion`` in a trajectory at constant temperature.

    Displacements are relative to the framework. The mean square displacement comes from
    pymatgen-analysis-diffusion, the slope's error from :mod:`mtl_flows.science.dynamics.slope`.

    Parameters
    ----------
    trajectory
        The whole run; its first ``discard_ps`` are cut off here.
    mobile_ion
        Element symbol.
    temperature_K
        Nominal temperature of the thermostat.
    parameters
        See :class:`DiffusionParameters`.

    Raises
    ------
    NoMobileIonError
        If there is no atom of ``mobile_ion``.
    NoFrameworkError
        If there is no other atom: drift and diffusion cannot be told apart.
    DynamicsError
        If the trajectory cannot be unwrapped.
    """
    mobile = trajectory.mask(mobile_ion)
    if not mobile.any():
        raise NoMobileIonError(f"the trajectory holds no {mobile_ion}")
    if mobile.all():
        raise NoFrameworkError(f"every atom of the trajectory is {mobile_ion}")

    production = trajectory.unwrapped().from_time(parameters.discard_ps).thinned(parameters.max_frames)
    if production.n_frames < 2:
        raise DynamicsError(
            f"the run of {trajectory.duration_ps:g} ps does not outlast its equilibration",
            remedy="extend the run",
        )
    n_mobile = int(mobile.sum())
    moved = displacements_A(production, ~mobile)
    cages = cage_positions(moved, round(parameters.vibration_ps * 1e3 / production.timestep_fs))
    framework = framework_motion(
        cages[~mobile], tuple(symbol for symbol in production.species if symbol != mobile_ion)
    )
    fit, estimate = _fit_slope(production, moved, mobile, mobile_ion, temperature_K, parameters)
    status, reason = _judge(fit, estimate, framework, parameters)

    D: float | None = None
    interval: tuple[float, float] | None = None
    relative_error: float | None = None
    if fit is not None and estimate is not None:
        if status is DiffusionStatus.UPPER_BOUND:
            interval = (0.0, _upper_bound(fit, estimate, n_mobile, production.duration_ps, parameters))
        elif status is not DiffusionStatus.FRAMEWORK_MELTED:
            low, high = estimate.interval(parameters.confidence)
            D, interval = fit.D_cm2_per_s, (low * CM2_PER_S, high * CM2_PER_S)
            relative_error = estimate.standard_error / estimate.D
    return DiffusionResult(
        mobile_ion=mobile_ion,
        temperature_K=float(temperature_K),
        n_mobile=n_mobile,
        number_density_per_A3=n_mobile / trajectory.volume_A3,
        status=status,
        reason=reason,
        D_cm2_per_s=D,
        interval_cm2_per_s=interval,
        relative_error=relative_error,
        n_hops=count_hops(cages[mobile], parameters.hop_distance_A),
        framework_msd_A2=framework.msd_A2,
        framework_msd_by_element_A2=framework.msd_by_element_A2,
        max_framework_displacement_A=framework.max_displacement_A,
        mean_temperature_K=float(production.temperatures_K.mean()),
        production_ps=production.duration_ps,
        n_frames=production.n_frames,
        fit=fit,
        parameters=parameters,
        method=METHOD,
        versions={"pymatgen-analysis-diffusion": metadata.version("pymatgen-analysis-diffusion")},
    )


def shortest_fit_ps(parameters: DiffusionParameters, frame_interval_ps: float) -> float:
    """Return the shortest run, its equilibration included, that has enough lags for a slope."""
    longest_lag_ps = parameters.min_lag_ps + _FEWEST_LAGS * frame_interval_ps
    return parameters.discard_ps + longest_lag_ps / parameters.max_lag_fraction


def _fit_slope(
    production: Trajectory,
    moved_A: FloatArray,
    mobile: NDArray[np.bool_],
    mobile_ion: str,
    temperature_K: float,
    parameters: DiffusionParameters,
) -> tuple[SlopeFit, SlopeEstimate] | tuple[None, None]:
    """Fit the mean square displacement; nothing where too few lags fit into the run."""
    timestep_ps = production.timestep_fs * 1e-3
    longest_lag_ps = parameters.max_lag_fraction * production.duration_ps
    if longest_lag_ps < parameters.min_lag_ps + _FEWEST_LAGS * timestep_ps:
        return None, None
    curve = _mean_square_displacement(production, moved_A, mobile_ion, temperature_K, int(mobile.sum()))
    in_window = np.flatnonzero((curve.lag_ps >= parameters.min_lag_ps) & (curve.lag_ps <= longest_lag_ps))
    if len(in_window) < _FEWEST_LAGS:
        return None, None
    # Neighbouring lags share nearly all their windows: a few dozen say all there is.
    in_window = in_window[:: -(-len(in_window) // _MOST_LAGS)]
    lag_ps, msd = curve.lag_ps[in_window], curve.msd_A2[in_window]
    weights = slope_weights(lag_ps)
    lags = np.round(lag_ps / timestep_ps).astype(np.intp)
    estimate = estimate_slope(
        moved_A[mobile],
        lags,
        timestep_ps,
        n_blocks=parameters.n_blocks,
        n_surrogates=parameters.n_surrogates,
        seed=parameters.seed,
    )
    nonlinearity, nonlinearity_error = _nonlinearity(moved_A[mobile], lags, timestep_ps, estimate)
    D_charge = float(weights @ curve.charge_msd_A2[in_window])
    tensor = DiffusionTensor.of(
        slope_tensor(moved_A[mobile], lags, weights) * CM2_PER_S, estimate.standard_error * CM2_PER_S
    )
    (xx, _, _), (_, yy, _), (_, _, zz) = tensor.tensor_cm2_per_s
    fit = SlopeFit(
        D_cm2_per_s=estimate.D * CM2_PER_S,
        standard_error_cm2_per_s=estimate.standard_error * CM2_PER_S,
        D_components_cm2_per_s=(xx, yy, zz),
        D_charge_cm2_per_s=D_charge * CM2_PER_S,
        haven_ratio=estimate.D / D_charge if D_charge != 0.0 else 0.0,
        n_effective_hops=_effective_hops(estimate.D, production, mobile, parameters),
        design_effect=estimate.design_effect,
        exponent=float(np.log(msd[-1] / msd[0]) / np.log(lag_ps[-1] / lag_ps[0])) if msd[0] > 0.0 else 0.0,
        nonlinearity=nonlinearity,
        nonlinearity_error=nonlinearity_error,
        window_ps=(float(lag_ps[0]), float(lag_ps[-1])),
        lag_ps=tuple(curve.lag_ps.tolist()),
        msd_A2=tuple(curve.msd_A2.tolist()),
        tensor=tensor,
        degrees_of_freedom=estimate.degrees_of_freedom,
    )
    return fit, estimate


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """Mean square displacements against the lag."""

    lag_ps: FloatArray
    msd_A2: FloatArray
    charge_msd_A2: FloatArray


def _mean_square_displacement(
    production: Trajectory, moved_A: FloatArray, mobile_ion: str, temperature_K: float, n_mobile: int
) -> _Curve:
    """Compute the curves with pymatgen-analysis-diffusion."""
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer

    analyser = DiffusionAnalyzer(
        Structure(
            Lattice(production.lattice_A),
            production.species,
            production.positions_A[0],
            coords_are_cartesian=True,
        ),
        moved_A,
        mobile_ion,
        temperature_K,
        time_step=production.timestep_fs,
        step_skip=1,
        # Every lag has at least one window: the fit window is chosen here, not there.
        min_obs=n_mobile,
    )
    return _Curve(
        lag_ps=np.asarray(analyser.dt) * 1e-3,
        msd_A2=analyser.msd,
        charge_msd_A2=analyser.mscd,
    )


def _nonlinearity(
    moved_A: FloatArray, lags: NDArray[np.intp], timestep_ps: float, estimate: SlopeEstimate
) -> tuple[float, float]:
    """Return how much the slope changes across the window, relative to it, and the error of that."""
    half = len(lags) // 2
    if half < 2 or len(moved_A) < 2 or estimate.D <= 0.0:
        return 0.0, np.inf
    contrast = np.concatenate(
        [-slope_weights(lags[:half] * timestep_ps), slope_weights(lags[half:] * timestep_ps)]
    )
    per_ion = block_contributions(moved_A, lags, contrast, 1)[:, 0]
    error = np.sqrt(per_ion.var(ddof=1) * estimate.design_effect / len(per_ion))
    return float(per_ion.mean() / estimate.D), float(error / estimate.D)


def _effective_hops(
    D_A2_per_ps: float, production: Trajectory, mobile: NDArray[np.bool_], parameters: DiffusionParameters
) -> float:
    """Return the jumps of length a that give this D: 6 D t n / a²."""
    per_ion = 6.0 * D_A2_per_ps * production.duration_ps / parameters.hop_distance_A**2
    return max(per_ion * int(mobile.sum()), 0.0)


def _judge(
    fit: SlopeFit | None,
    estimate: SlopeEstimate | None,
    framework: FrameworkMotion,
    parameters: DiffusionParameters,
) -> tuple[DiffusionStatus, str]:
    """Decide what the numbers are worth."""
    slowest = min(framework.msd_by_element_A2.values())
    if slowest > parameters.max_framework_msd_A2:
        return (
            DiffusionStatus.FRAMEWORK_MELTED,
            f"even the slowest framework element has a mean square displacement of {slowest:.1f} Å²",
        )
    if framework.max_displacement_A > parameters.max_framework_displacement_A:
        return (
            DiffusionStatus.FRAMEWORK_MELTED,
            f"a framework atom has moved {framework.max_displacement_A:.1f} Å",
        )
    if fit is None or estimate is None:
        return DiffusionStatus.UNCONVERGED, "the run is too short for a fit"
    if fit.n_effective_hops < parameters.min_effective_hops:
        return (
            DiffusionStatus.UPPER_BOUND,
            f"{fit.n_effective_hops:.1f} jumps' worth of displacement are too few",
        )
    relative_error = estimate.standard_error / estimate.D
    if relative_error > parameters.max_relative_error:
        return DiffusionStatus.UNCONVERGED, f"the relative error is {relative_error:.2f}"
    if abs(fit.nonlinearity) > max(parameters.max_nonlinearity, 3.0 * fit.nonlinearity_error):
        return (
            DiffusionStatus.UNCONVERGED,
            f"the slope changes by {100 * fit.nonlinearity:.0f} % across the fit window",
        )
    return DiffusionStatus.CONVERGED, f"the relative error is {relative_error:.2f}"


def _upper_bound(
    fit: SlopeFit,
    estimate: SlopeEstimate,
    n_mobile: int,
    production_ps: float,
    parameters: DiffusionParameters,
) -> float:
    """Return the one-sided bound of D in cm²/s for ions that jump too seldom.

    With no jump in the run, their mean number is below −ln(1 − confidence) (3.0 jumps at 95 %); with some,
    below the Poisson bound; never below what the slope itself allows.
    """
    hops = 0.5 * float(scipy.stats.chi2.ppf(parameters.confidence, 2.0 * (fit.n_effective_hops + 1.0)))
    from_hops = hops * parameters.hop_distance_A**2 / (6.0 * n_mobile * production_ps)
    quantile = float(scipy.stats.t.ppf(parameters.confidence, estimate.degrees_of_freedom))
    return max(from_hops, estimate.D + quantile * estimate.standard_error) * CM2_PER_S
