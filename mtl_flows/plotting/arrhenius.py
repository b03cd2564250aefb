"""Diffusivities over inverse temperature, with what the posterior makes of them: figure 4 of the study in kind."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtl_flows.errors import NotFoundError
from mtl_flows.jobs.evidence import gather
from mtl_flows.science.dynamics.belief import Belief
from mtl_flows.stages.posterior import observed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mtl_flows.schemas.candidates import DynamicsPart
    from mtl_flows.stages.evidence import Evidence
    from mtl_flows.store.database import MTLStore

ROOM_K = 300.0
_TEMPERATURES = 40
_BAND = (0.025, 0.5, 0.975)
_SIMULATED, _CRYSTAL, _POINT = "#1f5a7a", "#b3541e", "#222222"


@dataclass(frozen=True, slots=True)
class DiffusivityPoint:
    """One simulation.

    Attributes
    ----------
    D_cm2_per_s
        None where only a bound is known.
    low_cm2_per_s, high_cm2_per_s
        Ends of its interval; of a bound the upper one is the bound.
    """

    temperature_K: float
    ordering: int
    D_cm2_per_s: float | None
    low_cm2_per_s: float | None
    high_cm2_per_s: float | None
    status: str


@dataclass(frozen=True, slots=True)
class Band:
    """Median and 95 % interval of log10 D, D in cm²/s, over temperatures; arrays of one length."""

    temperatures_K: NDArray[np.float64]
    low: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArrheniusData:
    """What the figure of one material shows.

    Attributes
    ----------
    simulated, crystal
        Posterior of the simulation alone, and with the error of its potential.
    name
        What it is called.
    row
        What a row of the candidate table says, for its numbers.
    """

    points: list[DiffusivityPoint]
    simulated: Band
    crystal: Band
    name: str
    row: DynamicsPart


def arrhenius_data(store: MTLStore, material_id: str) -> ArrheniusData:
    """Gather the simulations that a material's row shows, and their posterior.

    Raises
    ------
    NotFoundError
        If it has no row, or nothing of it was simulated that says anything.
    """
    row = store.candidates.get(material_id)
    sources = store.groups.sources([row.material_id])
    data = arrhenius_of(
        f"{row.material_id}  {row.reduced_formula}",
        row,
        gather(store, sources, row.mobile_ion)[row.material_id],
    )
    if data is None:
        raise NotFoundError(
            "no temperature of it says anything yet", subject=material_id, remedy="see mtl explain"
        )
    return data


def arrhenius_of(name: str, row: DynamicsPart, evidence: Evidence) -> ArrheniusData | None:
    """Put together what the figure shows of simulations, wherever they are kept; None if no temperature says anything.

    Parameters
    ----------
    name
        What it is called.
    row
        What a row of the candidate table says of them.
    """
    seen = observed(evidence.trajectories, evidence.fits)
    if seen is None or not seen.temperatures_K:
        return None
    alone = seen.belief()
    whole = alone.with_error(row.potential_error_eV or 0.0, row.potential_bias_eV or 0.0)
    hottest = max(*seen.temperatures_K, ROOM_K)
    points = [
        DiffusivityPoint(
            record.temperature_K,
            record.ordering,
            record.diffusivity_cm2_per_s,
            record.low_cm2_per_s,
            record.high_cm2_per_s,
            record.status,
        )
        for record in row.diffusivities
    ]
    return ArrheniusData(points, _band(alone, hottest), _band(whole, hottest), name, row)


def _band(belief: Belief, hottest_K: float) -> Band:
    temperatures_K = 1.0 / np.linspace(1.0 / hottest_K, 1.0 / ROOM_K, _TEMPERATURES)
    quantiles = np.array([belief.log10_D_quantiles(_BAND, float(T)) for T in temperatures_K])
    low, median, high = quantiles.T
    return Band(temperatures_K, low, median, high)


def plot_arrhenius(data: ArrheniusData) -> Figure:
    """Draw one material: points with intervals, bounds as arrows, the bands of the posterior down to room temperature.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.8), layout="constrained")
    axes = figure.subplots()
    row = data.row
    shown = (
        ("with the potential's error", data.crystal, _CRYSTAL, 0.15),
        ("the simulation alone", data.simulated, _SIMULATED, 0.3),
    )
    for label, band, colour, opacity in shown:
        x = 1000.0 / band.temperatures_K
        axes.fill_between(x, band.low, band.high, color=colour, alpha=opacity, linewidth=0, label=label)
        axes.plot(x, band.median, color=colour, linewidth=1.2)
    for point in data.points:
        _draw(axes, point)
    axes.set_xlabel("1000 K / T")
    axes.set_ylabel("log₁₀ D, D in cm²/s")
    axes.set_ylim(bottom=max(float(data.crystal.low.min()), -20.0))
    axes.axvline(1000.0 / ROOM_K, color="#888888", linewidth=0.8, linestyle=":")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    axes.set_title(_title(data.name, row), fontsize=9, loc="left")
    upper = axes.secondary_xaxis("top", functions=(_inverse, _inverse))
    upper.set_xticks(sorted({p.temperature_K for p in data.points} | {ROOM_K}))
    upper.set_xlabel("T / K", fontsize=8)
    upper.tick_params(labelsize=8)
    return figure


def _draw(axes: Axes, point: DiffusivityPoint) -> None:
    x = 1000.0 / point.temperature_K
    if point.D_cm2_per_s is not None and point.low_cm2_per_s and point.high_cm2_per_s:
        middle = log10(point.D_cm2_per_s)
        ends = [[middle - log10(point.low_cm2_per_s)], [log10(point.high_cm2_per_s) - middle]]
        filled = _POINT if point.status == "converged" else "white"
        axes.errorbar(x, middle, ends, fmt="o", color=_POINT, markerfacecolor=filled, markersize=5)
    elif point.high_cm2_per_s:
        bound = log10(point.high_cm2_per_s)
        axes.errorbar(x, bound, 0.4, uplims=True, fmt="_", color=_POINT, markersize=9, linewidth=1)


def _title(name: str, row: DynamicsPart) -> str:
    parts = [f"{name}, {row.engine}"]
    if row.activation_energy_simulated_eV is not None:
        parts.append(
            f"simulation: E_a = {row.activation_energy_simulated_eV:.2f} "
            f"[{row.activation_energy_simulated_low_eV:.2f}, {row.activation_energy_simulated_high_eV:.2f}] eV, "
            f"P(σ(300 K) ≥ 10⁻⁴ S/cm) = {row.P_conducts_simulated:.3f}"
        )
        parts.append(
            f"with the potential's error of {row.potential_error_eV:.2f} eV ({row.potential_error_source}): "
            f"[{row.activation_energy_crystal_low_eV:.2f}, {row.activation_energy_crystal_high_eV:.2f}] eV, "
            f"{row.P_conducts_crystal:.2f}"
        )
    return "\n".join(parts)


def _inverse(x: ArrayLike) -> NDArray[np.float64]:
    """1000 / x, which turns inverse temperatures into temperatures and back."""
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = 1000.0 / np.asarray(x, dtype=float)
    return found
