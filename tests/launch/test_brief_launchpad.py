"""The brief LaunchPad is held against FireWorks' own: whatever happens to workflows, the same documents come of it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fireworks import Firework, FWAction, FWorker, LaunchPad, Tracker, Workflow
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from launch_jobs import Nothing, SameSpec
from round_trips import Commands, Strike
from samples import fill, subjects
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.brief import BriefLaunchPad
from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.insides import insert_workflows, numbered
from mtl_flows.launch.launchpad import open_launchpad, prepare
from mtl_flows.launch.lost import LostLaunch, give_back
from mtl_flows.launch.names import SIGN_FIELD
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

TIMES = {
    "_id",
    "created_on",
    "updated_on",
    "time_start",
    "time_end",
    "runtime_secs",
    "reservedtime_secs",
    SIGN_FIELD,
}
COLLECTIONS = ("fireworks", "workflows", "launches", "fw_id_assigner")

Pads = tuple[LaunchPad, BriefLaunchPad]


def firework(name: str, number: int = -1, **spec: Any) -> Firework:
    return Firework(Nothing(), spec, name=name, fw_id=number)


def diamond(lenient: bool) -> Workflow:
    """One after two after one, and one apart."""
    first, left, right, last, apart = (firework(name, -1 - k) for k, name in enumerate("abcde"))
    last.spec["_allow_fizzled_parents"] = lenient
    return Workflow([first, left, right, last, apart], {first: [left, right], left: [last], right: [last]})


def two_more() -> Workflow:
    first, second = firework("one more"), firework("another", -2)
    return Workflow([first, second], {first: [second]})


ACTIONS: dict[str, Callable[[], FWAction]] = {
    "nothing": FWAction,
    "stores": lambda: FWAction(stored_data={"x": 1}),
    "updates": lambda: FWAction(update_spec={"told": 2}),
    "updates all": lambda: FWAction(update_spec={"told": 3}, propagate=True),
    "modifies": lambda: FWAction(mod_spec=[{"_push": {"list": 1}}]),
    "detours": lambda: FWAction(detours=[two_more()]),
    "adds": lambda: FWAction(additions=[firework("added")]),
    "adds and detours": lambda: FWAction(additions=[two_more()], detours=[firework("detour", -3)]),
    "defuses children": lambda: FWAction(defuse_children=True),
    "defuses all": lambda: FWAction(defuse_workflow=True),
}
STEERING = (
    "pause_fw",
    "resume_fw",
    "defuse_fw",
    "reignite_fw",
    "rerun_fw",
    "pause_wf",
    "defuse_wf",
    "archive_wf",
)

taking = st.tuples(st.just("take"), st.integers(0, 9))
ending = st.tuples(st.sampled_from(sorted(ACTIONS)), st.integers(0, 2))
failing = st.tuples(st.just("fizzles"), st.integers(0, 2))
steering = st.tuples(st.sampled_from(STEERING), st.integers(1, 9))
happenings = st.lists(st.one_of(taking, taking, ending, ending, failing, steering), min_size=4, max_size=16)


@pytest.fixture
def pads(address: Connection) -> Iterator[Pads]:
    name = address.database
    addresses = [Connection(address.uri.replace(name, name + other), name + other) for other in "12"]
    plain, brief = open_launchpad(addresses[0]), open_launchpad(addresses[1], BriefLaunchPad)
    yield plain, brief
    for pad in (plain, brief):
        pad.connection.drop_database(pad.name)
        pad.connection.close()


def begin(pad: LaunchPad, lenient: bool) -> None:
    for name in COLLECTIONS:
        pad.db[name].delete_many({})
    pad.backup_launch_data.clear()
    prepare(pad)
    insert_workflows(pad, numbered(pad, [diamond(lenient)]))


def let_happen(pad: LaunchPad, in_hand: list[int], what: str, number: int) -> None:
    if what == "take":
        ready = sorted(pad.get_fw_ids({"state": "READY"}))
        wanted = ready[number % len(ready)] if ready else 0
        taken, launch_id = pad.checkout_fw(FWorker("w", query={"fw_id": wanted}), "/tmp")
        assert (taken.fw_id if taken else 0) == wanted
        in_hand += [launch_id] if launch_id else []
    elif what in STEERING:
        if number in pad.get_fw_ids():
            getattr(pad, what)(number)
    elif in_hand:
        launch_id = in_hand.pop(-1 - number % len(in_hand))
        if what == "fizzles":
            pad.complete_launch(
                launch_id, FWAction(stored_data={"_exception": {"_details": None}}), "FIZZLED"
            )
        else:
            pad.complete_launch(launch_id, ACTIONS[what]())


def documents(pad: LaunchPad) -> dict[str, list[Any]]:
    found = {
        "fireworks": pad.fireworks.find(sort=[("fw_id", 1)]),
        "workflows": pad.workflows.find(sort=[("nodes", 1)]),
        "launches": pad.launches.find(sort=[("launch_id", 1)]),
    }
    return {name: [timeless(document) for document in listed] for name, listed in found.items()}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(field) for key, field in value.items() if key not in TIMES}
    return [timeless(one) for one in value] if isinstance(value, list) else value


@given(lenient=st.booleans(), happenings=happenings)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink what differs takes five minutes
)
def test_the_documents_are_those_of_fireworks(
    pads: Pads, lenient: bool, happenings: list[tuple[str, int]]
) -> None:
    for pad in pads:
        begin(pad, lenient)
        in_hand: list[int] = []
        for what, number in happenings:
            let_happen(pad, in_hand, what, number)
    plain, brief = map(documents, pads)
    assert brief == plain


def test_what_is_unusual_is_left_to_fireworks(pads: Pads, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.write_text("so far\n")
    for pad in pads:
        begin(pad, lenient=False)
        doubled = {"_dupefinder": SameSpec()}
        for spec in (doubled, doubled, {"_trackers": [Tracker(str(watched))]}):
            pad.add_wf(firework("unusual", **spec))
        for fw_id in (6, 7, 8):
            _, launch_id = pad.checkout_fw(FWorker("w", query={"fw_id": fw_id}), str(tmp_path))
            if launch_id:
                pad.ping_launch(launch_id, checkpoint={"_task_n": 0})
                pad.complete_launch(launch_id, FWAction(stored_data={"x": 1}))
        _, reserved = pad.reserve_fw(FWorker("w"), str(tmp_path), fw_id=1)
        _, launch_id = pad.checkout_fw(FWorker("w"), str(tmp_path), fw_id=1)
        assert launch_id == reserved
        signed = SIGN_FIELD in pad.launches.find_one({"launch_id": launch_id})
        assert signed == isinstance(pad, BriefLaunchPad)
        pad.complete_launch(launch_id, FWAction(stored_data={"large": "x" * 17_000_000}))
    plain, brief = map(documents, pads)
    for found in (plain, brief):
        assert found["launches"][-1]["action"].pop("gridfs_id")
    assert brief == plain
    assert [f["state"] for f in brief["fireworks"][5:]] == ["COMPLETED", "COMPLETED", "COMPLETED"]
    assert brief["launches"][1]["trackers"][0]["content"] == "so far"


def test_a_job_that_was_given_to_another_worker_ends_without_a_trace(
    address: Connection, tmp_path: Path
) -> None:
    mine, other = (open_launchpad(address, BriefLaunchPad) for _ in range(2))
    begin(mine, lenient=False)
    _, first = mine.checkout_fw(FWorker("w"), str(tmp_path))
    other.rerun_fw(1)
    assert mine.complete_launch(first, FWAction()) is None
    assert other.get_fw_by_id(1).state == "READY"
    _, second = other.checkout_fw(FWorker("w", query={"fw_id": 1}), str(tmp_path))
    give_back(mine, LostLaunch(second, 1, "WorkerLost: silent"))
    before = documents(mine)
    assert other.complete_launch(second, FWAction()) is None
    assert documents(mine) == before
    for pad in (mine, other):
        pad.connection.close()


def test_who_was_suspended_while_it_took_a_job_leaves_it_to_whom_it_was_given(
    address: Connection, tmp_path: Path
) -> None:
    mine, other = (open_launchpad(address, BriefLaunchPad) for _ in range(2))
    begin(mine, lenient=False)
    taking_the_first = FWorker("w", query={"fw_id": 1}), str(tmp_path)

    def given_to_another() -> None:
        other.fireworks.update_one({"fw_id": 1}, {"$set": {"state": "READY"}})
        _, launch_id = other.checkout_fw(*taking_the_first)
        other.complete_launch(launch_id, FWAction(detours=[two_more()]))

    with Strike("findAndModify", "fw_id_assigner", given_to_another):
        assert mine.checkout_fw(*taking_the_first) == (None, None)
    assert mine.get_wf_by_fw_id(1).fw_states[1] == "COMPLETED"
    assert mine.launches.count_documents({}) == 1
    for pad in (mine, other):
        pad.connection.close()


def test_a_lost_answer_to_the_end_of_a_job_does_no_harm(address: Connection, tmp_path: Path) -> None:
    pad = open_launchpad(address, BriefLaunchPad)
    begin(pad, lenient=False)
    _, launch_id = pad.checkout_fw(FWorker("w"), str(tmp_path))
    arrived = {"state": "COMPLETED", "action": FWAction().to_dict()}
    pad.launches.update_one({"launch_id": launch_id}, {"$set": arrived})
    ended = pad.complete_launch(launch_id, FWAction())
    assert ended is not None
    assert ended["state"] == "COMPLETED"
    assert pad.get_wf_by_fw_id(1).fw_states[1] == "COMPLETED"
    pad.connection.close()


def test_a_locked_workflow_is_waited_for(address: Connection, tmp_path: Path) -> None:
    pad = open_launchpad(address, BriefLaunchPad)
    begin(pad, lenient=False)
    unlock = {"$unset": {"locked": True}}
    pad.workflows.update_one({}, {"$set": {"locked": True}})
    unlocking = threading.Timer(0.3, lambda: pad.workflows.update_one({}, unlock))
    unlocking.start()
    _, launch_id = pad.checkout_fw(FWorker("w", query={"fw_id": 1}), str(tmp_path))
    unlocking.join()
    stored = pad.workflows.find_one({"nodes": 1})
    assert (stored["fw_states"]["1"], stored["state"], "locked" in stored) == ("RUNNING", "RUNNING", False)
    assert launch_id == 1
    pad.connection.close()


CHUNKS = dynamics(
    heat_ps=0.1,
    temperatures_K=(1200.0,),
    production_ps=0.9,
    chunk_ps=0.3,
    budget=DynamicsBudget(max_production_ps=0.9),
    frame_interval_fs=20.0,
)


def test_a_job_of_the_dynamics_asks_the_server_25_times(
    store: MTLStore, address: Connection, tmp_path: Path
) -> None:
    fill(store, "licl")
    (subject,) = subjects(store, "licl")
    submit(
        DynamicsFlowMaker(parameters=CHUNKS).make(parent_id(subject), subject.material_id),
        address,
        name="simulate",
    )
    asked: dict[str, int] = {}
    seen = 0
    with Commands() as commands:

        def count(event: RocketEvent) -> None:
            nonlocal seen
            if event.outcome is RocketOutcome.COMPLETED:
                asked[event.name], seen = commands.total - seen, commands.total

        assert work(address, launch_dir=tmp_path, on_event=count).fizzled == 0
    going_on = [n for name, n in asked.items() if name.endswith(("from step 150", "from step 300"))]
    assert len(going_on) == 2
    # The last one of a temperature reads all its blocks.
    assert min(going_on) <= 25
    assert max(n for name, n in asked.items() if not name.startswith("candidate")) < 50
