"""Draw docs/figures/architecture.svg: the way of a structure through the rooms, and what stands around the store.

python docs/figures/architecture.py
"""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from mtl_flows.plotting import style

mpl.rcParams.update(
    {"svg.hashsalt": "mtl_flows", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
)


def box(axes: Axes, x: float, y: float, width: float, text: str, below: str, color: str) -> None:
    """A named box, with a line of what it is."""
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, 1.0, boxstyle="round,pad=0.05,rounding_size=0.12", fc=color, ec="none", alpha=0.22
        )
    )
    axes.text(x + width / 2, y + 0.64, text, ha="center", va="center", fontweight="bold")
    axes.text(x + width / 2, y + 0.28, below, ha="center", va="center", fontsize=7.5)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], both: bool = False) -> None:
    """What goes where."""
    shape = {
        "arrowstyle": "<->" if both else "->",
        "color": style.GREY,
        "lw": 1.4,
        "shrinkA": 2,
        "shrinkB": 2,
    }
    axes.annotate("", end, start, arrowprops=shape)


def main() -> None:
    """Draw it."""
    figure, axes = plt.subplots(figsize=(10.5, 5.4), layout="constrained")
    axes.set(xlim=(0, 14), ylim=(0, 7.2), xticks=[], yticks=[])
    axes.axis("off")
    launching = "FireWorks: workflows, workers, recovery; science, stages, jobs and flows know nothing of it"
    kept = "one document for each crystal, stage and set of parameters: MongoDB"
    stages = (
        ("ingest", "read, check, group"),
        ("topology", "barcodes, features"),
        ("clustering", "and chemistry, barrier"),
        ("dynamics", "order, relax, simulate"),
        ("stability", "window, verdict"),
    )
    for k, (noun, what) in enumerate(stages):
        box(axes, 0.2 + 2.8 * k, 4.2, 2.3, noun, what, style.BLUE)
        arrow(axes, (1.35 + 2.8 * k, 4.1), (1.35 + 2.8 * k, 3.3), both=True)
        if k:
            arrow(axes, (0.2 + 2.8 * k - 0.45, 4.7), (0.2 + 2.8 * k - 0.08, 4.7))
    box(axes, 0.2, 2.2, 13.5, "store", kept, style.ORANGE)
    box(axes, 0.2, 6.0, 2.3, "sources", "folders, archives, fetch", style.GREEN)
    arrow(axes, (1.35, 5.95), (1.35, 5.3))
    box(axes, 3.0, 6.0, 10.7, "launch", launching, style.PURPLE)
    for k in range(1, 5):
        arrow(axes, (1.35 + 2.8 * k, 5.95), (1.35 + 2.8 * k, 5.3))
    readers = (
        ("query", "rows, tables, files"),
        ("explain", "one material's story"),
        ("plot", "figures for print"),
        ("report", "pages for a browser"),
        ("evaluation", "known answers"),
    )
    for k, (noun, what) in enumerate(readers):
        box(axes, 0.2 + 2.8 * k, 0.2, 2.3, noun, what, style.SKY)
        arrow(axes, (1.35 + 2.8 * k, 2.1), (1.35 + 2.8 * k, 1.3))
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
