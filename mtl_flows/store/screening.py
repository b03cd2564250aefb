"""Screenings side by side: their parameters, and which clusterings are current in each."""

from dataclasses import dataclass
from typing import Any, Final

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.screening import ScreeningDocument
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.vocabulary import Protocol

DEFAULT_SCREENING: Final = "Li"
"""What is meant where the store holds no screening yet."""


@dataclass(frozen=True)
class Screenings:
    """All screenings as they stood when they were read, by name."""

    documents: tuple[ScreeningDocument, ...]

    @property
    def names(self) -> list[str]:
        """Names of all of them, sorted."""
        return [document.id for document in self.documents]

    @property
    def default(self) -> str:
        """Name of the one that is meant where none is named: the one chosen, else the first that was made."""
        first = min(self.documents, key=lambda s: (not s.default, s.chosen_at, s.id), default=None)
        return first.id if first else DEFAULT_SCREENING

    def named(self, name: str) -> ScreeningDocument:
        """Return one of them.

        Raises
        ------
        NotFoundError
            If there is no such screening.
        """
        for document in self.documents:
            if document.id == name:
                return document
        raise NotFoundError(f"no screening {name!r}", remedy=there_are(name, self.names, "run mtl screen"))


class ScreeningCollection(DocumentCollection[ScreeningDocument]):
    """One document per screening, so that every command judges by the same parameters."""

    name = "screenings"
    model = ScreeningDocument

    def all(self) -> "Screenings":
        """Read all of them, by one request."""
        return Screenings(tuple(self.find()))

    def current_clusterings(self, name: str) -> dict[Protocol, str]:
        """Clusterings that are current in a screening, by protocol; none in one that is not there."""
        stored = self.raw.find_one({"_id": name}, {"current": 1})
        return dict(stored["current"]) if stored else {}

    def names(self) -> list[str]:
        """Names of all screenings, sorted."""
        return sorted(self.raw.distinct("_id"))

    def default(self) -> str:
        """Name of the screening that is meant where none is named."""
        return self.all().default

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
        return self.all().named(name)

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
