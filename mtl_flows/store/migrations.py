"""From the layout of earlier versions to today's: steps from one schema version to the next."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pymongo import ReplaceOne

from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.labels import LabelDocument, LabelFacts, LabelStatement
from mtl_flows.store.collection import DocumentCollection, batched
from mtl_flows.store.database import MTLStore

_BATCH = 200

Stored = dict[str, Any]
Step = Callable[[Stored], Stored]


class Migration(NamedTuple):
    """One step: documents of `collection` with schema version `version` become those of the next.

    A step may give a document another id; `unite` makes one document of two that come to the same, and changes
    nothing where the second has gone into the first already.
    """

    collection: str
    version: int
    step: Step
    unite: Callable[[Stored, Stored], Stored] | None = None


def _files_2(stored: dict[str, Any]) -> dict[str, Any]:
    """Files record which version read them and when; of earlier ones nobody knows."""
    return {"code_version": "", "read_at": None, **stored}


def _with_provenance(stored: dict[str, Any]) -> dict[str, Any]:
    """Documents carry provenance; that of earlier ones is lost."""
    return {"provenance": None, **stored}


def _labels_3(stored: Stored) -> Stored:
    """Labels name their ion, which was lithium, and keep what was stated; every one of them stated who is known."""
    provenance = Provenance.model_validate(stored["provenance"]) if stored["provenance"] else None
    statement = LabelStatement(
        **{name: stored[name] for name in LabelFacts.model_fields},
        stated_at=provenance.created_at if provenance else None,
        table_sha256=provenance.inputs.get("table", "") if provenance else "",
    )
    return LabelDocument.of(stored["_id"], "Li", [statement], provenance).to_mongo()


def _one_label(one: Stored, other: Stored) -> Stored:
    """Two spellings of one id: what was stated last holds."""
    labels = sorted(
        map(LabelDocument.from_mongo, (one, other)), key=lambda label: _when(label.statements[-1])
    )
    statements = {s.model_dump_json(): s for label in labels for s in label.statements}
    latest = labels[-1]
    ordered = sorted(statements.values(), key=_when)
    return LabelDocument.of(latest.material_id, latest.ion, ordered, latest.provenance).to_mongo()


def _when(statement: LabelStatement) -> float:
    return statement.stated_at.timestamp() if statement.stated_at else 0.0


MIGRATIONS = (
    Migration("files", 1, _files_2),
    Migration("labels", 2, _labels_3, _one_label),
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

    Safe to interrupt and to run again: each document moves in one write, only from the version it was read in, and
    one that gets another id stands under the new one before the old one goes. Documents of a later version are left
    alone.
    """
    steps = {(m.collection, m.version): m for m in migrations}
    store.ensure_indexes()
    changed: dict[str, int] = {}
    for collection in store.collections:
        latest = latest_version(collection)
        for batch in batched(collection.raw.find({"schema_version": {"$lt": latest}}), _BATCH):
            writes, done = [], 0
            for stored in batch:
                moved = stored
                for number in range(stored["schema_version"], latest):
                    moved = {**steps[collection.name, number].step(moved), "schema_version": number + 1}
                collection.model.from_mongo(moved)  # refuse to write what could not be read
                key = {"_id": stored["_id"], "schema_version": stored["schema_version"]}
                if moved["_id"] == stored["_id"]:
                    writes.append(ReplaceOne(key, moved))
                else:
                    _rename(collection, key, moved, steps[collection.name, latest - 1])
                    done += 1
            if writes:
                done += collection.raw.bulk_write(writes, ordered=False).modified_count
            changed[collection.name] = changed.get(collection.name, 0) + done
    return changed


def _rename(
    collection: DocumentCollection[Any], old: Mapping[str, Any], moved: Stored, last: Migration
) -> None:
    """Write a document under its new id, made one with what stands there, and take the old one away."""
    standing = collection.raw.find_one({"_id": moved["_id"]})
    if standing is not None and last.unite is not None:
        moved = last.unite(standing, moved)
    collection.raw.replace_one({"_id": moved["_id"]}, moved, upsert=True)
    collection.raw.delete_one(old)


def _counts(store: MTLStore, comparison: str) -> dict[str, int]:
    counts = {c.name: c.count({"schema_version": {comparison: latest_version(c)}}) for c in store.collections}
    return {name: count for name, count in counts.items() if count}
