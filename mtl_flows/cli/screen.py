"""`mtl screen`: topology, prescreen, clustering and chemistry of what is in the store."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import ChemistryFile, Json, MobileIon, Workers


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(screen)


def screen(
    mobile_ion: MobileIon = "Li",
    workers: Workers = 2,
    batch_size: Annotated[int, typer.Option("--batch", min=1, help="Structures in one job.")] = 500,
    retry: Annotated[bool, typer.Option(help="Try again what a stage refused.")] = False,
    recluster: Annotated[
        bool, typer.Option(help="Cluster anew, even where new structures could join the current clusters.")
    ] = False,
    chemistry: ChemistryFile = None,
    submit_only: Annotated[
        bool, typer.Option("--submit-only", help="Leave the work to workers that run elsewhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Screen what is in the store: topology, prescreen under both protocols, clusters, chemical rules.

    The work is handed in as a FireWorks workflow and run by workers here, unless --submit-only is given. Only
    what is missing is computed.
    """
    from mtl_flows.report.tables import FUNNEL_COLUMNS, funnel_rows
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.funnel import funnel_counts

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        run_screening(
            store, address, mobile_ion=mobile_ion, workers=workers, batch_size=batch_size, retry=retry,
            recluster=recluster, chemistry=chemistry, submit_only=submit_only,
        )  # fmt: skip
        counts = funnel_counts(store.candidates)
    if json:
        print_json(counts)
    elif not submit_only:
        out.print(table("Funnel", FUNNEL_COLUMNS, funnel_rows(counts)))


def run_screening(
    store: Any,
    address: Any,
    *,
    mobile_ion: str,
    workers: int,
    batch_size: int,
    retry: bool = False,
    recluster: bool = False,
    chemistry: Path | None = None,
    submit_only: bool = False,
) -> None:
    """Plan, hand in and, unless told otherwise, do the screening; says what it does on standard error."""
    from mtl_flows.cli.work import fail_if_any, run_workers
    from mtl_flows.flows.screening import ScreeningFlowMaker
    from mtl_flows.jobs.batch import Limits
    from mtl_flows.jobs.candidates import rebuild_candidates
    from mtl_flows.jobs.parameter_files import read_parameters
    from mtl_flows.jobs.screening import choose_chemistry, screening_parameters
    from mtl_flows.launch.names import LIGHT
    from mtl_flows.launch.screening import plan_screening, submit_screening
    from mtl_flows.science.chemistry import ChemistryParameters

    if chemistry is None:
        parameters = screening_parameters(store, mobile_ion)
    else:
        parameters = choose_chemistry(store, mobile_ion, read_parameters(chemistry, ChemistryParameters))
    maker = ScreeningFlowMaker(
        parameters=parameters,
        limits=Limits(workers=min(workers, 1)),  # several jobs at a time rather than several processes in one
        batch_size=batch_size,
        recluster=recluster,
    )
    plan = plan_screening(store, maker, retry=retry)
    if plan.refused:
        err.print(
            f"screening: {plan.refused} structures were refused, see mtl rejections; --retry tries again"
        )
    if plan.nothing_to_do:
        err.print(f"screening: nothing to do, {plan.screened} structures are screened")
        # Labels, releases and withdrawals change the table without any of its stages.
        if changed := rebuild_candidates(store, maker.parameters):
            err.print(f"candidate table: {changed} rows brought up to date")
        return
    err.print(
        f"screening: {len(plan.structure_ids)} structures to compute, {plan.screened} are there already"
    )
    if not submit_only:
        maker = replace(maker, batch_size=plan.shared_among(workers, batch_size))
    workflow = submit_screening(address, plan, maker)
    err.print(
        f"workflow {workflow.name!r} {workflow.outcome}: Fireworks {workflow.fw_ids[0]}–{workflow.fw_ids[-1]}"
    )
    if not submit_only:
        done = run_workers(address, categories=[LIGHT], processes=max(1, workers), total=len(workflow.fw_ids))
        fail_if_any(done)
