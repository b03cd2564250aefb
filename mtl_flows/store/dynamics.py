"""Collections of the dynamics stage."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.dynamics import (
    OrderingDocument,
    RelaxationDocument,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.store.owner import Owner
from mtl_flows.store.stages import RunCollection


class OrderingCollection(RunCollection[OrderingDocument]):
    """Ordered approximants."""

    name = "orderings"
    model = OrderingDocument


class RelaxationCollection(RunCollection[RelaxationDocument]):
    """Relaxed approximants."""

    name = "relaxations"
    model = RelaxationDocument


class TrajectoryCollection(RunCollection[TrajectoryDocument]):
    """Simulations: one per approximant, engine and temperature."""

    name = "dynamics"
    model = TrajectoryDocument
    indexes = (
        *RunCollection.indexes,
        IndexModel([("ordering_id", ASCENDING), ("engine_name", ASCENDING), ("temperature_K", ASCENDING)]),
        IndexModel([("status", ASCENDING)]),
    )

    def production(
        self, subject: str, parents: Sequence[str], ordering: int = 0, temperature_K: float = 0.0
    ) -> TrajectoryDocument:
        """Return one simulation: by its id, or of a material at a temperature (0: the hottest), the longest if several.

        Parameters
        ----------
        subject
            Id of a simulation, or of a material.
        parents
            What was ordered of that material and its duplicates, its own first.

        Raises
        ------
        NotFoundError
            If there is none with frames.
        """
        query: dict[str, Any] = {"trajectory_stage": "production", "steps_done": {"$gt": 0}}
        named = query | {"_id": subject}
        of_material = [query | {"parent_id": parent, "ordering": ordering} for parent in parents]
        if temperature_K:
            of_material = [wanted | {"temperature_K": temperature_K} for wanted in of_material]
        order = [("temperature_K", DESCENDING), ("steps_done", DESCENDING), ("_id", ASCENDING)]
        for wanted in (named, *of_material):
            for document in self.find(wanted, sort=order, limit=1):
                return document
        raise NotFoundError(
            f"no simulation with frames{f' at {temperature_K:g} K' if temperature_K else ''}",
            subject=subject,
            remedy=self._others(query | {"parent_id": {"$in": list(parents)}}),
        )

    def _others(self, query: dict[str, Any]) -> str:
        """Say which simulations there are instead."""
        wanted = {"ordering": 1, "temperature_K": 1}
        found = {(d["ordering"], d["temperature_K"]) for d in self.raw.find(query, wanted)}
        if not found:
            return "see mtl explain, or run mtl launch"
        by_ordering = {
            ordering: ", ".join(f"{K:g}" for other, K in sorted(found) if other == ordering)
            for ordering in sorted({ordering for ordering, _ in found})
        }
        return "there are " + "; ".join(f"{K} K of approximant {n}" for n, K in by_ordering.items())

    def claim(self, key: str) -> TrajectoryDocument:
        """Take a simulation over as it stands, and return it: nothing that another owner still writes will move it.

        Raises
        ------
        OwnershipLostError
            If the work of whoever claims it was given to another worker.
        """
        while True:
            standing = self.get(key)
            self.owner.check()  # after reading: whoever is given this work claims it, and changes what was read
            claimed = self.raw.update_one(_stands(standing), {"$set": {"owner": self.owner.token}})
            if claimed.matched_count:
                return standing.model_copy(update={"owner": self.owner.token})

    def advance(self, before: TrajectoryDocument, after: TrajectoryDocument) -> TrajectoryDocument:
        """Move a record on by one revision; if another job moved it on from `before`, return what it wrote.

        Another job that took the simulation over and has written nothing yet does not stand in the way: of two that
        both own their work the faster wins.

        Raises
        ------
        OwnershipLostError
            If the work of this writer was given to another worker.
        """
        moved = after.model_copy(update={"revision": before.revision + 1, "owner": self.owner.token})
        fields = self._sized(moved)
        while True:
            standing = self.get(before.id)
            self.owner.check()  # after reading, as in `claim`
            if standing.revision != before.revision:
                return standing
            if self.raw.replace_one(_stands(standing), fields).matched_count:
                return moved

    def disown(self, key: str) -> None:
        """Change the owner of a simulation to nobody: writes on their way find the record changed."""
        self.writable.update_one({"_id": key}, {"$set": {"owner": Owner.alone().token}})

    def blocks(self, key: str) -> "StoredBlocks":
        """Files that the record of a simulation points to; none of one that is not there."""
        wanted = {"revision": 1, "chunks.blocks.file_id": 1}
        stored = self.raw.find_one({"_id": key}, wanted)
        if stored is None:
            return StoredBlocks(-1, frozenset())
        files = (block["file_id"] for chunk in stored["chunks"] for block in chunk["blocks"])
        return StoredBlocks(stored.get("revision", 0), frozenset(files))


class StoredBlocks(NamedTuple):
    """Files of frames that count, as of a revision of the record."""

    revision: int
    file_ids: frozenset[str]


def _stands(simulation: TrajectoryDocument) -> dict[str, Any]:
    """Match the record of a simulation while nobody changes it; those of earlier versions lack owner and revision."""
    return {
        "_id": simulation.id,
        "owner": simulation.owner or {"$in": ["", None]},
        "revision": simulation.revision or {"$in": [0, None]},
    }


class TransportCollection(RunCollection[TransportDocument]):
    """Arrhenius fits."""

    name = "transport"
    model = TransportDocument

    def complete(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` whose temperatures have all been simulated to their end."""
        return {d["_id"] for d in self.raw.find({"_id": {"$in": list(keys)}, "complete": True}, {"_id": 1})}
