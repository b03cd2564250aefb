"""Collections of the dynamics stage."""

from collections.abc import Iterable
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.dynamics import (
    OrderingDocument,
    RelaxationDocument,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.store.stages import StageCollection


class OrderingCollection(StageCollection[OrderingDocument]):
    """Ordered approximants."""

    name = "orderings"
    model = OrderingDocument


class RelaxationCollection(StageCollection[RelaxationDocument]):
    """Relaxed approximants."""

    name = "relaxations"
    model = RelaxationDocument


class TrajectoryCollection(StageCollection[TrajectoryDocument]):
    """Simulations: one per approximant, engine and temperature."""

    name = "dynamics"
    model = TrajectoryDocument
    indexes = (
        *StageCollection.indexes,
        IndexModel([("ordering_id", ASCENDING), ("engine_name", ASCENDING), ("temperature_K", ASCENDING)]),
        IndexModel([("status", ASCENDING)]),
    )

    def production(self, subject: str, ordering: int = 0, temperature_K: float = 0.0) -> TrajectoryDocument:
        """Return one simulation: by its id, or of a material at a temperature (0: the hottest), the longest if several.

        Raises
        ------
        NotFoundError
            If there is none with frames.
        """
        query: dict[str, Any] = {"trajectory_stage": "production", "steps_done": {"$gt": 0}}
        named = query | {"_id": subject}
        of_material = query | {"material_id": subject, "ordering": ordering}
        if temperature_K:
            of_material["temperature_K"] = temperature_K
        order = [("temperature_K", DESCENDING), ("steps_done", DESCENDING), ("_id", ASCENDING)]
        for wanted in (named, of_material):
            for document in self.find(wanted, sort=order, limit=1):
                return document
        raise NotFoundError(
            "no simulation with frames", subject=subject, remedy="see mtl explain, or run mtl launch"
        )

    def advance(self, before: TrajectoryDocument, after: TrajectoryDocument) -> bool:
        """Replace `before` by `after` unless somebody else went on from `before` already."""
        claimed = {"_id": before.id, "steps_done": before.steps_done, "status": before.status}
        fields = self._sized(after)
        return self.raw.replace_one(claimed, fields).matched_count == 1


class TransportCollection(StageCollection[TransportDocument]):
    """Arrhenius fits."""

    name = "transport"
    model = TransportDocument

    def complete(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` whose temperatures have all been simulated to their end."""
        return {d["_id"] for d in self.raw.find({"_id": {"$in": list(keys)}, "complete": True}, {"_id": 1})}
