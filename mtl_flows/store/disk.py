"""What a database takes on disk, and how fast it grows; one request to the server."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from mtl_flows.schemas.base import utc_now

_FRAMES = "frames.files"
_UNAUTHORIZED = 13
_LOOKED_BACK = timedelta(days=1)


@dataclass(frozen=True)
class DiskUse:
    """What there is.

    Attributes
    ----------
    documents
        How many in each collection.
    bytes_on_disk
        Of each collection, compressed, with its indexes.
    frames_of_a_day
        Bytes of frames that were written during the last 24 hours, not compressed: what grows most.
    """

    documents: Mapping[str, int]
    bytes_on_disk: Mapping[str, int]
    frames_of_a_day: int = 0

    @property
    def total(self) -> int:
        """Bytes of all collections."""
        return sum(self.bytes_on_disk.values())


def disk_use(database: Database[dict[str, Any]], names: Collection[str]) -> DiskUse:
    """Ask what collections take that are there; of a user without the right to know nothing is told."""
    if not names:
        return DiskUse({}, {})
    first, *others = sorted(names)
    stats: list[dict[str, Any]] = [
        {"$collStats": {"storageStats": {}}},
        {
            "$project": {
                "name": {"$substrCP": ["$ns", len(database.name) + 1, 1000]},
                "n": "$storageStats.count",
                "bytes": "$storageStats.totalSize",
            }
        },
    ]
    pipeline = stats + [{"$unionWith": {"coll": other, "pipeline": stats}} for other in others]
    if _FRAMES in names:
        recent = {"$match": {"uploadDate": {"$gt": utc_now() - _LOOKED_BACK}}}
        grouped = {"$group": {"_id": None, "recent": {"$sum": "$length"}}}
        pipeline.append({"$unionWith": {"coll": _FRAMES, "pipeline": [recent, grouped]}})
    try:
        found = list(database[first].aggregate(pipeline))
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        return DiskUse({}, {})
    named = [entry for entry in found if "name" in entry]
    return DiskUse(
        {entry["name"]: entry["n"] for entry in named},
        {entry["name"]: entry["bytes"] for entry in named},
        sum(entry.get("recent", 0) for entry in found),
    )


def in_words(n_bytes: float) -> str:
    """Bytes with a unit that suits them."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
