"""Whatever a dead worker leaves behind is put right; what lives is left alone."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fireworks import FWorker
from jobflow import Flow
from launch_jobs import add, fail, note, two_steps

from mtl_flows.launch import lost, rockets
from mtl_flows.launch import recover as recovery
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.lost import MAX_LOSSES
from mtl_flows.launch.outage_note import note_outage
from mtl_flows.launch.process import WorkerProcess
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import submit

_WORKER = """
import sys
from pathlib import Path
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection
work(Connection.parse(sys.argv[1], "mtl"), launch_dir=Path(sys.argv[2]))
"""

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def start_worker(address, tmp_path):
    """Start a worker in a process of its own, as somebody in another terminal would."""
    started = []

    def start():
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        command = [sys.executable, "-c", _WORKER, address.uri, str(tmp_path / "launches")]
        started.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(recovery, "SETTLED_AFTER", timedelta(0))
    monkeypatch.setattr(recovery, "LOOK_AGAIN_S", 0.5)
    monkeypatch.setattr(rockets, "IN_TRANSITION", timedelta(0))


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(recovery, "LOOK_AGAIN_S", 0.3)


@pytest.fixture
def old_server(monkeypatch):
    """As if the server had been up for long: silence counts from its start."""
    read = lost.ServerClock.read
    monkeypatch.setattr(lost.ServerClock, "read", lambda pad: replace(read(pad), up_since=_LONG_AGO))


def _wait_for(file, text):
    deadline = time.monotonic() + 30
    while text not in (file.read_text() if file.exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _states(database):
    return [fw["state"] for fw in database.fireworks.find(sort=[("fw_id", 1)])]


@pytest.mark.faults
def test_killed_worker_s_job_runs_again_and_nothing_is_lost_or_doubled(
    address, database, run, start_worker, journal
):
    names = {"a": 0, "slow": 2, "b": 0}
    submit(Flow([note(str(journal), name, s) for name, s in names.items()]), address, name="three")
    worker = start_worker()
    _wait_for(journal, "start slow")
    assert recover(address, lost_after_s=0.0).returned == ()  # it lives
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert "RUNNING" in _states(database)
    summary = recover(address)
    assert len(summary.returned) == 1
    assert "RUNNING" not in _states(database)
    run()
    assert _states(database) == ["COMPLETED"] * 3
    lines = [line.rsplit(" ", 1)[0] for line in journal.read_text().splitlines()]
    assert sorted(lines) == ["end a", "end b", "end slow", "start a", "start b", "start slow", "start slow"]
    assert sorted(d["output"] for d in database.outputs.find()) == ["a", "b", "slow"]
    assert recover(address).returned == ()


def _check_out(address, *, env, silent_s=0.0, folder="/nowhere"):
    """Take the next Firework as a worker would that then falls silent; return the launch's id."""
    pad = launchpad(address)
    _, launch_id = pad.checkout_fw(FWorker("another", env=env), folder)
    then = (datetime.now(UTC) - timedelta(seconds=silent_s)).isoformat()
    history = [{"state": "RUNNING", "created_on": then, "updated_on": then}]
    pad.launches.update_one({"launch_id": launch_id}, {"$set": {"state_history": history}})
    pad.connection.close()
    return launch_id


def _dead_process():
    here = WorkerProcess.current()
    child = subprocess.Popen(["sleep", "0"])
    child.wait()
    return WorkerProcess(here.boot, here.namespace, child.pid, here.started)


def test_job_that_kills_its_workers_is_given_up(address, database):
    submit(add(1, 2), address, name="deadly")
    for returned in [(1,)] * (MAX_LOSSES - 1) + [()]:
        _check_out(address, env=_dead_process().as_env())
        summary = recover(address)
        assert summary.returned == returned
    assert summary.exhausted == (1,)
    assert _states(database) == ["FIZZLED"]
    assert summary.failures[0].error.startswith("WorkerLost: process")


def test_a_worker_that_ended_while_it_waited_is_no_loss_of_its_job(address, database, tmp_path):
    submit(add(1, 2), address, name="innocent")
    for _ in range(MAX_LOSSES):
        launch_id = _check_out(address, env=_dead_process().as_env(), folder=str(tmp_path))
        note_outage(tmp_path, launch_id, True)
        assert recover(address).returned == (1,)
    assert _states(database) == ["READY"]
    _check_out(address, env=_dead_process().as_env(), folder=str(tmp_path))  # the note is another's
    recover(address)
    lost = [d["action"]["stored_data"]["mtl_lost"] for d in database.launches.find(sort=[("launch_id", 1)])]
    assert lost == [False] * MAX_LOSSES + [True]


@pytest.mark.parametrize(
    ("env", "silent_s", "is_lost"),
    [
        ({"mtl_heartbeat_s": 60}, 500, False),
        ({"mtl_heartbeat_s": 60}, 700, True),
        ({"mtl_heartbeat_s": 600}, 700, False),  # three heartbeats are more than ten minutes
        ({}, 3000, False),  # plain rlaunch gives a sign of life once an hour
        ({}, 20000, True),
        (WorkerProcess("another boot", "pid:[1]", 1, 1).as_env() | {"mtl_heartbeat_s": 60}, 500, False),
    ],
)
def test_silence_counts_in_heartbeats(address, database, old_server, env, silent_s, is_lost):
    submit(add(1, 2), address, name="far away")
    _check_out(address, env=env, silent_s=silent_s)
    assert recover(address, lost_after_s=600).returned == ((1,) if is_lost else ())
    assert _states(database) == ["READY" if is_lost else "RUNNING"]


