"""Which key everything has today that version 1 kept: frozen, and what becomes of each kind of document."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from old_store import restore
from pymatgen.core import Lattice, Structure
from pymongo import MongoClient
from pymongo.database import Database

from mtl_flows.schemas.base import content_hash
from mtl_flows.science.crystals import canonical
from mtl_flows.store.database import MTLStore
from mtl_flows.store.version_1 import documents as of_crystals
from mtl_flows.store.version_1.crystals import Revisions
from mtl_flows.store.version_1.others import rejection
from mtl_flows.store.version_1.takeover import Takeover

FROZEN = Path(__file__).parents[1] / "fixtures" / "keys_of_version_1.json"

Keys = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def old(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The restored store, in a database of its own; nothing is written there."""
    with MongoClient(mongo_uri, tz_aware=True) as client:
        database = client[f"mtl_test_{uuid4().hex[:12]}"]
        restore(database)
        yield database
        client.drop_database(database.name)


@pytest.fixture(scope="module")
def takeover(old: Database[dict[str, Any]]) -> Takeover:
    return Takeover(old)


@pytest.fixture(scope="module")
def today(takeover: Takeover) -> dict[str, list[dict[str, Any]]]:
    """Every document of today, by collection."""
    return {name: list(documents) for name, documents in takeover.documents()}


def keys(takeover: Takeover) -> Keys:
    """New key by old one, for every document that has another, by collection."""
    found: Keys = {name: {} for name in ("barcodes", "topology", "chemistry", "assignments", "verdicts")}
    subjects, old = takeover.revisions.subjects, takeover.database
    structures = {d["_id"]: Structure.from_dict(d["structure"]) for d in old["structures"].find()}
    for d in old["barcodes"].find():
        at = d["structure_id"]
        found["barcodes"][d["_id"]] = of_crystals.barcodes(d, subjects[at], structures[at])["_id"]
    for d in old["topology"].find():
        found["topology"][d["_id"]] = of_crystals.topology(d, subjects[d["structure_id"]])["_id"]
    for d in old["chemistry"].find():
        found["chemistry"][d["_id"]] = of_crystals.chemistry(d, subjects[d["structure_id"]])["_id"]
    for d in old["assignments"].find():
        crystal = subjects[d["structure_id"]].crystal_id
        found["assignments"][d["_id"]] = of_crystals.assignment(d, crystal, takeover.clusterings)["_id"]
    for d in old["verdicts"].find():
        found["verdicts"][d["_id"]] = of_crystals.verdict(d, takeover.renamed)["_id"]
    found["rejections"] = {
        d["_id"]: rejection(d, takeover.revisions, takeover.renamed)["_id"]
        for d in old["rejections"].find({"stage": {"$ne": "ingest"}})
    }
    found["structures"] = {key: subject.crystal_id for key, subject in subjects.items()}
    found["clusterings"] = takeover.clusterings
    found["runs"] = takeover.renamed
    return found


def test_the_map_of_keys_is_frozen(takeover: Takeover) -> None:
    """A change here makes results of migrated stores unfindable."""
    assert keys(takeover) == json.loads(FROZEN.read_text(encoding="utf-8"))


def test_every_document_has_the_layout_of_today(
    today: dict[str, list[dict[str, Any]]], old: Database[dict[str, Any]]
) -> None:
    models = {c.name: c.model for c in MTLStore(old.client, old.name).collections}
    for name in today.keys() - {"releases", "files", "labels", "rejections"}:
        for document in today[name]:
            models[name].from_mongo(document)


def test_calculations_keep_what_they_computed(
    today: dict[str, list[dict[str, Any]]], old: Database[dict[str, Any]], takeover: Takeover
) -> None:
    for name in ("dynamics", "transport"):
        before = {takeover.renamed[d["_id"]]: d for d in old[name].find()}
        assert len(before) == old[name].count_documents({})  # none is lost
        assert {d["_id"] for d in today[name]} == before.keys()
        for document in today[name]:
            was = before[document["_id"]]
            moved = {
                *("_id", "schema_version", "structure_id", "parameters_hash", "provenance", "engine"),
                *("ordering_id", "ordering"),
            }
            kept = was.keys() - moved
            assert {k: document[k] for k in kept} == {k: was[k] for k in kept}
    for document in today["dynamics"]:
        assert document["engine"]["weights_sha256"] in (None, "")


