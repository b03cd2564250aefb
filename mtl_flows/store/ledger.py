"""Which collections have their indexes: noted once, so that whoever opens a store need not ask about each."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.swap import LAYOUT

_ID = "indexes"
_UNAUTHORIZED = 13


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
        self._in_order = noted.get("in_order", "") if noted else ""

    @property
    def names(self) -> frozenset[str]:
        """Names of the collections that were there."""
        return frozenset(self._there)

    @property
    def is_in_order(self) -> bool:
        """Whether the layout was found in order before, with the structures that there are now."""
        return self._in_order != "" and self._in_order == self._there.get("structures")

    def note_order(self) -> None:
        """Note that the layout is in order."""
        if "structures" in self._there:
            self._write({"in_order": self._there["structures"]})

    def holds(self, collection: DocumentCollection[Any]) -> bool:
        """Whether a collection has all that is declared."""
        return self._noted.get(collection.name) == self._note(collection)

    def note(self, collection: DocumentCollection[Any]) -> None:
        """Note that a collection has all that is declared; one that is new is noted when it is next opened."""
        if collection.name not in self._there:
            return
        self._write({f"notes.{collection.name}": self._note(collection)})

    def _write(self, note: Mapping[str, str]) -> None:
        try:
            self._raw.update_one({"_id": _ID}, {"$set": note}, upsert=True)
        except OperationFailure as error:
            if error.code != _UNAUTHORIZED:  # who may only read
                raise

    def _note(self, collection: DocumentCollection[Any]) -> str:
        declared = [dict(i.document, key=list(i.document["key"].items())) for i in collection.indexes]
        retired = [i.document["name"] for i in collection.retired]
        digest = sha256(repr([type(collection).__name__, declared, retired]).encode()).hexdigest()
        return f"{self._there.get(collection.name)} {digest[:16]}"
