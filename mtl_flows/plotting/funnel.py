"""How many materials stand after each gate: figure 2d of doi:10.1021/jacs.5c04828."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtl_flows.plotting.style import BLUE, GREEN, ORANGE, PALE, new_figure
from mtl_flows.records import Record
from mtl_flows.report.funnel import funnel_rows
from mtl_flows.science.gates import STORED
from mtl_flows.store.funnel import MATERIALS, Countable, funnel_counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.science.topology import PrescreenThresholds
    from mtl_flows.store.database import MTLStore

_COLOURS: Final = {"published": BLUE, "text": GREEN, "ranked": ORANGE}


@dataclass(frozen=True, slots=True)
class FunnelStep(Record):
    """One gate, or what the survivors of all gates came to.

    Attributes
    ----------
    is_gate
        False of what is counted of the survivors.
    counts
        Unique materials left, by protocol; ``ranked`` knows the chemical rules alone.
    article
        Count of the article; None where it has none, or was made under other thresholds.
    """

    key: str
    label: str
    is_gate: bool
    counts: dict[str, int]
    article: int | None


@dataclass(frozen=True, slots=True)
class FunnelData(Record):
    """The funnel of one screening, its first step what there is at first."""

    steps: list[FunnelStep]

    @property
    def is_empty(self) -> bool:
        """Whether there is no material at all."""
        return not any(self.steps[0].counts.values())


def funnel_data(
    store: MTLStore, thresholds: PrescreenThresholds, rows: Countable | None = None
) -> FunnelData:
    """Count the unique materials of a screening after each gate, under both protocols and ranked.

    Parameters
    ----------
    rows
        What is counted, where it is not the table in the store.
    """
    both = funnel_counts(rows or store.candidates)
    ranked = funnel_counts(rows or store.candidates, "ranked")
    gates = {MATERIALS, *(gate.key for gate in STORED)}
    return FunnelData(
        [
            FunnelStep(
                key,
                str(row[0]),
                key in gates,
                {str(name): n for name, n in {**by, **ranked.get(key, {})}.items()},
                row[-1],
            )
            for (key, by), row in zip(both.items(), funnel_rows(both, thresholds), strict=True)
        ]
    )


def plot_funnel(data: FunnelData) -> Figure:
    """Draw the counts of each protocol side by side, and the article's beside them.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(7.0, 0.75 * len(data.steps) + 1.0)
    shown = [*_COLOURS, "article"]
    height = 0.8 / len(shown)
    largest = max((n for step in data.steps for n in (*step.counts.values(), step.article or 0)), default=1)
    for place, name in enumerate(shown):
        counts = [step.article if name == "article" else step.counts.get(name) for step in data.steps]
        y = [number + (place - (len(shown) - 1) / 2) * height for number in range(len(counts))]
        axes.barh(
            y, [n or 0 for n in counts], height, color=_COLOURS.get(name, PALE), label=name, linewidth=0
        )
        for position, n in zip(y, counts, strict=True):
            if n is not None:
                axes.text(n + 0.01 * largest, position, str(n), va="center", fontsize=7)
    axes.set_yticks(range(len(data.steps)), [step.label for step in data.steps], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * largest)
    axes.set_xlabel("unique materials")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure
