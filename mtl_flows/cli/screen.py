"""`mtl screen`: topology, prescreen, clustering and chemistry of what is in the store."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json, ParametersFile, Retry, Workers
from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from mtl_flows.launch.submit import SubmittedWorkflow
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.store.connection import Connection
    from mtl_flows.store.database import MTLStore


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(screen)


def screen(
    mobile_ion: Annotated[
        str,
        typer.Option(
            "--mobile-ion", "-m", help="Element symbol of the mobile ion; that of the screening if not given."
        ),
    ] = "",
    screening: Annotated[
        str, typer.Option("--screening", help="Name of the screening; the symbol of the ion if not given.")
    ] = "",
    parameters: ParametersFile = None,
    workers: Workers = 2,
    batch_size: Annotated[int, typer.Option("--batch", min=1, help="Structures in one job.")] = 500,
    retry: Retry = False,
    recluster: Annotated[
        bool,
        typer.Option(
            "--recluster", help="Cluster anew, even where newcomers could join the current clusters."
        ),
    ] = False,
    submit_only: Annotated[
        bool, typer.Option("--submit-only", help="Leave the work to workers that run elsewhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Screen what is in the store: topology, prescreen under both protocols, clusters, chemical rules.

    The work is handed in as a FireWorks workflow and run by workers here, unless --submit-only is given. Only
    what is missing is computed. Another ion, or other parameters under a name of their own, are another screening
    beside: `mtl screen -m Na` · `mtl screen --screening tight --parameters tight.yaml`
    """
    from mtl_flows.report.funnel import funnel_columns, funnel_rows
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.funnel import funnel_counts

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        chosen = chosen_parameters(store, screening, mobile_ion, parameters)
        run_screening(
            store, address, chosen, workers=workers, batch_size=batch_size, retry=retry,
            recluster=recluster, submit_only=submit_only,
        )  # fmt: skip
        counts = funnel_counts(store.under(chosen.screening).candidates)
    if json:
        print_json(counts)
    elif not submit_only:
        out.print(table("Funnel", funnel_columns(counts), funnel_rows(counts, chosen.thresholds)))


def chosen_parameters(
    store: "MTLStore", screening: str, mobile_ion: str, file: Path | None
) -> "ScreeningParameters":
    """Parameters that a command means, entered as a screening; says what an update of the software makes anew.

    Raises
    ------
    ConfigurationError
        If the name stands for another ion or other parameters, or the file is wrong.
    NotFoundError
        If no structure holds the ion.
    """
    from mtl_flows.jobs.screening import check_ion, choose_screening, read_screening, screening_parameters

    known = screening in store.screenings.names()
    ion = mobile_ion or (store.screenings.named(screening).mobile_ion if known else "Li")
    name = screening or ion
    if not mobile_ion and not screening and file is None:
        name = store.screenings.default()
    if file is not None:
        parameters = read_screening(file, ion, name)
    elif name in store.screenings.names():
        parameters = screening_parameters(store, name)
        if mobile_ion and parameters.mobile_ion != mobile_ion:
            raise ConfigurationError(
                f"is about {parameters.mobile_ion}, not {mobile_ion}",
                subject=f"screening {name}",
                remedy="give the other ion a screening of its own",
            )
    else:
        check_ion(store, ion)
        parameters = replace(screening_parameters(store, ion), name=name)
    for noun in choose_screening(store, parameters):
        err.print(f"screening {name}: {noun} has another version now, its results are made anew")
    return parameters


def run_screening(
    store: "MTLStore",
    address: "Connection",
    parameters: "ScreeningParameters",
    *,
    workers: int,
    batch_size: int,
    retry: bool = False,
    recluster: bool = False,
    submit_only: bool = False,
) -> None:
    """Plan, hand in and, unless told otherwise, do the screening; says what it does on standard error."""
    from mtl_flows.cli.work import fail_if_any, run_workers
    from mtl_flows.flows.screening import ScreeningFlowMaker
    from mtl_flows.jobs.barrier import LandscapeMaker, draw_landscapes, landscapes_to_draw
    from mtl_flows.jobs.candidates import rebuild_candidates
    from mtl_flows.jobs.labels import known_groups
    from mtl_flows.launch.names import LIGHT
    from mtl_flows.launch.screening import plan_screening, submit_screening
    from mtl_flows.launch.submit import submit
    from mtl_flows.stages.work import Limits

    ion = parameters.mobile_ion
    if waiting := store.rejections.refused_for_lack_of_others(ion):
        err.print(
            f"screening {parameters.screening}: {waiting} structures hold {ion} and were refused at ingest for lack of "
            f"another ion; mtl ingest -m {ion} PATH… reads them again",
            soft_wrap=True,
        )
    if not known_groups(store, ion):
        err.print(
            f"screening {parameters.screening}: no known conductor of {ion}, so the cluster gate cannot decide; "
            f"state some (mtl label ID --known -m {ion}), or take what passes the others (mtl query --screening "
            f"{parameters.screening} --passes prescreen,chemistry; mtl launch --protocol ranked)",
            soft_wrap=True,
        )
    maker = ScreeningFlowMaker(
        parameters=parameters,
        limits=Limits(workers=min(workers, 1)),  # several jobs at a time rather than several processes in one
        batch_size=batch_size,
        recluster=recluster,
    )
    plan = plan_screening(store, maker, retry=retry)
    if plan.refused:
        err.print(
            f"screening: {plan.refused} structures were refused, see mtl rejection list; --retry tries again"
        )
    if plan.nothing_to_do:
        err.print(f"screening: nothing to do, {plan.screened} structures are screened")
        # Labels, releases and withdrawals change the table without any of its stages.
        if changed := rebuild_candidates(store, maker.parameters):
            err.print(f"candidate table: {changed} rows brought up to date")
        if not submit_only:
            draw_landscapes(store, maker.parameters, limits=maker.limits)
        elif landscapes_to_draw(store, maker.parameters):
            drawing = LandscapeMaker(parameters=maker.parameters, limits=maker.limits)
            _tell(submit(drawing.make(None), address, name=drawing.name))
        return
    err.print(
        f"screening: {len(plan.structure_ids)} structures to compute, {plan.screened} are there already"
    )
    if not submit_only:
        maker = replace(maker, batch_size=plan.shared_among(workers, batch_size))
    workflow = submit_screening(address, plan, maker)
    _tell(workflow)
    if not submit_only:
        done = run_workers(address, categories=[LIGHT], processes=max(1, workers), total=len(workflow.fw_ids))
        fail_if_any(done)


def _tell(workflow: "SubmittedWorkflow") -> None:
    err.print(
        f"workflow {workflow.name!r} {workflow.outcome}: Fireworks {workflow.fw_ids[0]}–{workflow.fw_ids[-1]}"
    )
