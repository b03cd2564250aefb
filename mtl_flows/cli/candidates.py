"""`mtl candidates`: the candidate table ranked, filtered and exported, each row with the way to its evidence."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import as_typed, err, out, print_json, table
from mtl_flows.cli.filters import with_filter
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName

if TYPE_CHECKING:
    from mtl_flows.schemas.candidates import CandidateDocument
    from mtl_flows.store.candidate_filter import CandidateFilter

_WIDE = 110
"""Columns of a terminal from which on every row shows its conductivity and the whole command."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(candidates)


@with_filter
def candidates(
    context: typer.Context,
    chosen: "CandidateFilter",
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="Rank by priority (v3/d3), ea, sigma, window, hull, verdict, r, measured or material.",
        ),
    ] = "priority",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 50,
    json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on standard output.")] = False,
    cif: Annotated[
        Path | None, typer.Option("--cif", help="Write CIF files and a manifest: a folder, or NAME.zip.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First bring the table up to date; only rows that changed.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="First build every row anew.")] = False,
    screening: ScreeningName = "",
) -> None:
    """Rank, filter and export the candidates; every row names the command that shows its evidence.

    Examples: `mtl candidates --survivors` · `mtl candidates --by ea --csv` · `mtl candidates --cif best.zip`
    """
    from mtl_flows.jobs.candidates import rebuild_candidates
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.report.bundle import evidence, write_bundle
    from mtl_flows.store.ranking import ranked

    with open_screening(screening) as store:
        if rebuild or full:
            changed = rebuild_candidates(store, screening_parameters(store, store.screening), full=full)
            err.print(f"candidates: {changed} rows changed")
        found = list(ranked(store.candidates, chosen, by=by, limit=limit))
        total = store.candidates.count(chosen.query())
        if cif is not None:
            written = write_bundle(store, found, cif)
            err.print(f"{written} structures: {cif}", soft_wrap=True)
    if json:
        print_json([row.model_dump(by_alias=True) | {"evidence": evidence(row.material_id)} for row in found])
    elif as_csv:
        _print_csv(found)
    elif cif is None:
        _print_table(found, by)
        out.print(f"evidence of a row: {as_typed(context)} explain MATERIAL", soft_wrap=True)
    if total > len(found):
        err.print(f"{len(found)} of {total} shown; --limit 0 shows all")


def _print_table(found: "list[CandidateDocument]", by: str) -> None:
    from mtl_flows.report.bundle import evidence
    from mtl_flows.report.tables import activation_energy, conductivity, window

    wide = out.width >= _WIDE
    columns = ["material", "formula", "v3/d3", "E_a eV", "window V", "verdict"]
    rows = [
        [
            evidence(row.material_id) if wide else row.material_id,
            row.reduced_formula,
            None if row.priority is None else f"{row.priority:.3f}",
            activation_energy(row),
            window(row),
            row.verdict or f"at {row.furthest_stage}",
        ]
        for row in found
    ]
    if wide:
        columns[0] = "evidence"
        columns.insert(4, "σ(300 K) S/cm")
        for cells, row in zip(rows, found, strict=True):
            cells.insert(4, conductivity(row))
    out.print(table(f"Candidates, by {by}", columns, rows))


def _print_csv(found: "list[CandidateDocument]") -> None:
    from mtl_flows.report.bundle import evidence
    from mtl_flows.schemas.candidates import CandidateDocument

    fields = list(CandidateDocument.model_fields)
    writer = csv.writer(sys.stdout)
    writer.writerow([*fields, "evidence"])
    for row in found:
        writer.writerow([*(_flat(getattr(row, name)) for name in fields), evidence(row.material_id)])


def _flat(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
