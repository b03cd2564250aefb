"""Labels as the user states them: what is taken, what is refused, and that a refused table changes nothing."""

import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from samples import fill, label

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.labels import import_labels, label_contradictions, label_material, read_labels
from mtl_flows.schemas.labels import LabelFacts
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey

HEADER = "id,known_conductor,conductivity_S_per_cm,below_detection,family,source\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_a_table_becomes_labels_once(store: MTLStore, table: Path) -> None:
    table.write_text(HEADER + "icsd-1,true,1e-3,false,garnet,10.1/x\nMINE,False,,,,\n")
    assert import_labels(store, table) == (2, 0, 0)
    stated = list(store.labels.find())
    assert import_labels(store, table) == (0, 2, 0)
    assert list(store.labels.find()) == stated
    digest = sha256(table.read_bytes()).hexdigest()
    assert all(label.provenance and label.provenance.inputs == {"table": digest} for label in stated)
    assert {s.table_sha256 for label in stated for s in label.statements} == {digest}
    garnet, mine = store.labels.get("icsd-1:Li"), store.labels.get("mine:Li")
    assert (garnet.known_conductor, garnet.conductivity_S_per_cm, garnet.family) == (True, 1e-3, "garnet")
    assert (mine.known_conductor, mine.conductivity_S_per_cm, mine.source) == (False, None, "")


def test_a_table_adds_to_what_was_stated_or_replaces_it(store: MTLStore, table: Path) -> None:
    label(store, "icsd-1", conductivity_S_per_cm=1e-3, source="10.1/x", known_conductor=True)
    table.write_text("known_conductor,id\nno,ICSD-1\n")
    assert import_labels(store, table) == (0, 0, 1)
    found = store.labels.get("icsd-1:Li")
    assert (found.known_conductor, found.conductivity_S_per_cm, found.source) == (False, 1e-3, "10.1/x")
    assert import_labels(store, table, replace=True) == (0, 0, 1)
    assert store.labels.get("icsd-1:Li").facts == LabelFacts(known_conductor=False)


def test_rows_name_their_ion(store: MTLStore, table: Path) -> None:
    table.write_text("id,ion,known_conductor\na,,true\na,Na,false\nb,Na,true\n")
    assert import_labels(store, table) == (3, 0, 0)
    assert store.labels.known_conductors("Na") == {"b"}
    assert "a" in store.labels.known_conductors("Li")
    assert read_labels(table, ion="K").keys() == {
        LabelKey("a", "K"),
        LabelKey("a", "Na"),
        LabelKey("b", "Na"),
    }


def test_a_table_is_read_once(store: MTLStore, table: Path) -> None:
    """A pipe gives its content once; a file may change between two readings."""
    os.mkfifo(table)
    content = (HEADER + "icsd-1,true,,,,\n").encode()
    writer = threading.Thread(target=table.write_bytes, args=(content,))
    writer.start()
    assert import_labels(store, table) == (1, 0, 0)
    writer.join()
    provenance = store.labels.get("icsd-1:Li").provenance
    assert provenance is not None
    assert provenance.inputs == {"table": sha256(content).hexdigest()}


def test_spreadsheets_write_a_mark_first(table: Path) -> None:
    table.write_text("\ufeff" + HEADER + " icsd-1 ,true,,,,\n", encoding="utf-8")
    assert read_labels(table) == {LabelKey("icsd-1", "Li"): LabelFacts(known_conductor=True)}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEADER + "icsd-1,maybe,,,,\n", "line 2: known_conductor"),
        (HEADER + "icsd-1,true,,,,\nicsd-2,true,a lot,,,\n", "line 3: conductivity_S_per_cm"),
        (HEADER + "icsd-1,true,-1,,,\n", "line 2: conductivity_S_per_cm"),
        (HEADER + "icsd-1,true,0,,,\n", "line 2: conductivity_S_per_cm"),
        (HEADER + "icsd-1,true,12,,,\n", "line 2: conductivity_S_per_cm"),
        (HEADER + "icsd-1,true,nan,,,\n", "line 2: conductivity_S_per_cm"),
        (HEADER + ",true,,,,\n", "line 2: id"),
        (HEADER + "icsd-1,,,,,\n", "line 2: states nothing"),
        (HEADER + "icsd-1,true,,true,,\n", "line 2: below_detection"),
        (HEADER + "icsd-1,true,,,,,more\n", "line 2: more cells than columns"),
        (HEADER + "icsd-1,true,,,,\nICSD-1,false,,,,\n", "line 3: ICSD-1 has a line already"),
        ("id,known_conductor,ion\nicsd-1,true,Xy\n", "line 2: ion: Value error, Xy is no element"),
        ("id,known_conductor,conductivity\nicsd-1,true,1\n", "unknown columns: conductivity"),
        ("material,known\nicsd-1,true\n", "required"),
        ("", "required"),
    ],
)
def test_a_wrong_table_is_refused_whole(store: MTLStore, table: Path, content: str, told: str) -> None:
    table.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        import_labels(store, table)
    assert told in str(caught.value)
    assert caught.value.subject == str(table)
    assert caught.value.remedy
    assert store.labels.count() == 0


def test_a_file_that_cannot_be_read_is_refused(table: Path, tmp_path: Path) -> None:
    for wrong in (table, tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            read_labels(wrong)
        assert str(wrong) in str(caught.value)
    table.write_bytes(b"\xff\xfe\x00id")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_labels(table)


def test_a_conductivity_below_detection(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("id,known_conductor,conductivity_S_per_cm\na,false,<1E-10\nb,true,1e-3\n")
    below, measured = read_labels(table).values()
    assert (below.conductivity_S_per_cm, below.below_detection) == (1e-10, True)
    assert (measured.conductivity_S_per_cm, measured.below_detection) == (1e-3, False)


def test_one_material(store: MTLStore) -> None:
    facts = LabelFacts(conductivity_S_per_cm=1e-10, below_detection=True, source="10.1/x")
    assert label_material(store, " Mine ", "Li", facts) == (1, 0, 0)
    assert label_material(store, "mine", "Li", LabelFacts(known_conductor=True)) == (0, 0, 1)
    assert store.labels.get("mine:Li").facts == facts.model_copy(update={"known_conductor": True})
    for wrong in (LabelFacts(), LabelFacts(conductivity_S_per_cm=12.0), LabelFacts(below_detection=True)):
        with pytest.raises(ConfigurationError) as caught:
            label_material(store, "mine", "Li", wrong)
        assert caught.value.subject == "mine"


def test_contradictions_within_a_group_of_duplicates(store: MTLStore) -> None:
    fill(store, "licl", "lif")
    assert label_contradictions(store, "LiCl", "Li") == []
    label(store, "licl", known_conductor=True, conductivity_S_per_cm=1e-3)
    label(store, "lif", known_conductor=False, conductivity_S_per_cm=1e-6)
    assert label_contradictions(store, "licl", "Li") == []
    store.structures.raw.update_many({}, {"$set": {"representative_id": "lif"}})
    assert label_contradictions(store, "licl", "Li") == [
        "licl counts as a known conductor, and the label of lif says that it is none",
        "licl conducts 0.001 S/cm, lif conducts 1e-06 S/cm: more than a decade apart",
    ]
    assert label_contradictions(store, "licl", "Na") == []