def test_silence_while_the_server_was_away_is_nobody_s_fault(address, database, monkeypatch):
    submit(add(1, 2), address, name="far away")
    _check_out(address, env={"mtl_heartbeat_s": 60}, silent_s=700)
    read = lost.ServerClock.read
    monkeypatch.setattr(
        lost.ServerClock,
        "read",
        lambda pad: replace(read(pad), up_since=read(pad).now - timedelta(seconds=500)),
    )
    assert recover(address).returned == ()


def test_launch_that_was_run_again_since_does_not_count(address, database, old_server):
    submit(add(1, 2), address, name="one")
    _check_out(address, env={}, silent_s=20000)
    pad = launchpad(address)
    pad.rerun_fw(1)
    pad.connection.close()
    _check_out(address, env={})
    assert recover(address).returned == ()
    assert _states(database) == ["RUNNING"]


def test_late_report_of_a_lost_worker_is_ignored(address, database, old_server):
    submit(two_steps(), address, name="sum")
    launch_id = _check_out(address, env={}, silent_s=20000)
    assert recover(address).returned == (1,)
    pad = launchpad(address)
    pad.complete_launch(launch_id, state="COMPLETED")
    pad.connection.close()
    assert _states(database) == ["READY", "WAITING"]


def test_process_identity():
    here = WorkerProcess.current()
    assert WorkerProcess.from_env(here.as_env()) == here
    assert WorkerProcess.from_env({}) is None
    assert not here.is_gone
    assert _dead_process().is_gone
    assert WorkerProcess(
        here.boot, here.namespace, here.pid, here.started + 1
    ).is_gone  # the id was used again
    assert not replace(_dead_process(), boot="another").is_gone  # cannot know


def test_stale_lock_is_opened_and_a_living_one_is_not(address, database, impatient):
    submit(two_steps(1), address, name="dead")
    submit(two_steps(2), address, name="alive")
    database.workflows.update_one({"name": "dead"}, {"$set": {"locked": True}})
    database.workflows.update_one({"name": "alive"}, {"$set": {"locked": True}})
    stop = time.monotonic() + 1.0

    def keep_writing():
        while time.monotonic() < stop:
            database.workflows.update_one({"name": "alive"}, {"$set": {"updated_on": datetime.now(UTC)}})
            time.sleep(0.02)

    thread = threading.Thread(target=keep_writing)
    thread.start()
    summary = recover(address)
    thread.join()
    assert summary.unlocked == (1,)
    assert [w["name"] for w in database.workflows.find({"locked": True})] == ["alive"]


def test_reservation_without_a_launch_is_released(address, database, impatient, run):
    submit(add(1, 2), address, name="one")
    database.fireworks.update_one({}, {"$set": {"state": "RESERVED", "updated_on": datetime.now(UTC)}})
    assert recover(address).returned == (1,)
    assert run().completed == 1


def test_reservation_that_changes_is_a_checkout_in_progress(address, database, impatient):
    """Whatever the clock of the worker says."""
    submit(add(1, 2), address, name="one")
    database.fireworks.update_one({}, {"$set": {"state": "RESERVED", "updated_on": _LONG_AGO}})
    change = {"$set": {"state": "RUNNING"}}
    going_on = threading.Timer(0.2, database.fireworks.update_one, ({}, change))
    going_on.start()
    assert recover(address).returned == ()
    going_on.join()


def test_broken_off_submission_makes_room_for_its_repetition(address, database, impatient):
    submit(two_steps(), address, name="sum")
    database.fireworks.delete_many({})
    assert submit(two_steps(), address, name="sum").outcome == "existing"
    assert recover(address).removed == ("sum",)
    assert submit(two_steps(), address, name="sum").outcome == "added"


def test_fireworks_of_no_workflow_are_removed(address, database, impatient):
    submit(two_steps(), address, name="sum")
    orphan = database.fireworks.find_one({"fw_id": 1}, {"_id": 0}) | {"fw_id": 99, "name": "orphan"}
    database.fireworks.insert_one(orphan)
    assert recover(address).removed == ("orphan",)
    assert database.fireworks.count_documents({}) == 2


@pytest.mark.parametrize("broken_off_after", ["launch", "firework"])
def test_completion_that_broke_off_is_carried_through(address, database, impatient, run, broken_off_after):
    submit(two_steps(), address, name="sum")
    before = database.workflows.find_one()
    run(max_rockets=1)
    if broken_off_after == "launch":
        database.fireworks.update_one({"fw_id": 1}, {"$set": {"state": "RUNNING"}})
    database.fireworks.update_one({"fw_id": 2}, {"$set": {"state": "WAITING"}})
    stale = {"fw_states": before["fw_states"] | {"1": "RUNNING"}, "state": "RUNNING"}
    database.workflows.update_one({}, {"$set": stale})
    assert run().completed == 0
    assert 1 in recover(address).refreshed
    assert _states(database) == ["COMPLETED", "READY"]
    assert run().completed == 1
    assert database.workflows.find_one()["state"] == "COMPLETED"
    assert recover(address).refreshed == ()


def test_failures_are_grouped_by_error(address, run):
    submit(Flow([fail(f"atom {i} ran away") for i in range(3)]), address, name="bad")
    submit(fail("no entries"), address, name="worse")
    run()
    groups = recover(address).failures
    assert [(g.count, g.error) for g in groups] == [
        (3, "ValueError: atom 0 ran away"),
        (1, "ValueError: no entries"),
    ]
    assert groups[0].fw_ids == (1, 2, 3)


def test_recovering_a_healthy_database_changes_nothing(address, database, run):
    submit(two_steps(), address, name="sum")
    run(max_rockets=1)
    names = ("fireworks", "launches", "workflows")
    before = [list(database[name].find()) for name in names]
    summary = recover(address)
    assert [list(database[name].find()) for name in names] == before
    assert not any(
        (summary.returned, summary.exhausted, summary.refreshed, summary.unlocked, summary.removed)
    )
