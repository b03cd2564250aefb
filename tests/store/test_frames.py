"""Frames in GridFS: whole or an error, and written again in place."""

import pytest

from mtl_flows.errors import DynamicsError
from mtl_flows.store.database import MTLStore


def file_counts(store: MTLStore) -> tuple[int, int]:
    files, chunks = store.database["frames.files"], store.database["frames.chunks"]
    return files.count_documents({}), chunks.count_documents({})


def test_a_block_comes_back_as_it_was(store: MTLStore) -> None:
    data = bytes(range(256)) * 2000  # more than one chunk of GridFS
    block = store.frames.write("x:heat", 0, data, n_frames=7)
    assert store.frames.read(block) == data
    assert (block.n_frames, block.n_bytes) == (7, len(data))
    assert file_counts(store) == (1, 2)


def test_a_block_written_again_replaces_itself_alone(store: MTLStore) -> None:
    store.frames.write("x:heat", 0, b"old" * 200_000, 1)
    other = store.frames.write("x:heat", 100, b"other", 1)
    again = store.frames.write("x:heat", 0, b"new", 1)
    assert store.frames.read(again) == b"new"
    assert store.frames.read(other) == b"other"
    assert file_counts(store) == (2, 2)


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
