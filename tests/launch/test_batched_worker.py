"""A worker whose simulations are evaluated in batches: real Fireworks, each launch its own. By `make lanes`."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from samples import contents, fill, parent
from toy_batched import JOURNAL, PAUSE
from toy_engines import dynamics

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.batching import batch_size, left_to_others
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.names import DYNAMICS, SIGN_FIELD
from mtl_flows.launch.submit import submit
from mtl_flows.machine import processors

P = replace(
    dynamics(temperatures_K=(800.0, 1200.0), production_ps=1.2, chunk_ps=0.7, relax_steps=20),
    engine="toy_batched:ENGINE",
)


@pytest.fixture
def journal_of_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(JOURNAL, str(tmp_path / "calls"))
    return tmp_path / "calls"


def hand_in(address, engine: str = P.engine) -> None:
    maker = DynamicsFlowMaker(parameters=replace(P, engine=engine), window=False)
    submit(heavy(maker.make(parent("licl"), "licl", ordered=True)), address, name=engine)


def simulated(store) -> dict[str, Any]:
    """What was simulated, but for the remark that it was batched."""
    found = {name: contents(store)[name] for name in ("relaxations", "dynamics", "transport")}
    for document in (*found["relaxations"], *found["dynamics"]):
        document["engine"].pop("batched", None)
        for file in (block for chunk in document.get("chunks", ()) for block in chunk["blocks"]):
            file.pop("file_id")
        for who in ("owner", "revision"):
            document.pop(who, None)
    return found


def calls(journal: Path) -> list[list[str]]:
    return [line.split() for line in journal.read_text().splitlines()] if journal.exists() else []


def killing(
    victim: Callable[[list[RocketEvent]], int], journal: Path, database
) -> Callable[[RocketEvent], None]:
    """Listen, and kill a process as soon as two simulations are in one batch, each with signs of life of its own."""
    events: list[RocketEvent] = []
    alive = {"state": "RUNNING", SIGN_FIELD: {"$exists": True}}

    def watch() -> None:
        deadline = time.monotonic() + 120
        while (
            not any(len(call) == 2 for call in calls(journal)) or database.launches.count_documents(alive) < 2
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(victim(events), signal.SIGKILL)

    threading.Thread(target=watch).start()
    return events.append


@pytest.mark.lanes
def test_a_batch_leaves_what_a_worker_for_one_leaves_though_one_of_it_is_killed(
    store, address, database, run, journal_of_calls, monkeypatch
) -> None:
    fill(store, "licl")
    hand_in(address)
    assert run(categories=DYNAMICS).fizzled == 0
    alone = simulated(store)
    assert not journal_of_calls.exists()
    for collection in (store.relaxations, store.dynamics, store.transport):
        collection.raw.delete_many({})
    database.launches.delete_many({})

    monkeypatch.setenv(PAUSE, "0.004")
    hand_in(address)
    hand_in(address, "chgnet")
    heard: list[RocketEvent] = []
    listen = killing(last_to_start, journal_of_calls, database)

    def note(event: RocketEvent) -> None:
        heard.append(event)
        listen(event)

    summary = run(categories=DYNAMICS, processes=2, batched=True, on_event=note)
    # The other worker went on, and with what the killed one had in hand.
    assert (summary.fizzled, len({event.worker for event in heard})) == (0, 2)
    assert {len(call) for call in calls(journal_of_calls)} == {1, 2}
    assert simulated(store) == alone
    assert all(document["engine"]["batched"] for document in store.dynamics.raw.find())
    # Each job by launches of its own; one of them was lost.
    launches = list(database.launches.find({"state": {"$ne": "RUNNING"}}))
    assert sorted(launch["state"] for launch in launches).count("FIZZLED") == 1
    assert len({launch["fw_id"] for launch in launches}) == len(launches) - 1 == summary.completed
    # What cannot be batched waits for another worker.
    assert left_to_others(address, DYNAMICS) == {"chgnet": 1}


def last_to_start(events: list[RocketEvent]) -> int:
    return next(e.worker for e in reversed(events) if e.outcome is RocketOutcome.STARTED)


@pytest.mark.lanes
def test_without_the_process_that_evaluates_all_give_their_jobs_back(
    store, address, database, run, journal_of_calls, monkeypatch
) -> None:
    fill(store, "licl")
    hand_in(address)
    monkeypatch.setenv(PAUSE, "0.004")

    def the_evaluator(events: list[RocketEvent]) -> int:
        spawned = {p.pid for p in psutil.Process().children() if "spawn_main" in str(p.cmdline())}
        (evaluator,) = spawned - {event.worker for event in events}
        return evaluator

    with pytest.raises(CalculationError, match=r"ended by itself, with code -9.*evaluator\.log"):
        run(
            categories=DYNAMICS,
            processes=2,
            batched=True,
            on_event=killing(the_evaluator, journal_of_calls, database),
        )
    assert database.fireworks.count_documents({"state": {"$in": ["RUNNING", "FIZZLED"]}}) == 0
    monkeypatch.setenv(PAUSE, "0")
    assert run(categories=DYNAMICS).fizzled == 0
    assert set(database.fireworks.distinct("state")) == {"COMPLETED"}


def test_a_batch_is_as_large_as_asked() -> None:
    assert batch_size("7", "auto") == 7
    assert batch_size("auto", "cpu") == processors()
    for wrong in ("0", "many", "-1"):
        with pytest.raises(ConfigurationError, match="is no number of simulations"):
            batch_size(wrong, "cpu")
