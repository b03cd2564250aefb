"""A release as a folder: structures, what they are and where they come from, and whether all are there."""

import csv
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Self

import yaml

from mtl_flows.errors import ConfigurationError
from mtl_flows.whole_files import write_whole

MANIFEST = "manifest.yaml"
STRUCTURES = "structures"
_ENTRIES, _LEFT_OUT = "entries.csv", "left_out.csv"
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the structures of a release come from.

    Attributes
    ----------
    source, release
        As `mtl ingest` takes them.
    service
        Address that was asked, or the folder.
    query
        What was asked for.
    licence
        Under which the source gives them, in its own words.
    """

    source: str
    release: str
    service: str
    query: Mapping[str, Any]
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.yaml`` says.

    Attributes
    ----------
    fetched_on
        Day on which the first structure was asked for.
    complete
        Whether everything that was asked for is there or named as left out.
    position
        Where to go on; empty at the beginning and at the end.
    entries, left_out
        How many; only known when it is complete.
    """

    origin: Origin
    fetched_on: date
    complete: bool = False
    position: str = ""
    entries: int | None = None
    left_out: int | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a release folder.

        Raises
        ------
        ConfigurationError
            If it cannot be read.
        """
        file = folder / MANIFEST
        try:
            told = yaml.safe_load(file.read_text(encoding="utf-8"))
            origin = Origin(**told.pop("origin"))
            return cls(origin, **told)
        except (OSError, ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError) as error:
            raise ConfigurationError(
                f"is no manifest of a release: {type(error).__name__}",
                subject=str(file),
                remedy="fetch the release into another folder",
            ) from None

    def must_be_complete(self, folder: Path) -> None:
        """Make sure that nothing is missing.

        Raises
        ------
        ConfigurationError
            If the release has not been fetched to its end.
        """
        if not self.complete:
            raise ConfigurationError(
                "was not fetched to its end",
                subject=str(folder),
                remedy="run the same mtl fetch again: it goes on",
            )

    def write(self, folder: Path) -> None:
        """Write the manifest, whole or not at all."""
        origin = {name: getattr(self.origin, name) for name in Origin.__slots__}
        origin["query"] = dict(self.origin.query)
        told = {"origin": origin} | {name: getattr(self, name) for name in self.__slots__ if name != "origin"}
        write_whole(folder / MANIFEST, yaml.safe_dump(told, sort_keys=False, allow_unicode=True).encode())


def is_release_folder(path: Path) -> bool:
    """Whether a path is a folder with a manifest."""
    return (path / MANIFEST).is_file()


@dataclass
class ReleaseFolder:
    """A release that is being fetched. Killed at any moment it goes on where it was.

    Attributes
    ----------
    manifest
        As it stands on disk.
    """

    folder: Path
    manifest: Manifest
    _files: dict[str, str] = field(default_factory=dict)
    _left_out: dict[str, str] = field(default_factory=dict)
    _added: list[tuple[str, ...]] = field(default_factory=list)
    _omitted: list[tuple[str, ...]] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, origin: Origin) -> Self:
        """Begin a release, or go on with one.

        Raises
        ------
        ConfigurationError
            If the folder holds something else, or the answer to another query.
        """
        if is_release_folder(folder):
            manifest = Manifest.read(folder)
            if _asked(manifest.origin) != _asked(origin):
                raise ConfigurationError(
                    "holds what another query gave", subject=str(folder), remedy="name another folder with -o"
                )
        elif folder.exists() and any(folder.iterdir()):
            raise ConfigurationError(
                "is not empty", subject=str(folder), remedy="name another folder with -o"
            )
        else:
            (folder / STRUCTURES).mkdir(parents=True, exist_ok=True)
            manifest = Manifest(origin, datetime.now(UTC).date())
            manifest.write(folder)
        files = {row[0]: row[1] for row in _rows(folder / _ENTRIES, 3)}
        left_out = {row[0]: row[1] for row in _rows(folder / _LEFT_OUT, 2)}
        return cls(folder, manifest, files, left_out)

    def __contains__(self, entry: str) -> bool:
        return entry in self._files or entry in self._left_out

    def __len__(self) -> int:
        return len(self._files)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why what is not there is not, by entry."""
        return self._left_out

    def add(self, entry: str, suffix: str, content: bytes, *, called: str = "") -> None:
        """Write a structure, under its id or what it is called; one that is there stays."""
        if entry in self:
            return
        name = file_name(called or entry, suffix)
        write_whole(self.folder / STRUCTURES / name, content)
        self._files[entry] = name
        self._added.append((entry, name, hashlib.sha256(content).hexdigest()))

    def leave_out(self, entry: str, reason: str) -> None:
        """Note that an entry is not there, and why, on one line."""
        if entry not in self:
            self._left_out[entry] = " ".join(reason.split())
            self._omitted.append((entry, self._left_out[entry]))

    def reach(self, position: str = "") -> None:
        """Note on disk what was added, and where to go on."""
        _append(self.folder / _ENTRIES, self._added)
        _append(self.folder / _LEFT_OUT, self._omitted)
        self._added, self._omitted = [], []
        self._become(position=position)

    def finish(self) -> None:
        """Note that everything is there."""
        self.reach("")
        self._become(complete=True, entries=len(self._files), left_out=len(self._left_out))

    def _become(self, **changes: Any) -> None:
        told = {name: getattr(self.manifest, name) for name in Manifest.__slots__} | changes
        self.manifest = Manifest(**told)
        self.manifest.write(self.folder)


def file_name(entry: str, suffix: str) -> str:
    """Name of the file of an entry: its id, and a hash where that cannot be a name as it is."""
    safe = re.sub(r"[^A-Za-z0-9_+-]+", "-", entry).strip("-")[:_LONGEST_NAME]
    if safe != entry:
        safe = f"{safe}-{hashlib.sha256(entry.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{safe}{suffix}"


def _asked(origin: Origin) -> tuple[Any, ...]:
    return origin.source, origin.release, origin.service, dict(origin.query)


def _append(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def _rows(path: Path, columns: int) -> list[list[str]]:
    """Rows of a table; what a killed process left of its last line is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_whole(path, whole)
    rows = csv.reader(StringIO(whole.decode("utf-8"), newline=""))
    return [row for row in rows if len(row) == columns]
