"""Simulations advance once from each point; fits tell when they are complete."""

from typing import Any

from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.store.database import MTLStore

STAGE = StageParameters(stage="dynamics", algorithm_version=1, mobile_ion="Li", values={})
COMMON: dict[str, Any] = {
    "material_id": "x",
    "structure_id": "x.r1",
    "parameters_hash": STAGE.hash,
    "provenance": Provenance.record(STAGE, {}),
    "ordering_id": "o",
    "ordering": 0,
    "engine_name": "toy",
}


def simulation(**changes: Any) -> TrajectoryDocument:
    fields = {
        "id": "x.r1:800K",
        "engine": {"name": "toy"},
        "trajectory_stage": "production",
        "temperature_K": 800.0,
        "timestep_fs": 2.0,
        "frame_interval": 10,
        "steps_done": 0,
        "steps_wanted": 100,
        "status": "running",
    }
    return TrajectoryDocument(**{**COMMON, **fields, **changes})


def fit(key: str, *, complete: bool) -> TransportDocument:
    return TransportDocument(
        **COMMON, id=key, status="fitted", complete=complete, temperatures_K=[], excluded={}
    )


def test_only_one_worker_goes_on_from_a_point(store: MTLStore) -> None:
    start = simulation()
    store.dynamics.add([start])
    first = start.model_copy(update={"steps_done": 50})
    second = start.model_copy(update={"steps_done": 50, "reason": "too late"})
    assert store.dynamics.advance(start, first)
    assert not store.dynamics.advance(start, second)
    assert store.dynamics.get(start.id) == first
    judged = first.model_copy(update={"status": "converged"})
    assert store.dynamics.advance(first, judged)
    assert not store.dynamics.advance(first, first.model_copy(update={"steps_done": 60}))
    assert store.dynamics.get(start.id) == judged


def test_nothing_advances_that_was_never_begun(store: MTLStore) -> None:
    assert not store.dynamics.advance(simulation(), simulation(steps_done=50))
    assert store.dynamics.count() == 0


def test_complete_fits_are_told_apart(store: MTLStore) -> None:
    store.transport.put([fit("a", complete=True), fit("b", complete=False), fit("c", complete=True)])
    assert store.transport.complete(["a", "b", "d"]) == {"a"}
