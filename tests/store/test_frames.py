"""Frames in GridFS: whole or an error, never written over, and swept once no record can point to them."""

import pytest
from pymongo.errors import BulkWriteError
from test_dynamics_store import simulation

from mtl_flows.errors import DynamicsError
from mtl_flows.schemas.dynamics import BlockRecord, ChunkRecord, TrajectoryDocument
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Owner


def file_counts(store: MTLStore) -> tuple[int, int]:
    files, chunks = store.database["frames.files"], store.database["frames.chunks"]
    return files.count_documents({}), chunks.count_documents({})


def test_a_block_comes_back_as_it_was(store: MTLStore) -> None:
    data = bytes(range(256)) * 2000  # more than one chunk of GridFS
    block = store.frames.write("x:heat", 0, data, n_frames=7)
    assert store.frames.read(block) == data
    assert (block.n_frames, block.n_bytes) == (7, len(data))
    assert file_counts(store) == (1, 2)


def test_a_block_written_again_leaves_the_first_alone(store: MTLStore) -> None:
    first = store.frames.write("x:heat", 0, b"old" * 200_000, 1)
    again = store.frames.write("x:heat", 0, b"new", 1)
    assert first.file_id != again.file_id
    assert store.frames.read(first) == b"old" * 200_000
    assert store.frames.read(again) == b"new"
    assert file_counts(store) == (2, 4)


def advance(store: MTLStore, *blocks: BlockRecord) -> TrajectoryDocument:
    """Move the record on, to point to these blocks."""
    before = store.dynamics.get("x.r1:800K")
    chunk = ChunkRecord(
        first_step=before.steps_done,
        last_step=before.steps_done + 10,
        blocks=list(blocks),
        mean_temperature_K=800.0,
        mean_energy_eV=-1.0,
        conserved_drift_meV_per_atom_ps=0.0,
        wall_s=1.0,
    )
    chunks = [*before.chunks, chunk]
    return store.dynamics.advance(before, before.model_copy(update={"chunks": chunks}))


def test_what_lost_the_race_is_swept_and_nothing_else(store: MTLStore) -> None:
    store.dynamics.add([simulation()])
    key = "x.r1:800K"
    lost = store.frames.write(key, 0, b"lost" * 200_000, 1)
    counted, unsettled = store.frames.write(key, 0, b"one", 1), store.frames.write(key, 10, b"two", 1)
    advance(store, counted, unsettled)
    store.frames.settle([counted])
    in_progress = store.frames.write(key, 20, b"three", 1, revision=1)
    gone = MTLStore(store.client, store.database.name, Owner("gone"))
    left = gone.frames.write(key, 20, b"four", 1, revision=1)
    without_record = store.frames.write("y.r1:800K", 0, b"five", 1)

    assert store.frames.sweep(store.dynamics, lambda token: token == "gone") == 3
    for block in (counted, unsettled, in_progress):
        assert store.frames.read(block)
    for block in (lost, left, without_record):
        with pytest.raises(DynamicsError, match="missing"):
            store.frames.read(block)
    assert file_counts(store) == (3, 3)
    assert [note["_id"] for note in store.database["frames.pending"].find()] == [in_progress.file_id]
    assert store.frames.sweep(store.dynamics, lambda token: token == "gone") == 0


def test_who_lost_its_work_takes_back_what_was_swept_on_its_way(store: MTLStore) -> None:
    store.dynamics.add([simulation()])
    key = "x.r1:800K"
    swept, noted, counted = (store.frames.write(key, step, b"frames", 1) for step in (0, 10, 20))
    advance(store, counted)
    store.database["frames.pending"].delete_many({"_id": {"$ne": noted.file_id}})
    store.frames.forsake([swept, noted, counted], store.dynamics, key)
    assert store.frames.sizes().keys() == {noted.file_id, counted.file_id}


def test_a_block_that_cannot_be_written_is_an_error(store: MTLStore) -> None:
    store.database.drop_collection("frames.chunks")
    store.database.create_collection("frames.chunks", validator={"never": {"$exists": True}})
    with pytest.raises(BulkWriteError):
        store.frames.write("x:heat", 0, b"frames", 1)
    store.database.drop_collection("frames.chunks")


def test_who_has_ended_cannot_point_to_swept_blocks_any_more(store: MTLStore) -> None:
    """Its last write may be on its way when its blocks are swept."""
    store.dynamics.add([simulation()])
    ended = MTLStore(store.client, store.database.name, Owner("ended"))
    begun = ended.dynamics.claim(ended.dynamics.get("x.r1:800K"))
    ended.frames.write("x.r1:800K", 0, b"lost", 1)
    store.frames.sweep(store.dynamics, lambda token: token == "ended")
    standing = {"_id": begun.id, "owner": begun.owner, "revision": begun.revision}
    assert not store.dynamics.raw.find_one(standing)


def test_half_a_block_is_swept_too(store: MTLStore) -> None:
    """A worker killed while it wrote leaves pieces without a file."""
    store.dynamics.add([simulation()])
    store.frames.write("x.r1:800K", 0, b"lost" * 200_000, 1)
    store.database["frames.files"].delete_many({})
    advance(store)
    assert store.frames.sweep(store.dynamics, lambda token: False) == 1
    assert file_counts(store) == (0, 0)


def test_missing_and_damaged_blocks_are_noticed(store: MTLStore) -> None:
    block = store.frames.write("x:heat", 0, b"frames", 1)
    store.database["frames.chunks"].update_one({}, {"$set": {"data": b"flames"}})
    with pytest.raises(DynamicsError, match="damaged") as damaged:
        store.frames.read(block)
    assert damaged.value.subject == block.file_id
    store.database["frames.chunks"].delete_many({})
    with pytest.raises(DynamicsError, match="damaged"):
        store.frames.read(block)
    store.database["frames.files"].delete_many({})
    with pytest.raises(DynamicsError, match="missing"):
        store.frames.read(block)
