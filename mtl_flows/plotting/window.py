"""The voltage profile of a material: between which potentials it neither takes up nor gives off the mobile ion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtl_flows.errors import NotFoundError
from mtl_flows.plotting.style import BLUE, GREEN, new_figure
from mtl_flows.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.stability import StabilityDocument

_LEFT_V, _RIGHT_V = 0.0, 5.0


@dataclass(frozen=True, slots=True)
class Plateau(Record):
    """One plateau: where it begins, what is taken up there, and the phases there are, with their amounts."""

    voltage_V: float
    exchanged_per_formula: float
    products: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class WindowData(Record):
    """The window of one material and the hull that it rests on.

    Attributes
    ----------
    steps
        Plateaus by rising voltage.
    low_V, high_V
        Ends of the window; None where it is unknown.
    hull
        What competes, in a sentence.
    """

    formula: str
    ion: str
    steps: list[Plateau]
    low_V: float | None
    high_V: float | None
    energies: str
    hull: str
    missing: list[str]
    open_edges: list[str]
    e_above_hull_eV_per_atom: float | None
    older_hull: bool


def window_data(document: StabilityDocument) -> WindowData:
    """Gather the voltage profile of a stored window."""
    steps = [
        Plateau(
            step.voltage_V,
            step.exchanged_per_formula,
            [(product.amount, product.formula) for product in step.products],
        )
        for step in document.voltage_profile
    ]
    return WindowData(
        document.formula,
        document.provenance.parameters.mobile_ion,
        sorted(steps, key=lambda step: step.voltage_V),
        document.low_V,
        document.high_V,
        document.energies,
        document.hull.statement if document.hull else "",
        document.missing,
        document.open_edges,
        document.e_above_hull_eV_per_atom,
        document.older_hull,
    )


def plot_window(data: WindowData) -> Figure:
    """Draw what is taken up over the voltage, the window shaded.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.

    Raises
    ------
    NotFoundError
        If the window is unknown.
    """
    if not data.steps:
        raise NotFoundError(
            f"its window is unknown: {', '.join(data.missing) or 'no profile'}",
            subject=data.formula,
            remedy="mtl stability computes it with other entries",
        )
    figure, axes = new_figure(6.0, 4.0)
    right = max(_RIGHT_V, data.steps[-1].voltage_V + 0.5)
    edges = [min(_LEFT_V, data.steps[0].voltage_V), *(step.voltage_V for step in data.steps[1:]), right]
    axes.stairs([step.exchanged_per_formula for step in data.steps], edges, baseline=None, color=BLUE)
    if data.low_V is not None and data.high_V is not None:
        axes.axvspan(data.low_V, data.high_V, color=GREEN, alpha=0.15, linewidth=0)
        axes.set_title(f"{data.low_V:.2f} … {data.high_V:.2f} V; {data.energies}", fontsize=8, loc="left")
    axes.axhline(0.0, color="black", linewidth=0.5)
    axes.set_xlabel(f"V against {data.ion}")
    axes.set_ylabel(f"{data.ion} taken up per formula unit")
    return figure
