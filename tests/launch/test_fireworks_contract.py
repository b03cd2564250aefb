"""What is used of FireWorks' private parts, tried on FireWorks itself: a release that changes it fails here."""

import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fireworks import Firework, FWAction, FWorker, LaunchPad, Workflow
from fireworks.core import launchpad as fw_launchpad
from fireworks.core.rocket_launcher import launch_rocket
from fireworks.utilities.fw_utilities import get_fw_logger
from launch_jobs import Nothing

from mtl_flows.launch import insides
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.store.connection import Connection


@pytest.fixture
def pad(address: Connection) -> Iterator[LaunchPad]:
    opened = launchpad(address)
    yield opened
    opened.connection.close()


def chain(*names: str) -> Workflow:
    fireworks = [Firework(Nothing(), name=name, fw_id=-1 - k) for k, name in enumerate(names)]
    return Workflow(fireworks, dict(zip(fireworks, ([f] for f in fireworks[1:]), strict=False)), name="chain")


def insert(pad: LaunchPad, *workflows: Workflow) -> set[int]:
    return insides.insert_workflows(pad, insides.numbered(pad, workflows))


def rocket(pad: LaunchPad, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert launch_rocket(pad, FWorker("w"), strm_lvl="CRITICAL")


def test_a_workflow_is_numbered_inserted_and_ready(pad: LaunchPad) -> None:
    insert(pad, chain("first", "second"))
    stored = pad.get_wf_by_fw_id(1)
    assert stored.fw_states == {1: "READY", 2: "WAITING"}
    assert dict(stored.links) == {1: [2], 2: []}
    assert [pad.get_fw_by_id(k).name for k in (1, 2)] == ["first", "second"]
    insert(pad, chain("third"))
    assert sorted(pad.get_fw_ids()) == [1, 2, 3]


def test_workflows_take_one_block_of_ids_and_those_of_fireworks_follow(pad: LaunchPad, tmp_path: Any) -> None:
    insert(pad, chain("a", "b"), chain("c"), chain("d", "e"))
    assert [sorted(w["nodes"]) for w in pad.workflows.find(sort=[("nodes", 1)])] == [[1, 2], [3], [4, 5]]
    # FireWorks' own ways go on from there: another workflow, a detour, a launch, running again, archiving.
    assert pad.add_wf(chain("f")) == {-1: 6}
    _, launch_id = pad.checkout_fw(FWorker("w"), str(tmp_path), fw_id=4)
    pad.complete_launch(launch_id, FWAction(detours=Firework(Nothing(), name="detour")))
    assert pad.get_wf_by_fw_id(4).fw_states == {4: "COMPLETED", 5: "WAITING", 7: "READY"}
    assert pad.rerun_fw(4) == [4]
    assert pad.get_wf_by_fw_id(4).fw_states == {4: "READY", 5: "WAITING", 7: "WAITING"}
    pad.archive_wf(3)
    assert pad.get_fw_ids({"state": "ARCHIVED"}) == [3]


def test_an_index_that_forbids_the_workflow_leaves_nothing(pad: LaunchPad) -> None:
    again = [chain("one"), chain("other")]
    for workflow in again:
        workflow.metadata = {"mtl_key": "same"}
    insert(pad, again[0])
    assert insert(pad, *again[1:], chain("third")) == {0}
    assert (pad.workflows.count_documents({}), pad.fireworks.count_documents({})) == (2, 2)
    assert pad.get_wf_by_fw_id(3).fw_states == {3: "READY"}


def test_counters_begin_behind_the_highest_ids(pad: LaunchPad) -> None:
    insert(pad, chain("first", "second"))
    pad.fw_id_assigner.delete_many({})
    insides.ensure_counters(pad)
    insides.ensure_counters(pad)
    assert (pad.get_new_fw_id(), pad.get_new_launch_id()) == (3, 1)


def test_refreshing_starts_what_waited(pad: LaunchPad, tmp_path: Any) -> None:
    insert(pad, chain("first", "second"))
    _, launch_id = pad.checkout_fw(FWorker("w"), str(tmp_path))
    ended = {"state": "COMPLETED", "action": FWAction().to_dict()}
    pad.launches.update_one({"launch_id": launch_id}, {"$set": ended})
    assert pad.get_fw_by_id(2).state == "WAITING"
    insides.refresh_workflow(pad, 1)
    assert pad.get_fw_by_id(1).state == "COMPLETED"
    assert pad.get_fw_by_id(2).state == "READY"


def test_the_launch_in_hand_is_the_one_that_was_checked_out(pad: LaunchPad, tmp_path: Any) -> None:
    insert(pad, chain("first"))
    firework, launch_id = pad.checkout_fw(FWorker("w"), str(tmp_path))
    # Another worker takes it over.
    pad.launches.insert_one({"launch_id": launch_id + 1, "fw_id": firework.fw_id})
    assert insides.launch_in_hand(pad, firework.fw_id) == launch_id


def test_jobs_are_taken_in_the_order_of_their_submission(pad: LaunchPad, tmp_path: Any) -> None:
    for name in ("a", "b", "c", "d", "e"):
        insert(pad, chain(name))
    # Stored order, which FireWorks goes by otherwise, is another.
    moved = pad.fireworks.find_one_and_delete({"fw_id": 1})
    pad.fireworks.insert_one(moved)
    with insides.first_come_first_served():
        taken = [pad.checkout_fw(FWorker("w"), str(tmp_path))[0].name for _ in range(5)]
    assert taken == ["a", "b", "c", "d", "e"]


def test_a_locked_workflow_is_waited_for_and_looked_at_again_soon(
    pad: LaunchPad, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(pad, chain("first", "second"))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            pad.workflows.update_one({}, {"$unset": {"locked": True}})

    for module in (insides, fw_launchpad):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep))
    pad.workflows.update_one({}, {"$set": {"locked": True}})
    with insides.prompt_locks():
        with fw_launchpad.WFLock(pad, 1):
            assert pad.workflows.find_one()["locked"] is True
        assert len(waits) == 3
        assert sum(waits) < 0.03
        assert "locked" not in pad.workflows.find_one()
        # Of a lock that nobody opens FireWorks' own says what it says.
        pad.workflows.update_one({}, {"$set": {"locked": True}})
        with pytest.raises(fw_launchpad.LockedWorkflowError), fw_launchpad.WFLock(pad, 2, 0.1, kill=False):
            pass
    assert fw_launchpad.WFLock is not insides._PromptLock


def test_a_heartbeat_of_ones_own_is_started_and_stopped(
    pad: LaunchPad, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(pad, chain("first"))
    begun: list[tuple[Any, int]] = []
    stop = threading.Event()

    def start(seen: LaunchPad, launch_id: int) -> threading.Event:
        begun.append((seen, launch_id))
        return stop

    with insides.heartbeat_started_by(start):
        rocket(pad, tmp_path, monkeypatch)
    assert begun == [(pad, 1)]
    assert stop.is_set()


def test_no_handler_for_the_terminal_is_added() -> None:
    name = "mtl_flows.contract"
    with insides.no_terminal_handlers([(name, "INFO")]):
        get_fw_logger(name, stream_level="INFO")
        assert logging.getLogger(name).handlers == []
    get_fw_logger(name, stream_level="INFO")
    assert len(logging.getLogger(name).handlers) == 1
