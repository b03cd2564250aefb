"""Campaigns: look at the store, decide what is worth the next core-hours, hand it in, write down why.

Everything is decided from the store, so a round may be decided by anybody, anywhere, twice: work under way is found
by its content and not handed in again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.campaign import CampaignRoundMaker
from mtl_flows.jobs.potentials import standing_potential
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash, utc_now
from mtl_flows.schemas.campaigns import (
    CampaignDocument,
    CampaignMaterial,
    CampaignRound,
    DecisionRecord,
    Observation,
)
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.science.dynamics.allocation import (
    CampaignBudget,
    Decision,
    MaterialState,
    SimulationState,
    Step,
    allocate,
    promise_cm2_per_s,
)
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

ALGORITHM_VERSION = 1


@dataclass(frozen=True)
class CampaignProgress:
    """Where a campaign stands.

    Attributes
    ----------
    campaign
        The document, with the round that was just decided.
    states
        Every material, in the campaign's order.
    decisions
        What happens next, the most promising first.
    workflows
        What was handed in or found under way.
    """

    campaign: CampaignDocument
    states: list[MaterialState]
    decisions: list[Decision]
    workflows: list[SubmittedWorkflow]

    @property
    def core_hours(self) -> float:
        """Spent by all materials."""
        return sum(state.core_hours for state in self.states)

    @property
    def ended(self) -> bool:
        """Nothing is under way and nothing will be."""
        return all(decision.step is Step.STOP for decision in self.decisions)


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


def campaign_progress(store: MTLStore, campaign: CampaignDocument) -> CampaignProgress:
    """Say where a campaign stands and what it would do next; nothing is handed in or written."""
    p = dynamics_of(campaign)
    ordered = store.structures.ordered_among(m.structure_id for m in campaign.materials)
    states = [
        _state(store, material, p, p.n_orderings(ordered=material.structure_id in ordered))
        for material in campaign.materials
    ]
    budget = CampaignBudget(
        campaign.core_hours, campaign.material_core_hours, p.budget, at_once=campaign.at_once
    )
    refused = _refused(store, campaign, p)
    decisions = allocate(
        [s for s in states if s.material_id not in refused],
        p.temperatures_K,
        p.production_ps,
        budget,
    )
    decisions += [Decision(material_id, Step.STOP, reason) for material_id, reason in refused.items()]
    return CampaignProgress(campaign, states, decisions, [])


def advance_campaign(
    store: MTLStore, address: Connection, campaign: CampaignDocument, screening: ScreeningParameters
) -> CampaignProgress:
    """Decide a round, write it down if anything is new, and hand in its work."""
    progress = campaign_progress(store, campaign)
    seen = _latest_observations(campaign)
    observations = [
        o
        for o in _observations(progress.states)
        if seen.get((o.material_id, o.ordering, o.temperature_K)) != o
    ]
    decided = [DecisionRecord.model_validate(asdict(d)) for d in progress.decisions]
    if observations or not campaign.rounds or campaign.rounds[-1].decisions != decided:
        following = CampaignRound(
            number=len(campaign.rounds),
            created_at=utc_now(),
            core_hours=progress.core_hours,
            observations=observations,
            decisions=decided,
        )
        after = campaign.model_copy(update={"rounds": [*campaign.rounds, following]})
        # Where somebody else was quicker, what they wrote stands; their work and ours are the same.
        campaign = after if store.campaigns.advance(campaign, after) else store.campaigns.get(campaign.id)
    structures = {m.material_id: m.structure_id for m in campaign.materials}
    parents = {m.material_id: m.parent_id for m in campaign.materials}
    ordered = store.structures.ordered_among(structures.values())
    maker = CampaignRoundMaker(
        name=f"campaign {campaign.name}", parameters=dynamics_of(campaign), screening=screening
    )
    workflows = []
    for work in _work(progress.decisions, campaign):
        flow = maker.make(
            parents[work.material_id],
            work.material_id,
            tuple(work.temperatures_K),
            work.max_production_ps,
            ordered=structures[work.material_id] in ordered,
        )
        metadata = {"material": work.material_id, "campaign": campaign.name}
        flow = heavy(flow, maker.parameters.configured_engine())
        workflows.append(submit(flow, address, name=flow.name, metadata=metadata))
    return CampaignProgress(campaign, progress.states, progress.decisions, workflows)


def dynamics_of(campaign: CampaignDocument) -> DynamicsParameters:
    """Parameters of the dynamics that a campaign was started with."""
    return TypeAdapter(DynamicsParameters).validate_python(campaign.dynamics)


def spending(campaign: CampaignDocument) -> list[dict[str, Any]]:
    """Return what each round's core-hours bought: one row for each simulation that went on, in order.

    A row holds the simulation, the core-hours and picoseconds it took, and status, diffusivity and relative error
    before and after.
    """
    rows = []
    latest: dict[tuple[str, int, float], Observation] = {}
    for decided in campaign.rounds:
        for now in decided.observations:
            key = (now.material_id, now.ordering, now.temperature_K)
            before = latest.get(key)
            latest[key] = now
            rows.append(
                {
                    "round": decided.number,
                    "material": now.material_id,
                    "ordering": now.ordering,
                    "temperature_K": now.temperature_K,
                    "core_hours": now.core_hours - (before.core_hours if before else 0.0),
                    "simulated_ps": now.simulated_ps - (before.simulated_ps if before else 0.0),
                    "status_before": before.status if before else None,
                    "status": now.status,
                    "diffusivity_cm2_per_s": now.diffusivity_cm2_per_s,
                    "relative_error_before": before.relative_error if before else None,
                    "relative_error": now.relative_error,
                }
            )
    return rows


def leaders(progress: CampaignProgress) -> list[MaterialState]:
    """Materials by falling diffusivity at the hottest temperature that has one."""
    hottest_first = sorted(dynamics_of(progress.campaign).temperatures_K, reverse=True)
    return sorted(progress.states, key=lambda state: -promise_cm2_per_s(state, hottest_first))


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


def _state(
    store: MTLStore, material: CampaignMaterial, p: DynamicsParameters, n_orderings: int
) -> MaterialState:
    simulations = []
    other = 0.0
    for ordering in range(n_orderings):
        samples = store.orderings.samples_of([p.ordering_id(material.parent_id, ordering)])
        wanted = [p.trajectory_id(s, t) for s in samples.values() for t in (None, *p.temperatures_K)]
        for found in store.dynamics.find({"_id": {"$in": wanted}}):
            if found.trajectory_stage == "heat":
                other += _core_hours(found)
                continue
            simulations.append(
                SimulationState(
                    ordering=ordering,
                    temperature_K=found.temperature_K,
                    status=found.status,
                    result=found.result if found.diffusion is not None else None,
                    simulated_ps=1e-3 * found.steps_done * found.timestep_fs,
                    core_hours=_core_hours(found),
                )
            )
    return MaterialState(material.material_id, tuple(simulations), other, n_orderings)


def _core_hours(simulation: TrajectoryDocument) -> float:
    threads = int(simulation.engine.get("threads", 1))
    return sum(chunk.wall_s for chunk in simulation.chunks) * threads / 3600.0


def _refused(store: MTLStore, campaign: CampaignDocument, p: DynamicsParameters) -> dict[str, str]:
    """Materials of which no ordered cell could be made, with the reason."""
    stage = p.ordering_stage().stage
    refused = {}
    for material in campaign.materials:
        subject = f"{material.parent_id}:{p.ordering_stage().hash}"
        query = {"stage": stage, "subject": subject, "resolved": False}
        for rejection in store.rejections.find(query, limit=1):
            refused[material.material_id] = f"no ordered cell: {rejection.message}"
    return refused


def _observations(states: Sequence[MaterialState]) -> list[Observation]:
    return [
        Observation(
            material_id=state.material_id,
            ordering=s.ordering,
            temperature_K=s.temperature_K,
            status=s.status,
            simulated_ps=s.simulated_ps,
            core_hours=s.core_hours,
            diffusivity_cm2_per_s=s.result.D_cm2_per_s if s.result else None,
            relative_error=s.result.relative_error if s.result else None,
        )
        for state in states
        for s in state.simulations
    ]


def _latest_observations(campaign: CampaignDocument) -> dict[tuple[str, int, float], Observation]:
    return {
        (o.material_id, o.ordering, o.temperature_K): o
        for decided in campaign.rounds
        for o in decided.observations
    }
