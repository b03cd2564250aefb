"""From the layout of earlier versions to today's: steps from one schema version to the next."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pymongo import ReplaceOne

from mtl_flows.store.collection import DocumentCollection, batched
from mtl_flows.store.database import MTLStore

_BATCH = 200

Step = Callable[[dict[str, Any]], dict[str, Any]]


class Migration(NamedTuple):
    """One step: documents of `collection` with schema version `version` become those of the next."""

    collection: str
    version: int
    step: Step


def _files_2(stored: dict[str, Any]) -> dict[str, Any]:
    """Files record which version read them and when; of earlier ones nobody knows."""
    return {"code_version": "", "read_at": None, **stored}


def _with_provenance(stored: dict[str, Any]) -> dict[str, Any]:
    """Documents carry provenance; that of earlier ones is lost."""
    return {"provenance": None, **stored}


MIGRATIONS = (
    Migration("files", 1, _files_2),
    *(Migration(name, 1, _with_provenance) for name in ("rejections", "labels", "entries", "releases")),
)


def latest_version(collection: DocumentCollection[Any]) -> int:
    """Schema version that this code writes into a collection."""
    return int(collection.model.model_fields["schema_version"].default)


def outdated(store: MTLStore) -> dict[str, int]:
    """Number of documents of an earlier layout, by collection; those without any are left out."""
    return _counts(store, "$lt")


def too_new(store: MTLStore) -> dict[str, int]:
    """Number of documents that a later version wrote, by collection; those without any are left out."""
    return _counts(store, "$gt")


def migrate(store: MTLStore, migrations: tuple[Migration, ...] = MIGRATIONS) -> dict[str, int]:
    """Bring every document to the layout of this version; gives how many changed, by collection.

    Safe to interrupt and to run again: each document moves in one write, only from the version it was read in.
    Documents of a later version are left alone.
    """
    steps: Mapping[tuple[str, int], Step] = {(m.collection, m.version): m.step for m in migrations}
    store.ensure_indexes()
    changed: dict[str, int] = {}
    for collection in store.collections:
        latest = latest_version(collection)
        for batch in batched(collection.raw.find({"schema_version": {"$lt": latest}}), _BATCH):
            writes = []
            for stored in batch:
                moved = stored
                for number in range(stored["schema_version"], latest):
                    moved = {**steps[collection.name, number](moved), "schema_version": number + 1}
                collection.model.from_mongo(moved)  # refuse to write what could not be read
                key = {"_id": stored["_id"], "schema_version": stored["schema_version"]}
                writes.append(ReplaceOne(key, moved))
            done = collection.raw.bulk_write(writes, ordered=False).modified_count
            changed[collection.name] = changed.get(collection.name, 0) + done
    return changed


def _counts(store: MTLStore, comparison: str) -> dict[str, int]:
    counts = {c.name: c.count({"schema_version": {comparison: latest_version(c)}}) for c in store.collections}
    return {name: count for name, count in counts.items() if count}
