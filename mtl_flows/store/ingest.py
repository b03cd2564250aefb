"""Releases, the files they hold, and rejections."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.errors import DuplicateKeyError

from mtl_flows.errors import (
    ConfigurationError,
    ConflictingIdError,
    DatabaseUnavailableError,
    MTLError,
    NotFoundError,
)
from mtl_flows.schemas.base import Provenance, utc_now
from mtl_flows.schemas.ingest import FileDocument, RejectionDocument, ReleaseDocument
from mtl_flows.store.collection import DocumentCollection

_ATTEMPTS = 50


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

    def look_up(self, keys: Iterable[str]) -> dict[str, FileDocument]:
        """Those of `keys` that stand in the ledger."""
        return {document.id: document for document in self.find({"_id": {"$in": list(keys)}})}


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
        file_sha256: str = "",
        material_id: str = "",
        mobile_ion: str = "",
        release: str = "",
        provenance: Provenance | None = None,
    ) -> RejectionDocument:
        """Note that `stage` refused `subject`; the same refusal twice is one document."""
        document = RejectionDocument.of(
            error,
            stage=stage,
            subject=subject,
            file_sha256=file_sha256,
            material_id=material_id,
            mobile_ion=mobile_ion,
            provenance=provenance,
        )
        self.record_many([document], release)
        return document

    def record_many(self, documents: Sequence[RejectionDocument], release: str = "") -> None:
        """Note several refusals at once."""
        writes = []
        for document in documents:
            fields = self._sized(document)
            key, releases = fields.pop("_id"), fields.pop("releases")
            fields.pop("resolved")
            update: dict[str, Any] = {"$setOnInsert": fields, "$set": {"resolved": False}}
            update["$addToSet"] = {"releases": {"$each": [*releases, release] if release else releases}}
            writes.append(UpdateOne({"_id": key}, update, upsert=True))
        if writes:
            self.raw.bulk_write(writes, ordered=False)

    def assign_release(self, ids: Sequence[str], release: str) -> None:
        """Note that `release` holds these refused files too; met anew, a resolved refusal stands again."""
        self.raw.update_many(
            {"_id": {"$in": list(ids)}, "releases": {"$ne": release}},
            {"$addToSet": {"releases": release}, "$set": {"resolved": False}},
        )

    def settle_files(self, files: Iterable[str], materials: Iterable[str]) -> None:
        """Mark refusals of files or materials that have been accepted since as resolved."""
        self.resolve("ingest", {"subject": {"$in": sorted(set(files))}})
        others = {
            "material_id": {"$in": sorted(set(materials))},
            "reason": {"$ne": ConflictingIdError.reason},
        }
        self.resolve("ingest", others)

    def resolve(self, stage: str, query: Mapping[str, Any]) -> int:
        """Mark refusals by `stage` that no longer hold; returns how many."""
        update = {"$set": {"resolved": True}}
        return self.raw.update_many({**query, "stage": stage, "resolved": False}, update).modified_count

    def about(self, subject: str) -> list[RejectionDocument]:
        """Refusals of a material, a structure or a file; a file's folder may be left out."""
        named = re.compile(rf"(^|/){re.escape(subject)}( \[[^]]*\])?$")
        query = {"$or": [{"material_id": subject}, {"subject": subject}, {"subject": named}]}
        return list(self.find(query, sort=[("created_at", ASCENDING), ("_id", ASCENDING)]))

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

    def outstanding(self, query: Mapping[str, Any] | None = None) -> Iterator[RejectionDocument]:
        """Stream the refusals that still hold."""
        return self.find({**(query or {}), "resolved": False})

    def refused(self, stage: str, subjects: Sequence[str]) -> set[str]:
        """Those of `subjects` that a stage refuses."""
        query = {"stage": stage, "subject": {"$in": list(subjects)}}
        return {r["subject"] for r in self.raw.find({**query, "resolved": False}, {"subject": 1})}


class ReleaseCollection(DocumentCollection[ReleaseDocument]):
    """Deliveries of files, in the order they arrived."""

    name = "releases"
    model = ReleaseDocument
    indexes = (IndexModel([("sequence", ASCENDING)], unique=True), IndexModel([("source", ASCENDING)]))

    def begin(self, name: str, source: str) -> ReleaseDocument:
        """Return the release, entering it as the latest if it is new.

        Parameters
        ----------
        source
            Where the release is known already it may stay empty.

        Raises
        ------
        ConfigurationError
            If the name is empty or belongs to another source.
        """
        if not name.strip():
            raise ConfigurationError("a release needs a name", subject="release", remedy="give it one")
        for _ in range(_ATTEMPTS):
            stored = self.raw.find_one({"_id": name})
            if stored is not None:
                release = self._load(stored)
                if source not in ("", release.source):
                    raise ConfigurationError(
                        f"belongs to the source {release.source!r}, not {source!r}",
                        subject=f"release {name}",
                        remedy="use another name for the release, or its own source",
                    )
                return release
            latest = self.raw.find_one({}, {"sequence": 1}, sort=[("sequence", DESCENDING)])
            now = utc_now()
            release = ReleaseDocument(
                id=name,
                name=name,
                source=source,
                sequence=latest["sequence"] + 1 if latest else 1,
                created_at=now,
                updated_at=now,
                provenance=Provenance.declared("release", {}),
            )
            with suppress(DuplicateKeyError):
                self.raw.insert_one(release.to_mongo())
        raise DatabaseUnavailableError(
            "other writers keep adding releases", subject=self.name, remedy="run again"
        )

    def declare_complete(self, name: str) -> None:
        """Note that what the release does not hold has been withdrawn; it stays so."""
        self.raw.update_one({"_id": name}, {"$set": {"complete": True}})

    def end(self, name: str, counts: Mapping[str, int]) -> None:
        """Note the counts of an ingest that ended."""
        self.raw.update_one({"_id": name}, {"$set": {"counts": dict(counts), "updated_at": utc_now()}})

    def named(self, name: str) -> ReleaseDocument:
        """Return the release of this name.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        stored = self.raw.find_one({"_id": name})
        if stored is None:
            raise NotFoundError("no such release", subject=name, remedy="see `mtl release list`")
        return self._load(stored)

    def order(self) -> list[str]:
        """Names of all releases, oldest first."""
        return [d["_id"] for d in self.raw.find({}, {"_id": 1}, sort=[("sequence", ASCENDING)])]

    def standing(self) -> list[str]:
        """Names of the releases that count: of each source its latest complete one and those after it.

        Of a source without a complete release all count, since nothing has been withdrawn.
        """
        standing: dict[str, list[str]] = {}
        for release in self.find(sort=[("sequence", ASCENDING)]):
            names = standing.setdefault(release.source, [])
            if release.complete:
                names.clear()
            names.append(release.name)
        return [name for names in standing.values() for name in names]
