"""`mtl query`: the candidate table, filtered."""

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json

if TYPE_CHECKING:
    from mtl_flows.schemas.candidates import CandidateDocument


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(query)


def query(
    survivors: Annotated[
        bool, typer.Option("--survivors", help="Passed every gate of one protocol.")
    ] = False,
    protocol: Annotated[
        str, typer.Option(help="published, text or any: whose gates --survivors means.")
    ] = "any",
    elements: Annotated[str, typer.Option(help="Contains all of these, such as Li,P,S.")] = "",
    without: Annotated[str, typer.Option(help="Contains none of these.")] = "",
    system: Annotated[str, typer.Option(help="Exactly this chemical system, such as Li-P-S.")] = "",
    status: Annotated[str, typer.Option(help="Status of the dynamics, such as fitted.")] = "",
    known: Annotated[
        bool | None, typer.Option("--known/--unknown", help="Known conductors, or the others.")
    ] = None,
    max_r_connected_A: Annotated[
        float | None, typer.Option("--max-r", help="r_connected at most, Å.")
    ] = None,
    min_priority: Annotated[float | None, typer.Option(help="v3/d3 at least.")] = None,
    max_activation_energy_eV: Annotated[
        float | None, typer.Option("--max-ea", help="E_a at most, eV.")
    ] = None,
    release: Annotated[str, typer.Option(help="Only materials of this release.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 50,
    json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on standard output.")] = False,
) -> None:
    """Query the candidate table; the highest v3/d3 first.

    Examples: `mtl query --survivors` · `mtl query --elements Li,P,S --max-r 4` · `mtl query --status fitted --csv`
    """
    from mtl_flows.schemas.candidates import CandidateDocument
    from mtl_flows.store.candidates import CandidateFilter
    from mtl_flows.store.database import MTLStore

    chosen = CandidateFilter(
        survivors=survivors,
        protocol=protocol,
        elements=_split(elements),
        without=_split(without),
        chemical_system="-".join(sorted(system.split("-"))) if system else "",
        dynamics_status=status,
        is_known_conductor=known,
        max_r_connected_A=max_r_connected_A,
        min_priority=min_priority,
        max_activation_energy_eV=max_activation_energy_eV,
        release=release,
    )
    with MTLStore.open() as store:
        found = list(store.candidates.select(chosen, limit=limit))
        total = store.candidates.count(chosen.query())
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


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flat(value: object) -> object:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return value
