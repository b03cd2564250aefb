"""Releases: what was delivered by whom, and in which order."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from mtl_flows import __version__
from mtl_flows.errors import ConfigurationError, DatabaseUnavailableError, NotFoundError, there_are
from mtl_flows.schemas.base import Provenance, utc_now
from mtl_flows.schemas.ingest import IngestRecord, ReleaseDocument
from mtl_flows.science.naming import source_key
from mtl_flows.store.collection import DocumentCollection

_ATTEMPTS = 50
_BY_DATE: Final = (("date", ASCENDING), ("sequence", ASCENDING))


class ReleaseCollection(DocumentCollection[ReleaseDocument]):
    """Deliveries of files, in the order of their dates."""

    name = "releases"
    model = ReleaseDocument
    indexes = (IndexModel([("sequence", ASCENDING)], unique=True), IndexModel([("source", ASCENDING)]))

    def begin(self, name: str, source: str, date: datetime | None = None) -> ReleaseDocument:
        """Return the release, entering it if it is new.

        Parameters
        ----------
        source
            Where the release is known already it may stay empty.
        date
            Decides its place among the releases; if none is given, that of a new one is now.

        Raises
        ------
        ConfigurationError
            If the name is empty or belongs to another source.
        """
        if not name.strip():
            raise ConfigurationError("a release needs a name", subject="release", remedy="give it one")
        if source and not source_key(source):
            raise ConfigurationError(
                "a source needs letters or digits", subject=source, remedy="give it another name"
            )
        for _ in range(_ATTEMPTS):
            stored = self.raw.find_one({"_id": name})
            if stored is not None:
                release = self._load(stored)
                if source and source_key(source) != source_key(release.source):
                    raise ConfigurationError(
                        f"belongs to the source {release.source!r}, not {source!r}",
                        subject=f"release {name}",
                        remedy="use another name for the release, or its own source",
                    )
                if date is not None and date != release.date:
                    self.writable.update_one({"_id": name}, {"$set": {"date": date}})
                    return self.named(name)
                return release
            latest = self.raw.find_one({}, {"sequence": 1}, sort=[("sequence", DESCENDING)])
            now = utc_now()
            release = ReleaseDocument(
                id=name,
                name=name,
                source=source,
                sequence=latest["sequence"] + 1 if latest else 1,
                date=date or now,
                created_at=now,
                provenance=Provenance.declared("release", {}),
            )
            with suppress(DuplicateKeyError):
                self.writable.insert_one(release.to_mongo())
        raise DatabaseUnavailableError(
            "other writers keep adding releases", subject=self.name, remedy="run again"
        )

    def declare_complete(self, name: str) -> None:
        """Note that what the release does not hold has been withdrawn; it stays so."""
        self.writable.update_one({"_id": name}, {"$set": {"complete": True}})

    def begin_ingest(self, name: str, parameters_hash: str, mobile_ions: Sequence[str] = ()) -> str:
        """Enter an ingest into the history of a release; gives its id."""
        record = IngestRecord(
            id=uuid4().hex,
            started_at=utc_now(),
            parameters_hash=parameters_hash,
            mobile_ions=list(mobile_ions),
            code_version=__version__,
        )
        self.writable.update_one({"_id": name}, {"$push": {"ingests": record.model_dump()}})
        return record.id

    def note_ingest(self, name: str, ingest: str, counts: Mapping[str, int], *, ended: bool = False) -> None:
        """Note what an ingest has met so far; that of other ingests stays."""
        found: dict[str, Any] = {"ingests.$.counts": dict(counts)}
        if ended:
            found["ingests.$.ended_at"] = utc_now()
        self.writable.update_one({"_id": name, "ingests.id": ingest}, {"$set": found})

    def mobile_ions(self) -> list[str]:
        """Ions that files were accepted for so far, sorted."""
        return sorted(self.raw.distinct("ingests.mobile_ions"))

    def named(self, name: str) -> ReleaseDocument:
        """Return the release of this name.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        stored = self.raw.find_one({"_id": name})
        if stored is None:
            raise NotFoundError(
                f"no release {name!r}", remedy=there_are(name, self.order(), "run mtl ingest")
            )
        return self._load(stored)

    def in_order(self) -> Iterator[ReleaseDocument]:
        """Stream all releases, oldest first: by date, then by arrival."""
        return self.find(sort=_BY_DATE)

    def order(self) -> list[str]:
        """Names of all releases, oldest first."""
        return [d["_id"] for d in self.raw.find({}, {"_id": 1}, sort=list(_BY_DATE))]

    def remove(self, name: str) -> None:
        """Take a release from the list; what it holds is taken back before."""
        self.writable.delete_one({"_id": name})

    def standing(self) -> list[str]:
        """Names of the releases that count: of each source its latest complete one and those after it.

        Of a source without a complete release all count, since nothing has been withdrawn.
        """
        standing: dict[str, list[str]] = {}
        for release in self.in_order():
            names = standing.setdefault(source_key(release.source), [])
            if release.complete:
                names.clear()
            names.append(release.name)
        return [name for names in standing.values() for name in names]
