"""Handing in the screening: only what is missing."""

from dataclasses import dataclass

from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.clustering import clustering_is_current
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True)
class ScreeningPlan:
    """What a screening has to do.

    Attributes
    ----------
    structure_ids
        Structures that lack topology or chemistry.
    screened
        Current structures that have both.
    refused
        Current structures that a stage refused and that are left alone.
    recluster
        Whether the current clusterings no longer fit what is stored, or shall be made anew.
    """

    structure_ids: list[str]
    screened: int
    refused: int
    recluster: bool

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything is there already."""
        return not self.structure_ids and not self.recluster


def plan_screening(store: MTLStore, maker: ScreeningFlowMaker, *, retry: bool = False) -> ScreeningPlan:
    """Look at what the store lacks under the maker's parameters.

    Structures that a stage refused are left alone, unless `retry` is set.
    """
    p = maker.parameters
    current = store.structures.current_ids()
    lacking: set[str] = set()
    todo: set[str] = set()
    for results, stage in ((store.topology, p.topology_stage()), (store.chemistry, p.chemistry_stage())):
        missing = set(results.missing(current, stage))
        query = {"stage": stage.stage, "mobile_ion": stage.mobile_ion}
        refused = set() if retry else {r.subject for r in store.rejections.outstanding(query)}
        lacking |= missing
        todo |= missing - refused
    recluster = maker.recluster or bool(todo)
    recluster = recluster or not all(clustering_is_current(store, protocol, p) for protocol in PROTOCOLS)
    return ScreeningPlan(sorted(todo), len(current) - len(lacking), len(lacking - todo), recluster)


def submit_screening(
    connection: Connection, plan: ScreeningPlan, maker: ScreeningFlowMaker
) -> SubmittedWorkflow:
    """Hand the planned screening in as one workflow of light jobs."""
    return submit(maker.make(plan.structure_ids), connection, name=maker.name)
