"""`mtl query`: the candidate table ranked, filtered and exported, each row with the way to its evidence."""

import csv
import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import as_typed, err, out, output_to, print_json, table
from mtl_flows.cli.filters import with_filter
from mtl_flows.cli.retired import retired_command
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import All, Json, ScreeningName, limit_option, output_option
from mtl_flows.errors import ConfigurationError
from mtl_flows.vocabulary import ChosenProtocol, Ranking

if TYPE_CHECKING:
    from mtl_flows.schemas.candidates import CandidateDocument
    from mtl_flows.store.candidate_filter import CandidateFilter
    from mtl_flows.store.database import MTLStore

_SHOWN = 50
_COUNTED = 1000
"""Of more rows than that beside those shown it is not said how many there are: counting all of them takes longest."""
_FEW = 5
_SHOWN_BY = {
    "priority": "priority",
    "barrier": "E_3D eV",
    "r": "r_conn Å",
    "window": "window V",
    "sigma": "P(σ ≥ 10⁻⁴)",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(query)
    retired_command(app, "candidates", "query", query)


@with_filter
def query(
    context: typer.Context,
    chosen: "CandidateFilter",
    by: Annotated[
        Ranking,
        typer.Option(
            "--by",
            help="The best first by: priority (v3/d3 and barrier), barrier, E_a, lower end of σ(300 K), width of the "
            "window, height above the hull, r_connected, measured conductivity, verdict, or the id.",
        ),
    ] = "priority",
    limit: Annotated[
        int | None, limit_option("Show", show_default=f"{_SHOWN} in a table, all in a file")
    ] = None,
    all_: All = False,
    json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV; lists of records are JSON in their cell.")
    ] = False,
    cif: Annotated[
        bool, typer.Option("--cif", help="Write a CIF file of each and a manifest: --output DIR or NAME.zip.")
    ] = False,
    output: Annotated[
        Path | None, output_option("File for --json or --csv, folder or NAME.zip for --cif.")
    ] = None,
    with_dropped: Annotated[
        bool,
        typer.Option(
            "--with-dropped", help="Also write what a gate dropped; a filter decides that by itself."
        ),
    ] = False,
    mongosh: Annotated[
        bool, typer.Option("--mongosh", help="Print the query as mongosh takes it, instead of asking.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First bring the table up to date; only rows that changed.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="First build every row anew.")] = False,
    screening: ScreeningName = "",
) -> None:
    """Query the candidate table: filter, rank and export it.

    A table shows the first 50. --json, --csv and --cif hold everything that is asked for; where nothing is asked, all
    but what a gate dropped.

    Examples: `mtl query --survivors` · `mtl query --elements Li,P,S --max r_connected=4` ·
    `mtl query --status fitted --by ea --csv -o fitted.csv` · `mtl query --survivors --cif -o best.zip`
    """
    if json + as_csv + cif > 1:
        raise ConfigurationError("--json, --csv and --cif are three answers", remedy="give one of them")
    if cif is (output is None) and not (json or as_csv):
        raise ConfigurationError("--cif and --output go together", remedy="write --cif --output best.zip")
    if output is not None:
        _check_ending(output, json=json, as_csv=as_csv, cif=cif)
    exported = json or as_csv or cif
    wanted = 0 if all_ or (limit is None and exported) else _SHOWN if limit is None else limit
    with open_screening(screening) as store:
        if rebuild or full:
            _rebuild(store, full=full)
        if exported and not with_dropped:
            chosen = _without_dropped(store, chosen)
        if mongosh:
            out.print(chosen.mongosh(store.screening, wanted), soft_wrap=True)
            return
        found = _answers(store, chosen, by, wanted)
        rules = {} if exported else store.candidates.rule_names()
        _say_what_waits(store, found)
        total, counted = len(found), len(found) + _COUNTED
        if wanted and total == wanted:
            total = store.candidates.number_of(chosen, at_most=counted)
        if not found:
            err.print(store.candidates.why_none(chosen), soft_wrap=True)
        if cif and output is not None:
            from mtl_flows.report.bundle import write_bundle

            err.print(f"{write_bundle(store, found, output)} structures: {output}", soft_wrap=True)
    if json or as_csv:
        with output_to(output) as file:
            if json:
                print_json([_record(row) for row in found], file)
            else:
                _write_csv(found, file)
    elif found and not cif:
        print_candidates(found, by, [limited.field for limited in chosen.ranges], chosen.protocol, rules)
        out.print(f"evidence of a row: {as_typed(context)} explain {found[0].material_id}", soft_wrap=True)
    if total > len(found):
        of = f"more than {_COUNTED}" if total == counted else total
        err.print(f"{len(found)} of {of} shown; --all shows all")


def _check_ending(output: Path, *, json: bool, as_csv: bool, cif: bool) -> None:
    """Refuse a name that promises another format than is written: a spreadsheet would not open it.

    Raises
    ------
    ConfigurationError
        If it does.
    """
    known = {".json": json, ".csv": as_csv, ".zip": cif}
    others = {".xlsx", ".xls", ".ods", ".cif", ".parquet"}
    ending = output.suffix.casefold()
    if ending in others or not known.get(ending, True):
        written = "JSON" if json else "CSV" if as_csv else "a folder of CIF files or a zip of them"
        raise ConfigurationError(
            f"its name says {ending}, and what is written is {written}",
            subject=str(output),
            remedy="give it another name" if cif else "give it another name (spreadsheets open CSV)",
        )


def print_candidates(
    candidates: "Sequence[CandidateDocument]",
    by: str = "priority",
    asked: Sequence[str] = (),
    protocol: ChosenProtocol = "published",
    rules: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Print what is known of each material, as far as the terminal is wide, and fields that were asked for.

    Parameters
    ----------
    protocol
        At whose gates they stand.
    rules
        Names of the chemical rules by number, to be told where one dropped a material.
    """
    from mtl_flows.report.tables import SPARE_COLUMNS, candidate_table, rules_told

    columns, rows = candidate_table(candidates, asked, protocol)
    kept = _SHOWN_BY.get(by, "")
    spare = [name for name in SPARE_COLUMNS if name in columns and name != kept]
    out.print(table(f"Candidates by {by}, gates as {protocol}", columns, rows, spare=spare))
    if told := rules_told(candidates, protocol, rules):
        out.print(told)


def print_dynamics(candidates: "Sequence[CandidateDocument]") -> None:
    """Print what the molecular dynamics of each material say, where there were any."""
    from mtl_flows.report.tables import DYNAMICS_COLUMNS, dynamics_rows

    if rows := dynamics_rows(candidates):
        out.print(table("Molecular dynamics", DYNAMICS_COLUMNS, rows))


def _answers(
    store: "MTLStore", chosen: "CandidateFilter", by: Ranking, limit: int
) -> "list[CandidateDocument]":
    if by == "priority":  # the order that indexes have
        return list(store.candidates.select(chosen, limit=limit))
    from mtl_flows.store.ranking import ranked

    return list(ranked(store.candidates, chosen, by=by, limit=limit))


def _say_what_waits(store: "MTLStore", found: "Sequence[CandidateDocument]") -> None:
    """Say that something came in that the rows do not know yet."""
    from mtl_flows.store.freshness import freshness

    known = freshness(store.database, found, store.candidates.count())
    if known.unscreened:
        err.print(f"not screened yet: {known.unscreened} materials that came in; mtl screen does it")
    if known.older:
        told = ", ".join(known.older[:_FEW]) + (" …" if len(known.older) > _FEW else "")
        err.print(f"older than what came in since: {told}; mtl screen brings them up to date", soft_wrap=True)


def _without_dropped(store: "MTLStore", chosen: "CandidateFilter") -> "CandidateFilter":
    """Filter that leaves out what a gate dropped, where nothing at all is asked; says how many that are."""
    from mtl_flows.store.candidate_filter import CandidateFilter

    if chosen != CandidateFilter():
        return chosen
    if left_out := store.candidates.number_of(CandidateFilter(dropped=True)):
        err.print(f"{left_out} materials that a gate dropped are left out; --with-dropped writes them too")
    return CandidateFilter(dropped=False)


def _rebuild(store: "MTLStore", *, full: bool) -> None:
    from mtl_flows.jobs.candidates import rebuild_candidates
    from mtl_flows.jobs.screening import screening_parameters

    changed = rebuild_candidates(store, screening_parameters(store, store.screening), full=full)
    err.print(f"candidates: {changed} rows changed")


def _record(row: "CandidateDocument") -> dict[str, Any]:
    from mtl_flows.report.tables import evidence

    return row.model_dump(by_alias=True) | {"evidence": evidence(row.material_id)}


def _write_csv(found: "Sequence[CandidateDocument]", file: Any) -> None:
    from mtl_flows.report.tables import evidence
    from mtl_flows.schemas.candidates import CandidateDocument

    fields = list(CandidateDocument.model_fields)
    writer = csv.writer(file)
    writer.writerow([*fields, "evidence"])
    for row in found:
        values = row.model_dump()
        writer.writerow([*(_cell(values[name]) for name in fields), evidence(row.material_id)])


def _cell(value: Any) -> Any:
    """Words of a list with blanks between; records as JSON."""
    if not isinstance(value, list):
        return value
    if any(isinstance(item, dict) for item in value):
        return json_format.dumps(value)
    return " ".join(map(str, value))
