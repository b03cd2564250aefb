"""Moving a database of version 1 to the layout of today.

Its collections are set aside under ``version_1.`` and written anew from there, so that an interrupted move begins again
and nothing is lost until they are dropped. What a document becomes is for the pure modules beside this one to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pymatgen.core import Structure
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from mtl_flows.store.collection import batched
from mtl_flows.store.version_1 import documents as of_crystals
from mtl_flows.store.version_1 import run_documents as of_runs
from mtl_flows.store.version_1.crystals import LIGHT, Revisions
from mtl_flows.store.version_1.entries import EntryKeys
from mtl_flows.store.version_1.groups import memberships
from mtl_flows.store.version_1.mark import ASIDE, FORMER_IDS
from mtl_flows.store.version_1.others import campaign, rejection
from mtl_flows.store.version_1.runs import NewOrdering, RunKeys, plan_runs

Stored = dict[str, Any]

_BATCH = 200
_COLLECTIONS: Final = (
    *("releases", "files", "structures", "rejections", "labels", "barcodes", "topology", "chemistry"),
    *("clusterings", "assignments", "orderings", "relaxations", "dynamics", "transport", "stability"),
    *("entries", "verdicts", "screenings", "campaigns", "candidates"),
)
_RUN: Final = dict.fromkeys(
    (
        *("ordering_id", "engine", "steps_done", "trajectory_stage", "temperature_K"),
        *("provenance.parameters", "provenance.created_at"),
    ),
    1,
)


@dataclass
class Takeover:
    """The documents of a database of version 1, and what becomes of them.

    Attributes
    ----------
    changes
        Once the documents were gone through: how many of each collection there were, and how many there are.
    """

    database: Database[Stored]
    changes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def set_aside(self) -> None:
        """Rename the collections of version 1, those that are not yet."""
        there = set(self.database.list_collection_names())
        for name in _COLLECTIONS:
            if name in there and ASIDE + name not in there:
                self.database[name].rename(ASIDE + name)

    def write(self) -> None:
        """Write every document anew from the collections set aside; what an interrupted move wrote is dropped."""
        for name, documents in self.documents():
            target = self.database[name]
            target.drop()
            for batch in batched(documents, _BATCH):
                target.insert_many(batch)
        former = self.database[FORMER_IDS]
        former.drop()
        for renamed in batched(self.renamed.items(), _BATCH):
            former.insert_many({"_id": old, "now": new} for old, new in renamed)
        frames = self.database["frames.files"]
        for files in batched(frames.find({}, {"simulation": 1}), _BATCH):
            moved = [
                UpdateOne({"_id": file["_id"]}, {"$set": {"simulation": self.renamed[file["simulation"]]}})
                for file in files
                if file["simulation"] in self.renamed
            ]
            if moved:
                frames.bulk_write(moved, ordered=False)

    def documents(self) -> Iterator[tuple[str, Iterator[Stored]]]:
        """Documents of today by the name of their collection; of several with one id the first."""
        makers = {
            "crystals": self._crystals(),
            "structures": self._structures(),
            "groups": self._groups(),
            "deliveries": (d for r in self._all("structures") for d in of_crystals.deliveries(r)),
            "barcodes": self._barcodes(),
            "topology": (of_crystals.topology(d, self._subject(d)) for d in self._all("topology")),
            "chemistry": (of_crystals.chemistry(d, self._subject(d)) for d in self._all("chemistry")),
            "clusterings": self._clusterings(),
            "assignments": (
                of_crystals.assignment(d, self._subject(d).crystal_id, self.clusterings)
                for d in self._all("assignments")
                if d["clustering_id"] in self.clusterings
            ),
            "orderings": self._orderings(),
            "potentials": self._potentials(),
            "relaxations": self._relaxations(),
            "dynamics": self._dynamics(),
            "transport": self._transport(),
            "stability": self._stability(),
            "entries": (new for d in self._all("entries") for new in self._entry_keys.moved(d)),
            "verdicts": self._verdicts(),
            "screenings": self._screenings(),
            "campaigns": (campaign(d, self.revisions) for d in self._all("campaigns")),
            "rejections": (rejection(d, self.revisions, self.renamed) for d in self._all("rejections")),
            **{name: self._all(name) for name in ("releases", "files", "labels")},
            "candidates": iter(()),  # they are built anew
        }
        for name, made in makers.items():
            yield name, self._distinct(name, made)

    @cached_property
    def revisions(self) -> Revisions:
        """Revisions by structure id."""
        structures = self._old("structures")

        def structure_of(key: str) -> Structure:
            found = structures.find_one({"_id": key}, {"structure": 1})
            assert found is not None
            return Structure.from_dict(found["structure"])

        return Revisions.of(structures.find({}, LIGHT), structure_of)

    @cached_property
    def runs(self) -> RunKeys:
        """New keys of what was simulated."""
        runs = [*self._old("relaxations").find({}, _RUN), *self._old("dynamics").find({}, _RUN)]
        fits = list(self._old("transport").find({}, {"ordering_id": 1, "complete": 1}))
        return plan_runs(self._all("orderings"), runs, fits, self.revisions)

    @cached_property
    def clusterings(self) -> dict[str, str]:
        """New ids of clusterings by the old ones."""
        return {
            run["_id"]: of_crystals.clustering_id(run, self._members(run)) for run in self._all("clusterings")
        }

    @cached_property
    def renamed(self) -> dict[str, str]:
        """New ids of everything ordered, simulated and fitted, and of windows, by the old ones."""
        ids = {old: new.key for old, new in self.runs.orderings.items()}
        for stored in self._old("relaxations").find({}, _RUN):
            new, p = self._run(stored)
            ids[stored["_id"]] = p.relaxation_id(new.sample.approximant_id)
        for stored in self._old("dynamics").find({}, _RUN):
            new, p = self._run(stored)
            ids[stored["_id"]] = of_runs.trajectory_id(stored, new, p)
            # Nothing may have come of the relaxation itself.
            ids.setdefault(_prefix(stored["_id"]), p.relaxation_id(new.sample.approximant_id))
        for name in ("transport", "stability"):
            made = self._transport() if name == "transport" else self._stability()
            ids |= {old["_id"]: new["_id"] for old, new in zip(self._ranked(name), made, strict=True)}
        return ids

    def further(self) -> dict[str, NewOrdering]:
        """Orderings of version 1 whose runs become further replicas."""
        return {old: new for old, new in self.runs.orderings.items() if new.further}

    def _old(self, name: str) -> Collection[Stored]:
        aside = self.database[ASIDE + name]
        return aside if aside.find_one({}, {"_id": 1}) is not None else self.database[name]

    def _all(self, name: str) -> Iterator[Stored]:
        yield from self._old(name).find(sort=[("_id", 1)])

    def _ranked(self, name: str) -> list[Stored]:
        """Documents, those of the most complete runs first."""
        rank = {old: place for place, old in enumerate(self.runs.orderings)}
        return sorted(self._all(name), key=lambda d: (rank.get(d["ordering_id"], -1), d["_id"]))

    def _distinct(self, name: str, made: Iterable[Stored]) -> Iterator[Stored]:
        seen: set[str] = set()
        for document in made:
            if document["_id"] not in seen:
                seen.add(document["_id"])
                yield document
        before = self._old(name).count_documents({}) if name in _COLLECTIONS else 0
        self.changes[name] = (before, len(seen))

    def _subject(self, document: Mapping[str, Any]) -> Any:
        return self.revisions.subjects[document["structure_id"]]

    def _run(self, stored: Stored) -> tuple[NewOrdering, Any]:
        return self.runs.of_run(stored)

    def _crystal(self, document: Mapping[str, Any]) -> str:
        return self.revisions.crystal(document["structure_id"])

    def _crystals(self) -> Iterator[Stored]:
        for stored in self._old("structures").find(sort=[("material_id", 1), ("revision", 1)]):
            key = self.revisions.crystal(stored["_id"])
            yield of_crystals.crystal(stored, key)

    def _structures(self) -> Iterator[Stored]:
        for stored in self._all("structures"):
            yield of_crystals.structure(stored, self.revisions.subjects[stored["_id"]])

    def _groups(self) -> Iterator[Stored]:
        wanted = ("material_id", "composition_key", "representative_id", "withdrawn")
        found = self._old("structures").find({"current": True}, dict.fromkeys((*wanted, "provenance"), 1))
        return memberships(list(found), self.revisions)

    def _barcodes(self) -> Iterator[Stored]:
        for stored in self._all("barcodes"):
            found = self._old("structures").find_one({"_id": stored["structure_id"]}, {"structure": 1})
            assert found is not None
            yield of_crystals.barcodes(stored, self._subject(stored), Structure.from_dict(found["structure"]))

    def _members(self, run: Stored) -> list[str]:
        query = {"clustering_id": run["_id"], "provisional": False}
        found = self._old("assignments").find(query, {"structure_id": 1})
        return sorted({self._crystal(assignment) for assignment in found})

    def _clusterings(self) -> Iterator[Stored]:
        for run in self._all("clusterings"):
            yield of_crystals.clustering(run, self._members(run), self.clusterings)

    def _screenings(self) -> Iterator[Stored]:
        runs = list(self._all("clusterings"))
        for stored in self._all("screenings"):
            yield of_crystals.screening(stored, runs, self.clusterings)

    def _orderings(self) -> Iterator[Stored]:
        stored = {d["_id"]: d for d in self._all("orderings")}
        for old, new in self.runs.orderings.items():
            yield of_runs.ordering(stored[old], new, self._crystal(stored[old]))

    def _potentials(self) -> Iterator[Stored]:
        for name in ("relaxations", "dynamics"):
            order = [("provenance.created_at", 1), ("_id", 1)]
            for stored in self._old(name).find({"engine.weights_sha256": {"$ne": None}}, _RUN, sort=order):
                yield of_runs.potential(stored, self._run(stored)[1])

    def _relaxations(self) -> Iterator[Stored]:
        for stored in self._ranked("relaxations"):
            yield of_runs.relaxation(stored, *self._run(stored), self._crystal(stored))

    def _dynamics(self) -> Iterator[Stored]:
        for stored in self._ranked("dynamics"):
            series = _series(stored)
            yield of_runs.trajectory(stored, *self._run(stored), self._crystal(stored), series)

    @cached_property
    def _run_of_prefix(self) -> dict[str, tuple[NewOrdering, Any]]:
        """Ordering and parameters by the id that version 1 gave a relaxed cell."""
        found = {d["_id"]: self._run(d) for d in self._old("relaxations").find({}, _RUN)}
        for stored in self._old("dynamics").find({}, _RUN):
            found.setdefault(_prefix(stored["_id"]), self._run(stored))
        return found

    def _transport(self) -> Iterator[Stored]:
        for stored in self._ranked("transport"):
            new, p = self._run_of_prefix[_prefix(stored["_id"])]
            yield of_runs.transport(stored, new, p, self._crystal(stored), _series(stored))

    def _stability(self) -> Iterator[Stored]:
        for stored in self._ranked("stability"):
            crystal = self._crystal(stored)
            if stored["provider"] != "potential":
                yield of_runs.window(stored, crystal)
            else:
                new, p = self._run_of_prefix[_prefix(stored["_id"])]
                yield of_runs.window_of_cell(stored, new, p, crystal)

    @cached_property
    def _entry_keys(self) -> EntryKeys:
        """What energies of competing phases go by, by what version 1 called them."""
        labels: dict[str, set[str]] = {}
        for stored in self._old("relaxations").find({}, _RUN):
            label = of_runs.energies_label(self._run(stored)[1])
            labels.setdefault(EntryKeys.old_label(stored["engine"]), set()).add(label)
        return EntryKeys({old: sorted(new) for old, new in labels.items()})

    def _verdicts(self) -> Iterator[Stored]:
        def standing(verdict: Stored) -> tuple[bool, float]:
            current = self.revisions.current.get(verdict["material_id"]) == verdict["structure_id"]
            return not current, -verdict["provenance"]["created_at"].timestamp()

        for stored in sorted(self._all("verdicts"), key=standing):
            yield of_crystals.verdict(stored, self.renamed)


def _prefix(key: str) -> str:
    return key.rpartition(":")[0]


def _series(stored: Mapping[str, Any]) -> str:
    """Hash of how the cell of a run was ordered, in the id of its ordering."""
    return str(stored["ordering_id"]).split(":")[-2]
