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
from mtl_flows.store.subjects import Revision

_BATCH = 2000
_UNPLACED = {"representative_id": ""}


class Named(NamedTuple):
    """What a material answers to, its id first, and who stands for it."""

    names: list[str]
    representative_id: str


class Holding(NamedTuple):
    """What a material holds now, who stands for it (nobody: it is to be placed), and all releases that ever held it."""

    material_id: str
    crystal_id: str
    composition_key: str
    representative_id: str
    withdrawn: bool
    releases: frozenset[str]


class Landmark(NamedTuple):
    """A crystal that newcomers are compared with, its signature, and who stands for it."""

    crystal_id: str
    signature: list[float]
    representative_id: str


class GroupCollection(DocumentCollection[MembershipDocument]):
    """One document for each material that was compared."""

    name = "groups"
    model = MembershipDocument
    indexes = (
        IndexModel([("representative_id", ASCENDING)]),
        IndexModel([("parameters_hash", ASCENDING), ("composition_key", ASCENDING)]),
        IndexModel(
            [(name, ASCENDING) for name in ("composition_key", "signature.0", "landmark", "signature.1")]
        ),
    )

    def __init__(self, database: Database[dict[str, Any]], owner: Owner | None = None) -> None:
        super().__init__(database, owner)
        # Who stands for a material is written with its current revision too, where queries look for it.
        self._structures = StructureCollection(database, owner)

    def places(self, materials: Iterable[str]) -> dict[str, Place]:
        """Where materials stood when they were last compared; of those that were."""
        return {key: document.place() for key, document in self.memberships(materials).items()}

    def memberships(self, materials: Iterable[str]) -> dict[str, MembershipDocument]:
        """Documents of those of some materials that were compared, by id."""
        found: dict[str, MembershipDocument] = {}
        for batch in batched(sorted(set(materials)), _BATCH):
            found.update({d.id: d for d in self.find({"_id": {"$in": batch}})})
        return found

    def compared_with_another_matcher(self, parameters_hash: str) -> list[str]:
        """Compositions of which some material that is held was compared by another matcher."""
        other = {"parameters_hash": {"$ne": parameters_hash}}
        found: set[str] = set()
        for batch in batched((d["_id"] for d in self.raw.find(other, {"_id": 1})), _BATCH):
            found.update(
                self._structures.raw.distinct(
                    "composition_key", {"material_id": {"$in": batch}, "current": True}
                )
            )
        return sorted(found)

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

    def names_among(self, names: Iterable[str]) -> set[str]:
        """Those of some names in lower case that a material answers to."""
        wanted = set(names)
        found = self._structures.raw.find({"names": {"$in": sorted(wanted)}, "current": True}, {"names": 1})
        return {name for stored in found for name in stored["names"]} & wanted

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
            found[material] = run_sources(material, head, held)
        return found

    def rows_about(self, crystals: Iterable[str]) -> list[str]:
        """Current revisions of the materials whose group holds, or once held, one of some crystals."""
        query = {"crystal_id": {"$in": sorted(set(crystals))}}
        materials = self._structures.raw.distinct("material_id", query)
        heads = self._structures.raw.distinct(
            "representative_id", {"material_id": {"$in": materials}, "current": True}
        )
        return self._structures.current_ids({"representative_id": {"$in": heads}})

    # who is to be placed

    def ungrouped(self) -> list[str]:
        """Compositions of which some material has no place since it came, changed or was withdrawn."""
        return sorted(self._structures.raw.distinct("composition_key", {**_UNPLACED, "current": True}))

    def open_compositions(self, keys: Sequence[str]) -> None:
        """Have every material of some compositions placed anew."""
        for batch in batched(keys, _BATCH):
            self._structures.writable.update_many(
                {"composition_key": {"$in": batch}, "current": True}, {"$set": _UNPLACED}
            )

    def open_disturbed(self) -> None:
        """Have every member placed anew of the groups that lost a crystal, or whose head came, went or changed.

        Safe to interrupt and to repeat.
        """
        structures = self._structures
        fields = {"material_id": 1, "crystal_id": 1, "current": 1}
        unplaced = list(structures.raw.find(_UNPLACED, fields))
        held = {d["material_id"]: d["crystal_id"] for d in unplaced if d["current"]}
        left = {d["material_id"] for d in unplaced if not d["current"]} - held.keys()
        for batch in batched(sorted(left), _BATCH):
            query = {"material_id": {"$in": batch}, "current": True}
            left.difference_update(structures.raw.distinct("material_id", query))
        disturbed = {
            place.representative_id
            for material, place in self.places([*held, *left]).items()
            if place.representative_id == material or held.get(material) != place.crystal_id
        }
        for batch in batched(sorted(disturbed), _BATCH):
            structures.writable.update_many(
                {"representative_id": {"$in": batch}, "current": True}, {"$set": _UNPLACED}
            )
        for batch in batched(sorted(left), _BATCH):
            # Should it come back, others have come meanwhile: it is compared anew.
            self.writable.update_many({"_id": {"$in": batch}}, {"$set": {"signature": [], "links": []}})
        if any(not d["current"] for d in unplaced):
            # Revisions out of use stand for themselves.
            structures.writable.update_many(
                {**_UNPLACED, "current": False}, [{"$set": {"representative_id": "$material_id"}}]
            )

    def compare_again(self, materials: Iterable[str]) -> None:
        """Have some materials compared with all landmarks anew."""
        for batch in batched(sorted(set(materials)), _BATCH):
            self.writable.update_many({"_id": {"$in": batch}}, {"$set": {"signature": [], "links": []}})
            self._structures.writable.update_many(
                {"material_id": {"$in": batch}, "current": True}, {"$set": _UNPLACED}
            )

    # what they hold, and what others hold

    def unplaced(self, keys: Sequence[str]) -> list[Holding]:
        """Materials of some compositions that are to be placed, withdrawn ones included."""
        return self._holdings({"composition_key": {"$in": list(keys)}, **_UNPLACED})

    def holdings(self, materials: Iterable[str]) -> list[Holding]:
        """What some materials hold, withdrawn ones included."""
        found: list[Holding] = []
        for batch in batched(sorted(set(materials)), _BATCH):
            found += self._holdings({"material_id": {"$in": batch}})
        return found

    def members(self, representatives: Iterable[str]) -> list[Holding]:
        """Every member of some groups, withdrawn ones included."""
        return self._holdings({"representative_id": {"$in": sorted(set(representatives))}})

    def sharing(self, crystals: Iterable[str]) -> list[str]:
        """For each of some crystals one material, if any, that holds it and has its place."""
        found: list[str] = []
        for batch in batched(sorted(set(crystals)), _BATCH):
            query = {"crystal_id": {"$in": batch}, "current": True, "representative_id": {"$ne": ""}}
            grouped = {"$group": {"_id": "$crystal_id", "material": {"$min": "$material_id"}}}
            found += [d["material"] for d in self._structures.raw.aggregate([{"$match": query}, grouped])]
        return found

    def with_others(self, keys: Sequence[str], crystals: Iterable[str]) -> set[str]:
        """Those of some compositions that hold another crystal than these."""
        query = {
            "composition_key": {"$in": list(keys)},
            "current": True,
            "crystal_id": {"$nin": sorted(set(crystals))},
        }
        return set(self._structures.raw.distinct("composition_key", query))

    def unsigned(self, keys: Iterable[str]) -> list[str]:
        """Materials of some compositions that were alone when they were last looked at."""
        query = {"composition_key": {"$in": sorted(set(keys))}, "signature.0": {"$exists": False}}
        return [d["_id"] for d in self.raw.find(query, {"_id": 1}, sort=[("_id", ASCENDING)])]

    def landmarks(
        self, key: str, parameters_hash: str, n_sites: int, volumes_A3: tuple[float, float]
    ) -> list[Landmark]:
        """Landmarks of a composition that have their place, with so many sites and volumes per atom in a range."""
        query = {
            "composition_key": key,
            "parameters_hash": parameters_hash,
            "landmark": {"$in": [True, None]},
            "signature.0": n_sites,
            "signature.1": {"$gte": volumes_A3[0], "$lte": volumes_A3[1]},
        }
        found = {d["_id"]: d for d in self.raw.find(query, {"crystal_id": 1, "signature": 1})}
        return [
            Landmark(one.crystal_id, found[one.material_id]["signature"], one.representative_id)
            for one in self.holdings(found)
            if one.representative_id and one.crystal_id == found[one.material_id]["crystal_id"]
        ]

    def sizes(self, keys: Sequence[str]) -> dict[str, int]:
        """Number of materials of some compositions."""
        query = {"composition_key": {"$in": list(keys)}, "current": True}
        counted = {"$group": {"_id": "$composition_key", "n": {"$sum": 1}}}
        return {d["_id"]: d["n"] for d in self._structures.raw.aggregate([{"$match": query}, counted])}

    def _holdings(self, query: Mapping[str, Any]) -> list[Holding]:
        fields = ("material_id", "crystal_id", "composition_key", "representative_id", "withdrawn")
        stored = list(
            self._structures.raw.find(
                {**query, "current": True}, dict.fromkeys(fields, 1), sort=[("_id", ASCENDING)]
            )
        )
        releases: dict[str, set[str]] = {}
        for batch in batched([d["material_id"] for d in stored], _BATCH):
            for d in self._structures.raw.find(
                {"material_id": {"$in": batch}}, {"material_id": 1, "releases": 1}
            ):
                releases.setdefault(d["material_id"], set()).update(d["releases"])
        return [
            Holding(**{name: d[name] for name in fields}, releases=frozenset(releases[d["material_id"]]))
            for d in stored
        ]

    def place(self, heads: Mapping[str, str]) -> None:
        """Note who stands for some materials, by material."""
        writes = [
            UpdateMany(
                {"material_id": {"$in": sorted(materials)}, "current": True},
                {"$set": {"representative_id": representative}},
            )
            for representative, materials in _by_value(heads).items()
        ]
        # One acknowledged write for all groups: the journal, not the matching, sets the pace otherwise.
        if writes:
            self._structures.writable.bulk_write(writes)


def _by_value(mapping: Mapping[str, str]) -> dict[str, list[str]]:
    inverted: dict[str, list[str]] = {}
    for key, value in mapping.items():
        inverted.setdefault(value, []).append(key)
    return inverted


def run_sources(material: str, head: str, held: Iterable[Revision]) -> list[RunSource]:
    """Revisions of a group whose simulations may be shown for a material of it, in their order.

    Parameters
    ----------
    head
        The material that stands for the group.
    held
        All revisions of its members.
    """

    def place(revision: Revision) -> tuple[object, ...]:
        whose = revision.material_id
        return (
            not revision.current,
            whose != material,
            whose != head,
            natural_order(whose),
            -revision.number,
        )

    return [
        RunSource(
            parent_id(r.subject),
            r.subject.crystal_id,
            r.subject.structure_id,
            r.material_id,
            r.current,
            "own" if r.material_id == material else "head" if r.material_id == head else "member",
        )
        for r in sorted(held, key=place)
    ]
