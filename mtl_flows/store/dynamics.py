"""Collections of the dynamics stage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pymongo import ASCENDING, DESCENDING, IndexModel

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.schemas.dynamics import (
    OrderingDocument,
    RelaxationDocument,
    Sample,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.store.owner import Owner
from mtl_flows.store.stages import RunCollection
from mtl_flows.store.version_1.mark import FORMER_IDS
from mtl_flows.vocabulary import RUNNING

R = TypeVar("R", TrajectoryDocument, TransportDocument, DftCheckDocument)


class Ordered(NamedTuple):
    """What one ordering gave.

    Attributes
    ----------
    parent_id
        Key of what was ordered.
    series
        Hash of how.
    ordering
        Its number.
    sample
        The cell, and which of its runs.
    """

    parent_id: str
    series: str
    ordering: int
    sample: Sample


class OrderingCollection(RunCollection[OrderingDocument]):
    """Ordered approximants."""

    name = "orderings"
    model = OrderingDocument
    indexes = (*RunCollection.indexes, IndexModel([("approximant_id", ASCENDING)]))

    def samples(self, parents: Iterable[str], mobile_ion: str = "") -> list[Ordered]:
        """What the orderings of some parents gave, by parent, series and number; for one ion, or for any."""
        query: dict[str, Any] = {"parent_id": {"$in": sorted(set(parents))}}
        if mobile_ion:
            query["provenance.parameters.mobile_ion"] = mobile_ion
        wanted = dict.fromkeys(("parent_id", "parameters_hash", "ordering", "approximant_id", "replica"), 1)
        order = [(name, ASCENDING) for name in ("parent_id", "parameters_hash", "ordering")]
        return [
            Ordered(
                d["parent_id"], d["parameters_hash"], d["ordering"], Sample(d["approximant_id"], d["replica"])
            )
            for d in self.raw.find(query, wanted, sort=order)
        ]

    def samples_of(self, keys: Iterable[str]) -> dict[str, Sample]:
        """Cell and replica of orderings, by their ids; of those that are there."""
        query = {"_id": {"$in": sorted(set(keys))}}
        found = self.raw.find(query, {"approximant_id": 1, "replica": 1})
        return {d["_id"]: Sample(d["approximant_id"], d["replica"]) for d in found}


class RelaxationCollection(RunCollection[RelaxationDocument]):
    """Ordered cells, relaxed."""

    name = "relaxations"
    model = RelaxationDocument
    indexes = (*RunCollection.indexes, IndexModel([("approximant_id", ASCENDING)]))

    def of_cells(self, orderings: Iterable[Ordered], engine_name: str) -> dict[str, list[RelaxationDocument]]:
        """Relaxed cells by the parent of the ordering that gave them."""
        cells: dict[str, dict[str, None]] = {}
        for ordered in orderings:
            cells.setdefault(ordered.sample.approximant_id, {})[ordered.parent_id] = None
        found: dict[str, list[RelaxationDocument]] = {}
        for document in self.find({"approximant_id": {"$in": sorted(cells)}, "engine_name": engine_name}):
            for parent in cells[document.approximant_id]:
                found.setdefault(parent, []).append(document)
        return found


class SampleCollection(RunCollection[R]):
    """What hangs on an ordered cell and a replica."""

    indexes = (*RunCollection.indexes, IndexModel([("approximant_id", ASCENDING), ("replica", ASCENDING)]))

    def of_samples(
        self, orderings: Iterable[Ordered], mobile_ion: str = "", also: Mapping[str, Any] | None = None
    ) -> dict[str, list[R]]:
        """Documents by the parent of the ordering that gave their cell, with that ordering's parent, series and number.

        `also` has to hold too. A document shows once for every ordering that gave its cell and replica.
        """
        by_sample: dict[Sample, list[Ordered]] = {}
        for ordered in orderings:
            by_sample.setdefault(ordered.sample, []).append(ordered)
        query: dict[str, Any] = {
            "approximant_id": {"$in": sorted({s.approximant_id for s in by_sample})},
            **(also or {}),
        }
        if mobile_ion:
            query["provenance.parameters.mobile_ion"] = mobile_ion
        found: dict[str, list[R]] = {}
        for document in self.find(query):
            for ordered in by_sample.get(Sample(document.approximant_id, document.replica), ()):
                seen = {
                    "parent_id": ordered.parent_id,
                    "series": ordered.series,
                    "ordering": ordered.ordering,
                }
                found.setdefault(ordered.parent_id, []).append(document.model_copy(update=seen))
        return found


class TrajectoryCollection(SampleCollection[TrajectoryDocument]):
    """Simulations: one per ordered cell, potential, replica and temperature."""

    name = "dynamics"
    model = TrajectoryDocument
    indexes = (
        *SampleCollection.indexes,
        IndexModel([("ordering_id", ASCENDING), ("engine_name", ASCENDING), ("temperature_K", ASCENDING)]),
        IndexModel([("status", ASCENDING)]),
    )

    def production(
        self, subject: str, orderings: Sequence[Ordered], ordering: int = 0, temperature_K: float = 0.0
    ) -> TrajectoryDocument:
        """Return one simulation: by its id, or of a material at a temperature (0: the hottest), the longest if several.

        Parameters
        ----------
        subject
            Id of a simulation, or of a material.
        orderings
            Of that material and its duplicates, its own first; those of one number are looked at.

        Raises
        ------
        NotFoundError
            If there is none with frames.
        """
        query: dict[str, Any] = {"trajectory_stage": "production", "steps_done": {"$gt": 0}}
        named = query | {"_id": self.today(subject)}
        of_material = [query | o.sample._asdict() for o in orderings if o.ordering == ordering]
        if temperature_K:
            of_material = [wanted | {"temperature_K": temperature_K} for wanted in of_material]
        order = [("temperature_K", DESCENDING), ("steps_done", DESCENDING), ("_id", ASCENDING)]
        for wanted in (named, *of_material):
            for document in self.find(wanted, sort=order, limit=1):
                return document
        raise NotFoundError(
            f"no simulation with frames{f' at {temperature_K:g} K' if temperature_K else ''}",
            subject=subject,
            remedy=self._others(orderings, query),
        )

    def _others(self, orderings: Sequence[Ordered], query: Mapping[str, Any]) -> str:
        """Say which simulations there are instead."""
        there = [s for simulations in self.of_samples(orderings, also=query).values() for s in simulations]
        found = sorted({(s.ordering, s.temperature_K) for s in there})
        if not found:
            return "see mtl explain, or run mtl launch"
        by_ordering = {
            ordering: ", ".join(f"{K:g}" for other, K in found if other == ordering)
            for ordering in dict.fromkeys(ordering for ordering, _ in found)
        }
        return "there are " + "; ".join(f"{K} K of approximant {n}" for n, K in by_ordering.items())

    def today(self, key: str) -> str:
        """Id of what version 1 called a simulation; the id itself if it was not renamed."""
        renamed = self.raw.database[FORMER_IDS].find_one({"_id": key})
        return str(renamed["now"]) if renamed else key

    def claim(self, read: TrajectoryDocument) -> TrajectoryDocument:
        """Take a simulation over as it stands, and return it: nothing that another owner still writes will move it.

        Parameters
        ----------
        read
            The simulation as it was read by whoever claims it, in the same job.

        Raises
        ------
        OwnershipLostError
            If the work of whoever claims it was given to another worker.
        """
        while True:
            self.owner.check()  # after reading: whoever is given this work claims it, and changes what was read
            claimed = self.raw.update_one(_stands(read), {"$set": {"owner": self.owner.token}})
            if claimed.matched_count:
                return read.model_copy(update={"owner": self.owner.token})
            read = self.get(read.id)

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
        fields, standing = self._sized(moved), before
        while standing.revision == before.revision:
            self.owner.check()  # after reading, as in `claim`
            if self.raw.replace_one(_stands(standing), fields).matched_count:
                return moved
            standing = self.get(before.id)
        return standing

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

    def ended_ramps(self) -> Iterator[TrajectoryDocument]:
        """Stream the heating ramps that have come to their end and still have frames."""
        over = {"status": {"$ne": RUNNING}, "retry": {"$ne": True}, "frames_given_up": {"$ne": True}}
        return self.find({"trajectory_stage": "heat", "chunks.0": {"$exists": True}, **over})

    def give_frames_up(self, simulation: TrajectoryDocument) -> bool:
        """Note that the frames of a simulation are kept no longer; false if its record has moved on since."""
        changed = {"$set": {"frames_given_up": True}, "$inc": {"revision": 1}}
        return bool(self.writable.update_one(_stands(simulation), changed).matched_count)

    def all_blocks(self) -> frozenset[str]:
        """Files that records of simulations point to."""
        kept = {"frames_given_up": {"$ne": True}}
        return frozenset(
            block["file_id"]
            for stored in self.raw.find(kept, {"chunks.blocks.file_id": 1})
            for chunk in stored.get("chunks", ())
            for block in chunk["blocks"]
        )


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


class TransportCollection(SampleCollection[TransportDocument]):
    """Arrhenius fits."""

    name = "transport"
    model = TransportDocument

    def complete(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` whose temperatures have all been simulated to their end."""
        return {d["_id"] for d in self.raw.find({"_id": {"$in": list(keys)}, "complete": True}, {"_id": 1})}
