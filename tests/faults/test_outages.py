"""A database that goes away costs time and nothing else: no job fails, no attempt counts, nothing is missing."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jobflow
import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket
from jobflow import Flow
from network import CUT, PASS, SWALLOW, Network, network_to
from servers import IMPATIENT, OBSERVANT, fault, kill
from undertaking import KINDS, computed, differences, hand_in, kind_of, slow, take_in, write

from mtl_flows.errors import MTLError
from mtl_flows.launch import recover as recovery
from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.launchpad import job_store, open_launchpad
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.store import patience
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer
from mtl_flows.store.patience import Patience

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")


@pytest.fixture
def undisturbed(store: MTLStore, address: Connection, tmp_path: Path) -> dict[str, Any]:
    """What the store holds where nothing happens."""
    take_in(store, tmp_path / "files")
    hand_in(store, address)
    assert work(address, launch_dir=tmp_path / "calm").failures == ()
    assert not list(differences(store, computed(store)))
    return computed(store)


WORKER = """
import sys
from pathlib import Path
from mtl_flows.errors import DatabaseUnavailableError
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection
try:
    work(Connection.parse(sys.argv[1], "mtl"), launch_dir=Path(sys.argv[2]), patience_s=float(sys.argv[3]))
except DatabaseUnavailableError:
    sys.exit(3)
"""


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def network(server: EmbeddedServer) -> Iterator[Network]:
    with network_to(server.status().port) as network:
        yield network


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "mongod")
    server.start()
    yield server
    server.stop()


def test_whatever_becomes_of_the_server_and_the_network_costs_nothing_but_time(
    undisturbed: dict[str, Any],
    server: EmbeddedServer,
    network: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    address = Connection.parse(f"mongodb://127.0.0.1:{network.port}/?{IMPATIENT}&{OBSERVANT}", "mtl")
    strikes = {
        "killed": (lambda: kill(server), server.revive),
        "cut": (lambda: network.order(CUT), lambda: network.order(PASS)),
        "swallowed": (lambda: network.order(SWALLOW), lambda: network.order(PASS)),
    }
    to_hit = dict(zip(random.sample(KINDS, len(strikes)), strikes, strict=True))
    threads: list[threading.Thread] = []
    told: list[str] = []

    def strike(event: RocketEvent) -> None:
        if event.outcome is RocketOutcome.WAITING:
            told.append(event.error)
        kind = kind_of(event.name)
        if event.outcome is RocketOutcome.STARTED and kind in to_hit:
            threads.append(fault(*strikes[to_hit.pop(kind)], 0.3, within_s=0.3))

    with MTLStore.connect(address) as store:
        with Patience(60, told.append).in_force():
            threads.append(fault(*strikes["killed"], 0.3, within_s=0.3))
            take_in(store, tmp_path / "files")
        threads.pop().join()
        hand_in(store, address)
        summary = work(address, launch_dir=tmp_path / "stormy", on_event=strike, patience_s=60)
        for thread in threads:
            thread.join()
        assert not to_hit
        assert (summary.fizzled, summary.returned, summary.lost) == (0, 0, ())
        assert list(differences(store, undisturbed)) == []
        assert (
            store.database["launches"].count_documents({"action.stored_data.mtl_lost": {"$exists": True}})
            == 0
        )
        assert any("is away" in line for line in told)
        assert any("is back" in line for line in told)


def test_a_worker_that_ends_while_it_waits_costs_its_job_no_attempt(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_AGAIN_S", 0.3)
    address = Connection.parse(f"{server.status().uri}?{IMPATIENT}", "mtl")
    journal = tmp_path / "journal"
    submit(Flow([slow(str(journal)), slow(str(journal))]), address, name="slow")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, address.uri, str(tmp_path / "launches"), str(patience_s)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
            stderr=subprocess.DEVNULL,
        )
        for patience_s in (0.5, 600)
    ]
    impatient, patient = workers
    try:
        _until(lambda: journal.exists() and len(journal.read_text()) == 2)
        kill(server)
        (tmp_path / "journal.go").touch()
        _until(lambda: len(list(tmp_path.glob("launches/*/waits_for_database"))) == 2)
        assert impatient.wait(timeout=60) == 3
        patient.kill()
        patient.wait()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    server.revive()
    assert len(recover(address).returned) == 2
    with address.client() as client:
        ended = client["mtl"]["launches"].find({}, {"action": 1})
        assert [launch["action"]["stored_data"]["mtl_lost"] for launch in ended] == [False, False]
    assert work(address, launch_dir=tmp_path / "launches").completed == 2


def test_a_full_disk_under_jobs_is_waited_for(
    address: Connection, store: MTLStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    room, told = tmp_path / "room", []
    submit(Flow([write(str(room))]), address, name="write")
    with pytest.raises(MTLError, match="no space is left on a disk here"):
        work(address, launch_dir=tmp_path / "launches", patience_s=0.2)
    assert [firework["state"] for firework in store.database["fireworks"].find()] == ["READY"]
    assert store.database["launches"].count_documents({"action.stored_data.mtl_lost": True}) == 0

    def make_room(event: RocketEvent) -> None:
        if event.outcome is RocketOutcome.WAITING:
            told.append(event.error)
            room.touch()

    assert work(address, launch_dir=tmp_path / "launches", on_event=make_room).completed == 1
    assert [line.split(" for ")[0].split(" after ")[0] for line in told] == [
        "a disk here has been full",
        "the disk has room again",
    ]


def test_what_rlaunch_records_of_a_job_waits_too(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    monkeypatch.chdir(tmp_path)
    address = Connection.parse(f"{server.status().uri}?{IMPATIENT}", "mtl")
    (tmp_path / "journal.go").touch()
    submit(Flow([slow(str(tmp_path / "journal"))]), address, name="slow")
    back: list[threading.Thread] = []

    class Struck(LaunchPad):  # type: ignore[misc]
        """Of `rlaunch`; its server goes away just when the job is done."""

        def complete_launch(self, *args: Any, **options: Any) -> Any:
            back.append(fault(lambda: kill(server), server.revive, 0.5, within_s=0.0))
            back[0].join(0.3)
            return super().complete_launch(*args, **options)

    pad, outputs = open_launchpad(address, Struck), job_store(address)
    monkeypatch.setattr(jobflow.SETTINGS, "JOB_STORE", outputs)
    assert launch_rocket(pad, FWorker(), strm_lvl="CRITICAL")
    back[0].join()
    assert [firework["state"] for firework in pad.fireworks.find()] == ["COMPLETED"]
    assert pad.launches.count_documents({"state": "COMPLETED"}) == 1
    pad.connection.close()
    outputs.close()


def test_the_embedded_server_is_started_again_by_whoever_needs_it(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    address = replace(Connection.parse(f"{server.status().uri}?{IMPATIENT}", "mtl"), home=server.folder)
    with address.client() as client, Patience(60, revive=address.revive).in_force():
        client["mtl"]["things"].insert_one({"_id": 1})
        kill(server)
        client["mtl"]["things"].insert_one({"_id": 2})
        assert client["mtl"]["things"].count_documents({}) == 2
    assert server.status().persistent
