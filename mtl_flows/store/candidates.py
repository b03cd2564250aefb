"""The collection people query."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.errors import ConfigurationError
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.store.collection import DocumentCollection, batched

_BATCH = 5000


@dataclass(frozen=True)
class CandidateFilter:
    """What to look for in the candidate table; what is left at its default does not restrict.

    Attributes
    ----------
    survivors
        Passed every gate of `protocol`: ``published``, ``text`` or ``any`` of the two.
    elements, without
        Element symbols: contains all of these, contains none of those.
    chemical_system
        Exactly these elements, sorted and joined by hyphens.
    """

    survivors: bool = False
    protocol: str = "any"
    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    chemical_system: str = ""
    dynamics_status: str = ""
    is_known_conductor: bool | None = None
    max_r_connected_A: float | None = None
    min_priority: float | None = None
    max_activation_energy_eV: float | None = None
    release: str = ""

    def query(self) -> dict[str, Any]:
        """The filter as MongoDB reads it.

        Raises
        ------
        ConfigurationError
            If the protocol is unknown.
        """
        if self.protocol not in ("any", *PROTOCOLS):
            raise ConfigurationError(
                f"unknown protocol {self.protocol!r}", remedy=f"choose any, {' or '.join(PROTOCOLS)}"
            )
        query: dict[str, Any] = {}
        if self.survivors:
            chosen = PROTOCOLS if self.protocol == "any" else (self.protocol,)
            query |= {"is_representative": True, "$or": [{f"survives_{p}": True} for p in chosen]}
        if self.elements or self.without:
            query["elements"] = {}
            if self.elements:
                query["elements"]["$all"] = list(self.elements)
            if self.without:
                query["elements"]["$nin"] = list(self.without)
        for name in ("chemical_system", "dynamics_status"):
            if value := getattr(self, name):
                query[name] = value
        if self.release:
            query["releases"] = self.release
        if self.is_known_conductor is not None:
            query["is_known_conductor"] = self.is_known_conductor
        if self.max_r_connected_A is not None:
            query["r_connected_A"] = {"$lte": self.max_r_connected_A}
        if self.min_priority is not None:
            query["priority"] = {"$gte": self.min_priority}
        if self.max_activation_energy_eV is not None:
            query["activation_energy_eV"] = {"$lte": self.max_activation_energy_eV}
        return query


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

    def input_hashes(self, structure_ids: Collection[str] | None = None) -> dict[str, str]:
        """Hash of what rows were built from, by structure; of every row if none is named."""
        query = {} if structure_ids is None else {"structure_id": {"$in": list(structure_ids)}}
        found = self.raw.find(query, {"structure_id": 1, "inputs_hash": 1})
        return {stored["structure_id"]: stored.get("inputs_hash", "") for stored in found}

    def judgeable(self) -> Iterator[CandidateDocument]:
        """Materials with molecular dynamics or a window."""
        return self.find(
            {"$or": [{"dynamics_status": {"$ne": None}}, {"window_status": {"$ne": None}}]},
            sort=[("priority", DESCENDING), ("_id", ASCENDING)],
        )

    def keep(self, materials: Iterable[str]) -> int:
        """Discard every other material, such as withdrawn ones; returns how many went."""
        superfluous = {stored["_id"] for stored in self.raw.find({}, {"_id": 1})} - set(materials)
        return sum(
            self.raw.delete_many({"_id": {"$in": batch}}).deleted_count
            for batch in batched(sorted(superfluous), _BATCH)
        )

    def survivors(self) -> Iterator[CandidateDocument]:
        """Unique materials that passed every gate of at least one protocol, the highest priority first."""
        return self.select(CandidateFilter(survivors=True))

    def select(self, chosen: CandidateFilter, *, limit: int = 0) -> Iterator[CandidateDocument]:
        """Materials that a filter describes, the highest priority first."""
        return self.find(chosen.query(), sort=[("priority", DESCENDING), ("_id", ASCENDING)], limit=limit)
