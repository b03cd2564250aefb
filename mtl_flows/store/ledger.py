"""Which collections have their indexes: noted once, so that whoever opens a store need not ask about each."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Self

from pymongo.database import Database
from pymongo.errors import OperationFailure

from mtl_flows.errors import ConfigurationError
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.patience import UNAUTHORIZED
from mtl_flows.store.swap import LAYOUT
from mtl_flows.store.version_1 import mark

_ID = "indexes"


class IndexLedger:
    """What is noted of the collections that were there when the store was opened.

    A note names the collection by the id that the server gave it: one that was dropped and made again, or restored, is
    another. So does it name what is declared: another version of the software looks again.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._raw = database[LAYOUT]
        self._there = {
            found["name"]: str(found["info"]["uuid"])
            for found in database.list_collections()
            if "uuid" in found.get("info", {})
        }
        noted = self._raw.find_one({"_id": _ID}) if LAYOUT in self._there else None
        self._noted: Mapping[str, str] = noted.get("notes", {}) if noted else {}
        self._seen_to: set[str] = set()
        self._in_order = noted.get("in_order", "") if noted else ""

    @property
    def names(self) -> frozenset[str]:
        """Names of the collections that were there."""
        return frozenset(self._there)

    @classmethod
    def of_checked(cls, database: Database[dict[str, Any]], *, writes: bool) -> Self:
        """Read the notes on a database whose layout is that of today.

        Parameters
        ----------
        writes
            Whether it may be noted that this was looked at.

        Raises
        ------
        ConfigurationError
            If it was written by a version whose results belong to revisions, or is half migrated.
        """
        ledger = cls(database)
        structures = ledger._there.get("structures")
        if structures is None or ledger._in_order != structures:
            _check_layout(database)
            if writes and structures:
                ledger._write({"in_order": structures})
        return ledger

    def see_to(self, collection: DocumentCollection[Any]) -> None:
        """Create the indexes of a collection that are missing, once; where it is noted that it has them, at no cost."""
        if collection.name in self._seen_to:
            return
        if self._noted.get(collection.name) != self._note(collection):
            try:
                collection.ensure_indexes()
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:  # who may only read does without
                    raise
            # One that is new is noted when it is next opened.
            if collection.name in self._there:
                self._write({f"notes.{collection.name}": self._note(collection)})
        self._seen_to.add(collection.name)

    def _write(self, note: Mapping[str, str]) -> None:
        try:
            self._raw.update_one({"_id": _ID}, {"$set": note}, upsert=True)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:  # who may only read
                raise

    def _note(self, collection: DocumentCollection[Any]) -> str:
        declared = [dict(i.document, key=list(i.document["key"].items())) for i in collection.indexes]
        retired = [i.document["name"] for i in collection.retired]
        digest = sha256(repr([type(collection).__name__, declared, retired]).encode()).hexdigest()
        return f"{self._there.get(collection.name)} {digest[:16]}"


def _check_layout(database: Database[dict[str, Any]]) -> None:
    if mark.is_of_version_1(database):
        raise ConfigurationError(
            "was written by a version whose results belong to revisions of materials, not to crystals",
            subject=f"database {database.name}",
            remedy="run mtl migrate; --dry-run says what it would do",
        )
    if mark.progress(database) not in ("", "done"):
        raise ConfigurationError(
            "its migration was interrupted",
            subject=f"database {database.name}",
            remedy="run mtl migrate",
        )
