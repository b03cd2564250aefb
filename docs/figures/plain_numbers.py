"""Draw docs/figures/plain_numbers.svg: what the numbers of a screening mean, in two dimensions.

    python docs/figures/plain_numbers.py

Positions are made up so that each idea can be seen; lengths and loops are computed from them.
"""

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle, Rectangle, Wedge

from mtl_flows.plotting import style

mpl.rcParams.update(
    {"svg.hashsalt": "mtl_flows", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
)
MOBILE, FRAMEWORK, LOOP = style.BLUE, style.GREY, style.ORANGE
SIDE = 9.0
SITES = np.array(
    [
        (1.2, 1.4),
        (3.1, 1.2),
        (4.9, 2.1),
        (5.3, 4.0),
        (4.2, 5.6),
        (2.2, 5.7),
        (1.1, 3.7),
        (7.4, 5.2),
        (7.6, 7.5),
    ]
)


def edges(points: np.ndarray, longest: float) -> list[tuple[int, int]]:
    """Pairs at most so far apart."""
    return [
        (i, j)
        for i, j in combinations(range(len(points)), 2)
        if np.linalg.norm(points[i] - points[j]) <= longest
    ]


def is_connected(points: np.ndarray, longest: float) -> bool:
    """Whether the graph of these edges has one part."""
    parts = list(range(len(points)))
    for i, j in edges(points, longest):
        old, new = parts[i], parts[j]
        parts = [new if part == old else part for part in parts]
    return len(set(parts)) == 1


def connecting_length(points: np.ndarray) -> float:
    """Shortest edge length at which the points hang together."""
    lengths = sorted(np.linalg.norm(a - b) for a, b in combinations(points, 2))
    return next(float(length) for length in lengths if is_connected(points, length))


def frame(axes: Axes, title: str, text: str) -> None:
    """A panel: square, without axes, its name above and its sentence below."""
    axes.set(xlim=(-0.2, SIDE + 0.2), ylim=(-0.2, SIDE + 0.2), aspect="equal", xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_color(style.PALE)
    axes.set_title(title, fontweight="bold", fontsize=11)
    axes.set_xlabel(text, fontsize=8.5)


def dots(axes: Axes, points: np.ndarray, color: str, size: float = 55) -> None:
    """Sites as dots."""
    axes.scatter(*points.T, s=size, color=color, edgecolor="white", zorder=4)


def lines(axes: Axes, points: np.ndarray, longest: float, color: str = MOBILE) -> None:
    """Edges at most so long."""
    axes.add_collection(
        LineCollection([points[[i, j]] for i, j in edges(points, longest)], color=color, lw=1.6, zorder=3)
    )


def draw_connection(axes: Axes) -> None:
    """r_connected: spheres grow until every ion can be reached from every other."""
    r = connecting_length(SITES)
    for site in SITES:
        axes.add_patch(Circle(site, r / 2, color=MOBILE, alpha=0.13, lw=0))
    lines(axes, SITES, r * 1.0001)
    dots(axes, SITES, MOBILE)
    a, b = max(
        edges(SITES, r * 1.0001), key=lambda pair: float(np.linalg.norm(SITES[pair[0]] - SITES[pair[1]]))
    )
    axes.plot(*SITES[[a, b]].T, color=LOOP, lw=2.5, zorder=3)
    frame(axes, "r_connected", "longest hop that is needed\nto reach every ion from every other")


def draw_loops(axes: Axes) -> None:
    """rho_cycles: loops that are open at that length, for each ion."""
    longest = connecting_length(SITES) * 1.0001
    loops = len(edges(SITES, longest)) - len(SITES) + 1  # no triangle here fills one
    lines(axes, SITES, longest)
    ring = SITES[:7]
    axes.fill(*ring.T, color=LOOP, alpha=0.25, lw=0)
    dots(axes, SITES, MOBILE)
    axes.text(*ring.mean(axis=0), "a loop", ha="center", va="center", color=LOOP)
    share = f"{loops} / {len(SITES)} = {loops / len(SITES):.2f}"
    frame(axes, "rho_cycles", f"open loops at that length, for each ion:\nhere {share}")


def draw_channel(axes: Axes) -> None:
    """D and v: the shortest hop whose network goes on for ever, the widest sphere that passes."""
    framework = np.array([(x, y) for x in (1.5, 4.5, 7.5) for y in (1.5, 7.5)])
    ions = np.array([(0.6, 4.5), (3.2, 4.3), (5.8, 4.7), (8.4, 4.5)])
    for atom in framework:
        axes.add_patch(Circle(atom, 0.55, color=FRAMEWORK, zorder=2))
    axes.add_patch(Rectangle((-0.2, 1.5), SIDE + 0.4, 6.0, color=MOBILE, alpha=0.10, lw=0))
    axes.add_patch(Circle((4.5, 4.5), 3.0, fill=False, color=MOBILE, lw=1.2, ls="--"))
    axes.annotate("", (4.5, 7.5), (4.5, 4.5), arrowprops={"arrowstyle": "->", "color": MOBILE})
    axes.text(4.65, 6.1, "v", color=MOBILE, fontsize=11, style="italic")
    axes.plot(*ions.T, color=LOOP, lw=2)
    axes.text(7.0, 4.95, "d", color=LOOP, fontsize=11, style="italic")
    dots(axes, ions, MOBILE)
    frame(
        axes,
        "v3 / d3",
        "widest sphere that travels through the framework,\nover the shortest hop that goes on for ever",
    )


def draw_barrier(axes: Axes) -> None:
    """The barrier: how high the easiest way through the crystal rises."""
    x = np.linspace(0, SIDE, 400)
    energy = 3.2 + 2.2 * np.sin(2 * np.pi * x / 4.5 - np.pi / 2) + 0.9 * np.sin(2 * np.pi * x / 9.0)
    axes.fill_between(x, -0.2, energy, color=style.PALE, alpha=0.5, lw=0)
    axes.plot(x, energy, color=FRAMEWORK, lw=1.6)
    low, high = energy.min(), energy.max()
    axes.axhline(high, color=LOOP, ls="--", lw=1.2)
    axes.axhline(low, color=MOBILE, ls="--", lw=1.2)
    axes.annotate("", (8.4, high), (8.4, low), arrowprops={"arrowstyle": "<->", "color": LOOP})
    axes.text(8.2, (low + high) / 2, "E", ha="right", color=LOOP, fontsize=11, style="italic")
    dots(axes, np.array([(x[energy.argmin()], low + 0.25)]), MOBILE, 80)
    axes.text(0.2, 8.3, "energy of an ion along the easiest way", fontsize=8)
    frame(
        axes,
        "barrier (E_1D, E_2D, E_3D)",
        "level at which a way leads through the crystal,\nabove the deepest point; framework frozen",
    )


def draw_approximant(axes: Axes) -> None:
    """An approximant: whole ions where the file has shares."""
    half = [(x, y) for x in (1.0, 3.0) for y in (2.5, 4.5, 6.5)]
    for x, y in half:
        axes.add_patch(Wedge((x, y), 0.6, 90, 270, color=MOBILE))
        axes.add_patch(Circle((x, y), 0.6, fill=False, color=MOBILE, lw=1))
    for k, (x, y) in enumerate((x + 4.9, y) for x, y in half):
        axes.add_patch(
            Circle((x, y), 0.6, fill=k % 2 == 0, color=MOBILE, lw=1, ls="-" if k % 2 == 0 else ":")
        )
    axes.annotate("", (5.0, 4.5), (3.9, 4.5), arrowprops={"arrowstyle": "->", "lw": 1.5})
    axes.text(2.0, 7.8, "the crystal:\nhalf an ion everywhere", ha="center", fontsize=8)
    axes.text(6.9, 7.8, "an approximant:\none of many orders", ha="center", fontsize=8)
    frame(
        axes,
        "approximant",
        "an ordered cell that stands for a disordered crystal,\nsince dynamics needs whole atoms",
    )


def draw_survivor(axes: Axes) -> None:
    """A survivor: what passed every gate of one protocol."""
    gates = ("all materials", "r_connected", "rho_cycles", "cluster", "chemical rules")
    for k, (gate, left) in enumerate(zip(gates, (8.6, 7.0, 5.2, 3.6, 2.6), strict=True)):
        y = 7.6 - 1.6 * k
        color = LOOP if k == len(gates) - 1 else MOBILE
        axes.add_patch(
            Rectangle((SIDE / 2 - left / 2, y), left, 1.1, color=color, alpha=0.25 if k else 0.12, lw=0)
        )
        axes.text(SIDE / 2, y + 0.55, gate, ha="center", va="center", fontsize=8.5)
    frame(axes, "survivor", "passed every gate of a protocol:\nworth hours of molecular dynamics")


def main() -> None:
    """Draw the six panels."""
    figure, axes = plt.subplots(2, 3, figsize=(10.5, 7.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)
    drawings = (draw_connection, draw_loops, draw_channel, draw_barrier, draw_approximant, draw_survivor)
    for panel, draw in zip(axes.flat, drawings, strict=True):
        draw(panel)
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
