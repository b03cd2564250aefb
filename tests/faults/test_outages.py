"""A database that goes away costs time and nothing else: no job fails, no attempt counts, nothing is missing."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import IMPATIENT, away, kill
from undertaking import KINDS, computed, differences, hand_in, kind_of, take_in

from mtl_flows.launch.events import RocketEvent, RocketOutcome
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "mongod")
    server.start()
    yield server
    server.stop()


def test_a_server_that_is_killed_during_jobs_of_each_kind_costs_nothing_but_time(
    undisturbed: dict[str, Any], server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    address = Connection.parse(f"{server.status().uri}?{IMPATIENT}", "mtl")
    to_hit = {"ingest", *random.sample(KINDS, 3)}
    strikes: list[threading.Thread] = []
    told: list[str] = []

    def strike(event: RocketEvent) -> None:
        if event.outcome is RocketOutcome.WAITING:
            told.append(event.error)
        kind = kind_of(event.name)
        if event.outcome is RocketOutcome.STARTED and kind in to_hit:
            to_hit.discard(kind)
            strikes.append(away(server, 0.3, within_s=0.3))

    with MTLStore.connect(address) as store:
        with Patience(60, told.append).in_force():
            strikes.append(away(server, 0.3, within_s=0.3))
            take_in(store, tmp_path / "files")
        to_hit.discard("ingest")
        strikes.pop().join()
        hand_in(store, address)
        summary = work(address, launch_dir=tmp_path / "stormy", on_event=strike, patience_s=60)
        for thread in strikes:
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
