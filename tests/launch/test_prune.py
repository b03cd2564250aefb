"""What no result rests on goes, and nothing else: with real rockets, their frames and workflows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pymongo.database import Database
from samples import fill, parent
from toy_engines import dynamics

from mtl_flows.errors import DynamicsError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.jobs import find_jobs
from mtl_flows.launch.names import DYNAMICS
from mtl_flows.launch.overview import overview
from mtl_flows.launch.prune import Kind, Pruned, prune
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
EVERYTHING: tuple[Kind, ...] = ("ramps", "jobs", "orphans")


@pytest.fixture
def simulated(store: MTLStore, address: Connection, run: Callable[..., WorkSummary]) -> MTLStore:
    """A store with the dynamics of one material, run to its end."""
    fill(store, "licl")
    flow = DynamicsFlowMaker(parameters=SHORT).make(parent("licl"), "licl", ordered=True)
    submit(heavy(flow), address, name="dynamics licl", metadata={"material": "licl"})
    assert run(categories=DYNAMICS).fizzled == 0
    return store


def everything(database: Database[dict[str, Any]]) -> dict[str, Any]:
    names = ("frames.files", "frames.chunks", "workflows", "fireworks", "launches", "outputs", "dynamics")
    return {name: sorted(map(repr, database[name].find())) for name in names}


def test_ramps_and_old_work_go_and_results_stay(
    simulated: MTLStore,
    address: Connection,
    database: Database[dict[str, Any]],
    run: Callable[..., WorkSummary],
) -> None:
    before = everything(database)
    productions = {
        s.id: load_trajectory(simulated, s)
        for s in simulated.dynamics.find({"trajectory_stage": "production"})
    }
    counted = prune(address, EVERYTHING, jobs_older_than_days=0.0, dry_run=True)
    assert everything(database) == before
    assert [(one.kind, one.number) for one in counted] == [("ramps", 1), ("jobs", 1), ("orphans", 0)]
    assert counted[0].n_bytes > 0

    assert prune(address, EVERYTHING, jobs_older_than_days=0.0) == counted
    (ramp,) = simulated.dynamics.find({"trajectory_stage": "heat"})
    with pytest.raises(DynamicsError, match="given up by mtl prune"):
        load_trajectory(simulated, ramp)
    for key, frames in productions.items():
        kept = load_trajectory(simulated, simulated.dynamics.get(key))
        assert (kept.positions_A == frames.positions_A).all()
    assert find_jobs(address) == []
    assert overview(database).n_workflows == 0
    assert (database["launches"].count_documents({}), database["outputs"].count_documents({})) == (0, 0)
    assert recover(address).failures == ()
    assert [one.number for one in prune(address, EVERYTHING, jobs_older_than_days=0.0)] == [0, 0, 0]

    # Another temperature starts from the ramp; nothing is done again.
    steps = {s.id: s.steps_done for s in simulated.dynamics.find()}
    flow = DynamicsFlowMaker(parameters=replace(SHORT, temperatures_K=(800.0, 1000.0))).make(
        parent("licl"), "licl", ordered=True
    )
    submit(heavy(flow), address, name="dynamics licl")
    assert run(categories=DYNAMICS).fizzled == 0
    now = {s.id: s.steps_done for s in simulated.dynamics.find()}
    assert (steps.items() <= now.items(), len(now)) == (True, len(steps) + 1)


def test_recent_work_and_what_goes_on_stay(simulated: MTLStore, address: Connection) -> None:
    simulated.dynamics.raw.update_many({"trajectory_stage": "heat"}, {"$set": {"status": "running"}})
    assert prune(address, EVERYTHING) == [
        Pruned("ramps", 0, 0),
        Pruned("jobs", 0, 0),
        Pruned("orphans", 0, 0),
    ]


def test_frames_that_nobody_points_to_go_unless_they_are_being_written(
    simulated: MTLStore, address: Connection
) -> None:
    (ramp,) = simulated.dynamics.find({"trajectory_stage": "heat"})
    block = simulated.frames.write("nobody", 0, b"frames", 1)
    assert prune(address, ["orphans"]) == [Pruned("orphans", 0, 0)]
    simulated.frames.settle([block])
    assert prune(address, ["orphans"]) == [Pruned("orphans", 1, 6)]
    # A kill between note and deletion leaves files that the next run finds.
    assert simulated.dynamics.give_frames_up(ramp)
    assert not simulated.dynamics.give_frames_up(ramp)
    n_blocks = sum(len(chunk.blocks) for chunk in ramp.chunks)
    assert [one.number for one in prune(address, ["ramps", "orphans"])] == [0, n_blocks]
