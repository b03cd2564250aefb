"""Barcodes and persistence diagrams of both sublattices: figure 4c of doi:10.1021/jacs.5c04828 in kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtl_flows.plotting.style import BLUE, GREY, ORANGE, clean
from mtl_flows.records import Record
from mtl_flows.science.topology import Barcodes, StructureBarcodes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Bar = tuple[float, float | None, int]
"""Birth and death in Å (None: never within the cutoff), and how many bars are alike."""

_PER_A = 100
_ALIKE_A = 1 / _PER_A
_NEVER = 10**8 - 1  # steps; stands for a bar that does not die
_MOST_DRAWN = 400


@dataclass(frozen=True, slots=True)
class CloudBars(Record):
    """Barcodes of one cloud of sites, equal bars together.

    Attributes
    ----------
    cloud
        Which sites, in words.
    n_points
        Number of sites.
    components, loops
        Bars of dimension 0 and 1, by birth, then death.
    """

    cloud: str
    n_points: int
    components: list[Bar]
    loops: list[Bar]


@dataclass(frozen=True, slots=True)
class BarcodeData(Record):
    """The clouds of one crystal and the distance at which its loops are counted."""

    clouds: list[CloudBars]
    r_connected_A: float | None
    cutoff_A: float


def barcode_data(
    barcodes: StructureBarcodes, r_connected_A: float | None, cutoff_A: float, ion: str = "Li"
) -> BarcodeData:
    """Gather the barcodes of the unit cell's sublattices, and of the spheres around the commonest mobile site.

    Parameters
    ----------
    barcodes
        Those of the spheres may be left out.
    """
    clouds = [
        cloud_bars(f"unit cell, {ion}-only", barcodes.cell_mobile),
        cloud_bars(f"unit cell, {ion}-free", barcodes.cell_framework),
    ]
    spheres = [orbit for orbit in barcodes.orbits if orbit.mobile.n_points]
    if spheres:
        orbit = max(spheres, key=lambda o: (o.multiplicity, -o.site_index))
        around = f"{cutoff_A:g} Å around {orbit.label or ion}"
        clouds += [
            cloud_bars(f"{around}, {ion}-only", orbit.mobile),
            cloud_bars(f"{around}, {ion}-free", orbit.framework),
        ]
    return BarcodeData(clouds, r_connected_A, cutoff_A)


def cloud_bars(cloud: str, barcodes: Barcodes) -> CloudBars:
    """Gather bars that agree within 0.01 Å."""
    components = np.stack([np.zeros(barcodes.n_points), barcodes.h0_deaths_A], axis=1)
    return CloudBars(cloud, barcodes.n_points, _counted(components), _counted(barcodes.h1_A))


def _counted(bars: NDArray[np.floating[Any]]) -> list[Bar]:
    if not len(bars):
        return []
    ends = np.where(np.isfinite(bars), np.round(bars / _ALIKE_A), _NEVER).astype(np.int64)
    distinct, counts = np.unique(ends[:, 0] * (_NEVER + 1) + ends[:, 1], return_counts=True)
    return [
        (
            birth / _PER_A,
            None if death == _NEVER else death / _PER_A,
            n,
        )
        for birth, death, n in zip(
            (distinct // (_NEVER + 1)).tolist(),
            (distinct % (_NEVER + 1)).tolist(),
            counts.tolist(),
            strict=True,
        )
    ]


def plot_barcodes(data: BarcodeData) -> Figure:
    """Draw the bars of every cloud, components below loops, with the distance r_connected.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, all_axes = _panels(data)
    for axes, cloud in zip(all_axes, data.clouds, strict=True):
        height = 0
        for name, bars, colour in (("H₀", cloud.components, BLUE), ("H₁", cloud.loops, ORANGE)):
            spans = [
                (birth, data.cutoff_A if death is None else death)
                for birth, death, n in bars
                for _ in range(n)
            ]
            spans.sort(key=lambda span: (span[0], span[1]))
            thinned = spans[:: max(1, len(spans) // _MOST_DRAWN)]
            at = range(height, height + len(thinned))
            axes.hlines(at, [s[0] for s in thinned], [s[1] for s in thinned], color=colour, linewidth=1)
            axes.plot([], [], color=colour, label=f"{name}: {len(spans)}")
            height += len(thinned) + 2
        _mark(axes, data)
        axes.set_yticks([])
        axes.set_xlim(0.0, data.cutoff_A)
        axes.set_xlabel("edge length (Å)")
    return figure


def plot_persistence(data: BarcodeData) -> Figure:
    """Draw deaths over births of every cloud; areas are how many bars are alike, the top line never dies.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, all_axes = _panels(data, 3.4)
    for axes, cloud in zip(all_axes, data.clouds, strict=True):
        for name, bars, colour, marker in (
            ("H₀", cloud.components, BLUE, "o"),
            ("H₁", cloud.loops, ORANGE, "^"),
        ):
            axes.scatter(
                [birth for birth, _, _ in bars],
                [data.cutoff_A if death is None else death for _, death, _ in bars],
                s=[12 + 6 * np.sqrt(n) for _, _, n in bars],
                color=colour,
                marker=marker,
                alpha=0.7,
                linewidth=0,
                label=f"{name}: {sum(n for _, _, n in bars)}",
            )
        axes.plot([0, data.cutoff_A], [0, data.cutoff_A], color=GREY, linewidth=0.8)
        _mark(axes, data)
        axes.set_xlim(-0.2, data.cutoff_A)
        axes.set_ylim(0, data.cutoff_A * 1.03)
        axes.set_xlabel("birth (Å)")
        axes.set_ylabel("death (Å)")
    return figure


def _panels(data: BarcodeData, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = (len(data.clouds) + 1) // 2
    figure = Figure(figsize=(7.5, height * rows), layout="constrained")
    found = [clean(axes) for axes in figure.subplots(rows, 2, squeeze=False).flat]
    for axes, cloud in zip(found, data.clouds, strict=False):
        axes.set_title(f"{cloud.cloud} ({cloud.n_points} sites)", fontsize=9, loc="left")
    return figure, found[: len(data.clouds)]


def _mark(axes: Axes, data: BarcodeData) -> None:
    if data.r_connected_A is not None:
        axes.axvline(
            data.r_connected_A,
            color="black",
            linestyle="--",
            linewidth=1,
            label=f"r_connected {data.r_connected_A:.2f} Å",
        )
    axes.legend(frameon=False, fontsize=7, loc="lower right")
