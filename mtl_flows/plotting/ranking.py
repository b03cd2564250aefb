"""What a ranking is made of: barrier against v3/d3, with measured conductivities where materials are labelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, log, log10
from typing import TYPE_CHECKING

import numpy as np

from mtl_flows.plotting.style import GREY, ORANGE, PALE, new_figure
from mtl_flows.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.candidates import CandidateDocument

_HIGHEST_EV = 3.0
_SCALE_EV = 0.5


@dataclass(frozen=True, slots=True)
class RankedPoint(Record):
    """One material: its barrier, its v3/d3, the priority made of them, and what was measured."""

    material_id: str
    formula: str
    E_3D_eV: float
    v3_over_d3: float
    priority: float
    measured_S_per_cm: float | None
    known: bool


def ranked_points(rows: Iterable[CandidateDocument]) -> list[RankedPoint]:
    """Gather the materials that have a priority, the highest first."""
    points = [
        RankedPoint(
            row.material_id,
            row.reduced_formula,
            row.E_3D_eV,
            row.v3_over_d3,
            row.priority,
            row.conductivity_measured_S_per_cm,
            row.is_known_conductor,
        )
        for row in rows
        if row.priority is not None and row.E_3D_eV is not None and row.v3_over_d3 is not None
    ]
    return sorted(points, key=lambda point: (-point.priority, point.material_id))


def plot_ranking(points: Iterable[RankedPoint]) -> Figure:
    """Draw E_3D over v3/d3 with lines of equal priority; colour is the measured conductivity.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    shown = [point for point in points if isfinite(point.E_3D_eV)]
    figure, axes = new_figure(6.5, 5.0)
    widest = max((point.v3_over_d3 for point in shown), default=1.0)
    ratio = np.linspace(0.05, 1.05 * max(widest, 0.1), 200)
    for value in range(-8, 2):
        barrier = _SCALE_EV * (np.log(ratio) - value)
        axes.plot(ratio, barrier, color=PALE, linewidth=0.7, zorder=0)
        end = float(ratio[-1])
        height = _SCALE_EV * (log(end) - value)
        if 0.0 < height < _HIGHEST_EV:
            axes.text(end, height, str(value), fontsize=7, color=GREY, va="center")
    plain = [point for point in shown if point.measured_S_per_cm is None]
    told = [point for point in shown if point.measured_S_per_cm]
    axes.scatter(
        [p.v3_over_d3 for p in plain],
        [min(p.E_3D_eV, _HIGHEST_EV) for p in plain],
        s=12,
        color=GREY,
        alpha=0.6,
        linewidth=0,
    )
    if told:
        mapped = axes.scatter(
            [p.v3_over_d3 for p in told],
            [min(p.E_3D_eV, _HIGHEST_EV) for p in told],
            c=[log10(p.measured_S_per_cm or 1.0) for p in told],
            cmap="viridis",
            s=36,
            edgecolor=[ORANGE if p.known else "white" for p in told],
            linewidth=0.8,
        )
        figure.colorbar(mapped, ax=axes, label="log₁₀ of the measured conductivity (S/cm)")
    axes.set_ylim(0.0, _HIGHEST_EV * 1.02)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("v3/d3")
    axes.set_ylabel("E_3D of the bond-valence landscape (eV)")
    return figure
