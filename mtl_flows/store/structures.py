"""Structures: revisions of materials, which of them is current, and who stands for whom."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from pymongo import ASCENDING, IndexModel, InsertOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from mtl_flows.errors import DatabaseUnavailableError, NotFoundError
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.store.collection import only_doubles
from mtl_flows.store.names import NamedStructures
from mtl_flows.store.subjects import CURRENT, STANDS

_ATTEMPTS = 50
_BATCH = 2000


Change = Literal["new", "changed", "unchanged"]


class Recorded(NamedTuple):
    """What became of one structure handed to the store."""

    id: str
    outcome: Change


class Held(NamedTuple):
    """Where one revision came from, and which releases hold it."""

    id: str
    material_id: str
    source: str
    file_name: str
    block: str
    releases: list[str]


class StructureCollection(NamedStructures):
    """Revisions of materials. At most one revision of a material is current, and no content is kept twice."""

    name = "structures"
    model = StructureDocument
    indexes = (
        IndexModel([("material_id", ASCENDING), ("fingerprint", ASCENDING)], unique=True),
        IndexModel(
            [("material_id", ASCENDING)],
            name="one_current_revision",
            unique=True,
            partialFilterExpression={"current": True},
        ),
        IndexModel([("current", ASCENDING), ("withdrawn", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("elements", ASCENDING), ("current", ASCENDING), ("withdrawn", ASCENDING)]),
        IndexModel([("composition_key", ASCENDING), ("current", ASCENDING)]),
        IndexModel([("representative_id", ASCENDING)]),
        IndexModel([("releases", ASCENDING)]),
        IndexModel([("reduced_formula", ASCENDING)]),
        IndexModel([("crystal_id", ASCENDING)]),
        IndexModel([("file.name", ASCENDING)]),
        IndexModel([("names", ASCENDING)]),
    )
    retired = (
        IndexModel([("elements", ASCENDING)]),
        IndexModel([("current", ASCENDING), ("withdrawn", ASCENDING), ("elements", ASCENDING)]),
        IndexModel([("source", ASCENDING), ("current", ASCENDING)]),
        IndexModel([("content_hash", ASCENDING)]),
    )

    def current(self, query: Mapping[str, Any] | None = None) -> Iterator[StructureDocument]:
        """Stream the current revisions that are not withdrawn and match `query`."""
        return self.find(_current(query))

    def stream_ids(self, query: Mapping[str, Any] | None = None) -> Iterator[str]:
        """Stream the ids of the current revisions that are not withdrawn and match `query`, sorted."""
        for found in self.raw.find(_current(query), {"_id": 1}, sort=[("_id", ASCENDING)]):
            yield found["_id"]

    def recorded(self) -> dict[str, dict[str, Any]]:
        """When each current revision was recorded, and whether atoms of its formula have no sites; by id."""
        told = {"provenance.created_at": 1, "implicit_hydrogens": 1, "flags.missing_hydrogen": 1}
        return {
            d["_id"]: {
                "recorded_at": d["provenance"]["created_at"],
                "implicit_atoms": bool(d.get("implicit_hydrogens") or d["flags"]["missing_hydrogen"]),
            }
            for d in self.raw.find(dict(CURRENT), told)
        }

    def current_ids(self, query: Mapping[str, Any] | None = None) -> list[str]:
        """As `stream_ids`, all at once."""
        return list(self.stream_ids(query))

    def representative_ids(self, query: Mapping[str, Any] | None = None) -> list[str]:
        """As `current_ids`, one id for each group of duplicates."""
        return self.current_ids({**(query or {}), **STANDS})

    def duplicate_ids(self, query: Mapping[str, Any] | None = None) -> list[str]:
        """As `current_ids`, only those that another material stands for."""
        return self.current_ids({**(query or {}), "$expr": {"$ne": ["$representative_id", "$material_id"]}})

    def ordered_among(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of some structures that have no partial occupancy."""
        return frozenset(self.raw.distinct("_id", {"_id": {"$in": list(ids)}, "flags.ordered": True}))

    def by_material(self, material_id: str) -> list[StructureDocument]:
        """Every revision of a material, oldest first.

        Raises
        ------
        NotFoundError
            If the material is unknown.
        """
        revisions = list(self.find({"material_id": material_id}, sort=[("revision", ASCENDING)]))
        if not revisions:
            raise NotFoundError("no such material", subject=material_id, remedy=self.meant(material_id))
        return revisions

    def held(self, *, materials: Iterable[str] = (), ids: Iterable[str] = ()) -> list[Held]:
        """Revisions of some materials, and revisions of some ids, with the releases that hold them."""
        wanted = dict.fromkeys(("material_id", "source", "file.name", "file.block", "releases"), 1)
        query = {
            "$or": [{"material_id": {"$in": sorted(set(materials))}}, {"_id": {"$in": sorted(set(ids))}}]
        }
        return [
            Held(
                d["_id"], d["material_id"], d["source"], d["file"]["name"], d["file"]["block"], d["releases"]
            )
            for d in self.raw.find(query, wanted, sort=[("_id", ASCENDING)])
        ]

    def leave_release(self, materials: Iterable[str], release: str, order: Sequence[str]) -> None:
        """Note that `release` holds some materials no more; `order` as for `assign_release`."""
        gone = sorted(set(materials))
        self.writable.update_many(
            {"material_id": {"$in": gone}, "releases": release}, {"$pull": {"releases": release}}
        )
        self.refresh_current(gone, order)

    def standings(self) -> dict[str, tuple[str, bool]]:
        """Of each material its current revision, and whether it is withdrawn."""
        found = self.raw.find({"current": True}, {"material_id": 1, "withdrawn": 1})
        return {d["material_id"]: (d["_id"], d["withdrawn"]) for d in found}

    def sources(self) -> list[str]:
        """Names of the sources that delivered something, as they were written."""
        return sorted(self.raw.distinct("source"))

    def in_release(self, release: str) -> dict[str, str]:
        """Id of the revision of each material that a release holds."""
        found = self.raw.find({"releases": release}, {"material_id": 1}, sort=[("_id", ASCENDING)])
        return {d["material_id"]: d["_id"] for d in found}

    def add_revisions(self, documents: Sequence[StructureDocument]) -> list[Recorded]:
        """Write each content that is new as the next revision of its material, not yet current.

        The revision and id that `documents` carry are provisional. Content that is there already is left alone.
        Concurrent writers of the same content end up with one revision.
        """
        outcomes: dict[int, Recorded] = {}
        for _ in range(_ATTEMPTS):
            open_ones = [i for i in range(len(documents)) if i not in outcomes]
            if not open_ones:
                return [outcomes[i] for i in range(len(documents))]
            known = self._revisions(documents[i].material_id for i in open_ones)
            attempts: dict[int, Recorded] = {}
            writes: list[InsertOne[dict[str, Any]]] = []
            for i in open_ones:
                document = documents[i]
                revisions = known.setdefault(document.material_id, {})
                if document.fingerprint in revisions:
                    key = f"{document.material_id}.r{revisions[document.fingerprint]}"
                    outcomes[i] = Recorded(key, "unchanged")
                    continue
                number = max(revisions.values(), default=0) + 1
                key = f"{document.material_id}.r{number}"
                attempts[len(writes)] = Recorded(key, "new" if number == 1 else "changed")
                outcomes[i] = attempts[len(writes)]
                revisions[document.fingerprint] = number
                revised = document.model_copy(update={"id": key, "revision": number, "current": False})
                writes.append(InsertOne(self._sized(revised)))
            lost = {attempts[i].id for i in self._insert(writes)}
            outcomes = {i: recorded for i, recorded in outcomes.items() if recorded.id not in lost}
        raise DatabaseUnavailableError(
            "other writers keep adding revisions", subject=self.name, remedy="run again"
        )

    def reflag(self, documents: Mapping[str, StructureDocument]) -> None:
        """Give known revisions the flags of documents read from the same content under other limits, by id."""
        writes = []
        for key, document in documents.items():
            fields = document.to_mongo()
            flags = {"flags": fields["flags"], "provenance": fields["provenance"]}
            writes.append(UpdateOne({"_id": key, "flags": {"$ne": flags["flags"]}}, {"$set": flags}))
        if writes:
            self.writable.bulk_write(writes, ordered=False)

    def assign_release(self, ids: Sequence[str], release: str, order: Sequence[str]) -> None:
        """Note that `release` holds these revisions, and no other revision of their materials.

        Of each material the revision in the latest release becomes current.

        Parameters
        ----------
        order
            Names of all releases, oldest first.
        """
        materials = sorted({material_of(key) for key in ids})
        self.writable.bulk_write(
            [
                # In this order: of two writers at once, the one that takes away last gives what it holds after that.
                UpdateMany(
                    {"material_id": {"$in": materials}, "_id": {"$nin": list(ids)}, "releases": release},
                    {"$pull": {"releases": release}},
                ),
                UpdateMany({"_id": {"$in": list(ids)}}, {"$addToSet": {"releases": release}}),
            ]
        )
        self.refresh_current(materials, order)

    def refresh_current(self, materials: Sequence[str], order: Sequence[str]) -> None:
        """Make of each material the revision in the latest release current, the highest if there are several.

        A material that no release holds any more has no current revision.
        """
        rank = {name: i for i, name in enumerate(order)}
        fields = {"material_id": 1, "revision": 1, "releases": 1, "current": 1}
        for _ in range(_ATTEMPTS):
            best: dict[str, tuple[int, int, str]] = {}
            was_current: set[str] = set()
            for found in self.raw.find({"material_id": {"$in": list(materials)}}, fields):
                if not found["releases"]:
                    was_current |= {found["_id"]} if found["current"] else set()
                    continue
                latest = max((rank.get(name, -1) for name in found["releases"]), default=-1)
                candidate = (latest, found["revision"], found["_id"])
                best[found["material_id"]] = max(best.get(found["material_id"], candidate), candidate)
                if found["current"]:
                    was_current.add(found["_id"])
            winners = {key for _, _, key in best.values()}
            if winners == was_current:
                return
            # The unique index forbids two current revisions, so the old one steps back first. Both are compared
            # for duplicates again.
            changes = [
                UpdateMany(
                    {"_id": {"$in": sorted(was_current - winners)}},
                    {"$set": {"current": False, "representative_id": ""}},
                ),
                UpdateMany(
                    {"_id": {"$in": sorted(winners - was_current)}},
                    {"$set": {"current": True, "representative_id": ""}},
                ),
            ]
            with suppress(BulkWriteError):
                self.writable.bulk_write(changes, ordered=True)
        raise DatabaseUnavailableError(
            "other writers keep adding revisions", subject=self.name, remedy="run again"
        )

    def refresh_withdrawn(self, standing: Sequence[str], refused: Collection[str] = ()) -> None:
        """Mark the materials that are in none of the `standing` releases, and unmark those that came back.

        Parameters
        ----------
        refused
            Materials that these releases hold though their files are refused.
        """
        here, named = {"$in": list(standing)}, {"$in": sorted(refused)}
        gone = {
            "releases": {"$nin": list(standing), "$ne": []},
            "material_id": {"$nin": sorted(refused)},
        }
        back = {"$or": [{"releases": here}, {"material_id": named}]}
        for query, withdrawn in ((gone, True), (back, False)):
            self.writable.update_many(
                {**query, "current": True, "withdrawn": not withdrawn},
                {"$set": {"withdrawn": withdrawn, "representative_id": ""}},
            )

    def revisions(self, materials: Iterable[str]) -> dict[str, dict[str, str]]:
        """Ids of the revisions of some materials, by material and fingerprint."""
        return {
            material: {fingerprint: f"{material}.r{number}" for fingerprint, number in numbers.items()}
            for material, numbers in self._revisions(materials).items()
        }

    def first_delivered_by(self, materials: Iterable[str]) -> dict[str, str]:
        """Source that delivered the first revision of each of some materials; unknown ones are left out."""
        query = {"material_id": {"$in": sorted(set(materials))}, "revision": 1}
        return {d["material_id"]: d["source"] for d in self.raw.find(query, {"material_id": 1, "source": 1})}

    def _revisions(self, materials: Iterable[str]) -> dict[str, dict[str, int]]:
        """Revision number by material and fingerprint."""
        known: dict[str, dict[str, int]] = {}
        query = {"material_id": {"$in": sorted(set(materials))}}
        for found in self.raw.find(query, {"material_id": 1, "fingerprint": 1, "revision": 1}):
            known.setdefault(found["material_id"], {})[found["fingerprint"]] = found["revision"]
        return known

    def _insert(self, writes: list[InsertOne[dict[str, Any]]]) -> list[int]:
        """Insert what can be inserted; indices of the writes that lost a race."""
        if not writes:
            return []
        try:
            self.writable.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            return [double["index"] for double in only_doubles(error)]
        return []


def material_of(structure_id: str) -> str:
    """Material id of a revision: icsd-188887.r2 belongs to icsd-188887."""
    return structure_id.rpartition(".r")[0]


def _current(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**CURRENT, **(query or {})}
