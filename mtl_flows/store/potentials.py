"""Potentials: which weights the names of potentials stand for."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.store.collection import DocumentCollection


class PotentialCollection(DocumentCollection[PotentialDocument]):
    """One document for each name part and set of weights."""

    name = "potentials"
    model = PotentialDocument
    indexes = (IndexModel([("name_id", ASCENDING), ("noted_at", DESCENDING)]),)

    def of_name(self, name_id: str) -> list[PotentialDocument]:
        """Potentials of one name part, the one it stands for now first."""
        return list(self.find({"name_id": name_id}, sort=[("noted_at", DESCENDING), ("_id", ASCENDING)]))

    def note_weights(self, key: str, weights_sha256: str) -> None:
        """Tie weights to a potential of which only version 1's hash was known."""
        self.writable.update_one(
            {"_id": key, "weights_sha256": None}, {"$set": {"weights_sha256": weights_sha256}}
        )

    def note_soundness(self, key: str, soundness: Mapping[str, Any], version: int) -> None:
        """Keep what the check of a potential found, in the place of what an older version of it did."""
        older = [{"soundness": None}, {"soundness_version": {"$in": [None, *range(version)]}}]
        self.writable.update_one(
            {"_id": key, "$or": older},
            {"$set": {"soundness": dict(soundness), "soundness_version": version}},
        )

    def note_known_answers(self, key: str, comparisons: Sequence[Mapping[str, Any]]) -> int:
        """Keep what known answers say of a potential; 1 if that is new."""
        listed = [dict(comparison) for comparison in comparisons]
        changed = self.writable.update_one(
            {"_id": key, "known_answers": {"$ne": listed}}, {"$set": {"known_answers": listed}}
        )
        return changed.modified_count

    def note_again(self, key: str) -> None:
        """Let a name stand for this potential from now on."""
        self.writable.update_one({"_id": key}, {"$set": {"noted_at": utc_now()}})
