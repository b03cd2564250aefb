"""What failed and was done by another workflow since does not stand as failed for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from samples import fill, parent
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.jobs import find_jobs
from mtl_flows.launch.names import DYNAMICS
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import submit
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

SHORT = dynamics(
    temperatures_K=(800.0,),
    production_ps=0.8,
    budget=DynamicsBudget(max_production_ps=0.6, min_extension_ps=0.1),
)


@pytest.mark.parametrize("ordered", [False, True])
def test_failed_work_is_archived_once_its_fit_is_there(
    store: MTLStore,
    address: Connection,
    database: Database[dict[str, Any]],
    run: Callable[..., WorkSummary],
    ordered: bool,
) -> None:
    fill(store, "licl")

    def hand_in(name: str) -> None:
        flow = DynamicsFlowMaker(parameters=SHORT).make(parent("licl"), "licl", ordered=True)
        submit(heavy(flow), address, name=name, metadata={"material": "licl"})

    hand_in("first")
    if ordered:
        assert run(categories=DYNAMICS, max_rockets=1).completed == 1
    hidden = "orderings" if ordered else "crystals"
    database[hidden].rename("hidden")
    assert run(categories=DYNAMICS).fizzled >= 1
    database["hidden"].rename(hidden, dropTarget=True)
    assert recover(address).archived == ()
    hand_in("second")
    assert run(categories=DYNAMICS).fizzled == 0

    failed = {job.fw_id for job in find_jobs(address) if job.state == "fizzled"}
    summary = recover(address)
    assert (set(summary.archived), summary.failures) == (failed, ())
    states = {(job.workflow, job.state) for job in find_jobs(address)}
    assert states == {("first", "archived"), ("second", "completed")}
    assert recover(address).archived == ()
