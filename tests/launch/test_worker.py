"""Workers run real Fireworks: one by one, several at a time, and through interruptions."""

import logging
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import jobflow
import pytest
from jobflow import Flow
from launch_jobs import (
    add,
    big,
    count_settings_database,
    die,
    fail,
    light_and_heavy,
    meet,
    note,
    spread,
    two_steps,
)
from pymongo.errors import AutoReconnect
from round_trips import Strike

from mtl_flows.errors import DatabaseUnavailableError
from mtl_flows.launch import heartbeat
from mtl_flows.launch.brief import BriefLaunchPad
from mtl_flows.launch.events import RocketOutcome, last_error
from mtl_flows.launch.launchpad import job_store
from mtl_flows.launch.names import LIGHT
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.store import patience
from mtl_flows.store.connection import Connection
from mtl_flows.store.mongod import EmbeddedServer


def _states(database):
    return [fw["state"] for fw in database.fireworks.find(sort=[("fw_id", 1)])]


def _wait_for(file: Path, text: str):
    deadline = time.monotonic() + 30
    while text not in (file.read_text() if file.exists() else ""):
        assert time.monotonic() < deadline, f"no {text!r} in {file}"
        time.sleep(0.02)


def _interrupt_when(journal: Path, text: str, number: int = signal.SIGINT) -> threading.Thread:
    def wait_and_interrupt():
        _wait_for(journal, text)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait_and_interrupt)
    thread.start()
    return thread


def test_flow_runs_to_its_end(address, database, run):
    submit(two_steps(), address, name="sum")
    summary = run()
    assert (summary.completed, summary.fizzled, summary.interrupted) == (2, 0, False)
    assert _states(database) == ["COMPLETED", "COMPLETED"]
    assert sorted(document["output"] for document in database.outputs.find()) == [3, 6]


def test_events_tell_the_story(address, run, tmp_path):
    submit(two_steps(), address, name="sum")
    events = []
    run(on_event=events.append)
    assert [(e.outcome, e.fw_id, e.name) for e in events] == [
        (RocketOutcome.STARTED, 1, "add"),
        (RocketOutcome.COMPLETED, 1, "add"),
        (RocketOutcome.STARTED, 2, "add"),
        (RocketOutcome.COMPLETED, 2, "add"),
    ]
    assert {e.worker for e in events} == {os.getpid()}
    assert "adding 1 2" in (Path(events[0].folder) / "FW_job.out").read_text()
    assert Path(events[0].folder).parent == tmp_path / "launches"


def test_failing_job_is_reported_and_blocks_nothing(address, database, run):
    submit(fail("no luck"), address, name="bad")
    submit(two_steps(), address, name="good")
    summary = run()
    assert (summary.completed, summary.fizzled) == (2, 1)
    (failure,) = summary.failures
    assert failure.error == "ValueError: no luck"
    assert "in fail" in (Path(failure.folder) / "FW_job.error").read_text()
    assert sorted(_states(database)) == ["COMPLETED", "COMPLETED", "FIZZLED"]


def test_job_whose_code_is_gone_says_so_and_blocks_nothing(address, database, run):
    submit(add(1, 2), address, name="old")
    submit(two_steps(), address, name="good")
    renamed = {"spec._tasks.0.job.function": {"@module": "renamed", "@callable": "add", "@bound": None}}
    database.fireworks.update_one({"fw_id": 1}, {"$set": renamed})
    summary = run()
    assert (summary.completed, summary.fizzled) == (2, 1)
    (failure,) = summary.failures
    assert failure.error == "ModuleNotFoundError: No module named 'renamed'"
    assert (
        database.fireworks.find_one({"fw_id": 1})["spec"]["_tasks"][0]["job"]["function"]["@module"]
        == "renamed"
    )


def test_jobs_run_in_the_order_of_submission(address, run):
    for x in range(6):
        submit(add(x, 0), address, name=f"number {x}")
    events = []
    run(on_event=events.append)
    assert [e.fw_id for e in events if e.outcome is RocketOutcome.COMPLETED] == [1, 2, 3, 4, 5, 6]


def test_only_jobs_of_the_asked_category_run(address, database, run):
    submit(light_and_heavy(), address, name="both")
    assert run(categories=[LIGHT]).completed == 1
    assert _states(database) == ["COMPLETED", "READY"]


