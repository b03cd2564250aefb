"""All job folders of one carrier, and what of each is in the queue: enough to go on from, whenever a carrier ended."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

from mtl_flows.carried.folder import MANIFEST, REQUEST, WORK, CalculationFolder, CarriedAnswer
from mtl_flows.carried.question import CarriedQuestion, Choice
from mtl_flows.errors import ConfigurationError, DamagedFolderError
from mtl_flows.whole_files import hold, write_whole

_QUEUED: Final = "queued.json"
_CARRIER: Final = "carrier.json"
_KEPT_S: Final = 86400.0
"""How long a folder is kept that nobody waits for: what is asked again meanwhile is answered from it. What a job has
used of it is kept as long as that job waits for the rest, however long the queue lets it."""


@dataclass(frozen=True)
class Waiting:
    """A job that waits for an answer.

    Attributes
    ----------
    fw_id, launch_id
        Of FireWorks.
    name
        What it is called.
    since
        When it asked, in seconds of the epoch.
    """

    fw_id: int
    launch_id: int
    name: str
    since: float = field(default_factory=time.time, compare=False)


@dataclass(frozen=True)
class Queued:
    """What is known of a folder that was given to a queue.

    Attributes
    ----------
    calculation
        Name of the folder.
    category
        Kind of node that it needs.
    queue_id
        What the queue calls the job; empty before it has it.
    waiting
        Jobs that wait for the answer.
    processors
        How many the job uses at least.
    since
        When it was given to the queue, in seconds of the epoch; for people.
    missed_since
        When the queue was first found to know nothing of it any more; None while it does.
    """

    calculation: str
    category: str
    queue_id: str = ""
    waiting: tuple[Waiting, ...] = ()
    processors: int = 1
    since: float = 0.0
    missed_since: float | None = None

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Queued":
        """Restore what `asdict` gives."""
        waiting = tuple(Waiting(**one) for one in told["waiting"])
        return replace(cls(**{**told, "waiting": ()}), waiting=waiting)

    def joined_by(self, job: Waiting) -> "Queued":
        """The same with one more job that waits; a job has one place, whichever of its launches asks."""
        others = (one for one in self.waiting if one.fw_id != job.fw_id)
        return replace(self, waiting=(*others, job))


class FoundAnswer(NamedTuple):
    """An answer, and the folder that holds it."""

    folder: CalculationFolder
    answer: CarriedAnswer


@dataclass
class CarrierRoot:
    """The folder of a carrier. Only one process works in it at a time.

    Attributes
    ----------
    path
        Nodes must see it under the same name.
    damaged
        What was found damaged since somebody looked, in words.
    others_wait
        Whether others that wait for the same are still to be run: what they need of its answers stays.
    """

    path: Path
    damaged: list[str] = field(default_factory=list)
    others_wait: bool = False
    _read: dict[Path, tuple[tuple[int, ...], frozenset[str]]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """By which reservations of this carrier are known; kept with the folder.

        Raises
        ------
        ConfigurationError
            If it cannot be written, or is not what was written there.
        """
        file = self.path / _CARRIER
        if not file.exists():
            write_whole(file, json.dumps({"carrier": uuid4().hex[:12]}).encode())
        try:
            return str(json.loads(file.read_text())["carrier"])
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                "is not what was written there",
                subject=str(file),
                remedy="delete it, then mtl job rerun --state reserved",
            ) from None

    def held(self) -> Any:
        """Keep the folder for this process.

        Raises
        ------
        ConfigurationError
            If another carrier works in it.
        """
        return hold(self.path / "lock", self.path)

    def folder(self, name: str) -> CalculationFolder:
        """Return a job folder by its name."""
        return CalculationFolder(self.path / name)

    def place(self, question: CarriedQuestion) -> CalculationFolder:
        """Return the folder of a question, written out; the same question has the same folder.

        Those of other carriers have other names, by which a queue that they share tells them apart. In whichever order
        is no part of the name.
        """
        asked = "".join(sorted(call.key for call in question.calls))
        name = sha256(f"{self.name} {asked}".encode()).hexdigest()[:10]
        folder = self.folder(name)
        folder.ask(question)
        return folder

    def holding(self, key: str) -> CalculationFolder | None:
        """Return the folder in which a call is answered; None if none is.

        A manifest that cannot be read answers nothing.
        """
        for manifest in self.path.glob(f"*/{MANIFEST}"):
            status = manifest.stat()
            changed = status.st_ino, status.st_size, status.st_mtime_ns  # times may be coarse
            known = self._read.get(manifest)
            if known is None or known[0] != changed:
                try:
                    keys = frozenset(CalculationFolder(manifest.parent).keys)
                except DamagedFolderError as error:
                    self.damaged.append(str(error))
                    keys = frozenset()
                known = self._read[manifest] = (changed, keys)
            if key in known[1]:
                return CalculationFolder(manifest.parent)
        return None

    def found(self, key: str) -> FoundAnswer | None:
        """Return the answer to a call; None if there is none, or a damaged one, which is dropped."""
        folder = self.holding(key)
        if folder is None:
            return None
        with suppress(OSError):
            os.utime(folder.path / REQUEST)  # it is in use
        try:
            return FoundAnswer(folder, folder.answer(key))
        except DamagedFolderError as error:
            self.damaged.append(str(error))
            folder.forget(key)
            return None

    def forget(self, key: str) -> None:
        """Drop the answer to a call: it is asked anew."""
        if (folder := self.holding(key)) is not None:
            folder.forget(key)

    def begun(self) -> set[str]:
        """Calls that a node has begun to answer, whether it came to that or not."""
        return {work.name for work in self.path.glob(f"*/{WORK}/*")}

    def note_seen(self, choice: Choice, fingerprint: dict[str, Any]) -> None:
        """Keep who computed last."""
        write_whole(self._seen(choice), json.dumps(fingerprint, default=str).encode())

    def seen(self, choice: Choice) -> dict[str, Any] | None:
        """Return who computed last; None if nobody did."""
        file = self._seen(choice)
        if not file.exists():
            return None
        try:
            seen: dict[str, Any] = json.loads(file.read_text())
        except ValueError:
            return None  # damaged: it is seen again with the next answer
        return seen

    def _seen(self, choice: Choice) -> Path:
        return self.path / "seen" / f"{choice.key[:16]}.json"

    def queued(self) -> Iterator[Queued]:
        """What was given to the queue and is waited for; a note of it that is damaged is put aside."""
        for file in sorted(self.path.glob(f"*/{_QUEUED}")):
            try:
                yield Queued.from_dict(json.loads(file.read_text()))
            except (ValueError, KeyError, TypeError, IsADirectoryError):
                file.replace(file.with_name(f"{_QUEUED}.refused"))
                self.damaged.append(f"{file}: is not what was written there; its jobs are asked anew")

    def note(self, queued: Queued) -> None:
        """Write what is known of a folder in the queue."""
        write_whole(self.path / queued.calculation / _QUEUED, json.dumps(asdict(queued)).encode())

    def settle(self, calculation: str) -> None:
        """Forget that a folder was in the queue; its answers stay."""
        (self.path / calculation / _QUEUED).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Delete folders that nobody has waited for in a day, nor used since a day before one asked that still waits.

        Returns
        -------
        int
            How many.
        """
        asked = [job.since for queued in self.queued() for job in queued.waiting]
        horizon, swept = min([time.time(), *asked]) - _KEPT_S, 0
        for request in self.path.glob(f"*/{REQUEST}"):
            folder = request.parent
            latest = max(f.stat().st_mtime for f in (request, folder / MANIFEST) if f.exists())
            if not (folder / _QUEUED).exists() and latest < horizon:
                shutil.rmtree(folder)
                swept += 1
        return swept
