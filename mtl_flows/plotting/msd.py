"""Mean square displacements of a material's simulations: what the diffusivities of figures S2–S15 come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtl_flows.errors import NotFoundError
from mtl_flows.plotting.style import GREY, SERIES, new_figure
from mtl_flows.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.dynamics import TrajectoryDocument


@dataclass(frozen=True, slots=True)
class DisplacementCurve(Record):
    """One simulation.

    Attributes
    ----------
    lag_ps, msd_A2
        Mean square displacement of the mobile ions; empty where the run is too short for a slope.
    window_ps
        Ends of the fit; None with it.
    D_cm2_per_s
        Of its slope; None where only a bound or nothing is known.
    framework_msd_A2
        Largest mean square displacement of the framework, vibration averaged out.
    length_ps, mean_temperature_K
        What was analysed.
    chunks
        End of each chunk in ps, its mean temperature in K and mean potential energy in eV.
    """

    temperature_K: float
    ordering: int
    status: str
    reason: str
    lag_ps: list[float]
    msd_A2: list[float]
    window_ps: tuple[float, float] | None
    D_cm2_per_s: float | None
    framework_msd_A2: float | None
    length_ps: float
    mean_temperature_K: float | None
    chunks: list[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class DisplacementData(Record):
    """The simulations of one material, by approximant and temperature."""

    ion: str
    curves: list[DisplacementCurve]


def displacement_data(simulations: Iterable[TrajectoryDocument], ion: str) -> DisplacementData:
    """Gather what was analysed of some simulations.

    Raises
    ------
    NotFoundError
        If there is no simulation.
    """
    found = sorted(simulations, key=lambda s: (s.ordering, s.temperature_K, s.id))
    if not found:
        raise NotFoundError("nothing was simulated", remedy="run mtl launch")
    return DisplacementData(ion, [_curve(simulation) for simulation in found])


def _curve(simulation: TrajectoryDocument) -> DisplacementCurve:
    result = simulation.result if simulation.diffusion is not None else None
    fit = result.fit if result else None
    step_ps = 1e-3 * simulation.timestep_fs
    return DisplacementCurve(
        simulation.temperature_K,
        simulation.ordering,
        simulation.status,
        simulation.reason,
        list(fit.lag_ps) if fit else [],
        list(fit.msd_A2) if fit else [],
        fit.window_ps if fit else None,
        simulation.diffusivity_cm2_per_s,
        result.framework_msd_A2 if result else None,
        step_ps * simulation.steps_done,
        result.mean_temperature_K if result else None,
        [(step_ps * c.last_step, c.mean_temperature_K, c.mean_energy_eV) for c in simulation.chunks],
    )


def plot_displacements(data: DisplacementData) -> Figure:
    """Draw the mean square displacements of all temperatures with the windows of their fits.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(6.0, 4.5)
    temperatures = sorted({curve.temperature_K for curve in data.curves})
    for curve in data.curves:
        number = temperatures.index(curve.temperature_K)
        colour = SERIES[number % len(SERIES)]
        told = "" if curve.D_cm2_per_s is None else f", D = {curve.D_cm2_per_s:.1e} cm²/s"
        axes.plot(
            curve.lag_ps, curve.msd_A2, color=colour, linewidth=0.9, label=f"{curve.temperature_K:g} K{told}"
        )
        if curve.window_ps:
            inside = [
                k for k, lag in enumerate(curve.lag_ps) if curve.window_ps[0] <= lag <= curve.window_ps[1]
            ]
            axes.plot(
                [curve.lag_ps[k] for k in inside],
                [curve.msd_A2[k] for k in inside],
                color=colour,
                linewidth=2.6,
                solid_capstyle="round",
            )
    axes.set_xlabel("lag (ps)")
    axes.set_ylabel(f"mean square displacement of {data.ion} (Å²)")
    axes.set_ylim(bottom=0.0)
    axes.set_title("heavy: window of the fit", fontsize=8, loc="left", color=GREY)
    axes.legend(frameon=False, fontsize=8)
    return figure
