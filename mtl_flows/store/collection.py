"""One typed collection: the operations every stage's collection shares."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from bson import encode
from pymongo import IndexModel, ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from mtl_flows.errors import DocumentTooLargeError, NotFoundError
from mtl_flows.schemas.base import Document
from mtl_flows.store.owner import Owner
from mtl_flows.store.patience import patiently

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
_WRITE_BATCH = 500
_INDEX_NOT_FOUND = 27
_DUPLICATE_KEY = 11000

D = TypeVar("D", bound=Document)
T = TypeVar("T")


class WriteSummary(NamedTuple):
    """How many documents a write added and how many were there already or had to change."""

    inserted: int
    unchanged: int
    replaced: int = 0


class DocumentCollection(Generic[D]):
    """Documents of one model in one collection, with deterministic ids and declared indexes.

    Subclasses name the collection, its model and its indexes, and add the stage's own queries.
    """

    name: ClassVar[str]
    model: ClassVar[type[Document]]
    indexes: ClassVar[Sequence[IndexModel]] = ()
    # What earlier versions declared and this one does not. Listed, so that an index that a user added stays.
    retired: ClassVar[Sequence[IndexModel]] = ()

    def __init__(self, database: Database[dict[str, Any]], owner: Owner | None = None) -> None:
        self.raw: Collection[dict[str, Any]] = database[self.name]
        self.owner = owner or Owner.alone()

    @property
    def writable(self) -> Collection[dict[str, Any]]:
        """The collection, for one write: every write asks first whether the job that writes still owns its work.

        Raises
        ------
        OwnershipLostError
            If it does not.
        """
        self.owner.check()
        return self.raw

    def ensure_indexes(self) -> None:
        """Drop what earlier versions left, then create what is missing; safe to run at any time.

        Where all are there nothing is written, so who may only read opens the store too.

        A retired index goes only if its name and keys are those that mtl_flows gave it and it has no option: one made
        by hand is safe under any name of its own.
        """
        if not (self.indexes or self.retired):
            return
        standing = self.raw.index_information()
        # In this order: a collection holds 64 indexes at most.
        self._drop_retired(standing)
        if missing := [index for index in self.indexes if index.document["name"] not in standing]:
            # No write that the driver tries again; it may be repeated.
            patiently(lambda: self.raw.create_indexes(missing))

    def _drop_retired(self, standing: Mapping[str, Any]) -> None:
        for index in self.retired:
            name = index.document["name"]
            found = standing.get(name, {})
            if found.get("key") == list(index.document["key"].items()) and found.keys() <= {"v", "key", "ns"}:
                try:
                    patiently(partial(self.raw.drop_index, name))
                except OperationFailure as error:
                    if error.code != _INDEX_NOT_FOUND:  # another process was first
                        raise

    def add(self, documents: Iterable[D]) -> WriteSummary:
        """Write those documents whose id is not there yet, and leave the others as they are.

        Raises
        ------
        DocumentTooLargeError
            If a document would exceed MongoDB's limit; nothing of its batch is written.
        """
        inserted = seen = 0
        for batch in batched(documents, _WRITE_BATCH):
            writes = []
            for document in batch:
                fields = self._sized(document)
                key = fields.pop("_id")
                writes.append(UpdateOne({"_id": key}, {"$setOnInsert": fields}, upsert=True))
            inserted += self.writable.bulk_write(writes, ordered=False).upserted_count
            seen += len(writes)
        return WriteSummary(inserted, seen - inserted)

    def put(self, documents: Iterable[D]) -> WriteSummary:
        """Write documents, replacing whatever stands under their ids."""
        inserted = replaced = seen = 0
        for batch in batched(documents, _WRITE_BATCH):
            writes = [ReplaceOne({"_id": d.id}, self._sized(d), upsert=True) for d in batch]
            result = self.writable.bulk_write(writes, ordered=False)
            inserted += result.upserted_count
            replaced += result.modified_count
            seen += len(writes)
        return WriteSummary(inserted, seen - inserted - replaced, replaced)

    def get(self, key: str) -> D:
        """Return the document with this id.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        stored = self.raw.find_one({"_id": key})
        if stored is None:
            raise NotFoundError(
                f"not in the collection {self.name!r}", subject=key, remedy="see `mtl status`"
            )
        return self._load(stored)

    def get_many(self, keys: Sequence[str]) -> list[D]:
        """Return the documents with these ids, in the order given.

        Raises
        ------
        NotFoundError
            If one of them is not there.
        """
        found = {}
        for batch in batched(keys, _WRITE_BATCH):
            found.update({document.id: document for document in self.find({"_id": {"$in": batch}})})
        return [found[key] if key in found else self.get(key) for key in keys]

    def find(
        self,
        query: Mapping[str, Any] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (("_id", 1),),
        limit: int = 0,
    ) -> Iterator[D]:
        """Stream the documents that match, in a deterministic order."""
        for stored in self.raw.find(dict(query or {}), sort=list(sort), limit=limit):
            yield self._load(stored)

    def loaded(self, stored: Iterable[Mapping[str, Any]]) -> list[D]:
        """Documents of what the server returned to a question asked by other means, by id."""
        return sorted(map(self._load, stored), key=lambda document: document.id)

    def count(self, query: Mapping[str, Any] | None = None) -> int:
        """Count the documents that match."""
        return self.raw.count_documents(dict(query or {}))

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that the collection holds."""
        found: set[str] = set()
        for batch in batched(keys, 10 * _WRITE_BATCH):
            found.update(d["_id"] for d in self.raw.find({"_id": {"$in": batch}}, {"_id": 1}))
        return found

    def _load(self, stored: Mapping[str, Any]) -> D:
        return self.model.from_mongo(stored)  # type: ignore[return-value]

    def _sized(self, document: D) -> dict[str, Any]:
        return within_limit(document, self.name)


def within_limit(document: Document, collection: str) -> dict[str, Any]:
    """Fields of a document as they are stored.

    Raises
    ------
    DocumentTooLargeError
        If it would exceed MongoDB's limit.
    """
    fields = document.to_mongo()
    size = len(encode(fields))
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentTooLargeError(
            f"{size / 2**20:.1f} MiB in {collection!r}, MongoDB takes 16",
            subject=document.id[:200],
            remedy="bulk data belongs into GridFS",
        )
    return fields


def only_doubles(error: BulkWriteError) -> list[Mapping[str, Any]]:
    """Faults of a bulk of inserts, if an index forbids them as doubles and nothing else is wrong.

    Raises
    ------
    BulkWriteError
        That error, if anything else is.
    """
    faults: list[Mapping[str, Any]] = error.details["writeErrors"]
    if not faults or any(fault["code"] != _DUPLICATE_KEY for fault in faults):
        raise error
    return faults


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split `items` into lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
