"""Collections of the stability stage and of the verdicts."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pymongo import ASCENDING, IndexModel

from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.stability import EntryDocument, StabilityDocument
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.stages import RunCollection


class StabilityCollection(RunCollection[StabilityDocument]):
    """Electrochemical windows."""

    name = "stability"
    model = StabilityDocument


class VerdictCollection(DocumentCollection[VerdictDocument]):
    """Verdicts, one for each material and set of thresholds."""

    name = "verdicts"
    model = VerdictDocument
    indexes = (
        IndexModel([("material_id", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING), ("outcome", ASCENDING)]),
    )


class EntryCollection(DocumentCollection[EntryDocument]):
    """Energies of competing phases; serves the providers of `science.stability` as their cache."""

    name = "entries"
    model = EntryDocument

    def look_up(self, key: str) -> Mapping[str, Any] | None:
        """Return what stands under a provider's key, or None."""
        stored = self.raw.find_one({"_id": entry_id(key)})
        return None if stored is None else self._load(stored).value

    def keep(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a provider's answer."""
        provenance = Provenance.declared("entries", {"key": entry_id(key)})
        self.put([EntryDocument(id=entry_id(key), key=key, value=dict(value), provenance=provenance)])


class StoredEntries:
    """A provider's cache in the store."""

    def __init__(self, entries: EntryCollection) -> None:
        self._entries = entries

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return what was put under a key, or None if nothing was."""
        return self._entries.look_up(key)

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a document."""
        self._entries.keep(key, value)


def entry_id(key: str) -> str:
    """Id of what stands under a provider's key."""
    return sha256(key.encode()).hexdigest()
