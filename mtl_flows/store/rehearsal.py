"""A copy of what an ingest changes, to try something on."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from mtl_flows.store.database import MTLStore

_LONGEST_NAME = 63


@contextmanager
def rehearsed(store: MTLStore) -> Iterator[MTLStore]:
    """Copy what ingest reads and writes into a database of its own, which is dropped afterwards.

    The server copies them itself; the user of the address needs the right to create a database beside the store's.
    """
    suffix = f"_rehearsal_{uuid4().hex[:8]}"
    name = store.database.name[: _LONGEST_NAME - len(suffix)] + suffix
    copy = MTLStore(store.client, name)
    copied = (
        (store.releases, copy.releases),
        (store.files, copy.files),
        (store.deliveries, copy.deliveries),
        (store.crystals, copy.crystals),
        (store.structures, copy.structures),
        (store.rejections, copy.rejections),
        (store.groups, copy.groups),
    )
    try:
        for original, duplicate in copied:
            original.raw.aggregate([{"$match": {}}, {"$out": {"db": name, "coll": duplicate.name}}])
            duplicate.ensure_indexes()
        yield copy
    finally:
        store.client.drop_database(name)