def test_number_and_time_are_limits(address, database, run):
    submit(Flow([add(1, 1), add(2, 2), add(3, 3)]), address, name="three")
    assert run(timeout_s=0.0).completed == 0
    assert run(max_rockets=2).completed == 2
    assert Counter(_states(database)) == {"COMPLETED": 2, "READY": 1}


def test_worker_is_quiet_and_leaves_no_trace_in_the_process(address, run, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    submit(Flow([two_steps(), fail("no luck")]), address, name="mixed")

    def state_of_the_process():
        return (
            Path.cwd(),
            dict(os.environ),
            jobflow.SETTINGS.JOB_STORE,
            [logging.getLogger(name).handlers for name in ("launchpad", "rocket.launcher", "jobflow")],
            signal.getsignal(signal.SIGINT),
            [thread.name for thread in threading.enumerate() if not thread.name.startswith("pymongo")],
        )

    before = state_of_the_process()
    run()
    assert state_of_the_process() == before
    assert capfd.readouterr() == ("", "")
    assert "Rocket finished" in (tmp_path / "launches" / "worker.log").read_text()


def test_what_the_listener_prints_reaches_the_terminal(address, run, capsys):
    submit(add(1, 2), address, name="one")
    run(on_event=lambda event: print(event.outcome))
    assert capsys.readouterr().out.split() == ["started", "completed"]


def test_jobs_resolve_plain_settings_to_the_worker_s_server(address, database, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    submit(count_settings_database(), address, name="settings")
    run()
    assert database.outputs.find_one()["output"] == address.database


def test_large_outputs_go_to_gridfs(address, database, run):
    flow = big(17_000_000)
    uuid = flow.uuid
    submit(flow, address, name="big")
    assert run().completed == 1
    store = job_store(address)
    try:
        assert len(store.get_output(uuid, load=True)["blob"]) == 17_000_000
    finally:
        store.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_job_is_ready_to_run_again(address, database, run, journal, number):
    submit(Flow([note(str(journal), "slow", 30)]), address, name="slow")
    thread = _interrupt_when(journal, "start slow", number)
    summary = run()
    thread.join()
    assert (summary.interrupted, summary.completed, summary.returned, summary.fizzled) == (True, 0, 1, 0)
    assert _states(database) == ["READY"]
    assert database.launches.count_documents({"state": "RUNNING"}) == 0
    assert database.workflows.find_one()["state"] == "READY"


def interrupt_at(command: str, collection: str) -> Strike:
    return Strike(command, collection, lambda: os.kill(os.getpid(), signal.SIGINT))


def test_interruption_while_recording_the_end_waits(address, database, run):
    """The signal strikes between two writes that belong together: the job ends, the next one does not start."""
    submit(two_steps(), address, name="sum")
    with interrupt_at("findAndModify", "workflows"):  # locked after the launch was recorded as completed
        summary = run()
    assert (summary.interrupted, summary.completed, summary.returned) == (True, 1, 0)
    assert _states(database) == ["COMPLETED", "READY"]


def test_interruption_during_checkout_gives_the_job_back(address, database, run):
    submit(two_steps(), address, name="sum")
    with interrupt_at("update", "workflows"):  # which takes notice that the job runs
        summary = run()
    assert (summary.interrupted, summary.completed, summary.returned) == (True, 0, 1)
    assert _states(database) == ["READY", "WAITING"]


def test_two_workers_share_the_work_and_run_nothing_twice(address, database, run, journal, tmp_path):
    together = [meet(str(tmp_path / "meeting"), name) for name in ("one", "other")]
    jobs = [note(str(journal), f"job {i}") for i in range(12)]
    submit(Flow([*together, *jobs]), address, name="many")
    events = []
    summary = run(processes=2, max_rockets=10, on_event=events.append)  # one budget for both
    assert (summary.completed, summary.fizzled) == (10, 0)
    assert Counter(_states(database)) == {"COMPLETED": 10, "READY": 4}
    run()
    lines = [line.rsplit(" ", 1)[0] for line in journal.read_text().splitlines()]
    assert Counter(lines) == {f"{word} job {i}": 1 for word in ("start", "end") for i in range(12)}
    assert database.launches.count_documents({}) == 14
    assert len({event.worker for event in events}) == 2


def test_idle_worker_waits_for_jobs_that_another_creates(address, run, tmp_path):
    submit(spread(str(tmp_path / "meeting")), address, name="spread")
    assert run(processes=2).completed == 3


@pytest.mark.faults
def test_killed_worker_costs_its_job_one_attempt(address, database, run, journal):
    submit(Flow([die(str(journal), 1)]), address, name="deadly")
    summary = run(processes=2)
    assert (summary.completed, summary.fizzled) == (1, 0)
    assert len(journal.read_text().splitlines()) == 2
    assert _states(database) == ["COMPLETED"]


def test_interrupted_crew_gives_everything_back(address, database, run, journal):
    submit(Flow([note(str(journal), f"job {i}", 30) for i in range(3)]), address, name="slow")
    events = []

    def interrupt_when_both_are_busy(event):
        events.append(event)
        if [e.outcome for e in events] == [RocketOutcome.STARTED, RocketOutcome.STARTED]:
            os.kill(os.getpid(), signal.SIGINT)

    summary = run(processes=2, on_event=interrupt_when_both_are_busy)
    assert summary.interrupted
    assert _states(database) == ["READY", "READY", "READY"]
    assert database.launches.count_documents({"state": "RUNNING"}) == 0


def test_running_job_gives_signs_of_life(address, run, journal, monkeypatch):
    signs = []

    def lose_every_sign(pad, launch_id, **options):
        signs.append(threading.current_thread().name)
        raise AutoReconnect("the server is away")

    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(BriefLaunchPad, "beat", lose_every_sign)
    submit(note(str(journal), "slow", 0.3), address, name="slow")
    assert run().completed == 1
    assert signs.count("heartbeat 1") > 3


def test_finished_work_survives_a_restart_of_the_server(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(patience, "RETRY_S", 0.1)
    server = EmbeddedServer(tmp_path / "mongod")
    address = Connection.parse(server.start().uri, "mtl_test_outage")
    try:
        submit(note(str(journal), "job", 1.0), address, name="through an outage")

        def restart():
            _wait_for(journal, "start")
            server.stop()
            time.sleep(1.0)
            server.start()

        thread = threading.Thread(target=restart)
        thread.start()
        summary = work(address, launch_dir=tmp_path / "launches")
        thread.join()
        assert (summary.completed, summary.fizzled) == (1, 0)
    finally:
        server.stop()


@pytest.mark.faults
def test_interruption_ends_the_wait_for_an_absent_server(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(patience, "RETRY_S", 0.1)
    server = EmbeddedServer(tmp_path / "mongod")
    uri = f"{server.start().uri}?serverSelectionTimeoutMS=200"
    address = Connection.parse(uri, "mtl_test_outage")
    try:
        submit(note(str(journal), "job", 1.0), address, name="through an outage")

        def stop_both():
            _wait_for(journal, "start")
            server.stop()
            _wait_for(journal, "end")
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=stop_both)
        thread.start()
        with pytest.raises(DatabaseUnavailableError, match="went away"):
            work(address, launch_dir=tmp_path / "launches")
        thread.join()
    finally:
        server.stop()


def test_absent_server_is_said_without_credentials(tmp_path):
    address = Connection("mongodb://somebody:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=100", "db")
    with pytest.raises(DatabaseUnavailableError) as caught:
        work(address, launch_dir=tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("Traceback (most recent call last):\n  File 'x'\n    x\nValueError: bad", "ValueError: bad"),
        (
            "Traceback:\n  File 'x'\nKeyError: 1\n\nDuring ...\n\nTraceback:\n  File 'y'\nOSError: one\ntwo",
            "OSError: one",
        ),
        (
            "Traceback (most recent call last):\n  File 'x'\n    x\n"
            "ValidationError: 1 validation error for Table\nrows\n  Input should be a number",
            "ValidationError: 1 validation error for Table",
        ),
        ("WorkerLost: process 1 ended", "WorkerLost: process 1 ended"),
        ("", ""),
    ],
)
def test_last_error_is_the_message_that_counts(trace, message):
    assert last_error(trace) == message
