"""How far a database has come on its way from version 1; light, since every process asks when it opens a store."""

from typing import Any, Final, Literal

from pymongo.database import Database

from mtl_flows.schemas.base import utc_now

ASIDE: Final = "version_1."
"""Before the names of collections that are kept as version 1 left them."""

FORMER_IDS: Final = "former_ids"
"""Collection of the ids that version 1 gave to what was simulated, with those of today."""

Progress = Literal["", "begun", "written", "done"]

_MARK: Final = "version_1"


def is_of_version_1(database: Database[dict[str, Any]]) -> bool:
    """Whether results belong to revisions there, and nobody has begun to change that."""
    first = database["structures"].find_one({}, {"crystal_id": 1})
    return first is not None and "crystal_id" not in first


def progress(database: Database[dict[str, Any]]) -> Progress:
    """How far the move has come; empty where it has not begun, or was finished."""
    found: Progress = noted(database, "state") or ""
    return found


def note(database: Database[dict[str, Any]], state: Progress, **more: Any) -> None:
    """Write down how far the move has come."""
    database[_MARK].update_one(
        {"_id": _MARK}, {"$set": {"state": state, f"at.{state}": utc_now(), **more}}, upsert=True
    )


def noted(database: Database[dict[str, Any]], name: str) -> Any:
    """Something that was written down with `note`."""
    return (database[_MARK].find_one({"_id": _MARK}) or {}).get(name)


def kept(database: Database[dict[str, Any]]) -> list[str]:
    """Collections of version 1 that are still there."""
    return sorted(name for name in database.list_collection_names() if name.startswith(ASIDE))


def finish(database: Database[dict[str, Any]]) -> list[str]:
    """Drop what version 1 left; gives the names of the collections."""
    dropped = kept(database)
    for name in dropped:
        database.drop_collection(name)
    database.drop_collection(_MARK)
    return dropped
