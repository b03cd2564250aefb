"""`mtl query`: the candidate table, filtered."""

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.filters import with_filter
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import Json, ScreeningName

if TYPE_CHECKING:
    from mtl_flows.schemas.candidates import CandidateDocument
    from mtl_flows.store.candidate_filter import CandidateFilter


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(query)


@with_filter
def query(
    chosen: "CandidateFilter",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 50,
    screening: ScreeningName = "",
    json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on standard output.")] = False,
    mongosh: Annotated[
        bool, typer.Option("--mongosh", help="Print the query as mongosh takes it, instead of asking.")
    ] = False,
) -> None:
    """Query the candidate table; the highest v3/d3 first.

    Examples: `mtl query --survivors` · `mtl query --elements Li,P,S --max r_connected=4` ·
    `mtl query --status fitted --min conductivity_300K_low=1e-4 --csv`
    """
    from mtl_flows.schemas.candidates import CandidateDocument

    with open_screening(screening) as store:
        if mongosh:
            out.print(chosen.mongosh(store.screening, limit), soft_wrap=True)
            return
        found = list(store.candidates.select(chosen, limit=limit))
        total = len(found) if not limit or len(found) < limit else store.candidates.count(chosen.query())
    if json:
        print_json([candidate.model_dump(by_alias=True) for candidate in found])
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        fields = list(CandidateDocument.model_fields)
        writer.writerow(fields)
        for candidate in found:
            writer.writerow([_flat(getattr(candidate, name)) for name in fields])
        return
    print_candidates(found)
    if total > len(found):
        err.print(f"{len(found)} of {total} shown; --limit 0 shows all")


def print_candidates(candidates: "Sequence[CandidateDocument]") -> None:
    """Print what the screening and, where it was done, what the dynamics say."""
    from mtl_flows.report import tables

    out.print(table("Candidates, by v3/d3", tables.CANDIDATE_COLUMNS, tables.candidate_rows(candidates)))
    if simulated := tables.dynamics_rows(candidates):
        out.print(table("Molecular dynamics", tables.DYNAMICS_COLUMNS, simulated))


def _flat(value: object) -> object:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return value
