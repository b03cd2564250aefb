"""Conductivities over activation energies: figure 3a of doi:10.1021/jacs.5c04828."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, log10
from typing import TYPE_CHECKING, Final, Self

from mtl_flows.evaluation.verdict_table import published_table, read_quantities
from mtl_flows.plotting.style import BLUE, GREY, ORANGE, new_figure, subscripts
from mtl_flows.records import Record
from mtl_flows.science.verdict import ACTIVATION_ENERGY, CONDUCTIVITY, WINDOW, VerdictThresholds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.candidates import CandidateDocument

ARTICLE_DOI: Final = "10.1021/jacs.5c04828"
_WIDEST_V = 4.0  # end of the colour scale
_LEAST = 1e-22  # S/cm; the axis does not go below


@dataclass(frozen=True, slots=True)
class Spanned(Record):
    """A value and the ends of its 95 % interval; the value itself where none is given."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float | None, low: float | None, high: float | None) -> Self | None:
        """Return the three together; None unless all are numbers."""
        if value is None or low is None or high is None or not all(map(isfinite, (value, low, high))):
            return None
        return cls(value, low, high)


@dataclass(frozen=True, slots=True)
class Conductor(Record):
    """One material: activation energy, conductivity at 300 K and electrochemical window.

    Attributes
    ----------
    known
        Counts as a known conductor.
    origin
        ``posterior``, ``fit``, or the DOI of who published it.
    """

    material_id: str
    formula: str
    activation_energy_eV: Spanned
    conductivity_S_per_cm: Spanned
    window_V: float | None
    known: bool
    origin: str


@dataclass(frozen=True, slots=True)
class ConductionData(Record):
    """What was simulated here, and the article's candidates.

    Attributes
    ----------
    energy_range_eV
        Thresholds of the verdict; None where there is none.
    """

    simulated: list[Conductor]
    article: list[Conductor]
    energy_range_eV: tuple[float | None, float | None]


def conduction_data(
    rows: Iterable[CandidateDocument], thresholds: VerdictThresholds = VerdictThresholds()
) -> ConductionData:
    """Gather the materials that were simulated, with the potential's error where it is known, and the article's."""
    simulated = [found for row in rows if (found := _of_row(row)) is not None]
    limits = next((c for c in thresholds.criteria if c.quantity == ACTIVATION_ENERGY), None)
    return ConductionData(
        simulated,
        article_candidates(),
        (limits.minimum, limits.maximum) if limits else (None, None),
    )


def article_candidates() -> list[Conductor]:
    """Return the fourteen candidates of the article's table 1, which it gives without errors."""
    found = []
    for row in read_quantities(published_table(), [ACTIVATION_ENERGY, CONDUCTIVITY, WINDOW]):
        energy, sigma = row.measured[ACTIVATION_ENERGY].value, row.measured[CONDUCTIVITY].value
        if energy is not None and sigma is not None:
            exact = Spanned(energy, energy, energy), Spanned(sigma, sigma, sigma)
            window_V = row.measured[WINDOW].value
            found.append(Conductor(row.id, row.formula, *exact, window_V, known=False, origin=ARTICLE_DOI))
    return found


def _of_row(row: CandidateDocument) -> Conductor | None:
    posterior = (
        Spanned.of(
            row.activation_energy_crystal_eV,
            row.activation_energy_crystal_low_eV,
            row.activation_energy_crystal_high_eV,
        ),
        Spanned.of(
            row.conductivity_300K_crystal_S_per_cm,
            row.conductivity_300K_crystal_low_S_per_cm,
            row.conductivity_300K_crystal_high_S_per_cm,
        ),
    )
    fit = (
        Spanned.of(row.activation_energy_eV, row.activation_energy_low_eV, row.activation_energy_high_eV),
        Spanned.of(
            row.conductivity_300K_S_per_cm,
            row.conductivity_300K_low_S_per_cm,
            row.conductivity_300K_high_S_per_cm,
        ),
    )
    for origin, (energy, sigma) in (("posterior", posterior), ("fit", fit)):
        if energy is not None and sigma is not None:
            told = row.material_id, row.reduced_formula, energy, sigma, row.window_width_V
            return Conductor(*told, known=row.is_known_conductor, origin=origin)
    return None


def plot_conduction(data: ConductionData) -> Figure:
    """Draw σ(300 K) over E_a: filled what was simulated here, with intervals, open the article's; colour is the window.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(7.0, 5.0)
    low, high = data.energy_range_eV
    axes.axvspan(low or 0.0, high or 2.0, color=GREY, alpha=0.08, linewidth=0)
    mapped = None
    for points, marker, label in (
        (data.article, "D", "the article"),
        (data.simulated, "o", "simulated here"),
    ):
        if not points:
            continue
        x = [p.activation_energy_eV.value for p in points]
        y = [_decades(p.conductivity_S_per_cm.value) for p in points]
        colours = [min(p.window_V or 0.0, _WIDEST_V) for p in points]
        if points is data.simulated:
            lows = [_decades(p.conductivity_S_per_cm.low) for p in points]
            highs = [_decades(p.conductivity_S_per_cm.high) for p in points]
            axes.vlines(x, lows, highs, color=BLUE, linewidth=0.8, zorder=1)
            axes.hlines(
                y,
                [p.activation_energy_eV.low for p in points],
                [p.activation_energy_eV.high for p in points],
                color=BLUE,
                linewidth=0.8,
                zorder=1,
            )
        mapped = axes.scatter(
            x,
            y,
            c=colours,
            cmap="viridis",
            vmin=0.0,
            vmax=_WIDEST_V,
            marker=marker,
            s=42,
            edgecolor=[ORANGE if p.known else "black" for p in points],
            linewidth=0.8,
            label=label,
            zorder=3,
        )
        for point, across, up in zip(points, x, y, strict=True):
            axes.annotate(
                subscripts(point.formula),
                (across, up),
                xytext=(5, 4),
                textcoords="offset points",
                fontsize=7,
            )
    if mapped is not None:
        figure.colorbar(mapped, ax=axes, label="electrochemical window (V); 0 where unknown")
        axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("activation energy (eV)")
    axes.set_ylabel("log₁₀ σ(300 K), σ in S/cm")
    return figure


def _decades(sigma_S_per_cm: float) -> float:
    return log10(max(sigma_S_per_cm, _LEAST))
