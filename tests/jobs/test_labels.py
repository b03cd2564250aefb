"""Tables of labels: what is taken, what is refused, and that a refused table changes nothing."""

import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.labels import import_labels, read_labels
from mtl_flows.store.database import MTLStore

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
    garnet, mine = store.labels.get("icsd-1"), store.labels.get("MINE")
    assert (garnet.known_conductor, garnet.conductivity_S_per_cm, garnet.family) == (True, 1e-3, "garnet")
    assert (mine.known_conductor, mine.conductivity_S_per_cm, mine.source) == (False, None, "")
    table.write_text("known_conductor,id,unrelated\nno,icsd-1,x\n")
    assert import_labels(store, table) == (0, 0, 1)
    assert not store.labels.get("icsd-1").known_conductor


def test_a_table_is_read_once(store: MTLStore, table: Path) -> None:
    """A pipe gives its content once; a file may change between two readings."""
    os.mkfifo(table)
    content = (HEADER + "icsd-1,true,,,,\n").encode()
    writer = threading.Thread(target=table.write_bytes, args=(content,))
    writer.start()
    assert import_labels(store, table) == (1, 0, 0)
    writer.join()
    provenance = store.labels.get("icsd-1").provenance
    assert provenance is not None
    assert provenance.inputs == {"table": sha256(content).hexdigest()}


def test_spreadsheets_write_a_mark_first(table: Path) -> None:
    table.write_text("\ufeff" + HEADER + " icsd-1 ,true,,,,\n", encoding="utf-8")
    assert [label.id for label in read_labels(table)] == ["icsd-1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEADER + "icsd-1,maybe,,,,\n", "line 2: known_conductor"),
        (HEADER + "icsd-1,true,,,,\nicsd-2,true,a lot,,,\n", "line 3: conductivity_S_per_cm"),
        (HEADER + "icsd-1,true,-1,,,\n", "line 2: conductivity_S_per_cm"),
        (HEADER + ",true,,,,\n", "line 2: id"),
        (HEADER + "icsd-1,,,,,\n", "line 2: known_conductor"),
        (HEADER + "icsd-1,true,,,,\nICSD-1,false,,,,\n", "line 3: ICSD-1 has a line already"),
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
    below, measured = read_labels(table)
    assert (below.conductivity_S_per_cm, below.below_detection) == (1e-10, True)
    assert (measured.conductivity_S_per_cm, measured.below_detection) == (1e-3, False)
