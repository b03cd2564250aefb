"""`mtl verdict`: pass, fail or undecided, under the article's thresholds or others."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mtl_flows.cli.console import out, print_json, table
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(verdict)


def verdict(
    materials: Annotated[
        list[str] | None, typer.Argument(help="Material ids; all with dynamics or a window if none is given.")
    ] = None,
    csv_table: Annotated[
        Path | None, typer.Option("--table", help="Judge the rows of a CSV file instead; no database.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Judge the article's Table 1 and known conductors instead.")
    ] = False,
    min_ea: Annotated[float | None, typer.Option("--min-ea", help="E_a at least, eV.")] = None,
    max_ea: Annotated[float | None, typer.Option("--max-ea", help="E_a at most, eV.")] = None,
    min_window: Annotated[
        float | None, typer.Option("--min-window", help="Window wider than this, V.")
    ] = None,
    max_hull: Annotated[
        float | None, typer.Option("--max-hull", help="Energy above the hull at most, eV/atom.")
    ] = None,
    min_conductivity: Annotated[
        float | None, typer.Option("--min-conductivity", help="σ(300 K) at least, S/cm.")
    ] = None,
    window_uncertainty_V: Annotated[
        float | None,
        typer.Option(
            "--window-uncertainty", min=0, help="Half-width of a window's interval, V; 0.2, of tables 0."
        ),
    ] = None,
    potential_error_eV: Annotated[
        float | None,
        typer.Option(
            "--potential-error",
            min=0,
            help="Standard deviation of the potential's error of E_a, eV; else what is known of it. With materials.",
        ),
    ] = None,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Judge materials: an interval across a threshold leaves the verdict undecided, and what would decide it is said.

    The thresholds are those of the screening, unless an option gives another; of tables, those of the article.
    Every verdict is kept as a document, with each number, its interval and its origin.
    """
    from mtl_flows.science.verdict import ACTIVATION_ENERGY, WINDOW, VerdictThresholds

    def bounded(thresholds: VerdictThresholds) -> VerdictThresholds:
        chosen = thresholds.bounding(ACTIVATION_ENERGY, minimum=min_ea, maximum=max_ea)
        chosen = chosen.bounding(WINDOW, minimum=min_window, strict=True)
        chosen = chosen.bounding("e_above_hull_eV_per_atom", maximum=max_hull)
        chosen = chosen.bounding("conductivity_300K_S_per_cm", minimum=min_conductivity)
        if window_uncertainty_V is not None:
            chosen = replace(chosen, window_uncertainty_V=window_uncertainty_V)
        if potential_error_eV is not None:
            chosen = replace(chosen, potential_error_eV=potential_error_eV)
        return chosen

    if csv_table is not None or published:
        from mtl_flows.evaluation.verdict_table import judge_table, published_table

        thresholds = bounded(VerdictThresholds(window_uncertainty_V=0.0))
        told = [row.as_dict() for row in judge_table(csv_table or published_table(), thresholds)]
    else:
        from mtl_flows.jobs.screening import screening_parameters
        from mtl_flows.jobs.verdict import judge_candidates

        with open_screening(screening) as store:
            thresholds = bounded(screening_parameters(store, store.screening).verdict)
            if materials:
                chosen = [store.candidates.get(material) for material in materials]
            else:
                chosen = list(store.candidates.judgeable())
            documents = judge_candidates(store, chosen, thresholds)
        told = [{"id": d.material_id, **d.model_dump(exclude={"id"})} for d in documents]
    if json:
        print_json(told)
        return
    quantities = [criterion.quantity for criterion in thresholds.criteria]
    title = "Verdicts under " + " and ".join(map(str, thresholds.criteria))
    out.print(table(title, ["material", "formula", *quantities, "verdict"], [_cells(row) for row in told]))
    counts = Counter(row["outcome"] for row in told)
    out.print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("pass", "fail", "undecided")))
    for row in told:
        for hint in row["what_would_decide"]:
            out.print(f"{row['id']} would be decided by {hint}", soft_wrap=True)


def _cells(row: dict[str, Any]) -> list[Any]:
    return [row["id"], row["formula"], *map(_number, row["criteria"]), row["outcome"]]


def _number(criterion: dict[str, Any]) -> str:
    value, low, high = criterion["value"], criterion["low"], criterion["high"]
    if value is None:
        return f"{criterion['status']}"
    mark = {"pass": "", "fail": " fails", "undecided": " ?"}[criterion["outcome"]]
    if low == high:
        return f"{value:.4g}{mark}"
    ends = ["-∞" if low is None else f"{low:.3g}", "∞" if high is None else f"{high:.3g}"]
    told = f"{value:.3g} [{ends[0]}, {ends[1]}]"
    if criterion["probability"] is not None:
        told += f", {100 * criterion['probability']:.0f} %"
        if criterion["value_alone"] is not None:
            mark += _alone(criterion)
    return told + mark


def _alone(criterion: dict[str, Any]) -> str:
    """What the simulation alone would say, where that differs: its number where the potential's bias was taken out."""
    number, corrected = f"{criterion['value_alone']:.2g}", f"{criterion['value']:.2g}"
    told = [number] if number != corrected else []
    told += [criterion["outcome_alone"]] if criterion["outcome_alone"] != criterion["outcome"] else []
    return f" (simulation alone: {', '.join(told)})" if told else ""
