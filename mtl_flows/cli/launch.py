"""`mtl init`, `mtl launch`, `mtl worker`, `mtl recover`: work through FireWorks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtl_flows.cli.console import as_typed, complain, err, is_interactive, out, print_json
from mtl_flows.cli.dynamics import DynamicsOptions, named_settings, takes_dynamics
from mtl_flows.cli.filters import with_filter
from mtl_flows.cli.screening import in_screening
from mtl_flows.cli.stability import entry_source
from mtl_flows.cli.types import (
    CorrectionsOption,
    Entries,
    Json,
    Provider,
    ScreeningName,
    Simulated,
)
from mtl_flows.vocabulary import SchedulerName

if TYPE_CHECKING:
    from mtl_flows.flows.dynamics import DynamicsFlowMaker
    from mtl_flows.launch.dynamics import DynamicsPlan
    from mtl_flows.launch.submit import SubmittedWorkflow
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.store.candidate_filter import CandidateFilter
    from mtl_flows.store.connection import Connection
    from mtl_flows.store.database import MTLStore

_NAMED = 3


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(init)
    app.command()(launch)
    app.command()(recover)


def init(
    folder: Annotated[Path, typer.Argument(help="Project folder.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    scheduler: Annotated[
        SchedulerName | None,
        typer.Option(
            "--scheduler",
            help="Queueing system of the queue scripts; that whose commands are here, or slurm.",
        ),
    ] = None,
) -> None:
    """Write mtl.yaml and the configuration of FireWorks and jobflow into a project folder.

    With these, `lpad`, `rlaunch` and `qlaunch` work on the same database. Files that hold credentials can be
    read by their owner alone.
    """
    from mtl_flows.launch.queues import scheduler_here
    from mtl_flows.launch.templates import write_templates
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection

    settings = Settings.load()
    if settings.mongo_uri is None:
        settings = settings.model_copy(update={"home": folder.resolve() / settings.home.name})
    with connection(settings, begin=True) as address:
        written = write_templates(
            folder, settings, address, force=force, scheduler=scheduler or scheduler_here()
        )
    for path in written:
        out.print(str(path), soft_wrap=True)
    if not written:
        err.print("everything is there already; --force writes it anew")


@with_filter
@takes_dynamics()
def launch(
    context: typer.Context,
    chosen: "CandidateFilter",
    materials: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of any materials that were ingested; the best survivors if none is given."),
    ] = None,
    limit: Simulated = 0,
    all_: Annotated[
        bool, typer.Option("--all", help="Simulate all that the filters leave, at full length: no limit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be handed in and what it takes, and stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before handing in.")] = False,
    own: Annotated[
        bool,
        typer.Option(
            "--own", help="Simulate the cell of each material named, not that of its group of duplicates."
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Simulate anew what was simulated as an earlier revision.")
    ] = False,
    check_dft: Annotated[
        int,
        typer.Option(
            "--check-dft",
            min=0,
            help="Hold so many frames of the hottest run of each material against DFT: how soft the potential is.",
        ),
    ] = 0,
    dft_settings: Annotated[
        list[str] | None,
        typer.Option("--dft-set", metavar="NAME=VALUE", help="INCAR tag of these calculations, repeatable."),
    ] = None,
    screening: ScreeningName = "",
    entries: Entries = None,
    provider: Provider = None,
    corrections: CorrectionsOption = "as_given",
    *,
    dynamics: DynamicsOptions,
) -> None:
    """Hand in molecular dynamics: one FireWorks workflow for each survivor, the most promising first.

    The filters narrow the survivors down, or with --protocol ranked all that pass the chemical rules. On a terminal
    what it takes is shown and asked for first. Nothing runs until a worker takes it: `mtl worker --kind heavy` here, or
    `qlaunch` on a cluster. What is under way or done is not handed in again.
    """
    from mtl_flows.flows.dynamics import DynamicsFlowMaker
    from mtl_flows.launch.cautions import cautions
    from mtl_flows.settings import Settings
    from mtl_flows.stages.dft_check import DftCheckParameters
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    check = DftCheckParameters(check_dft, named_settings(dft_settings or [], "--dft-set"))
    check.dft()
    parameters = dynamics.parameters()
    check.refuse_for(parameters.configured_engine())
    maker = DynamicsFlowMaker(parameters=parameters, check=check)
    with connection(Settings.load()) as address, MTLStore.connect(address) as opened:
        store = in_screening(opened, screening)
        maker.entries = entry_source(store, entries, provider, corrections)
        for caution in cautions(parameters):
            complain("note", caution)
        workflows = hand_in_dynamics(
            store,
            address,
            maker,
            materials=materials or [],
            chosen=chosen,
            limit=limit,
            everything=all_,
            own=own,
            again=again,
            dry_run=dry_run,
            ask=not yes and is_interactive(),
        )
        if workflows:
            _tell_what_comes(context, address, maker, workflows)


def _tell_what_comes(
    context: typer.Context,
    address: "Connection",
    maker: "DynamicsFlowMaker",
    workflows: "list[SubmittedWorkflow]",
) -> None:
    """Say which other runs of the same materials wait, and who takes these."""
    from mtl_flows.launch.cautions import under_way, worker_for

    own = {fw_id for workflow in workflows for fw_id in workflow.fw_ids}
    with address.client() as client:
        others = under_way(client[address.database], own)
    if others:
        told = ", ".join(map(repr, others[:_NAMED])) + (" …" if len(others) > _NAMED else "")
        complain("note", f"of the same materials {told} are under way, too; mtl job cancel gives one up")
    kind = worker_for(maker.parameters.configured_engine())
    err.print(f"next: {as_typed(context)} worker --kind {kind}, here or on other machines", soft_wrap=True)


def hand_in_dynamics(
    store: "MTLStore",
    address: "Connection",
    maker: "DynamicsFlowMaker",
    *,
    materials: list[str],
    chosen: "CandidateFilter",
    limit: int,
    everything: bool = True,
    own: bool = False,
    again: bool = False,
    dry_run: bool = False,
    ask: bool = False,
) -> "list[SubmittedWorkflow]":
    """Plan and submit; says what it does on standard error. Returns the workflows, none of a dry run.

    Raises
    ------
    typer.Abort
        If it asks and the answer is no.
    typer.Exit
        If a material that was named was refused; the others are handed in.
    """
    from dataclasses import replace

    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics

    screening = screening_parameters(store, store.screening)
    ours = replace(maker.parameters, mobile_ion=screening.mobile_ion)
    maker = replace(maker, screening=screening, parameters=ours)
    plan = plan_dynamics(
        store,
        maker,
        materials=materials,
        chosen=chosen,
        limit=limit,
        everything=everything,
        own=own,
        again=again,
    )
    n_chosen = len(plan.todo) + len(plan.done)
    if not materials:
        err.print(
            f"dynamics: {plan.found} "
            + ("pass the chemical rules" if chosen.protocol == "ranked" else f"survivors ({chosen.protocol})")
            + (f", the best {n_chosen} chosen by priority" if plan.found else "")
        )
        if not plan.found:
            err.print(_way_on(chosen), soft_wrap=True)
    for work in (*plan.todo, *plan.done):
        if work.asked_for and work.asked_for != work.candidate.material_id:
            err.print(f"dynamics: {work.candidate.material_id} stands for its duplicate {work.asked_for}")
    for work in plan.done:
        err.print(f"dynamics: {work.candidate.material_id} is done")
    for work in plan.refined:
        err.print(
            f"dynamics: {work.candidate.material_id} was simulated as {work.candidate.result_of} and has another "
            "crystal since; --again simulates that",
            soft_wrap=True,
        )
    if plan.maker.parameters.weights:
        err.print(
            f"dynamics: the weights of {plan.maker.parameters.engine} have changed; these compute "
            f"as potential {plan.maker.parameters.potential_id}, beside what the earlier ones gave",
            soft_wrap=True,
        )
    for error in plan.refused:
        complain("refused", str(error))
    if plan.todo and (dry_run or ask):
        _tell_costs(store, plan)
    if dry_run:
        for work in plan.todo:
            err.print(f"dynamics: would hand in {work.candidate.material_id}")
        return []
    if plan.todo and ask:
        typer.confirm(f"Hand in {len(plan.todo)}?", abort=True, err=True)
    workflows = submit_dynamics(address, plan)
    for workflow in workflows:
        err.print(f"workflow {workflow.name!r} {workflow.outcome}: {len(workflow.fw_ids)} Fireworks")
    refine(store, [work.candidate.structure_id for work in (*plan.todo, *plan.done)], screening)
    if plan.refused:
        raise typer.Exit(1)
    return workflows


def _way_on(chosen: "CandidateFilter") -> str:
    """What may be done where nothing is left to simulate."""
    ways = ["mtl launch MATERIAL simulates one whatever its gates said", "mtl whatif asks under other limits"]
    if chosen.protocol != "ranked":
        ways.insert(0, "mtl launch --protocol ranked --limit N takes the best that pass the chemical rules")
    return f"dynamics: {'; '.join(ways)}"


def _tell_costs(store: "MTLStore", plan: "DynamicsPlan") -> None:
    from mtl_flows.launch.costs import estimate, told

    subjects = store.structures.subjects([work.candidate.structure_id for work in plan.todo])
    parameters = plan.maker.parameters
    needs_gpu = parameters.configured_engine().needs == "gpu"
    for line in told(estimate(store, subjects, parameters), on_gpu=needs_gpu):
        err.print(f"dynamics: {line}", soft_wrap=True)


def refine(store: "MTLStore", structure_ids: list[str], screening: "ScreeningParameters") -> None:
    """Keep refined barriers of what is simulated; says how many are new on standard error."""
    from mtl_flows.extras import lacking_of
    from mtl_flows.jobs.barrier import refine_barriers

    if lacking_of("topology"):
        complain("note", "barriers of what is simulated are not refined here, without mtl-flows[topology]")
        return
    done = refine_barriers(store, sorted(set(structure_ids)), screening)
    if done.computed:
        err.print(f"barriers: {done.computed} refined; mtl barrier MATERIAL shows one")


def recover(
    lost_after_s: Annotated[
        float, typer.Option("--lost-after", help="Seconds of silence of a lost worker.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Make the jobs of lost workers ready again and mend inconsistent states; safe at any time."""
    from mtl_flows.launch import recover as recovery
    from mtl_flows.launch.names import LOST_AFTER_S
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection

    with connection(Settings.load()) as address:
        summary = recovery.recover(address, lost_after_s=lost_after_s or LOST_AFTER_S)
    counts = {
        "returned": len(summary.returned),
        "exhausted": len(summary.exhausted),
        "refreshed": len(summary.refreshed),
        "unlocked": len(summary.unlocked),
        "removed": len(summary.removed),
        "swept": summary.swept,
        "archived": len(summary.archived),
    }
    if json:
        print_json(counts)
    else:
        out.print(", ".join(f"{count} {name}" for name, count in counts.items()))
