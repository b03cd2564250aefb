"""The figures for notebooks: plotly figure objects of the data that the figures for print and the pages are drawn from.

Each function takes what is gathered for its figure elsewhere in `mtl_flows.plotting`, and returns what a notebook
shows, ``figure.write_html`` writes and ``figure.write_json`` keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mtl_flows.plotting.style import BLUE, GREEN, GREY, ORANGE, PALE, SERIES, YELLOW

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from mtl_flows.plotting.arrhenius import ArrheniusData, Band
    from mtl_flows.plotting.barcodes import Bar, BarcodeData
    from mtl_flows.plotting.clusters import ClustersData, FeatureMap
    from mtl_flows.plotting.conduction import ConductionData, Conductor
    from mtl_flows.plotting.distributions import DistributionData
    from mtl_flows.plotting.funnel import FunnelData
    from mtl_flows.plotting.msd import DisplacementData
    from mtl_flows.plotting.ranking import RankedPoint
    from mtl_flows.plotting.window import WindowData

_HIGHEST_EV: Final = 3.0
_BINS: Final = 40
_TINTS: Final = {"published": BLUE, "text": GREEN, "ranked": ORANGE}


def funnel_chart(data: FunnelData) -> Figure:
    """Draw the counts after each gate, by protocol, beside the article's: figure 2d."""
    labels = [step.label for step in data.steps]
    bars = [
        _bar(name, [step.counts.get(name) for step in data.steps], labels, tint)
        for name, tint in _TINTS.items()
    ]
    article = _bar("article", [step.article for step in data.steps], labels, PALE)
    return _figure([*bars, article], xaxis={"title": "unique materials"}, yaxis={"autorange": "reversed"})


def distribution_chart(data: DistributionData) -> Figure:
    """Draw one metric over the unique materials, the known conductors among them, and its threshold: figures 2e, 2f."""
    edges = np.linspace(0.0, data.upper, _BINS + 1)
    middles = (0.5 * (edges[1:] + edges[:-1])).tolist()
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": middles,
            "y": np.histogram(np.clip(values, 0.0, data.upper), edges)[0].tolist(),
            "width": data.upper / _BINS,
            "marker": {"color": tint},
        }
        for name, values, tint in (("all", data.values, BLUE), ("known conductors", data.known, ORANGE))
    ]
    layout = {
        "barmode": "overlay",
        "bargap": 0.0,
        "xaxis": {"title": data.label},
        "yaxis": {"title": "materials"},
    }
    return _figure(traces, **layout, shapes=[_upright(data.threshold)])


def clusters_chart(data: ClustersData) -> Figure:
    """Draw the members of each cluster and the known conductors among them: figure 2g."""
    names = [bar.name for bar in data.clusters]
    known = _bar("known conductors", [bar.known for bar in data.clusters], names, ORANGE)
    others = _bar("others", [bar.size - bar.known for bar in data.clusters], names, PALE)
    others["marker"]["color"] = [YELLOW if bar.selected else PALE for bar in data.clusters]
    return _figure(
        [known, others],
        barmode="stack",
        xaxis={"title": "materials"},
        yaxis={"autorange": "reversed", "type": "category"},
    )


def feature_map_chart(data: FeatureMap) -> Figure:
    """Draw the features that were clustered in the plane that holds most of their variance: figure S1 in kind."""
    traces = []
    for number, cluster in enumerate(sorted(set(data.clusters))):
        members = [k for k, name in enumerate(data.clusters) if name == cluster]
        traces.append(
            _points(
                _plain(cluster),
                [data.x[k] for k in members],
                [data.y[k] for k in members],
                [_plain(data.materials[k]) for k in members],
                color=SERIES[number % len(SERIES)],
                size=[10 if data.known[k] else 6 for k in members],
                symbol=number // len(SERIES) % 8,
            )
        )
    first, second = (f"component {n} ({100 * share:.0f} %)" for n, share in enumerate(data.explained, 1))
    return _figure(traces, xaxis={"title": first}, yaxis={"title": second})


def conduction_chart(data: ConductionData) -> Figure:
    """Draw conductivity at 300 K over activation energy, ours with 95 % intervals beside the article's: figure 3a."""
    groups = (("the article", data.article, "diamond"), ("simulated here", data.simulated, "circle"))
    traces = [_conductors(name, found, symbol) for name, found, symbol in groups if found]
    low, high = data.energy_range_eV
    within = {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": low or 0.0,
        "x1": 2.0 if high is None else high,
    }
    return _figure(
        traces,
        xaxis={"title": "activation energy, eV"},
        yaxis={"title": "σ(300 K), S/cm", "type": "log", "exponentformat": "power"},
        shapes=[{**within, "fillcolor": PALE, "opacity": 0.4, "line": {"width": 0}, "layer": "below"}],
    )


