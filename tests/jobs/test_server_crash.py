"""The server is killed with SIGKILL, again and again, while structures are ingested and screened.

`benchmarks/mongod_crash.py` does the same with whole runs in processes of their own, clusters and candidates included.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)
from test_ingest import cif

import mtl_flows.jobs.batch
import mtl_flows.jobs.ingest
from mtl_flows.jobs.batch import Limits
from mtl_flows.jobs.chemistry import run_chemistry
from mtl_flows.jobs.ingest import ingest
from mtl_flows.jobs.topology import run_topology
from mtl_flows.science.chemistry import ChemistryParameters
from mtl_flows.science.topology import TopologyParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

N_STRUCTURES = 30
N_KILLS = 5
HERE = Limits(workers=0)


class Saboteur(CommandListener):
    """Remembers the ids of every acknowledged write, and kills the server just after the nth write has set out."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, set[str]] = {}
        self._pending: dict[int, tuple[str, list[str]]] = {}
        self._pid = self._writes_left = 0
        self._delay_s = 0.0

    def aim(self, pid: int, after_writes: int, delay_s: float) -> None:
        self._pid, self._writes_left, self._delay_s = pid, after_writes, delay_s

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name not in ("insert", "update"):
            return
        if event.command_name == "insert":
            ids = [document["_id"] for document in event.command["documents"]]
        else:
            ids = [u["q"]["_id"] for u in event.command["updates"] if u.get("upsert") and "_id" in u["q"]]
        self._pending[event.request_id] = (event.command[event.command_name], ids)
        self._writes_left -= 1
        if self._writes_left == 0:
            threading.Timer(self._delay_s, os.kill, (self._pid, signal.SIGKILL)).start()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        collection, ids = self._pending.pop(event.request_id, ("", []))
        failed = {error["index"] for error in event.reply.get("writeErrors", ())}
        if kept := {key for i, key in enumerate(ids) if i not in failed}:
            self.acknowledged.setdefault(collection, set()).update(kept)

    def failed(self, event: CommandFailedEvent) -> None:
        self._pending.pop(event.request_id, None)


def work(uri: str, saboteur: Saboteur, folder: Path) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri, journal=True, tz_aware=True, serverSelectionTimeoutMS=500, event_listeners=[saboteur]
    )
    with client:
        store = MTLStore(client, "mtl")
        store.ensure_indexes()
        ingest(store, [folder], release="1", workers=0)
        ids = store.structures.current_ids()
        run_topology(store, ids, mobile_ion="Li", parameters=TopologyParameters(), limits=HERE)
        run_chemistry(store, ids, mobile_ion="Li", parameters=ChemistryParameters(), limits=HERE)


def test_nothing_acknowledged_is_lost_and_the_rerun_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtl_flows.jobs.ingest, "_BATCH", 5)
    monkeypatch.setattr(mtl_flows.jobs.batch, "_WRITE_EVERY", 5)
    folder = tmp_path / "delivery"
    folder.mkdir()
    for i in range(N_STRUCTURES):
        (folder / f"{i}.cif").write_text(cif(code=str(i), a=4 + i / 100, z=0.4 + i / 1000))
    (folder / "bad.cif").write_text("bad")
    server = EmbeddedServer(tmp_path / "home")
    drawn = random.Random(0)
    saboteur = Saboteur()
    try:
        for _ in range(N_KILLS):
            status = server.start()
            assert status.pid is not None
            saboteur.aim(status.pid, drawn.randint(1, 12), drawn.uniform(0.0, 0.01))
            with pytest.raises(PyMongoError):
                work(status.uri, saboteur, folder)
            while server.status().running:
                time.sleep(0.01)
            _all_there(server.start().uri, saboteur)
        work(server.start().uri, saboteur, folder)
        _all_there(server.start().uri, saboteur)
        with MongoClient(server.start().uri, tz_aware=True) as client:
            store = MTLStore(client, "mtl")
            ids = sorted(f"icsd-{i}.r1" for i in range(N_STRUCTURES))
            assert store.structures.current_ids() == ids
            assert sorted(d.structure_id for d in store.topology.find()) == ids
            assert sorted(d.structure_id for d in store.barcodes.find()) == ids
            assert sorted(d.structure_id for d in store.chemistry.find()) == ids
            assert store.files.count() == N_STRUCTURES + 1
            assert store.rejections.count() == 1
            assert store.structures.count({"representative_id": ""}) == 0
    finally:
        server.stop()


def _all_there(uri: str, saboteur: Saboteur) -> None:
    with MongoClient(uri) as client:
        for name, keys in saboteur.acknowledged.items():
            there = {d["_id"] for d in client["mtl"][name].find({"_id": {"$in": list(keys)}}, {"_id": 1})}
            assert there == keys, f"{name} lost {keys - there}"
