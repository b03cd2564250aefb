"""Ordered approximants: made once for what is ordered, their parameters and their number."""

from mtl_flows.jobs.context import job_id
from mtl_flows.schemas.dynamics import OrderingDocument
from mtl_flows.stages import Subject
from mtl_flows.stages.approximants import order
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.database import MTLStore


def find_ordering(
    store: MTLStore, parent: Subject, ordering: int, parameters: DynamicsParameters
) -> OrderingDocument:
    """Return an approximant of what a material gives to be ordered, making it if the store lacks it.

    Raises
    ------
    OrderingError
        If there is no charge-balanced, sensible approximant.
    """
    key = parameters.ordering_id(parent_id(parent), ordering)
    if store.orderings.existing([key]):
        return store.orderings.get(key)
    crystal = store.crystals.get(parent.crystal_id).to_structure()
    document = order(parent, crystal, ordering, parameters, job_id())
    store.orderings.add([document])
    stage = parameters.ordering_stage().stage
    store.rejections.resolve(stage, {"subject": ordering_subject(parent, parameters)})
    return document


def ordering_subject(parent: Subject, parameters: DynamicsParameters) -> str:
    """What a refusal to order belongs to: what is ordered, and how."""
    return f"{parent_id(parent)}:{parameters.ordering_stage().hash}"
