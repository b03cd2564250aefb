"""A store as version 1 of its layout left it (see `tests/fixtures/README.md`), brought into a database."""

import gzip
import tarfile
from pathlib import Path
from typing import Any

from bson import json_util
from pymongo.database import Database

DUMP = Path(__file__).parent / "fixtures" / "store_of_version_1.tar.gz"


def restore(database: Database[dict[str, Any]], dump: Path = DUMP) -> dict[str, int]:
    """Insert every document of the dump; gives their number by collection. Indexes are those of the server alone."""
    counts: dict[str, int] = {}
    with gzip.open(dump) as unpacked, tarfile.open(fileobj=unpacked) as archive:
        for member in archive:
            lines = archive.extractfile(member)
            assert lines is not None
            documents = [
                json_util.loads(line.decode(), json_options=json_util.CANONICAL_JSON_OPTIONS)
                for line in lines
            ]
            name = member.name.removesuffix(".json")
            database[name].insert_many(documents)
            counts[name] = len(documents)
    return counts
