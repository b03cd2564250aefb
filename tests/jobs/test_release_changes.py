"""Kinds of change between two releases."""

from pathlib import Path

import pytest
from test_ingest import cif

from mtl_flows.jobs.ingest import ingest
from mtl_flows.report.changes import Change, changes, select
from mtl_flows.store.database import MTLStore


@pytest.fixture
def found(store: MTLStore, tmp_path: Path) -> dict[str, Change]:
    """One change of each kind."""
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first = {
        "same": cif(a=4.1, anion="S"),
        "words": cif(a=4.2),
        "refined": cif(a=4.3),
        "occupied": cif(a=4.4, occupancy=0.5),
        "other": cif(a=4.5),
        "gone": cif(a=4.6, anion="Br"),
    }
    second = {
        "same": cif(a=4.1, anion="S"),
        "words": cif(a=4.2) + "_cell_measurement_temperature 500\n",
        "refined": cif(a=4.3, z=0.52),
        "occupied": cif(a=4.4, occupancy=0.6),
        "other": cif(a=4.5, anion="Cl"),
        "copy": cif(a=4.1, anion="S"),
        "new": cif(a=4.7, anion="I"),
    }
    for release, files in (("1", first), ("2", second)):
        for name, content in files.items():
            (tmp_path / release / f"{name}.cif").write_text(content)
        ingest(store, [tmp_path / release], release=release, workers=0)
    old, new = store.structures.in_release("1"), store.structures.in_release("2")
    return {c.material_id: c for c in changes(store, old, new, complete=True)}


def test_every_kind(found: dict[str, Change]) -> None:
    assert {material: change.told() for material, change in found.items()} == {
        "copy": "joined the group of same",
        "gone": "withdrawn",
        "new": "new",
        "occupied": "refined: atoms moved 0.000 Å, cell 0.000 Å, occupancies changed",
        "other": "new content",
        "refined": "refined: atoms moved 0.086 Å, cell 0.000 Å",
        "words": "metadata only",
    }


def test_the_same_bytes_read_otherwise_are_read_anew(store: MTLStore, found: dict[str, Change]) -> None:
    """As an update of the reader would."""
    two = store.structures.in_release("2")
    bytes_before = store.structures.get("refined.r1").file.sha256
    store.structures.raw.update_one({"_id": two["refined"]}, {"$set": {"file.sha256": bytes_before}})
    (change,) = changes(store, {"refined": "refined.r1"}, {"refined": two["refined"]}, complete=False)
    assert change.told() == "read anew: atoms moved 0.086 Å, cell 0.000 Å"
    (left,) = changes(store, {"refined": "refined.r1"}, {}, complete=False)
    assert left.kind == "not delivered"
    (left,) = changes(store, {"refused": "refined.r1"}, {}, complete=True, refused=["refused"])
    assert left.kind == "refused", "a refused file withdraws nothing"


def test_filters(found: dict[str, Change]) -> None:
    listed = list(found.values())
    assert select(listed) == listed
    assert [c.material_id for c in select(listed, ["refined"])] == ["occupied", "refined"]
    assert [c.material_id for c in select(listed, moved_over_A=0.05)] == ["refined"]
    assert select(listed, ["withdrawn"], 0.05) == []
