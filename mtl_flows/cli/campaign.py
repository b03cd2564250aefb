"""`mtl campaign`: a budget of core-hours, spent where it says most."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.dynamics import DynamicsOptions, takes_dynamics
from mtl_flows.cli.filters import with_filter
from mtl_flows.cli.launch import refine
from mtl_flows.cli.screening import in_screening
from mtl_flows.cli.types import (
    Json,
    ScreeningName,
    Simulated,
)

if TYPE_CHECKING:
    from mtl_flows.launch.campaign_state import CampaignProgress
    from mtl_flows.store.candidate_filter import CandidateFilter
    from mtl_flows.store.connection import Connection
    from mtl_flows.store.database import MTLStore

Name = Annotated[str, typer.Argument(help="Name of the campaign.")]

campaign_app = typer.Typer(
    no_args_is_help=True,
    help="Spend core-hours of molecular dynamics where they decide most: the hottest temperature first, then what is "
    "expected to say whether σ(300 K) reaches 10⁻⁴ S/cm.",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(campaign_app, name="campaign")


@campaign_app.command()
@with_filter
@takes_dynamics(temperatures="800,1000,1200", budget_ps=200.0)
def start(
    chosen: "CandidateFilter",
    name: Name,
    core_hours: Annotated[float, typer.Option("--core-hours", min=0, help="Budget of the campaign.")],
    materials: Annotated[
        list[str] | None, typer.Option("--material", help="Material id, repeatable; else the survivors.")
    ] = None,
    material_core_hours: Annotated[
        float,
        typer.Option("--material-core-hours", min=0, help="Budget of one material; 0: no limit of its own."),
    ] = 0.0,
    at_once: Annotated[int, typer.Option(min=1, help="Materials under way at a time.")] = 4,
    limit: Simulated = 0,
    screening: ScreeningName = "",
    run: Annotated[bool, typer.Option("--run", help="Work here until the campaign has ended.")] = False,
    *,
    dynamics: DynamicsOptions,
) -> None:
    """Begin a campaign and hand in its first round; the same command again does no harm."""
    from dataclasses import replace

    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.launch.campaign import start_campaign
    from mtl_flows.launch.selection import best, named
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    parameters = dynamics.parameters()
    with connection(Settings.load()) as address, MTLStore.connect(address) as opened:
        store = in_screening(opened, screening)
        screened = screening_parameters(store, store.screening)
        ion = screened.mobile_ion
        parameters = replace(parameters, mobile_ion=ion)
        begun = start_campaign(
            store,
            name,
            [named(store, material, ion) for material in materials]
            if materials
            else best(store, chosen, limit=limit, everything=True),
            parameters,
            core_hours=core_hours,
            material_core_hours=material_core_hours or core_hours,
            at_once=at_once,
        )
        refine(store, [material.structure_id for material in begun.materials], screened)
        _go_on(store, address, name, run=run)


@campaign_app.command()
def advance(
    name: Name,
    run: Annotated[bool, typer.Option("--run", help="Work here until the campaign has ended.")] = False,
) -> None:
    """Decide the next round from what the store holds, and hand it in; safe at any time, from anywhere.

    Workers do so by themselves after each material's round. Jobs that failed are run again.
    """
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        _go_on(store, address, name, run=run)


@campaign_app.command()
def change(
    name: Name,
    core_hours: Annotated[
        float, typer.Option("--core-hours", min=0, help="Budget of the campaign; 0: as it is.")
    ] = 0.0,
    material_core_hours: Annotated[
        float, typer.Option("--material-core-hours", min=0, help="Budget of one material; 0: as it is.")
    ] = 0.0,
    at_once: Annotated[int, typer.Option(min=0, help="Materials under way at a time; 0: as it is.")] = 0,
) -> None:
    """Give a campaign another budget; one that had ended goes on if that pays for more."""
    from mtl_flows.launch.campaign import change_campaign
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        changed = change_campaign(
            store,
            name,
            core_hours=core_hours or None,
            material_core_hours=material_core_hours or None,
            at_once=at_once or None,
        )
        err.print(
            f"campaign {name}: {changed.core_hours:g} core-hours, {changed.material_core_hours:g} for a material, "
            f"{changed.at_once} at once"
        )
        if not changed.stopped:
            _go_on(store, address, name, run=False)


@campaign_app.command()
def stop(name: Name) -> None:
    """Stop a campaign: what runs comes to the end of its chunk, nothing else begins; resume lets it go on."""
    from mtl_flows.launch.campaign import stop_campaign
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        held = stop_campaign(store, address, name)
    err.print(f"campaign {name} is stopped: {held} jobs held back; mtl campaign resume {name} lets it go on")


@campaign_app.command()
def resume(
    name: Name,
    run: Annotated[bool, typer.Option("--run", help="Work here until the campaign has ended.")] = False,
) -> None:
    """Let a campaign go on that was stopped."""
    from mtl_flows.launch.campaign import resume_campaign
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        released = resume_campaign(store, address, name)
        err.print(f"campaign {name} goes on: {released} jobs released")
        _go_on(store, address, name, run=run)


@campaign_app.command()
def status(name: Name, json: Json = False) -> None:
    """Show the budget, the leaders, what happens next, and what each core-hour has bought."""
    from mtl_flows.launch.campaign_state import campaign_progress, spending
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        progress = campaign_progress(store, store.campaigns.get(name))
    if json:
        print_json(_as_plain(progress))
        return
    campaign = progress.campaign
    out.print(
        f"{campaign.name}: {progress.core_hours:.2f} of {campaign.core_hours:g} core-hours, "
        f"{len(campaign.rounds)} rounds, {_standing(progress)}"
    )
    out.print(
        table(
            "Leaders",
            ["material", "core-hours", "ps", "D / cm²/s", "P(σ ≥ 10⁻⁴)", "next", "why"],
            _leader_rows(progress),
        )
    )
    rows = [
        [
            bought["round"],
            f"{bought['material']} {bought['temperature_K']:g} K",
            f"{bought['core_hours']:.3f}",
            f"{bought['simulated_ps']:.1f}",
            _change(bought["status_before"], bought["status"]),
            _change(_percent(bought["relative_error_before"]), _percent(bought["relative_error"])),
        ]
        for bought in spending(campaign)
    ]
    columns = ["round", "simulation", "core-hours", "ps", "status", "error of D"]
    out.print(table("What the core-hours bought", columns, rows))


@campaign_app.command("list")
def list_campaigns(json: Json = False) -> None:
    """List the campaigns."""
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as store:
        campaigns = list(store.campaigns.find())
    if json:
        print_json([c.model_dump(by_alias=True, exclude={"rounds", "dynamics"}) for c in campaigns])
        return
    rows = [
        [c.name, len(c.materials), f"{c.core_hours:g}", len(c.rounds), c.dynamics["engine"]]
        for c in campaigns
    ]
    out.print(table("Campaigns", ["name", "materials", "core-hours", "rounds", "engine"], rows))


def _go_on(store: "MTLStore", address: "Connection", name: str, *, run: bool) -> None:
    """Decide and hand in a round; with `run`, work and decide until nothing is left to do."""
    from functools import partial

    from mtl_flows.cli.work import fail_if_any, patient, run_workers
    from mtl_flows.jobs.screening import screening_parameters
    from mtl_flows.launch.campaign import advance_campaign
    from mtl_flows.launch.names import CATEGORIES

    while True:
        campaign = store.campaigns.get(name)
        ion = campaign.provenance.parameters.mobile_ion
        screening = screening_parameters(store, campaign.screening or ion)
        with patient() as waiting:
            progress = waiting.through(partial(advance_campaign, store, address, campaign, screening))
        for workflow in progress.workflows:
            err.print(f"workflow {workflow.name!r} {workflow.outcome}: {len(workflow.fw_ids)} Fireworks")
        if progress.ended:
            state = "is stopped" if campaign.stopped else "has ended"
            err.print(f"campaign {name} {state}: {progress.core_hours:.2f} core-hours spent")
            return
        if not run:
            err.print("`mtl worker --kind heavy` does the work and decides the rounds that follow")
            return
        summary = run_workers(address, categories=list(CATEGORIES), processes=1)
        fail_if_any(summary)
        if not summary.completed:
            err.print("the rest of the work is in the hands of other workers")
            return


def _leader_rows(progress: "CampaignProgress") -> list[list[Any]]:
    from mtl_flows.launch.campaign_state import leaders

    following = {d.material_id: d for d in progress.decisions}
    rows = []
    for state in leaders(progress):
        found = [
            f"{s.temperature_K:g} K: {s.result.D_cm2_per_s:.1e}"
            for s in sorted(state.simulations, key=lambda s: -s.temperature_K)
            if s.result and s.result.D_cm2_per_s
        ]
        decision = following[state.material_id]
        rows.append(
            [
                state.material_id,
                f"{state.core_hours:.3f}",
                f"{sum(s.simulated_ps for s in state.simulations):.1f}",
                "\n".join(found) or "–",
                "–" if decision.conducts is None else f"{decision.conducts:.2f}",
                str(decision.step),
                decision.reason,
            ]
        )
    return rows


def _standing(progress: "CampaignProgress") -> str:
    if progress.campaign.stopped:
        return "stopped"
    return "ended" if progress.ended else "under way"


def _as_plain(progress: "CampaignProgress") -> dict[str, Any]:
    from dataclasses import asdict

    from mtl_flows.launch.campaign_state import leaders, spending

    return {
        "name": progress.campaign.name,
        "budget_core_hours": progress.campaign.core_hours,
        "spent_core_hours": progress.core_hours,
        "ended": progress.ended,
        "stopped": progress.campaign.stopped,
        "changes": [change.model_dump() for change in progress.campaign.changes],
        "leaders": [
            {"material": state.material_id, "core_hours": state.core_hours} for state in leaders(progress)
        ],
        "next": [asdict(decision) for decision in progress.decisions],
        "bought": spending(progress.campaign),
    }


def _change(before: str | None, after: str | None) -> str:
    return f"{before} → {after}" if before and before != after else after or "–"


def _percent(relative_error: float | None) -> str | None:
    return None if relative_error is None else f"{100 * relative_error:.0f} %"
