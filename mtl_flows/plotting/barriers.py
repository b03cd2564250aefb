"""What the bond-valence barrier knows of activation energies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from mtl_flows.evaluation.verdict_table import read_quantities
from mtl_flows.science.known import canonical_id
from mtl_flows.science.measured import Measured
from mtl_flows.science.verdict import ACTIVATION_ENERGY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.candidates import CandidateDocument
    from mtl_flows.store.database import MTLStore

_COLOURS = ("#1f5a7a", "#b3541e", "#4f7a3a", "#7a4f8a", "#888888")
_FEWEST = 3  # points, for a spread to mean anything


@dataclass(frozen=True, slots=True)
class BarrierPoint:
    """One activation energy of one material beside its barrier.

    Attributes
    ----------
    E_3D_eV
        Of the bond-valence landscape.
    activation_energy_eV, low_eV, high_eV
        With its interval, where it has one; else both ends are the value.
    origin
        ``fit`` of a simulation here, or the DOI of who published it.
    """

    material_id: str
    formula: str
    E_3D_eV: float
    activation_energy_eV: float
    low_eV: float
    high_eV: float
    origin: str


@dataclass(frozen=True, slots=True)
class Residuals:
    """Activation energies less barriers, of one origin.

    Attributes
    ----------
    mean_eV, spread_eV
        Mean and standard deviation; NaN for fewer than three points.
    rank_correlation
        Spearman's; NaN for fewer than three points.
    """

    origin: str
    n: int
    mean_eV: float
    spread_eV: float
    rank_correlation: float

    def as_dict(self) -> dict[str, Any]:
        """Plain mapping for JSON; what is not a number is None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


def barrier_points(store: MTLStore, measured: Path | None = None) -> list[BarrierPoint]:
    """Gather the activation energies of a store's unique materials that have a barrier.

    Parameters
    ----------
    store
        As its default, or the chosen, screening sees it.
    measured
        Table of published activation energies, as `mtl_flows.evaluation.verdict_table.read_quantities` takes it; its
        ids are those of materials, in any case.

    Raises
    ------
    ConfigurationError
        If the table cannot be read.
    """
    barriers = {
        canonical_id(row.material_id): (row, row.E_3D_eV)
        for row in store.candidates.find({"is_representative": True, "E_3D_eV": {"$ne": None}})
        if row.E_3D_eV is not None and isfinite(row.E_3D_eV)
    }
    points = [
        _point(row, barrier, Measured(energy, *_interval(row, energy), "fit"))
        for row, barrier in barriers.values()
        if (energy := row.activation_energy_eV) is not None
    ]
    for published in read_quantities(measured, [ACTIVATION_ENERGY]) if measured else ():
        found = published.measured[ACTIVATION_ENERGY]
        known = barriers.get(canonical_id(published.id))
        if known is not None and found.value is not None:
            points.append(_point(*known, found))
    return points


def _interval(row: CandidateDocument, energy_eV: float) -> tuple[float, float]:
    low, high = row.activation_energy_low_eV, row.activation_energy_high_eV
    return energy_eV if low is None else low, energy_eV if high is None else high


def _point(row: CandidateDocument, barrier_eV: float, energy: Measured) -> BarrierPoint:
    return BarrierPoint(
        row.material_id,
        row.reduced_formula,
        barrier_eV,
        nan if energy.value is None else energy.value,
        energy.low,
        energy.high,
        energy.origin,
    )


def residuals(points: Iterable[BarrierPoint]) -> list[Residuals]:
    """Summarise activation energies less barriers, each origin apart: they are never pooled."""
    by_origin: dict[str, list[BarrierPoint]] = {}
    for point in points:
        by_origin.setdefault(point.origin, []).append(point)
    return [_summary(origin, found) for origin, found in by_origin.items()]


def _summary(origin: str, points: Sequence[BarrierPoint]) -> Residuals:
    if len(points) < _FEWEST:
        return Residuals(origin, len(points), nan, nan, nan)
    barriers = np.array([point.E_3D_eV for point in points])
    energies = np.array([point.activation_energy_eV for point in points])
    constant = np.ptp(barriers) == 0 or np.ptp(energies) == 0
    return Residuals(
        origin,
        len(points),
        float(np.mean(energies - barriers)),
        float(np.std(energies - barriers, ddof=1)),
        nan if constant else float(scipy.stats.spearmanr(barriers, energies).statistic),
    )


def plot_barriers(points: Sequence[BarrierPoint]) -> Figure:
    """Draw activation energies over barriers, a colour for each origin, with the line where both are equal.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 5), layout="constrained")
    axes = figure.subplots()
    for number, summary in enumerate(residuals(points)):
        shown = [point for point in points if point.origin == summary.origin]
        x = [point.E_3D_eV for point in shown]
        y = [point.activation_energy_eV for point in shown]
        below = [point.activation_energy_eV - point.low_eV for point in shown]
        above = [point.high_eV - point.activation_energy_eV for point in shown]
        label = f"{summary.origin}: n = {summary.n}"
        if summary.n >= _FEWEST:
            label += f", residual {summary.mean_eV:+.2f} ± {summary.spread_eV:.2f} eV"
        colour = _COLOURS[number % len(_COLOURS)]
        axes.errorbar(x, y, [below, above], fmt="o", color=colour, markersize=5, linewidth=1, label=label)
        for point in shown:
            axes.annotate(
                point.formula,
                (point.E_3D_eV, point.activation_energy_eV),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
            )
    top = max((max(p.E_3D_eV, p.high_eV) for p in points), default=1.0)
    axes.plot([0, top], [0, top], color="#888888", linewidth=1, linestyle="--")
    axes.set_xlabel("E_3D of the bond-valence landscape (eV)")
    axes.set_ylabel("activation energy (eV)")
    axes.spines[["top", "right"]].set_visible(False)
    if points:
        axes.legend(frameon=False, fontsize=8)
    return figure
