"""The file of a backup: a gzip stream of marked BSON documents, checked by collection and as a whole.

A record is a letter and a BSON document: ``H`` the header, ``C`` a collection with its indexes, ``D`` one of its
documents, ``E`` its end with how many there were and their SHA-256, ``Z`` the end of all with the names that came.
"""

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Self

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from mtl_flows.errors import BackupError, ConfigurationError, unwritable

FORMAT = 1
_LENGTH = 4
_LONGEST = 17 * 2**20  # a little more than MongoDB takes
_COMPRESSION = 1  # frames are compressed already


class ArchiveWriter:
    """Writes a backup; see `archive_to`."""

    def __init__(self, stream: IO[bytes], header: Mapping[str, Any]) -> None:
        self._stream = stream
        self._names: list[str] = []
        self._record(b"H", {"format": FORMAT, **header})

    def begin(self, name: str, indexes: list[dict[str, Any]]) -> None:
        """Begin a collection."""
        self._names.append(name)
        self._digest, self._n = sha256(), 0
        self._record(b"C", {"name": name, "indexes": indexes})

    def add(self, raw: bytes) -> None:
        """Add a document of the collection that was begun last."""
        self._digest.update(raw)
        self._n += 1
        self._stream.write(b"D" + raw)

    def end(self) -> int:
        """End the collection, and return how many documents it has."""
        self._record(b"E", {"n": self._n, "sha256": self._digest.hexdigest()})
        return self._n

    def close(self) -> None:
        """Say that this was all."""
        self._record(b"Z", {"names": self._names})

    def _record(self, kind: bytes, document: Mapping[str, Any]) -> None:
        self._stream.write(kind + bson.encode(document))


@contextmanager
def archive_to(path: Path, header: Mapping[str, Any]) -> Iterator[ArchiveWriter]:
    """Write a backup that is there when the block ends well, and not before.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            os.chmod(part, 0o600)
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_COMPRESSION, filename="") as stream:
                writer = ArchiveWriter(stream, header)  # type: ignore[arg-type]
                yield writer
                writer.close()
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True)
class CollectionBegins:
    """A collection of a backup."""

    name: str
    indexes: list[dict[str, Any]]


class ArchiveReader:
    """Reads a backup from its beginning to its end, whose checksums are verified on the way."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        kind, raw = self._next()
        if kind != b"H":
            raise self._damaged("has no header")
        self.header: dict[str, Any] = self._decoded(raw)
        if self.header.get("format") != FORMAT:
            raise BackupError(
                f"is of format {self.header.get('format')}, and this version reads {FORMAT}",
                subject=str(path),
                remedy="restore it by the version of mtl_flows that wrote it, or a later one",
            )

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a backup.

        Raises
        ------
        BackupError
            If it is none, or of another format.
        ConfigurationError
            If it cannot be read.
        """
        try:
            with gzip.open(path, "rb") as stream:
                yield cls(path, stream)  # type: ignore[arg-type]
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise BackupError("is no backup, or a damaged one", subject=str(path)) from None
            raise ConfigurationError(f"cannot be read: {error.strerror}", subject=str(path)) from None

    def __iter__(self) -> Iterator[CollectionBegins | RawBSONDocument]:
        """Collections, each followed by its documents.

        Raises
        ------
        BackupError
            As soon as a part proves to be damaged, or missing at the end.
        """
        names: list[str] = []
        digest, n = sha256(), 0
        while True:
            kind, raw = self._next()
            if kind == b"D":
                digest.update(raw)
                n += 1
                yield RawBSONDocument(raw)
                continue
            told = self._decoded(raw)
            if kind == b"C":
                names.append(told["name"])
                digest, n = sha256(), 0
                yield CollectionBegins(told["name"], told["indexes"])
            elif kind == b"E":
                if (n, digest.hexdigest()) != (told["n"], told["sha256"]):
                    raise self._damaged(f"{names[-1]} is not what was written")
            elif kind == b"Z" and told["names"] == names:
                return
            else:
                raise self._damaged("its parts do not fit together")

    def verify(self) -> dict[str, int]:
        """Read all of it, and return the number of documents of each collection."""
        counts: dict[str, int] = {}
        for part in self:
            if isinstance(part, CollectionBegins):
                name = part.name
                counts[name] = 0
            else:
                counts[name] += 1
        return counts

    def _next(self) -> tuple[bytes, bytes]:
        try:
            kind, head = self._stream.read(1), self._stream.read(_LENGTH)
            length = int.from_bytes(head, "little")
            if len(head) < _LENGTH or not _LENGTH < length <= _LONGEST:
                raise self._damaged("it breaks off")
            rest = self._stream.read(length - _LENGTH)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise self._damaged("it breaks off, or is no backup") from None
        if len(rest) < length - _LENGTH:
            raise self._damaged("it breaks off")
        return kind, head + rest

    def _decoded(self, raw: bytes) -> dict[str, Any]:
        try:
            return bson.decode(raw)
        except BSONError:
            raise self._damaged("a record cannot be read") from None

    def _damaged(self, how: str) -> BackupError:
        return BackupError(f"is damaged: {how}", subject=str(self._path), remedy="use another copy of it")
