"""`mtl run`: everything, from a folder of structure files to the candidate table."""

from pathlib import Path
from typing import Annotated

import typer

from mtl_flows.cli.console import as_typed, err, out, table
from mtl_flows.cli.dynamics import DynamicsOptions, takes_dynamics
from mtl_flows.cli.ingest import fail_if_nothing_was_taken, ingest_line, take_in
from mtl_flows.cli.launch import hand_in_dynamics
from mtl_flows.cli.query import print_candidates, print_dynamics
from mtl_flows.cli.screen import chosen_parameters, run_screening
from mtl_flows.cli.types import (
    MobileIon,
    ParametersFile,
    Simulated,
    SimulatedProtocol,
    Workers,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(no_args_is_help=True)(run)


@takes_dynamics()
def run(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Folders, files or archives of structures.")],
    release: Annotated[str, typer.Option("--release", "-r", help="Name of this delivery.")] = "default",
    labels: Annotated[
        Path | None, typer.Option(help="Table of measured facts, as `mtl label` takes it.")
    ] = None,
    screening: Annotated[
        str, typer.Option("--screening", help="Name of the screening; the symbol of the ion if not given.")
    ] = "",
    parameters: ParametersFile = None,
    mobile_ion: MobileIon = "Li",
    workers: Workers = 2,
    batch_size: Annotated[int, typer.Option("--batch", min=1, help="Structures in one screening job.")] = 500,
    protocol: SimulatedProtocol = "published",
    limit: Simulated = 0,
    *,
    dynamics: DynamicsOptions,
) -> None:
    """Do everything: ingest, screen, simulate the survivors, and show the candidate table.

    Run again, it does only what is missing. The defaults of the molecular dynamics are the article's and take
    hours per material on a laptop; shorten them for a first look.
    """
    from mtl_flows.cli.work import fail_if_any, run_workers
    from mtl_flows.flows.dynamics import DynamicsFlowMaker
    from mtl_flows.jobs.labels import import_labels
    from mtl_flows.launch.names import DYNAMICS
    from mtl_flows.report.funnel import funnel_columns, funnel_rows
    from mtl_flows.settings import Settings
    from mtl_flows.store.candidate_filter import CandidateFilter
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.funnel import funnel_counts

    maker = DynamicsFlowMaker(parameters=dynamics.parameters())
    settings = Settings.load()
    with connection(settings, begin=True) as address, MTLStore.connect(address) as store:
        if labels is not None:
            written = import_labels(store, labels)
            err.print(f"labels: {written.inserted} new, {written.replaced} changed")
        read = take_in(store, paths, release=release, mobile_ions=[mobile_ion], workers=workers)
        err.print(ingest_line(read))
        chosen = chosen_parameters(store, screening, mobile_ion, parameters)
        run_screening(store, address, chosen, workers=workers, batch_size=batch_size)
        store = store.under(chosen.screening)
        workflows = hand_in_dynamics(
            store, address, maker, materials=[], chosen=CandidateFilter(protocol=protocol), limit=limit
        )
        failed = None
        if workflows:
            failed = run_workers(
                address,
                categories=DYNAMICS,
                processes=max(1, workers),
                total=len(workflows) * maker.expected_jobs(),
            )
        counts = funnel_counts(store.candidates)
        shown = list(store.candidates.survivors(protocol))
        rules = store.candidates.rule_names()
    out.print(table("Funnel", funnel_columns(counts), funnel_rows(counts, chosen.thresholds)))
    print_candidates(shown, protocol=protocol, rules=rules)
    print_dynamics(shown)
    where = "your server" if settings.mongo_uri is not None else f"{settings.home} (embedded MongoDB)"
    out.print(f"The data lie in {where}, database {address.database!r}. Next:", soft_wrap=True)
    best = shown[0].material_id if shown else "MATERIAL"
    for command in (f"explain {best}", "query --survivors", "status"):
        out.print(f"  {as_typed(context)} {command}", soft_wrap=True)
    if failed is not None:
        fail_if_any(failed)
    fail_if_nothing_was_taken(read)
