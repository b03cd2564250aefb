"""The dump of an earlier version's store: what the tests of its migration start from."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import gridfs
import pytest
from old_store import DUMP, restore
from pymongo import MongoClient
from pymongo.database import Database

from mtl_flows.errors import ConfigurationError
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

LICL, LICL_TWICE, LICL_LATER = "icsd-27981", "icsd-52235", "icsd-1044"
COUNTS = {
    "releases": 2,
    "files": 28,
    "structures": 25,
    "rejections": 7,
    "labels": 4,
    "barcodes": 25,
    "topology": 25,
    "chemistry": 39,
    "clusterings": 4,
    "assignments": 52,
    "orderings": 10,
    "relaxations": 12,
    "dynamics": 31,
    "transport": 11,
    "entries": 12,
    "stability": 11,
    "verdicts": 14,
    "screenings": 1,
    "campaigns": 1,
    "candidates": 21,
    "frames.files": 105,
    "frames.chunks": 105,
    "fireworks": 230,
    "workflows": 24,
    "launches": 209,
    "fw_id_assigner": 1,
    "outputs": 208,
}


@pytest.fixture(scope="module")
def old(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The restored store, in a database of its own."""
    with MongoClient(mongo_uri, tz_aware=True) as client:
        database = client[f"mtl_test_{uuid4().hex[:12]}"]
        assert restore(database) == COUNTS
        yield database
        client.drop_database(database.name)


def test_every_collection_came_back(old: Database[dict[str, Any]]) -> None:
    assert {name: old[name].count_documents({}) for name in old.list_collection_names()} == COUNTS


def test_two_releases(old: Database[dict[str, Any]]) -> None:
    first, second = old["releases"].find(sort=[("sequence", 1)])
    assert (first["_id"], second["_id"]) == ("2024.1", "2025.1")
    assert first["complete"]
    assert second["complete"]
    assert old["structures"].distinct("material_id", {"withdrawn": True}) == ["licoo2"]
    revised = old["structures"].distinct("material_id", {"revision": 2})
    assert revised == [LICL, "icsd-34280", "icsd-853"]
    contents = {m: old["structures"].distinct("content_hash", {"material_id": m}) for m in revised}
    # New metadata of two of them, a new cell of the third.
    assert [len(found) for found in contents.values()] == [1, 1, 2]
    open_ones = {r["subject"] for r in old["rejections"].find({"resolved": False, "stage": "ingest"})}
    assert "2024.1/mended.cif" in open_ones
    assert old["structures"].count_documents({"file.name": "2025.1/mended.cif"}) == 1
    assert Counter(r["stage"] for r in old["rejections"].find()) == {
        "ingest": 5,
        "ordering": 1,
        "dynamics": 1,
    }


def test_one_crystal_under_three_ids(old: Database[dict[str, Any]]) -> None:
    members = {LICL: "r2", LICL_TWICE: "r1", LICL_LATER: "r1"}
    found = list(old["structures"].find({"_id": {"$in": [f"{m}.{r}" for m, r in members.items()]}}))
    assert {d["representative_id"] for d in found} == {LICL_LATER}
    assert len({d["content_hash"] for d in found}) == 1
    fits = {f["material_id"]: f for f in old["transport"].find({"status": "fitted", "complete": True})}
    assert fits.keys() == {LICL, LICL_TWICE}
    assert all(fit["activation_energy_eV"] > 0 for fit in fits.values())
    assert len({fit["parameters_hash"] for fit in fits.values()}) == 2  # judged at other lengths
    productions = {
        material: list(old["dynamics"].find({"_id": re.compile(rf"^{material}\.r1:.*:acb654da8542de03:\d")}))
        for material in fits
    }
    assert {m: sorted(s["temperature_K"] for s in found) for m, found in productions.items()} == {
        LICL: [800.0, 1200.0],
        LICL_TWICE: [800.0, 1200.0],
    }
    steps = {m: {s["steps_done"] for s in found} for m, found in productions.items()}
    assert min(steps[LICL]) > max(steps[LICL_TWICE])
    (copy,) = old["structures"].find({"_id": "icsd-7001.r1"})
    assert old["structures"].distinct("representative_id", {"content_hash": copy["content_hash"]}) == [
        "icsd-7001"
    ]


def test_one_potential_with_one_thread_and_with_two(old: Database[dict[str, Any]]) -> None:
    runs = list(old["dynamics"].find({"material_id": "icsd-34280"}))
    assert Counter((s["structure_id"], s["engine"]["threads"]) for s in runs) == {
        ("icsd-34280.r1", 1): 3,
        ("icsd-34280.r2", 2): 3,
    }
    (weights,) = {s["engine"]["weights_sha256"] for s in runs}
    assert re.fullmatch("[0-9a-f]{64}", weights)
    assert len({s["parameters_hash"] for s in runs}) == 1


