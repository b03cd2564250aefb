"""`mtl whatif`: another screening of what is stored, without computing any homology."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.filters import split_limit
from mtl_flows.cli.screening import open_screening
from mtl_flows.cli.types import All, Json, ScreeningName, limit_option
from mtl_flows.vocabulary import Protocol

if TYPE_CHECKING:
    from mtl_flows.report.whatif import Moved
    from mtl_flows.science.topology import Alternative, PrescreenThresholds


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(whatif)


def whatif(
    r_connected_A: Annotated[
        float | None, typer.Option("--r", help="r_connected below this, Å; inf lets everything pass.")
    ] = None,
    rho_cycles: Annotated[float | None, typer.Option("--rho", help="rho_cycles below this.")] = None,
    protocol: Annotated[Protocol, typer.Option(help="Whose cloud, gates and clusters.")] = "published",
    against: Annotated[
        Protocol | None,
        typer.Option(
            help="Protocol of the stored screening to compare with.", show_default="that of --protocol"
        ),
    ] = None,
    distance_A: Annotated[
        float | None, typer.Option("--at", help="Count loops at this length, Å, not at r_connected.")
    ] = None,
    distance_factor: Annotated[
        float | None, typer.Option("--at-factor", help="Count loops at r_connected times this.")
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            metavar="BARS=NUMBER",
            help="A statistic of the bars at least, such as framework_h1_birth_p90=2.",
        ),
    ] = None,
    at_most: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="BARS=NUMBER", help="At most, such as mobile_h0_death_p90=4."),
    ] = None,
    limit: Annotated[int, limit_option("Show of what was gained, and of what was lost,")] = 20,
    all_: All = False,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Screen otherwise, from stored barcodes, and compare; nothing is written.

    Examples: `mtl whatif --r 4.5` · `mtl whatif --protocol text --against published` ·
    `mtl whatif --at-factor 1.1 --rho 0.8` · `mtl whatif --max framework_h1_persistence_p90=1.2`
    """
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.report.whatif import KEYS, what_if

    with open_screening(screening) as store:
        parameters = screening_parameters(store, store.screening)
        alternative = _alternative(
            parameters.thresholds,
            r_connected_A,
            rho_cycles,
            protocol,
            distance_A,
            distance_factor,
            at_least,
            at_most,
        )
        found = what_if(store, parameters, alternative, before=against or protocol)
    if json:
        print_json({**found.as_dict(), "gates": list(KEYS)})
        return
    gates = [gate for gate in KEYS if gate != "limits" or alternative.limits]
    rows = [
        [gate, found.before[gate], found.after[gate], found.after[gate] - found.before[gate]]
        for gate in gates
    ]
    out.print(table(f"{found.n_materials} unique materials", ["gate", "stored", "what if", "change"], rows))
    _print_moved("gained", found.gained, 0 if all_ else limit)
    _print_moved("lost", found.lost, 0 if all_ else limit)
    for number, what in (
        (found.placed, "were not clustered and took the cluster of the nearest exemplar"),
        (found.without_topology, "have no topology yet and are left out"),
        (found.without_barcodes, "have no barcodes and are left out"),
    ):
        if number:
            err.print(f"{number} materials {what}")


def _alternative(
    stored: "PrescreenThresholds",
    r_connected_A: float | None,
    rho_cycles: float | None,
    protocol: Protocol,
    distance_A: float | None,
    distance_factor: float | None,
    at_least: list[str] | None,
    at_most: list[str] | None,
) -> "Alternative":
    from mtl_flows.science.topology import Alternative, BarLimit, BarStatistic, PrescreenThresholds

    limits = [BarLimit(BarStatistic.parse(name), at_least=x) for name, x in map(split_limit, at_least or ())]
    limits += [BarLimit(BarStatistic.parse(name), at_most=x) for name, x in map(split_limit, at_most or ())]
    return Alternative(
        protocol=protocol,
        thresholds=PrescreenThresholds(
            stored.r_connected_A if r_connected_A is None else r_connected_A,
            stored.rho_cycles if rho_cycles is None else rho_cycles,
        ),
        distance_A=distance_A,
        distance_factor=distance_factor,
        limits=tuple(limits),
    )


def _print_moved(what: str, moved: "list[Moved]", limit: int) -> None:
    if not moved:
        out.print(f"nothing {what}")
        return
    shown = [list(asdict(one).values()) for one in moved[: limit or None]]
    columns = ["material", "formula", "known", "r_connected Å", "ρ stored", "ρ what if", "decided by"]
    out.print(table(f"{len(moved)} {what}", columns, shown))
    if 0 < limit < len(moved):
        err.print(f"{limit} of {len(moved)} shown; --all or --json shows all")
