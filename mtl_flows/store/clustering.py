"""Collections of the clustering stage."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, DriftRecord
from mtl_flows.store.collection import DocumentCollection
from mtl_flows.store.owner import Owner
from mtl_flows.store.screening import ScreeningCollection
from mtl_flows.vocabulary import Protocol


class ClusteringCollection(DocumentCollection[ClusteringDocument]):
    """Clusterings, seen from one screening, whose history says which of them are current.

    Parameters
    ----------
    screening
        Name of the screening; the store's default if empty.
    """

    name = "clusterings"
    model = ClusteringDocument
    indexes = (
        IndexModel([("protocol", ASCENDING)]),
        IndexModel([("provenance.created_at", DESCENDING)]),
    )
    retired = (IndexModel([("protocol", ASCENDING), ("current", ASCENDING)]),)

    def __init__(
        self, database: Database[dict[str, Any]], owner: Owner | None = None, screening: str = ""
    ) -> None:
        super().__init__(database, owner)
        self._screenings = ScreeningCollection(database, owner)
        self._screening = screening

    @property
    def screening(self) -> str:
        """Name of the screening whose clusterings are meant."""
        return self._screening or self._screenings.default()

    def has_current(self, protocol: Protocol) -> bool:
        """Whether any clustering of this protocol is current."""
        return bool(self._screenings.clustering(self.screening, protocol))

    def current(self, protocol: Protocol) -> ClusteringDocument:
        """Return the clustering that candidates are built from.

        Raises
        ------
        NotFoundError
            If nothing was clustered under this protocol yet.
        """
        key = self._screenings.clustering(self.screening, protocol)
        if not key:
            raise NotFoundError("no clustering yet", subject=f"protocol {protocol}", remedy="run mtl screen")
        return self.get(key)

    def names(self, protocol: Protocol, *, before: str) -> list[str]:
        """Every name that a cluster of this protocol had before a clustering."""
        ids = [key for key in self._screenings.clusterings(self.screening, protocol) if key != before]
        return sorted(self.raw.distinct("clusters.name", {"_id": {"$in": ids}}))

    def make_current(self, clustering_id: str, protocol: Protocol) -> None:
        """Make this clustering the current one of its protocol, and no other."""
        self._screenings.make_current(self.screening, protocol, clustering_id)

    def note_drift(self, clustering_id: str, drift: DriftRecord) -> None:
        """Record how far what was assigned since a clustering departs from it."""
        self.writable.update_one({"_id": clustering_id}, {"$set": {"drift": drift.model_dump()}})

    def runs(self, protocol: Protocol) -> list[ClusteringDocument]:
        """Every clustering of a protocol that ever was current, the current one first, then the newest."""
        current = self._screenings.clustering(self.screening, protocol)
        found = self.get_many(self._screenings.clusterings(self.screening, protocol))
        found.sort(key=lambda run: (run.provenance.created_at, run.id), reverse=True)
        return sorted(found, key=lambda run: run.id != current)

    def current_at(self, protocol: Protocol, moment: datetime) -> list[ClusteringDocument]:
        """The clustering that was current at a moment; none before the first."""
        history = self._screenings.named(self.screening).history
        then = [e.clustering_id for e in history if e.protocol == protocol and e.at < moment]
        return [self.get(key) for key in then[-1:] if key]

    def retire(self, protocol: Protocol) -> None:
        """Leave the protocol without a current clustering."""
        self._screenings.make_current(self.screening, protocol, "")


class AssignmentCollection(DocumentCollection[AssignmentDocument]):
    """Where each crystal stands in each clustering."""

    name = "assignments"
    model = AssignmentDocument
    indexes = (
        IndexModel([("clustering_id", ASCENDING), ("cluster", ASCENDING)]),
        IndexModel([("crystal_id", ASCENDING), ("clustering_id", ASCENDING)], unique=True),
    )
    retired = (IndexModel([("structure_id", ASCENDING), ("clustering_id", ASCENDING)]),)

    def clustered(self, clustering_id: str) -> dict[str, str]:
        """Material that stood for each crystal that a run was made of, by crystal id."""
        query = {"clustering_id": clustering_id, "provisional": False}
        found = self.raw.find(query, {"crystal_id": 1, "material_id": 1})
        return {d["crystal_id"]: d["material_id"] for d in found}

    def members(self, clustering_id: str) -> dict[str, frozenset[str]]:
        """Material ids of each cluster of a run by its name, without those assigned since."""
        groups = self.raw.aggregate(
            [
                {"$match": {"clustering_id": clustering_id, "provisional": False}},
                {"$group": {"_id": "$cluster", "materials": {"$push": "$material_id"}}},
            ]
        )
        return {group["_id"]: frozenset(group["materials"]) for group in groups}

    def of(self, clustering_id: str, crystal_ids: Iterable[str]) -> dict[str, AssignmentDocument]:
        """Assignments of these crystals in one run, by crystal id."""
        query = {"clustering_id": clustering_id, "crystal_id": {"$in": list(crystal_ids)}}
        return {document.crystal_id: document for document in self.find(query)}
