"""A backup of everything in one file, and the way back.

What points to something is copied before what it points to. So beside workers, which write the other way round, a copy
holds every document, frame and output that a completed job of the copy stands for; jobs that ran meanwhile are recorded
as running, and `mtl recover` gives them back. Records are written one after the other from a cursor, never held.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from mtl_flows import __version__
from mtl_flows.errors import BackupError, ConfigurationError
from mtl_flows.schemas.base import utc_now
from mtl_flows.store.archive import ArchiveReader, CollectionBegins, archive_to
from mtl_flows.store.swap import IDENTITY, LAYOUT, STAGED, clear, swap

Say = Callable[[str], None]

_UNAUTHORIZED: Final = 13
_FIRST: Final = ("workflows", "fireworks", "launches", "offline_runs", "outputs")
_FIRST_OF_DOMAIN: Final = (
    *("candidates", "verdicts", "campaigns", "transport", "dft_checks", "stability", "dynamics"),
    *("relaxations", "orderings", "potentials", "assignments", "clusterings", "screenings"),
)
_LAST: Final = ("frames.pending", "frames.files", "frames.chunks", "fw_id_assigner")
_BATCH_BYTES: Final = 8 * 2**20
_BATCH: Final = 1000
_AT_WORK: Final = ("RUNNING", "RESERVED")

_RAW: Final = CodecOptions(document_class=RawBSONDocument)


def backup(database: Database[dict[str, Any]], path: Path, say: Say = lambda line: None) -> dict[str, int]:
    """Write all collections of a database, with their indexes, into a file that is whole or not there.

    Returns
    -------
    dict
        Number of documents by collection.

    Raises
    ------
    ConfigurationError
        If the file cannot be written.
    """
    header = {
        "database": database.name,
        "identity": _identity(database),
        "written": utc_now(),
        "mtl_flows": __version__,
    }
    counts: dict[str, int] = {}
    with archive_to(path, header) as archive:
        for name in in_order(database.list_collection_names()):
            collection = database.get_collection(name, codec_options=_RAW)
            archive.begin(name, [dict(index) for index in database[name].list_indexes()])
            # By id, so that a document that grows meanwhile is met once.
            for document in collection.find(sort=[("_id", 1)]):
                archive.add(bson.encode(document))  # as it came: it is not decoded
            counts[name] = archive.end()
            say(f"{name}: {counts[name]}")
    return counts


def in_order(names: Iterable[str]) -> list[str]:
    """Names of what is copied, what points to something before what it points to; other names in between."""
    copied = {n for n in names if n != LAYOUT and not n.startswith(("system.", STAGED))}
    ordered = (*_FIRST, *_FIRST_OF_DOMAIN)
    middle = sorted(copied - set(ordered) - set(_LAST))
    return [n for n in (*ordered, *middle, *_LAST) if n in copied]


def restore(
    database: Database[dict[str, Any]], path: Path, *, replace: bool = False, say: Say = lambda line: None
) -> dict[str, int]:
    """Put back what a backup holds, in the place of all that there is; nothing changes until all of it is there.

    The file is read twice: once to see that it is whole, once to write its collections beside those that stand, which
    takes their room on disk twice. Then they change places. Ended before that, nothing has changed; ended during it,
    the change is completed by whoever opens the database next.

    Parameters
    ----------
    replace
        Also where the database holds another store than the one that was written.

    Returns
    -------
    dict
        Number of documents by collection.

    Raises
    ------
    BackupError
        If the file is damaged, or no backup.
    ConfigurationError
        If jobs are at work, or another store is there.
    """
    with ArchiveReader.open(path) as archive:
        counts = archive.verify()
        identity = archive.header.get("identity", "")
    _refuse_if_in_use(database, path, identity, replace=replace)
    clear(database)
    with ArchiveReader.open(path) as archive:
        name = ""
        for batch in _batches(archive):
            if isinstance(batch, CollectionBegins):
                name = batch.name
                staged = f"{STAGED}{name}"
                database.create_collection(staged)
                indexes = [_index(i) for i in batch.indexes if i["name"] != "_id_"]
                if indexes:
                    database.command("createIndexes", staged, indexes=indexes)
                say(f"{name}: {counts[name]}")
            else:
                database.get_collection(f"{STAGED}{name}", codec_options=_RAW).insert_many(batch)
    for name, n in counts.items():
        found = database[f"{STAGED}{name}"].count_documents({})
        if found != n:
            raise BackupError(f"{found} documents of {name} arrived, not {n}", subject=str(path))
    swap(database, counts, identity)
    return counts


def _batches(archive: ArchiveReader) -> Iterator[CollectionBegins | list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    for part in archive:
        if isinstance(part, CollectionBegins):
            if batch:
                yield batch
                batch, size = [], 0
            yield part
            continue
        batch.append(part)
        size += len(part.raw)
        if size >= _BATCH_BYTES or len(batch) == _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _index(described: dict[str, Any]) -> dict[str, Any]:
    """An index as the command takes it that creates it."""
    return {name: value for name, value in described.items() if name not in ("v", "ns", "background")}


def _identity(database: Database[dict[str, Any]]) -> str:
    """Name that a store keeps through backups and restores; empty where it has none and none may be written."""
    try:
        database[LAYOUT].update_one({"_id": IDENTITY}, {"$setOnInsert": {"id": uuid4().hex}}, upsert=True)
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
    return _standing_identity(database)


def _standing_identity(database: Database[dict[str, Any]]) -> str:
    found = database[LAYOUT].find_one({"_id": IDENTITY})
    return str(found["id"]) if found else ""


def _refuse_if_in_use(
    database: Database[dict[str, Any]], path: Path, identity: str, *, replace: bool
) -> None:
    at_work = database["fireworks"].count_documents({"state": {"$in": _AT_WORK}})
    if at_work:
        raise ConfigurationError(
            f"{at_work} jobs are at work in the store that is to be replaced",
            subject=database.name,
            remedy="stop the workers, then mtl recover",
        )
    names = in_order(database.list_collection_names())
    if replace or not any(database[name].find_one({}, {"_id": 1}) for name in names):
        return
    if not identity or identity != _standing_identity(database):
        raise ConfigurationError(
            f"holds another store than {path}",
            subject=f"database {database.name}",
            remedy="name an empty database (MTL_DATABASE), or give this store up: --replace",
        )
