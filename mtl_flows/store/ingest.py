"""Files that were read, and rejections."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, IndexModel, UpdateOne

from mtl_flows.errors import MTLError, NoMobileIonError
from mtl_flows.schemas.base import Provenance, utc_now
from mtl_flows.schemas.ingest import (
    FileDocument,
    RejectionDocument,
    RejectionEvent,
)
from mtl_flows.store.collection import DocumentCollection

# Of a refusal met again: what it says now; the rest is what it said first.
_LATEST = (
    *("subject", "message", "remedy", "file_sha256", "mobile_ion", "elements", "provenance"),
    *("resolved", "resolved_at"),
)


class RejectionGroup(NamedTuple):
    """Refusals by one stage for one reason."""

    stage: str
    reason: str
    n_refusals: int
    examples: list[str]
    remedy: str


class FileCollection(DocumentCollection[FileDocument]):
    """Ledger of the files read, so that a file met again costs one hash."""

    name = "files"
    model = FileDocument

    indexes = (IndexModel([("stem", ASCENDING)]),)

    def look_up(self, keys: Iterable[str]) -> dict[str, FileDocument]:
        """Those of `keys` that stand in the ledger."""
        return {document.id: document for document in self.find({"_id": {"$in": list(keys)}})}

    def forget_refusals(self, rejections: Sequence[str]) -> None:
        """Read the files that caused these rejections again when they are met."""
        self.writable.delete_many({"rejections": {"$in": list(rejections)}})

    def structures_by_stem(self, stems: Iterable[str]) -> dict[str, set[str]]:
        """Revisions that files of these stems gave, by stem."""
        found: dict[str, set[str]] = {}
        for stored in self.raw.find({"stem": {"$in": sorted(set(stems))}}, {"stem": 1, "structures": 1}):
            found.setdefault(stored["stem"], set()).update(stored["structures"])
        return found


class RejectionCollection(DocumentCollection[RejectionDocument]):
    """Everything a stage refused, and why."""

    name = "rejections"
    model = RejectionDocument
    indexes = (
        IndexModel([("stage", ASCENDING), ("reason", ASCENDING)]),
        IndexModel([("subject", ASCENDING)]),
        IndexModel([("material_id", ASCENDING)]),
        IndexModel([("releases", ASCENDING)]),
    )

    def record(
        self,
        error: MTLError,
        stage: str,
        subject: str,
        *,
        material_id: str = "",
        mobile_ion: str = "",
        provenance: Provenance | None = None,
    ) -> RejectionDocument:
        """Note that a stage after ingest refused `subject`; the same refusal twice is one document."""
        document = RejectionDocument.of(
            error,
            stage=stage,
            subject=subject,
            material_id=material_id,
            mobile_ion=mobile_ion,
            provenance=provenance,
        )
        self.record_many([document])
        return document

    def record_many(self, documents: Sequence[RejectionDocument], release: str = "") -> None:
        """Note several refusals, of files of a release at ingest.

        A refusal met before stands again if it was resolved, and says what is wrong now; that it was met, and in
        which release, is added to its history unless it says so already.
        """
        if documents:
            self.writable.bulk_write([self._met(document, release) for document in documents], ordered=False)

    def _met(self, document: RejectionDocument, release: str) -> UpdateOne:
        fields = self._sized(document)
        key = fields.pop("_id")
        event = RejectionEvent(
            at=document.created_at,
            accepted=False,
            release=release,
            subject=document.subject,
            file_sha256=document.file_sha256,
            message=document.message,
        )
        elsewhere = {"$not": [{"$in": [{"$literal": release}, _listed("releases")]}]} if release else False
        news = [
            {"$eq": [{"$type": "$created_at"}, "missing"]},
            {"$eq": ["$resolved", True]},
            {"$ne": ["$message", {"$literal": document.message}]},
            elsewhere,
        ]
        says = {name: {"$literal": fields.pop(name)} for name in _LATEST}
        told = {
            **{name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in fields.items()},
            **{name: {"$cond": ["$news", value, f"${name}"]} for name, value in says.items()},
            "events": _with("events", event.model_dump(), "$news"),
            "releases": _with("releases", release, elsewhere),
        }
        pipeline: list[dict[str, Any]] = [
            {"$set": {"news": {"$or": news}}},
            {"$set": told},
            {"$unset": "news"},
        ]
        return UpdateOne({"_id": key}, pipeline, upsert=True)

    def assign_release(self, ids: Sequence[str], release: str) -> None:
        """Note that `release` holds these refused files too; met anew, a resolved refusal stands again."""
        event = {"at": utc_now(), "accepted": False, "release": {"$literal": release}}
        event |= {name: f"${name}" for name in ("subject", "file_sha256", "message")}
        self.writable.update_many(
            {"_id": {"$in": list(ids)}, "releases": {"$ne": release}},
            [
                {
                    "$set": {
                        "releases": {"$concatArrays": ["$releases", [{"$literal": release}]]},
                        "events": {"$concatArrays": ["$events", [event]]},
                        "resolved": False,
                        "resolved_at": None,
                    }
                }
            ],
        )

    def resolve(self, stage: str, query: Mapping[str, Any], release: str = "") -> int:
        """Mark refusals by `stage` that no longer hold; returns how many."""
        event = RejectionEvent(at=utc_now(), accepted=True, release=release)
        update = {
            "$set": {"resolved": True, "resolved_at": event.at},
            "$push": {"events": event.model_dump()},
        }
        return self.writable.update_many({**query, "stage": stage, "resolved": False}, update).modified_count

    def refused_for_lack_of_others(self, ion: str) -> int:
        """Number of refusals at ingest of what holds an ion, for lack of those that were looked for."""
        return self.count(
            {"stage": "ingest", "reason": NoMobileIonError.reason, "resolved": False, "elements": ion}
        )

    def of_releases(self, releases: Sequence[str], *, besides: str) -> Iterator[RejectionDocument]:
        """Refusals at ingest that were met in some releases, but those for one reason."""
        return self.find({"stage": "ingest", "releases": {"$in": list(releases)}, "reason": {"$ne": besides}})

    def take_back(self, release: str) -> list[str]:
        """Forget that a release was ever ingested: where it was met and what it resolved.

        Returns
        -------
        list of str
            Ids of the refusals that were met in no other release; they are gone.
        """
        gone = []
        for document in list(self.find({"stage": "ingest", "events.release": release})):
            events = [event for event in document.events if event.release != release]
            releases = [name for name in document.releases if name != release]
            if not releases:
                gone.append(document.id)
                continue
            resolved = events[-1].accepted
            kept = {
                "events": events,
                "releases": releases,
                "resolved": resolved,
                "resolved_at": events[-1].at if resolved else None,
            }
            self.put([document.model_copy(update=kept)])
        self.writable.delete_many({"_id": {"$in": gone}})
        return gone

    def about(self, *subjects: str) -> list[RejectionDocument]:
        """Refusals of materials, structures or files; a file's folder may be left out, and its ending."""
        return list(self.find(about(subjects), sort=[("created_at", ASCENDING), ("_id", ASCENDING)]))

    def groups(self, query: Mapping[str, Any] | None = None) -> list[RejectionGroup]:
        """Refusals counted by stage and reason, the most frequent first, with a few subjects of each."""
        found = self.raw.aggregate(
            [
                {"$match": dict(query or {})},
                {"$sort": {"stage": 1, "reason": 1, "subject": 1}},
                {
                    "$group": {
                        "_id": {"stage": "$stage", "reason": "$reason"},
                        "count": {"$sum": 1},
                        "examples": {"$firstN": {"input": "$subject", "n": 3}},
                        "remedy": {"$first": "$remedy"},
                    }
                },
                {"$sort": {"count": -1, "_id": 1}},
            ]
        )
        return [
            RejectionGroup(g["_id"]["stage"], g["_id"]["reason"], g["count"], g["examples"], g["remedy"])
            for g in found
        ]

    def reasons(self) -> list[str]:
        """Reason codes of all that was ever refused, sorted."""
        return sorted(self.raw.distinct("reason"))

    def outstanding(self, query: Mapping[str, Any] | None = None) -> Iterator[RejectionDocument]:
        """Stream the refusals that still hold."""
        return self.find({**(query or {}), "resolved": False})

    def refused(self, stage: str, subjects: Sequence[str]) -> set[str]:
        """Those of `subjects` that a stage refuses."""
        query = {"stage": stage, "subject": {"$in": list(subjects)}}
        return {r["subject"] for r in self.raw.find({**query, "resolved": False}, {"subject": 1})}


def _listed(name: str) -> dict[str, Any]:
    """A list of a document, as an expression; empty where it has none yet."""
    return {"$ifNull": [f"${name}", []]}


def _with(name: str, item: Any, when: Any) -> dict[str, Any]:
    """A list of a document with one more item if an expression holds."""
    return {"$cond": [when, {"$concatArrays": [_listed(name), [{"$literal": item}]]}, _listed(name)]}


def about(subjects: Collection[str]) -> dict[str, Any]:
    """Query for refusals of materials, structures or files; a file's folder may be left out, and its ending."""
    named = [re.compile(rf"(^|/){re.escape(subject)}(\.[^/.]*)?( \[[^]]*\])?$") for subject in subjects]
    files = {"$in": [*subjects, *named]}
    return {"$or": [{"material_id": {"$in": list(subjects)}}, {"subject": files}, {"events.subject": files}]}
