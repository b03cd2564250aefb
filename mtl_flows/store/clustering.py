"""Collections of the clustering stage."""

from collections.abc import Iterable

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateMany, UpdateOne

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, DriftRecord
from mtl_flows.science.topology import Protocol
from mtl_flows.store.collection import DocumentCollection


class ClusteringCollection(DocumentCollection[ClusteringDocument]):
    """Clustering runs; one per protocol is current."""

    name = "clusterings"
    model = ClusteringDocument
    indexes = (
        IndexModel([("protocol", ASCENDING), ("current", ASCENDING)]),
        IndexModel([("provenance.created_at", DESCENDING)]),
    )

    def has_current(self, protocol: Protocol) -> bool:
        """Whether any run of this protocol is current."""
        return self.count({"protocol": protocol, "current": True}) > 0

    def current(self, protocol: Protocol) -> ClusteringDocument:
        """Return the run that candidates are built from.

        Raises
        ------
        NotFoundError
            If nothing was clustered under this protocol yet.
        """
        for document in self.find({"protocol": protocol, "current": True}, limit=1):
            return document
        raise NotFoundError("no clustering yet", subject=f"protocol {protocol}", remedy="run mtl screen")

    def names(self, protocol: Protocol, *, before: str) -> list[str]:
        """Every name that a cluster of this protocol ever had, but for the run `before` which they are wanted."""
        return sorted(self.raw.distinct("clusters.name", {"protocol": protocol, "_id": {"$ne": before}}))

    def make_current(self, clustering_id: str, protocol: Protocol) -> None:
        """Make this run the current one of its protocol, and no other."""
        others = {"protocol": protocol, "current": True, "_id": {"$ne": clustering_id}}
        self.writable.bulk_write(
            [
                UpdateOne({"_id": clustering_id}, {"$set": {"current": True}}),
                UpdateMany(others, {"$set": {"current": False}}),
            ]
        )

    def note_drift(self, clustering_id: str, drift: DriftRecord) -> None:
        """Record how far what was assigned since a run departs from it."""
        self.writable.update_one({"_id": clustering_id}, {"$set": {"drift": drift.model_dump()}})

    def runs(self, protocol: Protocol) -> list[ClusteringDocument]:
        """Every run of a protocol, the current one first, then the newest."""
        order = [("current", DESCENDING), ("provenance.created_at", DESCENDING), ("_id", ASCENDING)]
        return list(self.find({"protocol": protocol}, sort=order))

    def retire(self, protocol: Protocol) -> None:
        """Leave the protocol without a current run."""
        self.writable.update_many({"protocol": protocol, "current": True}, {"$set": {"current": False}})


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
