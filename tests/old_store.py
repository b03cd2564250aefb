"""A store as version 1 of its layout left it (see `tests/fixtures/README.md`), brought into a database."""

import gzip
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bson import json_util
from pymongo.database import Database

DUMP = Path(__file__).parent / "fixtures" / "store_of_version_1.tar.gz"


def restore(
    database: Database[dict[str, Any]], dump: Path = DUMP, *, only: Collection[str] = ()
) -> dict[str, int]:
    """Insert every document of the dump, or those of some collections; gives their number by collection."""
    counts: dict[str, int] = {}
    with gzip.open(dump) as unpacked, tarfile.open(fileobj=unpacked) as archive:
        for member in archive:
            name = member.name.removesuffix(".json")
            if only and name not in only:
                continue
            lines = archive.extractfile(member)
            assert lines is not None
            documents = [
                json_util.loads(line.decode(), json_options=json_util.CANONICAL_JSON_OPTIONS)
                for line in lines
            ]
            database[name].insert_many(documents)
            counts[name] = len(documents)
    return counts
