"""Operations that all typed collections share, on a real server."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import ClassVar

import pytest
from bson import encode
from pydantic import ValidationError
from pymongo import IndexModel

from mtl_flows.errors import DocumentTooLargeError, NotFoundError
from mtl_flows.schemas.base import Document
from mtl_flows.store.collection import MAX_DOCUMENT_BYTES, DocumentCollection, batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


class Note(Document):
    text: str = ""
    score: float = 0.0


class NoteCollection(DocumentCollection[Note]):
    name = "notes"
    model = Note
    indexes: ClassVar[Sequence[IndexModel]] = (IndexModel([("score", 1)]),)
    retired: ClassVar[Sequence[IndexModel]] = (
        IndexModel([("text", 1)]),
        IndexModel([("text", 1), ("score", -1)]),
        IndexModel([("score", -1)]),
    )


@pytest.fixture
def notes(store: MTLStore) -> NoteCollection:
    collection = NoteCollection(store.database)
    collection.ensure_indexes()
    return collection


def note(key: str, text: str = "", score: float = 0.0) -> Note:
    return Note(id=key, text=text, score=score)


def test_add_leaves_what_is_there(notes: NoteCollection) -> None:
    assert notes.add([note("a", "first"), note("b")]) == (2, 0, 0)
    assert notes.add([note("a", "second"), note("c")]) == (1, 1, 0)
    assert notes.get("a").text == "first"
    assert notes.add([]) == (0, 0, 0)


def test_put_replaces_what_differs(notes: NoteCollection) -> None:
    notes.put([note("a", "first"), note("b", "same")])
    assert notes.put([note("a", "second"), note("b", "same"), note("c")]) == (1, 1, 1)
    assert notes.get("a").text == "second"


def test_many_come_in_the_order_asked_for(notes: NoteCollection) -> None:
    keys = [f"{i:05}" for i in range(1203)]
    notes.add(map(note, keys))
    assert [found.id for found in notes.get_many(keys[::-1])] == keys[::-1]
    assert notes.get_many([]) == []
    with pytest.raises(NotFoundError, match="nobody"):
        notes.get_many(["00001", "nobody"])


def test_writes_go_in_batches(notes: NoteCollection) -> None:
    assert notes.add(note(f"{i:05}") for i in range(1203)).inserted == 1203
    assert notes.put(note(f"{i:05}", "x") for i in range(1203)).replaced == 1203
    assert notes.count() == notes.count({"text": "x"}) == 1203


def test_reading_is_typed_sorted_and_limited(notes: NoteCollection) -> None:
    notes.add([note("c", score=1.0), note("a", score=3.0), note("b", score=2.0)])
    assert [n.id for n in notes.find()] == ["a", "b", "c"]
    assert [n.id for n in notes.find({"score": {"$lt": 3}}, sort=[("score", -1)], limit=1)] == ["b"]
    assert notes.get("a") == note("a", score=3.0)
    assert notes.existing(["a", "c", "x"]) == {"a", "c"}


def test_missing(notes: NoteCollection) -> None:
    with pytest.raises(NotFoundError, match=r"nothing: not in the collection 'notes'"):
        notes.get("nothing")


def test_too_large_documents_are_refused_with_their_batch(notes: NoteCollection) -> None:
    large = note("large", "x" * (17 * 2**20))
    for write in (notes.add, notes.put):
        with pytest.raises(DocumentTooLargeError, match=r"large: 17\.0 MiB in 'notes'"):
            write([note("a"), large])
    assert notes.count() == 0


def test_the_largest_document_that_is_not_refused_is_stored(notes: NoteCollection) -> None:
    spare = MAX_DOCUMENT_BYTES - len(encode(note("large", "").to_mongo()))
    for extra, refused in ((0, False), (1, True)):
        document = note("large", "x" * (spare + extra))
        for write in (notes.add, notes.put):
            notes.raw.delete_many({})
            with pytest.raises(DocumentTooLargeError) if refused else nullcontext():
                write([document])
            assert notes.count() == (not refused)


def test_foreign_fields_are_noticed(notes: NoteCollection) -> None:
    notes.raw.insert_one({"_id": "a", "colour": "red"})
    with pytest.raises(ValidationError, match="colour"):
        notes.get("a")


def test_indexes_are_made_once(notes: NoteCollection) -> None:
    notes.ensure_indexes()
    assert set(notes.raw.index_information()) == {"_id_", "score_1"}


def test_what_an_earlier_version_left_goes_and_the_users_own_stays(notes: NoteCollection) -> None:
    notes.raw.create_indexes([NoteCollection.retired[0], NoteCollection.retired[1]])
    notes.raw.create_index([("colour", 1)])
    notes.raw.create_index([("score", -1)], sparse=True)  # the name of a retired one, but not that index
    notes.raw.create_index([("score", 1), ("text", 1)], name="mine")
    for _ in range(2):
        notes.ensure_indexes()
        standing = set(notes.raw.index_information())
        assert standing == {"_id_", "score_1", "colour_1", "score_-1", "mine"}


def test_two_processes_drop_at_once(notes: NoteCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    notes.raw.create_indexes([NoteCollection.retired[0]])
    seen = notes.raw.index_information()
    notes.ensure_indexes()
    monkeypatch.setattr(notes.raw, "index_information", lambda: seen)
    notes.ensure_indexes()
    monkeypatch.undo()
    assert set(notes.raw.index_information()) == {"_id_", "score_1"}


def test_no_index_is_declared_and_retired(store: MTLStore) -> None:
    for collection in store.collections:
        declared = {index.document["name"] for index in collection.indexes}
        assert not declared & {index.document["name"] for index in collection.retired}
        # A few at a time: a collection holds 64 at most.
        for some in batched(collection.retired, 10):
            collection.raw.create_indexes(some)
            collection.ensure_indexes()
    for collection in store.collections:
        declared = {index.document["name"] for index in collection.indexes}
        assert set(collection.raw.index_information()) - {"_id_"} == declared


def test_eight_writers_of_the_same_documents(notes: NoteCollection, address: Connection) -> None:
    def write(writer: int) -> int:
        with address.client() as client:
            mine = NoteCollection(client[address.database])
            return mine.add(note(f"{i}", f"{writer}") for i in range(200)).inserted

    with ThreadPoolExecutor(8) as pool:
        inserted = sum(pool.map(write, range(8)))
    assert inserted == notes.count() == 200


def test_not_a_number_survives(notes: NoteCollection) -> None:
    notes.add([note("a", score=float("inf"))])
    assert notes.get("a").score == float("inf")


def test_batched() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched([], 2)) == []
