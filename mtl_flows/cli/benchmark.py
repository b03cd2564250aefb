"""`mtl benchmark`: the comparisons whose numbers the documentation states."""

from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import complain, err, out, print_json, table
from mtl_flows.cli.known_answers import dynamics_benchmark
from mtl_flows.cli.retired import retired_command
from mtl_flows.cli.types import Json, MobileIon, ScreeningName, Workers, output_option
from mtl_flows.errors import unwritable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        no_args_is_help=True, help="Compare with published numbers and measured conductivities."
    )
    group.command()(published)
    group.command()(conductivity)
    group.command()(barrier)
    group.command("dynamics")(dynamics_benchmark)
    retired_command(group, "funnel", "benchmark conductivity", conductivity)
    app.add_typer(group, name="benchmark")


def published(
    cifs: Annotated[
        Path, typer.Option(help="Folder of CIF files with ICSD ids: in the file, its name or a table.")
    ],
    tables: Annotated[Path, typer.Option(help="Folder of the tables released with the article, as CSV.")],
    agreeing: Annotated[bool, typer.Option("--agreeing", help="Also the comparisons that agree.")] = False,
    workers: Workers = 2,
    json: Json = False,
) -> None:
    """Compare r_connected, rho_cycles and features with the published numbers, structure by structure.

    Each disagreement is given a cause: noise in coordinates that symmetry leaves free, a framework without its metal,
    the choice of cell.
    """
    from mtl_flows.evaluation.published import run_published_benchmark

    report = run_published_benchmark(cifs, tables, workers=workers)
    if json:
        print_json(report.to_dict())
        return
    rows = [row for row in report.rows() if agreeing or row["verdict"] != "agrees"]
    if rows:
        columns = list(rows[0])
        title = "All comparisons" if agreeing else "Disagreements"
        out.print(table(title, columns, [[row[column] for column in columns] for row in rows]))
    counts = report.counts()
    causes = sorted({cause for found in counts.values() for cause in found} - {"compared", "agree"})
    columns = ["quantity", "compared", "agree", *causes]
    cells = [[name, *(found.get(column, 0) for column in columns[1:])] for name, found in counts.items()]
    out.print(table("Agreement with the published numbers", columns, cells))


def conductivity(
    cifs: Annotated[
        Path | None, typer.Option(help="Folder of structures; the examples if not given.")
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(
            "--conductivity", help="CSV with the columns id, conductivity_S_per_cm and, if known, family."
        ),
    ] = None,
    relatives: Annotated[
        bool,
        typer.Option(
            "--relatives/--without-relatives",
            help="Also rows whose structure is that of a relative of what was measured (`close match`).",
        ),
    ] = True,
    output: Annotated[Path | None, output_option("Write the figure here (PNG, PDF or SVG).")] = None,
    mobile_ion: MobileIon = "Li",
    workers: Workers = 2,
    json: Json = False,
) -> None:
    """Judge every gate, descriptor and cluster selection by measured conductivities, with 95 % intervals.

    Kept, recall, precision and enrichment of each gate under both protocols; AUC of each descriptor; models with
    whole families left out beside trivial baselines. Intervals are by entry and by family.
    """
    from mtl_flows.errors import ConfigurationError
    from mtl_flows.evaluation.conductivity import BenchmarkParameters
    from mtl_flows.evaluation.conductivity.inputs import benchmark_compounds, benchmark_folder
    from mtl_flows.report.tables import with_intervals

    if (cifs is None) != (measured is None):
        raise ConfigurationError(
            "--cifs and --conductivity go together", remedy="give both, or neither for the examples"
        )
    if cifs is not None and measured is not None:
        report = benchmark_folder(
            cifs,
            measured,
            mobile_ion=mobile_ion,
            workers=workers,
            parameters=BenchmarkParameters(include_relatives=relatives),
            on_refused=lambda error: complain("left out", str(error)),
        )
    else:
        from mtl_flows.report.examples import shipped_table
        from mtl_flows.science.compounds import load_compounds

        report = benchmark_compounds(load_compounds(shipped_table()), mobile_ion=mobile_ion, workers=workers)
    if output is not None:
        from mtl_flows.plotting.conductivity import plot_benchmark

        write_figure(plot_benchmark(report), output)
    if json:
        print_json(report.to_dict())
        return
    out.print(
        f"{report.n} materials of {report.n_families} families, {report.n_superionic} of them superionic "
        f"(σ ≥ {report.parameters.superionic_S_per_cm:g} S/cm)"
    )
    for name, rows in report.tables().items():
        if rows:
            columns, cells = with_intervals(rows)
            out.print(table(name.capitalize(), [column.replace("_", " ") for column in columns], cells))
    out.print("Intervals: 95 % bootstrap over families; those by entry are in the output of --json.")


def barrier(
    measured: Annotated[
        Path | None,
        typer.Option(
            "--measured",
            help="CSV with the columns id, activation_energy_eV, source; the published ones if not given.",
        ),
    ] = None,
    output: Annotated[Path | None, output_option("Write the figure here (PNG, PDF or SVG).")] = None,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Compare bond-valence barriers with activation energies: of the store's own fits, and published ones.

    Each origin has its own residual; they are never pooled.
    """
    from mtl_flows.cli.screening import open_screening
    from mtl_flows.evaluation.verdict_table import published_table
    from mtl_flows.plotting.barriers import barrier_points, plot_barriers, residuals

    with open_screening(screening) as store:
        points = barrier_points(store, measured or published_table())
    found = residuals(points)
    if output is not None:
        write_figure(plot_barriers(points), output)
    if json:
        print_json({"points": [asdict(one) for one in points], "residuals": [one.as_dict() for one in found]})
        return
    rows = [
        [p.material_id, p.formula, round(p.E_3D_eV, 3), round(p.activation_energy_eV, 3), p.origin]
        for p in points
    ]
    out.print(
        table(
            "Barriers and activation energies", ["material", "formula", "E_3D, eV", "E_a, eV", "origin"], rows
        )
    )
    spreads = [
        [r.origin, r.n, *(_rounded(x) for x in (r.mean_eV, r.spread_eV, r.rank_correlation))] for r in found
    ]
    out.print(table("E_a less E_3D", ["origin", "n", "mean, eV", "spread, eV", "Spearman"], spreads))


def _rounded(number: float) -> float | None:
    return None if isnan(number) else round(number, 2)


def write_figure(figure: "Figure", path: Path) -> None:
    """Save a figure in the format that its name ends with.

    Raises
    ------
    ConfigurationError
        If the file cannot be written.
    """
    from matplotlib import rc_context

    try:
        # Letters stay letters: a page's own fonts draw them, and the file is a third as large.
        with rc_context({"svg.fonttype": "none"}):
            figure.savefig(path, dpi=150)
    except OSError as error:
        raise unwritable(path, error) from error
    err.print(f"written: {path}")
