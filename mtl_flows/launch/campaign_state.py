"""How campaigns stand: what their simulations gave and cost, and what is to happen next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from mtl_flows.launch.submit import SubmittedWorkflow
from mtl_flows.schemas.campaigns import CampaignDocument, CampaignMaterial, Observation
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
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore

STOPPED = "the campaign was stopped"


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


def campaign_progress(store: MTLStore, campaign: CampaignDocument) -> CampaignProgress:
    """Say where a campaign stands and what it would do next; nothing is handed in or written."""
    p = dynamics_of(campaign)
    ordered = store.structures.ordered_among(m.structure_id for m in campaign.materials)
    states = [
        _state(store, material, p, p.n_orderings(ordered=material.structure_id in ordered))
        for material in campaign.materials
    ]
    if campaign.stopped:
        stopped = [Decision(state.material_id, Step.STOP, STOPPED) for state in states]
        return CampaignProgress(campaign, states, stopped, [])
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


def observations_of(states: Sequence[MaterialState]) -> list[Observation]:
    """What a round sees of each simulation."""
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


def latest_observations(campaign: CampaignDocument) -> dict[tuple[str, int, float], Observation]:
    """What the rounds saw last, by material, ordering and temperature."""
    return {
        (o.material_id, o.ordering, o.temperature_K): o
        for decided in campaign.rounds
        for o in decided.observations
    }
