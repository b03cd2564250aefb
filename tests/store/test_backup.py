"""Everything in one file and back, whatever ends it half-way."""

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bson import encode
from pymongo.database import Database
from samples import fill_screened

from mtl_flows.errors import BackupError, ConfigurationError
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.store import backup as store_backup
from mtl_flows.store import swap
from mtl_flows.store.archive import ArchiveReader
from mtl_flows.store.backup import backup, in_order, restore
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

D = Database[dict[str, Any]]


def content(database: D) -> dict[str, list[bytes]]:
    """Every byte of every collection that is copied, and its indexes."""
    return {
        name: [encode(d) for d in database[name].find(sort=[("_id", 1)])]
        + [repr(sorted(database[name].index_information())).encode()]
        for name in in_order(database.list_collection_names())
    }


@pytest.fixture
def filled(store: MTLStore, address: Connection) -> D:
    """A screened store with a launchpad and frames."""
    fill_screened(store)
    launchpad(address).connection.close()
    for number in range(3):
        data = os.urandom(300_000)
        store.frames._files.put(data, _id=f"block {number}", sha256=sha256(data).hexdigest())
    return store.database


@pytest.fixture
def empty(address: Connection) -> Iterator[D]:
    """Another database of the same server."""
    other = Connection.parse(address.uri.replace(address.database, f"mtl_test_{uuid4().hex[:12]}"), "")
    with other.client() as client:
        yield client[other.database]
        client.drop_database(other.database)


def test_what_was_written_is_put_back_byte_for_byte(filled: D, empty: D, tmp_path: Path) -> None:
    counts = backup(filled, tmp_path / "b.mtl")
    assert counts["frames.files"] == 3
    assert restore(empty, tmp_path / "b.mtl") == counts
    assert content(empty) == content(filled)
    assert (tmp_path / "b.mtl").stat().st_mode & 0o077 == 0


def test_the_same_store_goes_back_to_what_it_was(filled: D, tmp_path: Path) -> None:
    backup(filled, tmp_path / "b.mtl")
    before = content(filled)
    filled.candidates.delete_many({})
    filled["frames.chunks"].delete_one({})
    filled.later.insert_one({"a": 1})
    restore(filled, tmp_path / "b.mtl")
    assert content(filled) == before


def test_another_store_is_replaced_only_if_told_to(filled: D, empty: D, tmp_path: Path) -> None:
    backup(filled, tmp_path / "b.mtl")
    empty.structures.insert_one({"crystal_id": "other"})
    with pytest.raises(ConfigurationError, match="--replace"):
        restore(empty, tmp_path / "b.mtl")
    assert empty.structures.count_documents({}) == 1
    restore(empty, tmp_path / "b.mtl", replace=True)
    assert content(empty) == content(filled)


def test_not_while_jobs_are_at_work(filled: D, tmp_path: Path) -> None:
    backup(filled, tmp_path / "b.mtl")
    filled.fireworks.insert_one({"fw_id": 1, "state": "RUNNING"})
    with pytest.raises(ConfigurationError, match="1 jobs are at work"):
        restore(filled, tmp_path / "b.mtl")


@pytest.mark.parametrize("damage", ["cut", "flipped", "no backup", "trailer"])
def test_a_damaged_file_changes_nothing(filled: D, empty: D, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "b.mtl"
    backup(filled, path)
    whole = gzip.decompress(path.read_bytes())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "flipped":  # inside a frame, and packed again so that gzip does not notice
        middle = whole.index(b"frames.chunks") + 100_000
        path.write_bytes(gzip.compress(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], 1))
    elif damage == "trailer":
        path.write_bytes(gzip.compress(whole[:-40], 1))
    else:
        path.write_bytes(b"something else")
    with pytest.raises(BackupError, match=r"damaged|no backup"):
        restore(empty, path)
    assert empty.list_collection_names() == []


def test_a_backup_that_breaks_off_leaves_no_file(filled: D, tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(filled, tmp_path / "b.mtl", say=fail)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mtl_flows.store import backup
from mtl_flows.store.connection import Connection
uri, path, at = sys.argv[1:]
renamed = 0
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if at == "writing":
    def say(line):
        if line.startswith("frames.files"):
            die()
else:
    say = lambda line: None
    from pymongo.collection import Collection
    plain = Collection.rename
    def rename(self, *args, **kwargs):
        global renamed
        renamed += 1
        if renamed == int(at):
            die()
        return plain(self, *args, **kwargs)
    Collection.rename = rename
address = Connection.parse(uri, "")
with address.client() as client:
    backup.restore(client[address.database], Path(path), say=say)
"""


@pytest.mark.parametrize("at", ["writing", "7"])
def test_killed_half_way_nothing_is_half_restored(
    filled: D, address: Connection, tmp_path: Path, at: str
) -> None:
    backup(filled, tmp_path / "b.mtl")
    written = content(filled)
    filled.candidates.delete_many({})
    filled["frames.chunks"].delete_one({})
    changed = content(filled)
    command = [sys.executable, "-c", KILLED, address.uri, str(tmp_path / "b.mtl"), at]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with address.client() as client:  # who opens it next
        found = content(client[address.database])
    assert found == (changed if at == "writing" else written)
    restore(filled, tmp_path / "b.mtl")
    assert content(filled) == written
    assert not [n for n in filled.list_collection_names() if n.startswith(swap.STAGED)]


def test_beside_a_writer_what_is_pointed_to_is_there(filled: D, empty: D, tmp_path: Path) -> None:
    """A worker adds blocks of frames, each before the record that points to it, and completes jobs after both."""

    def at_work(line: str) -> None:
        key = uuid4().hex
        filled["frames.chunks"].insert_one({"_id": key, "files_id": key, "n": 0})
        filled["frames.files"].insert_one({"_id": key})
        filled.dynamics.insert_one({"_id": key})
        filled.fireworks.insert_one({"_id": key, "fw_id": key, "state": "COMPLETED"})

    backup(filled, tmp_path / "b.mtl", say=at_work)
    restore(empty, tmp_path / "b.mtl")
    chain = ["fireworks", "dynamics", "frames.files", "frames.chunks"]
    found = [{d["_id"] for d in empty[name].find({"_id": {"$type": "string"}}, {"_id": 1})} for name in chain]
    assert found[0] <= found[1]
    assert found[1] <= found[2] | {d["_id"] for d in filled.dynamics.find({"chunks": {"$exists": True}})}
    assert len(found[2]) > len(found[1])


def test_reading_is_by_the_piece(filled: D, tmp_path: Path) -> None:
    backup(filled, tmp_path / "b.mtl")
    with ArchiveReader.open(tmp_path / "b.mtl") as archive:
        sizes = [len(b) for b in store_backup._batches(archive) if isinstance(b, list)]
    assert max(sizes) <= 1000
