"""A server that refuses its worker for a while: a password, a user or a role that goes away and comes back."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from sites import DATABASE, Guard, guarded
from undertaking import slow

from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.store import patience
from mtl_flows.store.connection import Connection
from mtl_flows.store.patience import Patience


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with guarded(tmp_path_factory.mktemp("guarded") / "server") as guard:
        yield guard


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)


@pytest.mark.parametrize("how", ["password", "user", "role"])
def test_a_worker_that_is_refused_for_a_while_waits(guard: Guard, tmp_path: Path, how: str) -> None:
    address, journal = Connection.parse(guard.uri, DATABASE), tmp_path / "journal"
    submit(Flow([slow(str(journal))]), address, name=f"{how} {time.monotonic()}")
    told: list[str] = []

    def while_refused() -> None:
        guard.refuse(how)
        Path(f"{journal}.go").touch()
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
        guard.admit(how)

    threads = [threading.Thread(target=while_refused)]

    def strike(event: RocketEvent) -> None:
        if event.outcome is RocketOutcome.WAITING:
            told.append(event.error)
        if event.outcome is RocketOutcome.STARTED:
            threads[0].start()

    summary = work(address, launch_dir=tmp_path / "launches", on_event=strike)
    threads[0].join()
    assert (summary.completed, summary.fizzled, summary.returned) == (1, 0, 0)
    assert "refuses" in told[0]
    assert "is back" in told[-1]
    with address.client() as client:
        (launch,) = client[DATABASE]["launches"].find({"state": "COMPLETED"}).sort("launch_id", -1).limit(1)
        assert "mtl_lost" not in launch["action"]["stored_data"]


def test_what_was_never_allowed_is_an_error_at_once(guard: Guard) -> None:
    with MongoClient[dict[str, Any]](guard.root) as root:
        root[DATABASE].command("createUser", "reader", pwd="secret", roles=["read"])
        root[DATABASE]["things"].insert_many([{"_id": n} for n in range(300)])
    reader = Connection.parse(guard.uri.replace("worker:", "reader:"), DATABASE)
    told: list[str] = []
    with reader.client() as client, Patience(60, told.append).in_force():
        assert client[DATABASE]["things"].find_one() is not None
        with pytest.raises(OperationFailure, match="not authorized"):
            client[DATABASE]["things"].insert_one({})
    assert told == []


def test_a_cursor_whose_right_was_taken_away_is_asked_anew_with_what_surrounds_it(guard: Guard) -> None:
    told: list[str] = []
    striking: Callable[[], None] = lambda: guard.refuse("role")  # noqa: E731
    waiting = Patience(60, told.append, revive=lambda: guard.admit("role"))
    with Connection.parse(guard.uri, DATABASE).client() as client, waiting.in_force():
        things = client[DATABASE]["read"]
        things.insert_many([{"_id": n} for n in range(300)])

        def read() -> int:
            found = 0
            for _ in things.find({}, batch_size=100):
                found += 1
                if found == 50 and not told:
                    striking()
            return found

        assert waiting.through(read) == 300
    assert any("taken away" in line for line in told)