def ranking_chart(points: Iterable[RankedPoint]) -> Figure:
    """Draw E_3D over v3/d3; colour is the measured conductivity where there is one."""
    found = list(points)
    plain = [p for p in found if not p.measured_S_per_cm]
    told = [p for p in found if p.measured_S_per_cm]
    measured: dict[str, Any] = {
        "color": [float(np.log10(p.measured_S_per_cm or 1.0)) for p in told],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": "log₁₀ σ measured"}},
    }
    traces = [_points("not measured", *_ranked(plain), color=GREY, size=6)] if plain else []
    traces += [_points("measured", *_ranked(told), size=9, **measured)] if told else []
    return _figure(
        traces,
        xaxis={"title": "v3/d3", "rangemode": "tozero"},
        yaxis={"title": "E_3D, eV", "range": [0.0, 1.02 * _HIGHEST_EV]},
    )


def barcode_chart(data: BarcodeData, cloud: int = 0) -> Figure:
    """Draw the bars of one cloud of sites, with r_connected: figure 4c in kind."""
    shown = data.clouds[cloud]
    traces, height = [], 0
    for name, bars, tint in (("H₀", shown.components, BLUE), ("H₁", shown.loops, ORANGE)):
        x: list[float | None] = []
        y: list[int | None] = []
        for birth, death, n in bars:
            for _ in range(n):
                x += [birth, data.cutoff_A if death is None else death, None]
                y += [height, height, None]
                height += 1
        traces.append(
            {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": {"color": tint}}
        )
        height += 2
    return _figure(
        traces,
        title={"text": f"{shown.cloud}, {shown.n_points} sites"},
        xaxis={"title": "edge length, Å", "range": [0.0, data.cutoff_A]},
        yaxis={"showticklabels": False, "showgrid": False},
        shapes=[] if data.r_connected_A is None else [_upright(data.r_connected_A)],
    )


def persistence_chart(data: BarcodeData, cloud: int = 0) -> Figure:
    """Draw deaths over births of one cloud of sites; what never dies lies on the upper edge."""
    shown = data.clouds[cloud]
    traces = [
        _points(
            name,
            [bar[0] for bar in bars],
            [data.cutoff_A if bar[1] is None else bar[1] for bar in bars],
            [f"{bar[2]} alike" for bar in bars],
            color=tint,
            size=[6.0 + 2.0 * float(np.sqrt(bar[2])) for bar in bars],
            symbol=symbol,
        )
        for name, bars, tint, symbol in _dimensions(shown.components, shown.loops)
    ]
    diagonal = {
        "type": "line",
        "x0": 0.0,
        "y0": 0.0,
        "x1": data.cutoff_A,
        "y1": data.cutoff_A,
        "line": {"color": PALE},
    }
    return _figure(
        traces,
        xaxis={"title": "birth, Å"},
        yaxis={"title": "death, Å"},
        shapes=[{**diagonal, "layer": "below"}],
    )


def displacement_chart(data: DisplacementData) -> Figure:
    """Draw mean square displacements of the ions, the window of each fit heavy: figures S2–S15."""
    temperatures = sorted({curve.temperature_K for curve in data.curves})
    traces = []
    for curve in data.curves:
        tint = SERIES[temperatures.index(curve.temperature_K) % len(SERIES)]
        name = f"{curve.temperature_K:g} K, no. {curve.ordering}"
        line: dict[str, Any] = {"type": "scatter", "mode": "lines", "name": name, "legendgroup": name}
        traces.append({**line, "x": curve.lag_ps, "y": curve.msd_A2, "line": {"color": tint, "width": 1.2}})
        if curve.window_ps is not None:
            low, high = curve.window_ps
            inside = [k for k, lag in enumerate(curve.lag_ps) if low <= lag <= high]
            x, y = [curve.lag_ps[k] for k in inside], [curve.msd_A2[k] for k in inside]
            traces.append(
                {**line, "x": x, "y": y, "line": {"color": tint, "width": 3.5}, "showlegend": False}
            )
    return _figure(traces, xaxis={"title": "lag, ps"}, yaxis={"title": f"MSD of {data.ion}, Å²"})


def arrhenius_chart(data: ArrheniusData) -> Figure:
    """Draw diffusivities over 1000/T, the posterior's 95 % bands, and bounds as arrows: figures S2–S15."""
    traces = [*_band(data.crystal, "crystal", ORANGE), *_band(data.simulated, "simulation", BLUE)]
    told = [p for p in data.points if p.D_cm2_per_s is not None]
    bounds = [p for p in data.points if p.D_cm2_per_s is None and p.high_cm2_per_s]
    values = [p.D_cm2_per_s or 0.0 for p in told]
    simulated = _points(
        "simulated",
        [1000.0 / p.temperature_K for p in told],
        values,
        [f"{p.temperature_K:g} K, {p.status}" for p in told],
        color="black",
        size=8,
    )
    highs = [(p.high_cm2_per_s or value) - value for p, value in zip(told, values, strict=True)]
    lows = [value - (p.low_cm2_per_s or value) for p, value in zip(told, values, strict=True)]
    simulated["error_y"] = {"type": "data", "symmetric": False, "array": highs, "arrayminus": lows}
    at_most = _points(
        "at most",
        [1000.0 / p.temperature_K for p in bounds],
        [p.high_cm2_per_s or 0.0 for p in bounds],
        [f"{p.temperature_K:g} K" for p in bounds],
        color="black",
        size=14,
        symbol="arrow-down-open",
    )
    return _figure(
        [*traces, simulated, *([at_most] if bounds else [])],
        xaxis={"title": "1000 K / T"},
        yaxis={"title": "D, cm²/s", "type": "log", "exponentformat": "power"},
        shapes=[_upright(1000.0 / 300.0)],
    )


def window_chart(data: WindowData) -> Figure:
    """Draw what a phase, or its products, take up over the voltage, and the window in which it is nothing."""
    voltages = [step.voltage_V for step in data.steps]
    taken = [step.exchanged_per_formula for step in data.steps]
    if voltages:
        voltages, taken = (
            [min(0.0, voltages[0]), *voltages[1:], max(5.0, voltages[-1] + 0.5)],
            [*taken, taken[-1]],
        )
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": voltages,
        "y": taken,
        "line": {"shape": "hv", "color": BLUE},
    }
    shapes = []
    if data.low_V is not None and data.high_V is not None:
        ends = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": data.low_V, "x1": data.high_V}
        shapes.append({**ends, "fillcolor": GREEN, "opacity": 0.2, "line": {"width": 0}})
    return _figure(
        [line],
        title={"text": data.formula},
        xaxis={"title": f"V against {data.ion}"},
        yaxis={"title": f"{data.ion} taken up per formula"},
        shapes=shapes,
    )


