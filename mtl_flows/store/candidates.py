"""The collection people query."""

from collections.abc import Iterator

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.collection import DocumentCollection


class CandidateCollection(DocumentCollection[CandidateDocument]):
    """Flat, indexed, one document per material."""

    name = "candidates"
    model = CandidateDocument
    indexes = (
        IndexModel([("material_id", ASCENDING)], unique=True),
        IndexModel([("elements", ASCENDING)]),
        IndexModel([("chemical_system", ASCENDING)]),
        IndexModel([("r_connected_A", ASCENDING)]),
        IndexModel([("priority", DESCENDING)]),
        IndexModel([("survives_published", ASCENDING), ("priority", DESCENDING)]),
        IndexModel([("survives_text", ASCENDING), ("priority", DESCENDING)]),
        IndexModel([("furthest_stage", ASCENDING)]),
        IndexModel([("verdict", ASCENDING), ("activation_energy_eV", ASCENDING)]),
        IndexModel([("cluster_published", ASCENDING)]),
        IndexModel([("is_known_conductor", ASCENDING)]),
        IndexModel([("releases", ASCENDING)]),
    )

    def survivors(self) -> Iterator[CandidateDocument]:
        """Unique materials that passed every gate of at least one protocol, the highest priority first."""
        either = [{"survives_published": True}, {"survives_text": True}]
        query = {"is_representative": True, "$or": either}
        return self.find(query, sort=[("priority", DESCENDING), ("_id", ASCENDING)])
