"""Screenings side by side: their parameters, and which clusterings are current in each."""

from typing import Any, Final

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.screening import ScreeningDocument
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.vocabulary import Protocol

DEFAULT_SCREENING: Final = "Li"
"""What is meant where the store holds no screening yet."""


class ScreeningCollection(DocumentCollection[ScreeningDocument]):
    """One document per screening, so that every command judges by the same parameters."""

    name = "screenings"
    model = ScreeningDocument

    def names(self) -> list[str]:
        """Names of all screenings, sorted."""
        return sorted(self.raw.distinct("_id"))

    def default(self) -> str:
        """Name of the screening that is meant where none is named: the one chosen, else the first that was made."""
        order = [("default", -1), ("chosen_at", 1), ("_id", 1)]
        found = self.raw.find_one({}, {"_id": 1}, sort=order)
        return str(found["_id"]) if found else DEFAULT_SCREENING

    def make_default(self, name: str) -> None:
        """Let commands that name no screening mean this one.

        Raises
        ------
        NotFoundError
            If there is no such screening.
        """
        self.named(name)
        self.writable.update_many({"default": True, "_id": {"$ne": name}}, {"$set": {"default": False}})
        self.writable.update_one({"_id": name}, {"$set": {"default": True}})

    def named(self, name: str) -> ScreeningDocument:
        """Return a screening.

        Raises
        ------
        NotFoundError
            If there is no such screening.
        """
        stored = self.raw.find_one({"_id": name})
        if stored is None:
            raise NotFoundError(
                f"no screening {name!r}", remedy=there_are(name, self.names(), "run mtl screen")
            )
        return self._load(stored)

    def register(
        self, name: str, mobile_ion: str, parameters: dict[str, Any], versions: dict[str, int] | None = None
    ) -> None:
        """Enter a screening unless one of this name is there."""
        document = ScreeningDocument(
            id=name,
            mobile_ion=mobile_ion,
            parameters=parameters,
            versions=versions or {},
            chosen_at=utc_now(),
        )
        self.add([document])

    def note_versions(self, name: str, versions: dict[str, int]) -> None:
        """Note which versions of the stages a screening goes by now."""
        self.writable.update_one(
            {"_id": name, "versions": {"$ne": versions}}, {"$set": {"versions": versions}}
        )

    def remove(self, name: str) -> None:
        """Forget a screening."""
        self.writable.delete_one({"_id": name})

    def clustering(self, name: str, protocol: Protocol) -> str:
        """Id of the clustering that is current in a screening; empty where there is none."""
        stored = self.raw.find_one({"_id": name}, {f"current.{protocol}": 1}) or {}
        return str(stored.get("current", {}).get(protocol, ""))

    def clusterings(self, name: str, protocol: Protocol) -> list[str]:
        """Ids of all clusterings that ever were current in a screening, oldest first."""
        stored = self.raw.find_one({"_id": name}, {"history": 1}) or {}
        ids = [e["clustering_id"] for e in stored.get("history", ()) if e["protocol"] == protocol]
        return list(dict.fromkeys(filter(None, ids)))

    def make_current(self, name: str, protocol: Protocol, clustering_id: str) -> None:
        """Make a clustering the current one of its protocol; an empty id leaves the protocol without one."""
        if self.clustering(name, protocol) == clustering_id:
            return
        event = {"protocol": protocol, "clustering_id": clustering_id, "at": utc_now()}
        update: dict[str, Any] = {"$push": {"history": event}}
        if clustering_id:
            update["$set"] = {f"current.{protocol}": clustering_id}
        else:
            update["$unset"] = {f"current.{protocol}": ""}
        self.writable.update_one({"_id": name}, update)