def test_two_seeds_that_gave_one_cell(old: Database[dict[str, Any]]) -> None:
    cells = {
        (d["seed"], frozenset(_site(site) for site in d["structure"]["sites"]))
        for d in old["orderings"].find({"material_id": "icsd-60001"})
    }
    assert {seed for seed, _ in cells} == {0, 1, 5}
    assert len({cell for _, cell in cells}) == 2


def _site(site: dict[str, Any]) -> tuple[str, tuple[float, ...]]:
    return site["species"][0]["element"], tuple(round(x % 1.0, 4) for x in site["abc"])


def test_a_launch_half_done(old: Database[dict[str, Any]]) -> None:
    states = Counter(w["state"] for w in old["workflows"].find())
    assert states == {"COMPLETED": 20, "FIZZLED": 1, "RUNNING": 2, "READY": 1}
    assert {fw["state"] for fw in old["fireworks"].find()} == {"COMPLETED", "FIZZLED", "READY", "WAITING"}
    assert old["launches"].count_documents({"state": "RUNNING"}) == 0
    begun = {s["_id"]: s for s in old["dynamics"].find({"status": "running"})}
    assert Counter(s["material_id"] for s in begun.values()) == {"icsd-53819": 2, "icsd-22402": 1}
    assert all(0 < s["steps_done"] < s["steps_wanted"] and s["checkpoint"] for s in begun.values())
    assert old["dynamics"].count_documents({"material_id": LICL_LATER}) == 0
    (waiting,) = old["workflows"].find({"state": "READY"})
    assert waiting["metadata"]["material"] == LICL_LATER


def test_every_block_of_frames_is_whole(old: Database[dict[str, Any]]) -> None:
    files = gridfs.GridFS(old, "frames")
    blocks = [b for s in old["dynamics"].find() for chunk in s["chunks"] for b in chunk["blocks"]]
    assert len(blocks) == COUNTS["frames.files"]
    for block in blocks:
        data = files.get(block["file_id"]).read()
        assert (sha256(data).hexdigest(), len(data)) == (block["sha256"], block["n_bytes"])


def test_what_else_is_there(old: Database[dict[str, Any]]) -> None:
    (campaign,) = old["campaigns"].find()
    assert {m["material_id"] for m in campaign["materials"]} == {"lif", "icsd-53819"}
    assert {d["step"] for d in campaign["rounds"][-1]["decisions"]} == {"stop"}
    (screening,) = old["screenings"].find()
    assert screening["parameters"]["chemistry"]["max_atoms"] == 400
    assert len(old["chemistry"].distinct("parameters_hash")) == 2
    assert Counter(c["protocol"] for c in old["clusterings"].find({"current": True})) == {
        "published": 1,
        "text": 1,
    }
    assert sorted(old["dynamics"].distinct("engine_name")) == [
        "chgnet",
        "toy_engines.Conductor",
        "toy_engines.HalideConductor",
        "toy_engines.NoFluorides",
        "vasp",
    ]
    user = old["labels"].find_one({"_id": "li10gep2s12"})
    assert user is not None
    assert (user["conductivity_S_per_cm"], user["source"]) == (0.012, "10.1038/nmat3066")
    known = {c["_id"] for c in old["candidates"].find({"is_known_conductor": True})}
    assert known == {"li10gep2s12", "li7p3s11", "icsd-20208"}  # two by label, one by the article's list
    windows = {
        w["provenance"]["parameters"]["values"].get("provider", "potential") for w in old["stability"].find()
    }
    assert windows == {"potential", "file"}
    assert len(old["verdicts"].distinct("parameters_hash")) == 2


def test_the_dump_names_no_machine() -> None:
    content = gzip.decompress(DUMP.read_bytes()).decode()
    assert set(re.findall(r'(?<=["\s(:])/(\w+)/', content)) == {"scratch", "opt"}
    assert re.search("mongodb://|password", content) is None
    assert set(re.findall(r'"host": "([^"]*)"', content)) == {"node"}
    assert len(DUMP.read_bytes()) < 1_500_000


def test_it_is_refused_rather_than_misread(old: Database[dict[str, Any]], mongo_uri: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="belong to revisions of materials"),
        MTLStore.connect(Connection.parse(mongo_uri, old.name)),
    ):
        pass
    assert "crystals" not in old.list_collection_names()
