"""Simulations advance once from each point, and only by who owns them; fits tell when they are complete."""

from typing import Any

import pytest

from mtl_flows.errors import NotFoundError, OwnershipLostError
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Owner

STAGE = StageParameters(stage="dynamics", algorithm_version=1, mobile_ion="Li", values={})
COMMON: dict[str, Any] = {
    "material_id": "x",
    "crystal_id": "c",
    "parent_id": "c",
    "series": "s",
    "approximant_id": "cell",
    "replica": 0,
    "potential_id": "p",
    "relaxation_id": "r",
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
        **COMMON,
        id=key,
        dynamics_hash="d",
        status="fitted",
        complete=complete,
        temperatures_K=[],
        excluded={},
    )


def test_only_one_worker_goes_on_from_a_point(store: MTLStore) -> None:
    start = simulation()
    store.dynamics.add([start])
    first = store.dynamics.advance(start, start.model_copy(update={"steps_done": 50}))
    assert (first.steps_done, first.revision, first.owner) == (50, 1, store.owner.token)
    too_late = start.model_copy(update={"steps_done": 50, "reason": "too late"})
    assert store.dynamics.advance(start, too_late) == first == store.dynamics.get(start.id)
    judged = store.dynamics.advance(first, first.model_copy(update={"status": "converged"}))
    assert (judged.status, judged.revision) == ("converged", 2)
    assert store.dynamics.advance(first, first.model_copy(update={"steps_done": 60})) == judged
    assert store.dynamics.get(start.id) == judged


def test_nothing_advances_that_was_never_begun(store: MTLStore) -> None:
    with pytest.raises(NotFoundError):
        store.dynamics.advance(simulation(), simulation(steps_done=50))
    assert store.dynamics.count() == 0


def test_records_of_earlier_versions_move_as_well(store: MTLStore) -> None:
    start = simulation()
    stored = start.to_mongo()
    del stored["owner"], stored["revision"]
    store.dynamics.raw.insert_one(stored)
    claimed = store.dynamics.claim(store.dynamics.get(start.id))
    assert (claimed.owner, claimed.revision) == (store.owner.token, 0)
    store.dynamics.raw.update_one({}, {"$unset": {"owner": 1}})
    assert store.dynamics.advance(start, start.model_copy(update={"steps_done": 50})).revision == 1


class Handed:
    """Work that somebody owns until it is given to another."""

    def __init__(self) -> None:
        self.owned = True

    def holds(self) -> bool:
        return self.owned


def test_of_two_that_own_their_work_the_faster_wins_whoever_claimed_last(store: MTLStore) -> None:
    other = MTLStore(store.client, store.database.name)
    store.dynamics.add([simulation()])
    mine, theirs = (
        store.dynamics.claim(store.dynamics.get("x.r1:800K")),
        other.dynamics.claim(other.dynamics.get("x.r1:800K")),
    )
    moved = store.dynamics.advance(mine, mine.model_copy(update={"steps_done": 50}))
    assert (moved.steps_done, moved.owner) == (50, store.owner.token)
    assert other.dynamics.advance(theirs, theirs.model_copy(update={"steps_done": 60})) == moved


def test_who_was_given_the_work_is_not_disturbed_by_who_had_it(store: MTLStore) -> None:
    work = Handed()
    late = MTLStore(store.client, store.database.name, Owner("late", work.holds))
    store.dynamics.add([simulation()])
    begun = late.dynamics.claim(late.dynamics.get("x.r1:800K"))
    work.owned = False
    taken = store.dynamics.claim(store.dynamics.get("x.r1:800K"))
    with pytest.raises(OwnershipLostError, match="another worker"):
        late.dynamics.claim(late.dynamics.get("x.r1:800K"))
    with pytest.raises(OwnershipLostError):
        late.dynamics.advance(begun, begun.model_copy(update={"steps_done": 50}))
    with pytest.raises(OwnershipLostError):
        late.frames.write("x.r1:800K", 0, b"frames", 1)
    assert store.dynamics.get("x.r1:800K") == taken
    assert store.dynamics.advance(taken, taken.model_copy(update={"steps_done": 60})).steps_done == 60


def test_a_write_already_on_its_way_finds_the_record_taken_over(store: MTLStore) -> None:
    """The launch is lost between the last question and the write, as when a machine is suspended there."""
    store.dynamics.add([simulation()])

    def yes_then_suspended() -> bool:
        if store.dynamics.get("x.r1:800K").owner == "late":
            store.dynamics.claim(store.dynamics.get("x.r1:800K"))
            return True
        return False

    late = MTLStore(store.client, store.database.name, Owner("late", yes_then_suspended))
    store.dynamics.raw.update_one({}, {"$set": {"owner": "late"}})
    begun = store.dynamics.get("x.r1:800K")
    with pytest.raises(OwnershipLostError):
        late.dynamics.advance(begun, begun.model_copy(update={"steps_done": 50}))
    standing = store.dynamics.get("x.r1:800K")
    assert (standing.steps_done, standing.revision, standing.owner) == (0, 0, store.owner.token)


def test_complete_fits_are_told_apart(store: MTLStore) -> None:
    store.transport.put([fit("a", complete=True), fit("b", complete=False), fit("c", complete=True)])
    assert store.transport.complete(["a", "b", "d"]) == {"a"}
