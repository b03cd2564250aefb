"""`mtl doctor` and `mtl migrate`."""

import json
from pathlib import Path

import yaml
from cli_answers import Mtl
from old_store import restore
from samples import write_cifs

from mtl_flows.store.database import MTLStore


def findings(answer: object) -> dict[str, dict[str, str]]:
    return {found["check"]: found for found in json.loads(answer.out)}  # type: ignore[attr-defined]


def test_a_sound_configuration_passes(mtl_here: Mtl, store: MTLStore, server: str) -> None:
    """20 MiB through the job store and back; nothing of it stays."""
    told = mtl_here("doctor", "--json")
    found = findings(told)
    assert {"server version", "storage engine", "clock", "indexes", "schema versions"} <= found.keys()
    assert found["job store"]["status"] == "pass", told
    assert "20 MiB" in found["job store"]["found"]
    assert [c for c, f in found.items() if f["status"] == "fail" and "disk" not in c] == []
    for name in ("outputs", "outputs_blobs.files", "outputs_blobs.chunks"):
        assert store.database[name].count_documents({}) == 0


def test_what_would_lose_results_fails(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    (project / "mtl.yaml").write_text("mongo_uri: mongodb://me:secret@nowhere/mtl\n")
    (project / "mtl.yaml").chmod(0o644)
    memory = {"JOB_STORE": {"docs_store": {"type": "MemoryStore"}}}
    (project / "jobflow.yaml").write_text(yaml.safe_dump(memory))
    (project / "my_launchpad.yaml").write_text("name: another\n")
    store.structures.raw.drop_index("releases_1")
    answer = mtl_here("doctor", "--json", "--blob-mib", 1)
    found = findings(answer)
    assert answer.code == 4
    failed = {check for check, f in found.items() if f["status"] == "fail"}
    assert {"mode of mtl.yaml", "job store", "launchpad", "indexes"} <= failed
    assert "memory" in found["job store"]["found"]
    assert all(f["remedy"] for f in found.values() if f["status"] != "pass")
    assert "secret" not in answer.out + answer.err
    assert mtl_here("migrate").code == 0
    assert findings(mtl_here("doctor", "--json", "--blob-mib", 1))["indexes"]["status"] == "pass"


def test_documents_of_earlier_and_later_versions(
    mtl_here: Mtl, store: MTLStore, server: str, project: Path
) -> None:
    restore(store.database, only=("files", "rejections", "labels", "releases"))
    old = {"$set": {"schema_version": 1}}
    store.files.raw.update_many({}, {**old, "$unset": {"code_version": 1, "read_at": 1}})
    for collection in (store.rejections, store.labels, store.releases):
        collection.raw.update_many({}, {**old, "$unset": {"provenance": 1}})
    assert findings(mtl_here("doctor", "--json", "--blob-mib", 1))["schema versions"]["status"] == "warn"
    assert json.loads(mtl_here("migrate", "--json").out) == {
        "files": 28, "rejections": 7, "labels": 4, "releases": 2,
    }  # fmt: skip
    assert json.loads(mtl_here("migrate", "--json").out) == {}
    assert {f.schema_version for f in store.files.find()} == {3}
    assert store.files.raw.find_one()["code_version"] == ""  # type: ignore[index]

    mtl_here("ingest", write_cifs(project / "crystals", "licl"), "-r", "one", "-j", 0)
    store.structures.raw.update_one({"_id": "licl.r1"}, {"$set": {"schema_version": 9}})
    later = findings(mtl_here("doctor", "--json", "--blob-mib", 1))["schema versions"]
    assert (later["status"], later["remedy"]) == ("fail", "update mtl_flows")
    refused = mtl_here("explain", "licl")
    assert (refused.code, "later mtl_flows" in refused.err) == (4, True)