def test_runs_that_come_to_one_key_are_replicas_and_the_most_complete_comes_first(
    takeover: Takeover, today: dict[str, list[dict[str, Any]]]
) -> None:
    further = takeover.further()
    assert sorted(key.partition(":")[0] for key in further) == ["icsd-34280.r2", "icsd-52235.r1"]
    for old, new in further.items():
        first = next(
            o
            for o in takeover.runs.orderings.values()
            if o.sample == (new.sample.approximant_id, 0) and not o.further
        )
        assert (new.parent_id, new.sample.replica, new.number) == (first.parent_id, 1, 1), old
    steps: Counter[int] = Counter()
    licl = takeover.revisions.crystal("icsd-27981.r1")
    for d in today["dynamics"]:
        if d["crystal_id"] == licl and d["engine_name"] == "toy_engines.Conductor":
            steps[d["replica"]] += d["steps_done"]
    assert steps[0] > steps[1] > 0
    # Two seeds that gave one cell were two runs before, and are two replicas of one cell.
    mixed = {d["seed"]: d for d in today["orderings"] if d["material_id"] == "icsd-60001"}
    assert mixed[0]["approximant_id"] == mixed[5]["approximant_id"] != mixed[1]["approximant_id"]
    assert {seed: d["replica"] for seed, d in mixed.items()} == {0: 0, 1: 1, 5: 5}


def test_sites_of_barcodes_are_those_of_the_crystal(
    today: dict[str, list[dict[str, Any]]], old: Database[dict[str, Any]]
) -> None:
    crystals = {d["_id"]: Structure.from_dict(d["structure"]) for d in today["crystals"]}
    for document in today["barcodes"]:
        sites = crystals[document["crystal_id"]]
        for orbit in document["orbits"]:
            assert "Li" in sites[orbit["site_index"]].species_string
    for revision in old["structures"].find():
        structure, order = canonical(Structure.from_dict(revision["structure"]))
        (moved,) = (d for d in today["structures"] if d["_id"] == revision["_id"])
        assert moved["site_labels"] == [
            Structure.from_dict(revision["structure"])[int(i)].label for i in order
        ]
        assert structure == crystals[moved["crystal_id"]]


def test_what_was_hidden_in_the_fingerprint_is_found() -> None:
    said = ["f" * 64, "Li (H2 O)", {"title": ""}, {}]
    flags = dict.fromkeys(
        (
            *("ordered", "mobile_disordered", "framework_disordered", "composition_mismatch"),
            *("theoretical", "non_ambient", "poor_refinement"),
        ),
        False,
    )
    structure = Structure(Lattice.cubic(4.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    stored = {
        "_id": "x.r1",
        "material_id": "x",
        "content_hash": said[0],
        "formula": said[1],
        "metadata": said[2],
        "oxidation_states": said[3],
        "fingerprint": content_hash([*said, 2.0]),
        "n_atoms": 2.0,
        "flags": {**flags, "missing_hydrogen": True},
        "structure": structure.as_dict(),
        "revision": 1,
        "current": True,
        "representative_id": "x",
    }
    subject = Revisions.of([stored], lambda key: structure).subjects["x.r1"]
    assert of_crystals.structure(stored, subject)["implicit_hydrogens"] == 2.0


def test_readings_that_agree_within_rounding_are_one_crystal() -> None:
    def reading(number: int, x: float) -> tuple[dict[str, Any], Structure]:
        structure = Structure(Lattice.cubic(4.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, x]])
        stored = {
            "_id": f"x.r{number}",
            "material_id": "x",
            "revision": number,
            "current": number == 3,
            "content_hash": f"{number}" * 64,
            "formula": "Li O",
            "oxidation_states": {},
            "representative_id": "x",
        }
        return stored, structure

    readings = [reading(1, 0.5), reading(2, 0.5001), reading(3, 0.51)]
    structures = {stored["_id"]: structure for stored, structure in readings}
    revisions = Revisions.of([stored for stored, _ in readings], structures.__getitem__)
    assert [revisions.crystal(f"x.r{k}") for k in (1, 2, 3)] == ["1" * 24, "1" * 24, "3" * 24]
    assert revisions.current == {"x": "x.r3"}
