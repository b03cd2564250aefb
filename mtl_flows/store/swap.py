"""Collections that were written beside change places with those that stand: all of them, whatever ends the process."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, Final

from pymongo.database import Database
from pymongo.errors import OperationFailure

STAGED: Final = "restoring."
"""Before the names of collections that were written beside."""
LAYOUT: Final = "layout"
"""Collection of notes about the collections of one server, of no use on another."""
IDENTITY: Final = "identity"
"""The note of the name that a store keeps through backups and restores."""
_PLAN: Final = f"{STAGED}plan"
_ID: Final = "plan"
_NOT_THERE: Final = 26


def swap(database: Database[dict[str, Any]], names: Iterable[str], identity: str) -> None:
    """Let what was written beside stand, and nothing else; the store is the one of this identity then."""
    standing = [n for n in database.list_collection_names() if not n.startswith(("system.", STAGED))]
    names = list(names)
    plan = {"_id": _ID, "names": names, "dropped": sorted(set(standing) - set(names)), "identity": identity}
    # From here on it is going to happen.
    database[_PLAN].insert_one(plan)
    complete(database)


def is_under_way(names: Collection[str]) -> bool:
    """Whether collections of these names are changing places."""
    return _PLAN in names


def complete(database: Database[dict[str, Any]]) -> None:
    """Let collections change places that had begun to; several may do so at once."""
    plan = database[_PLAN].find_one({"_id": _ID})
    if plan is None:
        database.drop_collection(_PLAN)
        return
    for name in plan["dropped"]:
        database.drop_collection(name)
    staged = set(database.list_collection_names())
    for name in plan["names"]:
        if f"{STAGED}{name}" in staged:
            try:
                database[f"{STAGED}{name}"].rename(name, dropTarget=True)
            except OperationFailure as error:
                if error.code != _NOT_THERE:  # another process was first
                    raise
    if plan["identity"]:
        database[LAYOUT].update_one({"_id": IDENTITY}, {"$set": {"id": plan["identity"]}}, upsert=True)
    database.drop_collection(_PLAN)


def clear(database: Database[dict[str, Any]]) -> None:
    """Drop what a restore left that was ended before anything changed; complete one that was ended later."""
    names = database.list_collection_names()
    if is_under_way(names):
        complete(database)
    for name in names:
        if name.startswith(STAGED):
            with suppress(OperationFailure):
                database.drop_collection(name)
