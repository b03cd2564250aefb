"""The server is killed with SIGKILL, again and again, while structures are ingested and screened.

`benchmarks/mongod_crash.py` does the same with whole runs in processes of their own, clusters and candidates included.
"""

import random
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from saboteur import Saboteur, sigkill
from test_ingest import cif

import mtl_flows.jobs.delivery
import mtl_flows.jobs.stage_results
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.ingest import ingest
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

N_STRUCTURES = 30
N_KILLS = 5
HERE = Limits(workers=0)


class Sabotage(Saboteur):
    """Remembers the ids of every acknowledged write."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, set[str]] = {}
        super().__init__(lambda name, ids: self.acknowledged.setdefault(name, set()).update(ids))


def work(uri: str, saboteur: Sabotage, folder: Path) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri, journal=True, tz_aware=True, serverSelectionTimeoutMS=500, event_listeners=[saboteur]
    )
    with client:
        store = MTLStore(client, "mtl")
        store.ensure_indexes()
        ingest(store, [folder], release="1", workers=0)
        ids = store.structures.current_ids()
        run_stages(store, ids, ScreeningParameters(), limits=HERE)


@pytest.mark.faults
def test_nothing_acknowledged_is_lost_and_the_rerun_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtl_flows.jobs.delivery, "BATCH", 5)
    monkeypatch.setattr(mtl_flows.jobs.stage_results, "WRITE_EVERY", 5)
    folder = tmp_path / "delivery"
    folder.mkdir()
    for i in range(N_STRUCTURES):
        (folder / f"{i}.cif").write_text(cif(code=str(i), a=4 + i / 100, z=0.4 + i / 1000))
    (folder / "bad.cif").write_text("bad")
    server = EmbeddedServer(tmp_path / "home")
    drawn = random.Random(0)
    saboteur = Sabotage()
    try:
        for _ in range(N_KILLS):
            status = server.start()
            assert status.pid is not None
            saboteur.aim(sigkill(status.pid), drawn.randint(1, 12), drawn.uniform(0.0, 0.01))
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
            crystals = sorted(subject.crystal_id for subject in store.structures.subjects(ids))
            for collection in (store.crystals, store.topology, store.barcodes, store.chemistry):
                keys = [d.id if d.id in crystals else d.crystal_id for d in collection.find()]
                assert sorted(keys) == crystals
            assert store.files.count() == N_STRUCTURES + 1
            assert store.rejections.count() == 1
            assert store.structures.count({"representative_id": ""}) == 0
    finally:
        server.stop()


def _all_there(uri: str, saboteur: Sabotage) -> None:
    with MongoClient(uri) as client:
        for name, keys in saboteur.acknowledged.items():
            there = {d["_id"] for d in client["mtl"][name].find({"_id": {"$in": list(keys)}}, {"_id": 1})}
            assert there == keys, f"{name} lost {keys - there}"
