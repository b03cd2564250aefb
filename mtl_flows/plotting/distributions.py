"""How the two metrics are distributed: figures 2e and 2f of doi:10.1021/jacs.5c04828."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtl_flows.plotting.style import BLUE, GREEN, ORANGE, new_figure
from mtl_flows.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.science.topology import PrescreenThresholds
    from mtl_flows.store.candidates import GateRow
    from mtl_flows.vocabulary import Protocol

_BINS = 40
_MOST_TICKS = 4000  # of a rug; more would be one bar


@dataclass(frozen=True, slots=True)
class DistributionData(Record):
    """One metric over the unique materials.

    Attributes
    ----------
    figure
        Number of the article's figure.
    values, known
        Of all materials that have one, and of the known conductors among them.
    threshold, upper
        Limit of the prescreen; end of the axis.
    """

    figure: str
    label: str
    values: list[float]
    known: list[float]
    threshold: float
    upper: float


def connectivity_data(rows: Iterable[GateRow], thresholds: PrescreenThresholds) -> DistributionData:
    """Gather r_connected in Å: figure 2e."""
    found = [row for row in rows if row.r_connected_A is not None]
    return DistributionData(
        "2e",
        "r_connected (Å)",
        [row.r_connected_A for row in found if row.r_connected_A is not None],
        [row.r_connected_A for row in found if row.is_known_conductor and row.r_connected_A is not None],
        thresholds.r_connected_A,
        10.0,
    )


def cycles_data(
    rows: Iterable[GateRow], thresholds: PrescreenThresholds, protocol: Protocol
) -> DistributionData:
    """Gather rho_cycles, loops per mobile site, of what r_connected leaves: figure 2f."""
    found = [
        (rho, row.is_known_conductor)
        for row in rows
        if row.passes_connectivity and (rho := row.rho_cycles[protocol]) is not None
    ]
    values = [rho for rho, _ in found]
    upper = max(2.0 * thresholds.rho_cycles, float(np.quantile(values, 0.99)) if values else 0.0)
    known = [rho for rho, is_known in found if is_known]
    return DistributionData(
        "2f", f"rho_cycles, {protocol}", values, known, thresholds.rho_cycles, round(upper, 2)
    )


def plot_distribution(data: DistributionData) -> Figure:
    """Draw a histogram with the threshold, and a rug of all materials and of the known conductors.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(5.5, 4.0)
    edges = np.linspace(0.0, data.upper, _BINS + 1)
    counts, _, _ = axes.hist(np.clip(data.values, 0.0, data.upper), edges.tolist(), color=BLUE, alpha=0.8)
    top = max(float(np.max(counts, initial=0.0)), 1.0)
    for name, values, colour, low in (
        ("all materials", data.values[:_MOST_TICKS], GREEN, -0.06),
        ("known conductors", data.known, ORANGE, -0.13),
    ):
        x = np.clip(values, 0.0, data.upper)
        axes.vlines(x, low * top, (low + 0.05) * top, color=colour, linewidth=0.8, label=name)
    axes.axvline(data.threshold, color="black", linestyle="--", linewidth=1)
    axes.set_ylim(bottom=-0.15 * top)
    axes.set_xlabel(data.label)
    axes.set_ylabel("materials")
    axes.set_title(
        f"{sum(value < data.threshold for value in data.values)} of {len(data.values)} below {data.threshold:g}, "
        f"{sum(value < data.threshold for value in data.known)} of {len(data.known)} known conductors",
        fontsize=8,
        loc="left",
    )
    axes.legend(frameon=False, fontsize=8)
    return figure
