"""What each release holds of each material, and which file delivered it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, IndexModel, UpdateOne

from mtl_flows.errors import DatabaseUnavailableError
from mtl_flows.schemas.ingest import DeliveryDocument
from mtl_flows.store.collection import DocumentCollection

_ATTEMPTS = 50


class Claim(NamedTuple):
    """A revision of a material, and the file that delivered it."""

    material_id: str
    structure_id: str
    file_name: str
    stem: str


class DeliveryCollection(DocumentCollection[DeliveryDocument]):
    """One document per release and material: two ingests at once cannot give a material two contents."""

    name = "deliveries"
    model = DeliveryDocument
    indexes = (IndexModel([("release", ASCENDING)]),)

    def of(self, release: str, materials: Iterable[str]) -> dict[str, Claim]:
        """What a release holds of some materials."""
        keys = [DeliveryDocument.key(release, material) for material in sorted(materials)]
        found = self.find({"_id": {"$in": keys}})
        return {d.material_id: Claim(d.material_id, d.structure_id, d.file_name, d.stem) for d in found}

    def enter(self, release: str, claims: Sequence[Claim]) -> dict[str, Claim]:
        """Note what files deliver; gives the claims of other files that differ and were there first, by material.

        A claim that differs replaces one of a file of the same name. Safe to repeat and against others at the same
        time: each document moves by compare-and-set.
        """
        lost: dict[str, Claim] = {}
        pending = {claim.material_id: claim for claim in claims}
        for _ in range(_ATTEMPTS):
            standing = self.of(release, pending)
            writes = []
            for material, claim in list(pending.items()):
                there = standing.get(material)
                if there is not None and there.structure_id == claim.structure_id:
                    del pending[material]
                elif there is not None and there.stem != claim.stem:
                    lost[material] = there
                    del pending[material]
                else:
                    writes.append(_write(release, claim, there))
            if not pending:
                return lost
            self.writable.bulk_write(writes, ordered=False)
        raise DatabaseUnavailableError(
            "other writers keep delivering these materials", subject=release, remedy="run again"
        )

    def forget(self, release: str, materials: Iterable[str] | None = None) -> None:
        """Forget what a release holds, of some materials or of all."""
        query: dict[str, Any] = {"release": release}
        if materials is not None:
            query["material_id"] = {"$in": sorted(set(materials))}
        self.writable.delete_many(query)


def _write(release: str, claim: Claim, there: Claim | None) -> UpdateOne:
    document = DeliveryDocument(
        id=DeliveryDocument.key(release, claim.material_id), release=release, **claim._asdict()
    )
    fields = document.to_mongo()
    key = fields.pop("_id")
    if there is None:
        return UpdateOne({"_id": key}, {"$setOnInsert": fields}, upsert=True)
    return UpdateOne({"_id": key, "structure_id": there.structure_id}, {"$set": fields})
