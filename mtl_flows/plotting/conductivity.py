"""The figure of the benchmark against conductivities: what gates and rankings are worth, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from mtl_flows.evaluation.conductivity import BenchmarkReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABEL_WIDTH = 34
_FIXED, _FITTED, _CHANCE = "#1f5a7a", "#b3541e", "#888888"

Bar = tuple[str, float, float, float, str]
"""Label, value, lower and upper bound, colour."""


def plot_benchmark(report: BenchmarkReport) -> Figure:
    """Draw the enrichment of every gate and the area under the curve of every ranking.

    Gates and descriptors were not fitted to the conductivities; their bars are 95 % bootstrap intervals over whole
    families. Forests and the linear model were, on other families than those they are judged on.

    Parameters
    ----------
    report
        Of ``run_conductivity_benchmark``.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    gates: list[Bar] = [
        (row.gate, row.enrichment.value, *row.enrichment.by_family, _FIXED) for row in report.gates
    ]
    rankings: list[Bar] = [
        (f"{row.score} ({row.promising})", row.auc.value, *row.auc.by_family, _FIXED) for row in report.scores
    ]
    rankings += [
        (f"fitted: {row.model}", row.auc_new_families.value, *row.auc_new_families.by_family, _FITTED)
        for row in report.models
    ]
    rows = max(len(gates), len(rankings))
    figure = Figure(figsize=(12, 1.6 + 0.3 * rows), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, gates, "enrichment", chance=1.0)
    _draw(right, rankings, "AUC", chance=0.5)
    figure.suptitle(
        f"{report.n} measured {report.mobile_ion} conductors of {report.n_families} families, "
        f"{report.n_superionic} with σ ≥ {report.parameters.superionic_S_per_cm:.0e} S/cm; bars: 95 % over families"
    )
    return figure


def _draw(axes: Axes, bars: Sequence[Bar], quantity: str, *, chance: float) -> None:
    for height, (_, value, low, high, colour) in enumerate(bars):
        axes.plot([low, high], [height, height], color=colour, linewidth=2)
        axes.plot([value], [height], "o", color=colour, markersize=5)
    axes.axvline(chance, color=_CHANCE, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(bars)), [fill(label, _LABEL_WIDTH) for label, *_ in bars])
    axes.invert_yaxis()
    axes.set_xlabel(quantity)
    axes.spines[["top", "right"]].set_visible(False)
