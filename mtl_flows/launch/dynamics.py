"""Handing in molecular dynamics: one workflow for each survivor, the most promising first."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import set_category
from mtl_flows.launch.names import HEAVY
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True)
class DynamicsPlan:
    """Survivors to simulate, and those that are done.

    Attributes
    ----------
    todo, done
        Candidates without and with a fit under the same parameters, by falling priority.
    survivors
        All materials that passed every gate of at least one protocol.
    """

    todo: list[CandidateDocument]
    done: list[CandidateDocument]
    survivors: int


def plan_dynamics(
    store: MTLStore, maker: DynamicsFlowMaker, *, materials: Sequence[str] = (), limit: int = 0
) -> DynamicsPlan:
    """Choose what to simulate.

    Parameters
    ----------
    materials
        These, whatever their gates said; the survivors of the screening if empty.
    limit
        The best so many of the survivors; all if 0.

    Raises
    ------
    NotFoundError
        If one of `materials` is not in the candidate table.
    """
    survivors = list(store.candidates.survivors())
    if materials:
        chosen = [store.candidates.get(material_id) for material_id in materials]
    else:
        chosen = survivors[: limit or None]
    fitted = store.transport.complete(
        {key for c in chosen for key in maker.transport_ids(c.structure_id, ordered=c.ordered)}
    )
    done = [c for c in chosen if set(maker.transport_ids(c.structure_id, ordered=c.ordered)) <= fitted]
    return DynamicsPlan([c for c in chosen if c not in done], done, len(survivors))


def submit_dynamics(
    connection: Connection, plan: DynamicsPlan, maker: DynamicsFlowMaker
) -> list[SubmittedWorkflow]:
    """Hand in one workflow of heavy jobs for each candidate to do."""
    submitted = []
    for candidate in plan.todo:
        flow = maker.make(candidate.structure_id, candidate.material_id, ordered=candidate.ordered)
        flow = set_category(flow, HEAVY)
        submitted.append(
            submit(flow, connection, name=flow.name, metadata={"material": candidate.material_id})
        )
    return submitted