def _figure(traces: Sequence[dict[str, Any]], **layout: Any) -> Figure:
    from plotly.graph_objects import Figure

    return Figure(data=list(traces), layout={"template": "plotly_white", "hovermode": "closest", **layout})


def _bar(name: str, values: Sequence[int | None], labels: Sequence[str], tint: str) -> dict[str, Any]:
    bar = {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": list(values),
        "y": [_plain(one) for one in labels],
    }
    return {**bar, "marker": {"color": tint}}


def _points(
    name: str, x: Sequence[float], y: Sequence[float], text: Sequence[str], **marker: Any
) -> dict[str, Any]:
    points = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": list(y),
        "text": list(text),
    }
    return {**points, "marker": marker}


def _ranked(points: Sequence[RankedPoint]) -> tuple[list[float], list[float], list[str]]:
    return (
        [p.v3_over_d3 for p in points],
        [min(p.E_3D_eV, _HIGHEST_EV) for p in points],
        [_plain(f"{p.material_id}, {p.formula}, priority {p.priority:.2f}") for p in points],
    )


def _conductors(name: str, found: Sequence[Conductor], symbol: str) -> dict[str, Any]:
    energies = [p.activation_energy_eV for p in found]
    conductivities = [p.conductivity_S_per_cm for p in found]
    trace = _points(
        name,
        [one.value for one in energies],
        [one.value for one in conductivities],
        [_plain(f"{p.material_id}, {p.formula}") for p in found],
        symbol=symbol,
        size=10,
        color=[p.window_V or 0.0 for p in found],
        cmin=0.0,
        cmax=4.0,
        colorscale="Cividis",
        line={"width": 1.2, "color": [ORANGE if p.known else "black" for p in found]},
    )
    for axis, values in (("error_x", energies), ("error_y", conductivities)):
        ends = {"array": [v.high - v.value for v in values], "arrayminus": [v.value - v.low for v in values]}
        trace[axis] = {"type": "data", "symmetric": False, **ends}
    return trace


def _dimensions(components: list[Bar], loops: list[Bar]) -> tuple[tuple[str, list[Bar], str, str], ...]:
    return ("H₀", components, BLUE, "circle"), ("H₁", loops, ORANGE, "triangle-up")


def _band(band: Band, name: str, tint: str) -> list[dict[str, Any]]:
    """The median of a posterior and the band around it; its values are powers of ten."""
    x = (1000.0 / np.asarray(band.temperatures_K)).tolist()
    low, median, high = ((10.0 ** np.asarray(v)).tolist() for v in (band.low, band.median, band.high))
    line = {"type": "scatter", "mode": "lines", "x": x, "legendgroup": name}
    edge = {**line, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    return [
        {**edge, "y": low},
        {**edge, "y": high, "fill": "tonexty", "fillcolor": _faint(tint)},
        {**line, "y": median, "name": name, "line": {"color": tint, "width": 1.6}},
    ]


def _faint(tint: str) -> str:
    red, green, blue = (int(tint[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.25)"


def _upright(x: float) -> dict[str, Any]:
    line = {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1}
    return {**line, "line": {"dash": "dash", "color": "black", "width": 1}}


def _plain(text: str) -> str:
    """Text that plotly takes for text: it understands some markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
