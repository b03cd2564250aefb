"""Campaigns: look at the store, decide what is worth the next core-hours, hand it in, write down why.

Everything is decided from the store, so a round may be decided by anybody, anywhere, twice: work under way is found
by its content and not handed in again. The last job of each material's round decides the next one, in whatever worker
it runs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from jobflow import Flow, JobConfig, OnMissing, job

from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.campaign import CampaignRoundMaker
from mtl_flows.jobs.context import worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.potentials import standing_potential
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.launch.campaign_state import (
    CampaignProgress,
    campaign_progress,
    dynamics_of,
    latest_observations,
    observations_of,
)
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.jobs import JobFilter
from mtl_flows.launch.steering import pause, resume
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash, utc_now
from mtl_flows.schemas.campaigns import (
    CampaignChange,
    CampaignDocument,
    CampaignMaterial,
    CampaignRound,
    DecisionRecord,
)
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.dynamics.allocation import (
    Decision,
    Step,
)
from mtl_flows.settings import Settings
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.database import MTLStore

ALGORITHM_VERSION = 1


def start_campaign(
    store: MTLStore,
    name: str,
    candidates: Sequence[CandidateDocument],
    parameters: DynamicsParameters,
    *,
    core_hours: float,
    material_core_hours: float,
    at_once: int = 4,
) -> CampaignDocument:
    """Write a campaign down; the same one again is left as it is.

    Raises
    ------
    ConfigurationError
        If there is nothing to simulate, a budget is not positive, or another campaign has that name.
    """
    if not candidates:
        raise ConfigurationError("no materials", subject=name, remedy="screen first, or name materials")
    if min(core_hours, material_core_hours, at_once) <= 0:
        raise ConfigurationError("a budget is not positive", subject=name)
    parameters = next(
        # Begun with one potential, a campaign stays with it.
        (replace(parameters, weights=dynamics_of(c).weights) for c in store.campaigns.find({"_id": name})),
        standing_potential(store, parameters),
    )
    limits = {"core_hours": core_hours, "material_core_hours": material_core_hours, "at_once": at_once}
    stage = StageParameters(
        stage="campaign",
        algorithm_version=ALGORITHM_VERSION,
        mobile_ion=parameters.mobile_ion,
        values={**limits, "dynamics": parameters.as_dict()},
    )
    materials = [
        CampaignMaterial(material_id=c.material_id, structure_id=c.structure_id, parent_id=parent)
        for c, parent in _once_per_group(store, candidates)
    ]
    document = CampaignDocument(
        id=name,
        name=name,
        screening=store.screening,
        materials=materials,
        core_hours=core_hours,
        material_core_hours=material_core_hours,
        at_once=at_once,
        dynamics=parameters.as_dict(),
        provenance=Provenance.record(stage, {"materials": content_hash([m.model_dump() for m in materials])}),
    )
    store.campaigns.add([document])
    stored = store.campaigns.get(name)
    if (stored.provenance.parameters.hash, stored.provenance.inputs) != (
        stage.hash,
        document.provenance.inputs,
    ):
        raise ConfigurationError(
            "a campaign of this name has other materials, budgets or parameters",
            subject=name,
            remedy="give this one another name",
        )
    return stored


def _once_per_group(
    store: MTLStore, candidates: Sequence[CandidateDocument]
) -> list[tuple[CandidateDocument, str]]:
    """Candidates with what is ordered of them; of those that another one stands for, that one, once."""
    chosen: dict[str, CandidateDocument] = {}
    for candidate in candidates:
        head = candidate
        if store.candidates.existing([candidate.representative_id]):
            head = store.candidates.get(candidate.representative_id)
        chosen.setdefault(head.material_id, head)
    subjects = store.structures.subjects([c.structure_id for c in chosen.values()])
    return [(c, parent_id(subject)) for c, subject in zip(chosen.values(), subjects, strict=True)]


def change_campaign(
    store: MTLStore,
    name: str,
    *,
    core_hours: float | None = None,
    material_core_hours: float | None = None,
    at_once: int | None = None,
    stopped: bool | None = None,
) -> CampaignDocument:
    """Change the budgets of a campaign that has begun, stop it, or let it go on; what is None stays.

    What rounds before decided by is kept with the change.

    Raises
    ------
    NotFoundError
        If there is no such campaign.
    ConfigurationError
        If a budget is not positive.
    """
    wanted = {
        "core_hours": core_hours,
        "material_core_hours": material_core_hours,
        "at_once": at_once,
        "stopped": stopped,
    }
    said = {field: value for field, value in wanted.items() if value is not None}
    if any(value <= 0 for field, value in said.items() if field != "stopped"):
        raise ConfigurationError("a budget is not positive", subject=name)
    while True:
        campaign = store.campaigns.get(name)
        update = {field: value for field, value in said.items() if value != getattr(campaign, field)}
        if not update:
            return campaign
        after = campaign.model_copy(update=update)
        change = CampaignChange(
            created_at=utc_now(),
            n_rounds=len(campaign.rounds),
            **{field: getattr(after, field) for field in wanted},
        )
        after = after.model_copy(update={"changes": [*campaign.changes, change]})
        if store.campaigns.advance(campaign, after):
            return after


def stop_campaign(store: MTLStore, address: Connection, name: str) -> int:
    """Stop a campaign: no more rounds are decided, and its jobs that have not begun are held back.

    Those that run come to their end, whose chunk is kept. Gives the number of jobs held back.
    """
    change_campaign(store, name, stopped=True)
    jobs = _jobs(store, name, ("WAITING", "READY", "RESERVED", "RUNNING"))
    return len(pause(address, JobFilter(ids=jobs)).done) if jobs else 0


def resume_campaign(store: MTLStore, address: Connection, name: str) -> int:
    """Let a campaign go on that was stopped, and its jobs that were held back. Gives their number."""
    change_campaign(store, name, stopped=False)
    jobs = _jobs(store, name, ("PAUSED", "RUNNING"))
    return len(resume(address, JobFilter(ids=jobs)).done) if jobs else 0


def _jobs(store: MTLStore, name: str, states: Sequence[str]) -> tuple[int, ...]:
    database = store.database
    workflows = database["workflows"].find({"metadata.campaign": name}, {"nodes": 1})
    nodes = [fw_id for workflow in workflows for fw_id in workflow["nodes"]]
    query = {"fw_id": {"$in": nodes}, "state": {"$in": list(states)}}
    return tuple(found["fw_id"] for found in database["fireworks"].find(query, {"fw_id": 1}))


def advance_campaign(
    store: MTLStore,
    address: Connection,
    campaign: CampaignDocument,
    screening: ScreeningParameters,
    *,
    again: bool = True,
) -> CampaignProgress:
    """Decide a round, write it down if anything is new, and hand in its work.

    Parameters
    ----------
    again
        Also hand in what is under way: jobs that failed are run again, and those that were cancelled.
    """
    while True:
        progress = campaign_progress(store, campaign)
        after = _decided(campaign, progress)
        if after is campaign or store.campaigns.advance(campaign, after):
            break
        # Somebody else was quicker: with a round, which is ours as well, or with another budget.
        campaign = store.campaigns.get(campaign.id)
    work = _work(progress.decisions, after) if again else [d for d in progress.decisions if d.temperatures_K]
    workflows = _handed_in(store, address, after, work, screening)
    return CampaignProgress(after, progress.states, progress.decisions, workflows)


def advance_open_campaigns(store: MTLStore, address: Connection) -> list[SubmittedWorkflow]:
    """Decide a round of every campaign that goes on; gives what is new.

    For workers that have nothing left to do: where a round ended in a job that failed, nobody else decides the next.
    What has ended, perhaps by the rules of an earlier version, is left to whoever changes or advances it.
    """
    added = []
    for campaign in store.campaigns.find({"stopped": {"$ne": True}}):
        if campaign.rounds and all(d.step == Step.STOP for d in campaign.rounds[-1].decisions):
            continue
        screening = screening_parameters(
            store, campaign.screening or campaign.provenance.parameters.mobile_ion
        )
        progress = advance_campaign(store, address, campaign, screening, again=False)
        added += [workflow for workflow in progress.workflows if workflow.outcome == "added"]
    return added


def _decided(campaign: CampaignDocument, progress: CampaignProgress) -> CampaignDocument:
    """The campaign with another round; the campaign itself if there is nothing to write down."""
    seen = latest_observations(campaign)
    observations = [
        o
        for o in observations_of(progress.states)
        if seen.get((o.material_id, o.ordering, o.temperature_K)) != o
    ]
    decided = [DecisionRecord.model_validate(asdict(d)) for d in progress.decisions]
    if not observations and campaign.rounds and campaign.rounds[-1].decisions == decided:
        return campaign
    following = CampaignRound(
        number=len(campaign.rounds),
        created_at=utc_now(),
        core_hours=progress.core_hours,
        observations=observations,
        decisions=decided,
    )
    return campaign.model_copy(update={"rounds": [*campaign.rounds, following]})


def _handed_in(
    store: MTLStore,
    address: Connection,
    campaign: CampaignDocument,
    decisions: Sequence[Decision | DecisionRecord],
    screening: ScreeningParameters,
) -> list[SubmittedWorkflow]:
    """Workflows of what was decided, each with a last job that decides the next round."""
    structures = {m.material_id: m.structure_id for m in campaign.materials}
    parents = {m.material_id: m.parent_id for m in campaign.materials}
    ordered = store.structures.ordered_among(structures.values())
    maker = CampaignRoundMaker(
        name=f"campaign {campaign.name}", parameters=dynamics_of(campaign), screening=screening
    )
    workflows = []
    for work in decisions:
        flow = maker.make(
            parents[work.material_id],
            work.material_id,
            tuple(work.temperatures_K),
            work.max_production_ps,
            ordered=structures[work.material_id] in ordered,
        )
        last = NextRoundMaker(name=f"next round of {campaign.name}", campaign=campaign.id).make(
            [flow.jobs[-1].output]
        )
        whole = heavy(Flow([flow, last], name=flow.name), maker.parameters.configured_engine())
        metadata = {"material": work.material_id, "campaign": campaign.name}
        workflows.append(submit(whole, address, name=flow.name, metadata=metadata))
    return workflows


@dataclass
class NextRoundMaker(RecordMaker):
    """Job that decides the next round of a campaign, once a material's round has ended.

    Parameters
    ----------
    campaign
        Its name.
    """

    name: str = "next round"
    campaign: str = ""

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, after: list[Any]) -> dict[str, Any]:
        """Decide, and hand in what follows; nothing if the campaign was stopped."""
        with connection(Settings.load()) as address, worker_store() as store:
            campaign = store.campaigns.get(self.campaign)
            screening = screening_parameters(
                store, campaign.screening or campaign.provenance.parameters.mobile_ion
            )
            progress = advance_campaign(store, address, campaign, screening, again=False)
        return {
            "rounds": len(progress.campaign.rounds),
            "handed_in": [workflow.name for workflow in progress.workflows],
            "ended": progress.ended,
        }


def _work(decisions: Sequence[Decision], campaign: CampaignDocument) -> list[Decision | DecisionRecord]:
    """What has to be in FireWorks now: new work, and for materials under way what was decided for them last."""
    last = {d.material_id: d for decided in campaign.rounds for d in decided.decisions if d.temperatures_K}
    work: list[Decision | DecisionRecord] = []
    for decision in decisions:
        if decision.temperatures_K:
            work.append(decision)
        elif decision.step is Step.WAIT and decision.reason == "under way" and decision.material_id in last:
            work.append(last[decision.material_id])
    return work
