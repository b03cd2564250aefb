"""`mtl describe`: topology of structure files, no database; `mtl examples`: crystals to try it on."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mtl_flows.cli.console import complain, err, out, print_json, progress, table
from mtl_flows.cli.types import Json, MobileIon, Workers


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(describe)
    app.command()(examples)


def describe(
    files: Annotated[list[Path], typer.Argument(help="CIF, POSCAR, pymatgen JSON or extended XYZ files.")],
    mobile_ion: MobileIon = "Li",
    workers: Workers = 1,
    cutoff_A: Annotated[float, typer.Option("--cutoff", min=1.0, help="Radius of the clouds in Å.")] = 10.0,
    extended: Annotated[
        bool, typer.Option(help="Also percolation distances d1-d3 and bottlenecks v1-v3.")
    ] = True,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds allowed for one file.")
    ] = 600.0,
    memory_MB: Annotated[
        int, typer.Option("--memory", min=100, help="MB of memory allowed for one file.")
    ] = 8000,
    json: Json = False,
) -> None:
    """Describe structure files: metrics and named features under both protocols.

    No database is needed. A file that cannot be used becomes an entry with a reason, and the exit code is 1.

    Examples: `mtl describe LGPS.cif` · `mtl describe cifs/*.cif --workers 2 --json > features.json`
    """
    from mtl_flows.report.describe import describe_files
    from mtl_flows.science.topology import TopologyParameters

    entries = []
    parameters = TopologyParameters(cutoff_A=cutoff_A, extended=extended)
    with progress("describe", len(files)) as reporter:
        for entry in describe_files(
            files,
            mobile_ion=mobile_ion,
            parameters=parameters,
            workers=workers,
            timeout_s=timeout_s,
            memory_MB=memory_MB,
        ):
            entries.append(entry)
            reporter.advance()
    good = [entry for entry in entries if "reason" not in entry]
    bad = [entry for entry in entries if "reason" in entry]
    if json:
        print_json(entries)
    else:
        _print_tables(good)
        for entry in bad:
            complain("refused", f"{entry['file']}: {entry['message']} ({entry['remedy']})")
            for line in entry["lines"]:
                err.print(f"  {line}", markup=False, highlight=False)
    if bad:
        raise typer.Exit(1)


def _print_tables(entries: list[dict[str, Any]]) -> None:
    if not entries:
        return
    columns = ["id", "formula", "sites", "mobile", "r_conn Å", "ρ publ.", "ρ text"]
    columns += ["d1", "d2", "d3 Å", "v1", "v2", "v3 Å"]
    rows = [
        [
            *(e["id"], e["formula"], e["n_sites"], e["n_mobile"], e["r_connected_A"]),
            *(e["rho_cycles"]["published"], e["rho_cycles"]["text"]),
            *(e[f"d{k}_A"] for k in (1, 2, 3)),
            *(e[f"v{k}_A"] for k in (1, 2, 3)),
        ]
        for e in entries
    ]
    out.print(table("Metrics", columns, rows))
    told = [
        [e["id"], ", ".join(_raised(e["flags"])), "\n".join(e["warnings"])]
        for e in entries
        if e["warnings"] or _raised(e["flags"])
    ]
    if told:
        out.print(table("What reading had to mend or assume, and doubts", ["id", "flags", "notes"], told))
    if len(entries) == 1:
        (entry,) = entries
        for protocol, features in entry["features"].items():
            out.print(table(f"Features, protocol '{protocol}'", ["feature", "value"], list(features.items())))
        orbits = [[o["label"], o["multiplicity"], o["r_connected_A"]] for o in entry["orbits"]]
        out.print(table("Orbits of the mobile sites", ["site", "multiplicity", "r_conn Å"], orbits))
    else:
        out.print("The 22 features of each protocol are in the output of --json.", style="dim")


def _raised(flags: dict[str, bool]) -> list[str]:
    """Flags that are up; that a crystal is ordered is no doubt."""
    return [name.replace("_", " ") for name, on in flags.items() if on and name != "ordered"]


def examples(
    folder: Annotated[Path, typer.Argument(help="Where to write the CIF files.")],
    table_file: Annotated[
        Path | None, typer.Option("--table", help="Table of compounds; the one shipped if not given.")
    ] = None,
) -> None:
    """Write the example crystals: real lithium compounds from a table of published facts, as CIF files.

    A table of what is known of them, labels.csv, is written beside them: `mtl label` or `mtl run --labels` take it.
    """
    from mtl_flows.report.examples import LABELS_FILE, shipped_table, write_examples

    compounds = write_examples(folder, table_file or shipped_table())
    err.print(f"{len(compounds)} crystals and {LABELS_FILE} in {folder}")
