"""Places of materials in their groups."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, IndexModel, UpdateMany
from pymongo.database import Database

from mtl_flows.schemas.groups import MembershipDocument
from mtl_flows.science.duplicates import natural_order
from mtl_flows.science.groups import Place
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.subjects import RunSource
from mtl_flows.store.collection import DocumentCollection, batched
from mtl_flows.store.owner import Owner
from mtl_flows.store.structures import StructureCollection

_BATCH = 2000


class Named(NamedTuple):
    """What a material answers to, its id first, and who stands for it."""

    names: list[str]
    representative_id: str


class Holding(NamedTuple):
    """What a material holds now, and every release that ever held it."""

    material_id: str
    crystal_id: str
    withdrawn: bool
    releases: frozenset[str]


class GroupCollection(DocumentCollection[MembershipDocument]):
    """One document for each material that was compared."""

    name = "groups"
    model = MembershipDocument
    indexes = (
        IndexModel([("representative_id", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING), ("composition_key", ASCENDING)]),
    )

    def __init__(self, database: Database[dict[str, Any]], owner: Owner | None = None) -> None:
        super().__init__(database, owner)
        # Who stands for a material is written with its current revision too, where queries look for it.
        self._structures = StructureCollection(database, owner)

    def places(self, materials: Iterable[str]) -> dict[str, Place]:
        """Where materials stood when they were last compared; of those that were."""
        found: dict[str, Place] = {}
        for batch in batched(materials, _BATCH):
            for d in self.find({"_id": {"$in": batch}}):
                found[d.id] = Place(d.representative_id, d.crystal_id, d.stood_since)
        return found

    def compared(self, materials: Iterable[str], parameters_hash: str) -> list[MembershipDocument]:
        """Places of materials that were compared by one matcher."""
        found: list[MembershipDocument] = []
        for batch in batched(materials, _BATCH):
            found += self.find({"_id": {"$in": batch}, "parameters_hash": parameters_hash})
        return found

    def compared_otherwise(self, parameters_hash: str) -> list[str]:
        """Compositions that were compared by another matcher."""
        return sorted(self.raw.distinct("composition_key", {"parameters_hash": {"$ne": parameters_hash}}))

    def group_of(self, material_id: str) -> list[str]:
        """Ids of the materials that answer to a name, and of their duplicates; none if it is unknown."""
        named = {"names": material_id.casefold(), "current": True}
        heads = self._structures.raw.distinct("representative_id", named)
        return sorted(
            self._structures.raw.distinct(
                "material_id", {"current": True, "representative_id": {"$in": heads}}
            )
        )

    def answering_to(self, names: Iterable[str]) -> list[Named]:
        """Materials that answer to one of some names in lower case, withdrawn ones included."""
        query = {"names": {"$in": sorted(set(names))}, "current": True}
        found = self._structures.raw.find(query, {"names": 1, "representative_id": 1})
        return [Named(stored["names"], stored["representative_id"]) for stored in found]

    def names_of(self, materials: Iterable[str]) -> list[list[str]]:
        """What each of some materials answers to."""
        query = {"material_id": {"$in": sorted(set(materials))}, "current": True}
        return [d["names"] for d in self._structures.raw.find(query, {"names": 1}, sort=[("_id", ASCENDING)])]

    def crystals_of_groups(self, representatives: Iterable[str]) -> dict[str, list[str]]:
        """Crystals that the members of some groups hold, withdrawn ones included, by who stands for them."""
        found: dict[str, list[str]] = {}
        query = {"representative_id": {"$in": sorted(set(representatives))}, "current": True}
        for stored in self._structures.raw.find(
            query, {"representative_id": 1, "crystal_id": 1}, sort=[("_id", ASCENDING)]
        ):
            found.setdefault(stored["representative_id"], []).append(stored["crystal_id"])
        return found

    def sources(self, materials: Iterable[str]) -> dict[str, list[RunSource]]:
        """Revisions whose simulations may be shown for materials, in the order in which they are to be looked at.

        A material's own first, then those of the one that stands for its group, then of the other members, withdrawn
        ones included; earlier revisions after all that are current, the newest first.
        """
        wanted = sorted(set(materials))
        standing = {
            d["material_id"]: d["representative_id"]
            for d in self._structures.raw.find(
                {"material_id": {"$in": wanted}, "current": True}, {"material_id": 1, "representative_id": 1}
            )
        }
        members: dict[str, list[str]] = {}
        query = {"representative_id": {"$in": sorted(set(standing.values()))}, "current": True}
        for d in self._structures.raw.find(query, {"material_id": 1, "representative_id": 1}):
            members.setdefault(d["representative_id"], []).append(d["material_id"])
        revisions = self._structures.every_revision(m for group in members.values() for m in group)
        found = {}
        for material, head in standing.items():
            held = [r for member in {material, *members.get(head, ())} for r in revisions.get(member, ())]
            held.sort(
                key=lambda r: (
                    not r.current,
                    r.material_id != material,
                    r.material_id != head,
                    natural_order(r.material_id),
                    -r.number,
                )
            )
            found[material] = [
                RunSource(
                    parent_id(r.subject),
                    r.subject.crystal_id,
                    r.subject.structure_id,
                    r.material_id,
                    r.current,
                    "own" if r.material_id == material else "head" if r.material_id == head else "member",
                )
                for r in held
            ]
        return found

    def rows_about(self, crystals: Iterable[str]) -> list[str]:
        """Current revisions of the materials whose group holds, or once held, one of some crystals."""
        query = {"crystal_id": {"$in": sorted(set(crystals))}}
        materials = self._structures.raw.distinct("material_id", query)
        heads = self._structures.raw.distinct(
            "representative_id", {"material_id": {"$in": materials}, "current": True}
        )
        return self._structures.current_ids({"representative_id": {"$in": heads}})

    def ungrouped(self) -> list[str]:
        """Compositions of which some material has not been compared since it came, changed or was withdrawn."""
        return sorted(self._structures.raw.distinct("composition_key", {"representative_id": ""}))

    def held_by_composition(self, keys: Sequence[str]) -> dict[str, list[Holding]]:
        """What the materials of some compositions hold now, withdrawn ones included, by composition key."""
        held: dict[str, list[Holding]] = {}
        stored = list(
            self._structures.raw.find(
                {"composition_key": {"$in": list(keys)}, "current": True},
                {"material_id": 1, "crystal_id": 1, "withdrawn": 1, "composition_key": 1},
                sort=[("_id", ASCENDING)],
            )
        )
        releases: dict[str, set[str]] = {}
        for batch in batched([d["material_id"] for d in stored], _BATCH):
            for d in self._structures.raw.find(
                {"material_id": {"$in": batch}}, {"material_id": 1, "releases": 1}
            ):
                releases.setdefault(d["material_id"], set()).update(d["releases"])
        for d in stored:
            material = d["material_id"]
            holding = Holding(material, d["crystal_id"], d["withdrawn"], frozenset(releases[material]))
            held.setdefault(d["composition_key"], []).append(holding)
        return held

    def place(self, found: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Note who stands for each material of some compositions, by composition key.

        Returns
        -------
        list of str
            Keys of the compositions that others joined or left meanwhile.
        """
        keys = {"composition_key": {"$in": list(found)}}
        writes = [
            UpdateMany(
                {"composition_key": key, "material_id": {"$in": sorted(materials)}, "current": True},
                {"$set": {"representative_id": representative}},
            )
            for key, group in found.items()
            for representative, materials in _by_value(group).items()
        ]
        # One acknowledged write for all groups: the journal, not the matching, sets the pace otherwise.
        if writes:
            self._structures.writable.bulk_write(writes)
        # Revisions out of use stand for themselves.
        self._structures.writable.update_many(
            {**keys, "representative_id": "", "current": False},
            [{"$set": {"representative_id": "$material_id"}}],
        )
        members: dict[str, set[str]] = {key: set() for key in found}
        for member in self._structures.raw.find(
            {**keys, "current": True}, {"composition_key": 1, "material_id": 1}
        ):
            members[member["composition_key"]].add(member["material_id"])
        return [key for key, group in found.items() if members[key] != set(group)]


def _by_value(mapping: Mapping[str, str]) -> dict[str, list[str]]:
    inverted: dict[str, list[str]] = {}
    for key, value in mapping.items():
        inverted.setdefault(value, []).append(key)
    return inverted
