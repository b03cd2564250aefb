"""One job folder: what is asked, and what was answered so far, each answer whole and with its checksum or not there."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.carried.sealed import packed, read_checked, read_sealed, unpacked, write_sealed
from mtl_flows.errors import DamagedFolderError
from mtl_flows.whole_files import hold, write_whole

REQUEST: Final = "request.json.gz"
MANIFEST: Final = "answers.json"
LOG: Final = "work.log"
WORK: Final = "work"
"""Holds a folder for each call whose answer was begun."""
_ANSWERS: Final = "answers"
_LONGEST: Final = 200
_LAST_BYTES: Final = 4096
_NAME: Final = re.compile(r"[\w-][\w.-]*")


@dataclass(frozen=True)
class CarriedAnswer:
    """What somebody answered.

    Attributes
    ----------
    value
        As JSON holds it; of a call that failed, nothing.
    blocks
        Frames, in order, each as `FrameBlock.to_bytes` writes them.
    error
        Type, message, subject and remedy of what was raised; None where nothing was.
    wall_s
        Seconds that it took.
    """

    value: Any = None
    blocks: tuple[bytes, ...] = ()
    error: dict[str, str] | None = None
    wall_s: float = 0.0


@dataclass(frozen=True)
class _Written:
    """An answer as it is written, its blocks by the names of their files."""

    value: Any
    error: dict[str, str] | None
    wall_s: float
    blocks: tuple[str, ...]


@dataclass
class _Manifest:
    """What there is: files by the key of the call that they answer, their checksums, and whether more will come."""

    fingerprint: dict[str, Any] | None = None
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    ended: str = ""


class CalculationFolder:
    """A question as a folder that can travel; it holds nothing of where the question comes from.

    An answer counts once the manifest names it, which is written last and in one piece. So a machine that is cut off
    leaves every answer before whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, question: CarriedQuestion) -> None:
        """Write what is asked; the end that an earlier attempt came to does not count any more."""
        write_sealed(self.path / REQUEST, question.to_json())
        with suppress(DamagedFolderError):
            if self.ended:
                self.end("")

    def asked(self) -> CarriedQuestion:
        """Read what is asked.

        Raises
        ------
        DamagedFolderError
            If there is no question, or not a whole one.
        """
        text = read_sealed(self.path / REQUEST)
        try:
            return CarriedQuestion.from_json(text)
        except ValueError as error:
            raise DamagedFolderError(
                f"is no question that is understood here: {_briefly(error)}",
                subject=str(self.path / REQUEST),
                remedy="use one version of mtl_flows on both sides",
            ) from None

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Of who computed; None before anybody began."""
        return self._manifest().fingerprint

    @property
    def ended(self) -> str:
        """How the work on it came to its end; empty as long as it did not."""
        return self._manifest().ended

    @property
    def keys(self) -> set[str]:
        """Calls that are answered."""
        return set(self._manifest().answers)

    def begin(self, fingerprint: dict[str, Any]) -> None:
        """Note who computes; the end that an earlier attempt came to does not count any more."""
        manifest = self._manifest()
        self._write(_Manifest(fingerprint, manifest.answers))

    def put(self, key: str, answer: CarriedAnswer) -> None:
        """Write an answer."""
        names = tuple(f"{key}-{number}.npz" for number in range(len(answer.blocks)))
        files = dict(zip(names, answer.blocks, strict=True))
        told = _Written(answer.value, answer.error, answer.wall_s, names)
        files[_answer(key)] = packed(json.dumps(asdict(told)).encode())
        for name, data in files.items():
            write_whole(self.path / _ANSWERS / name, data)
        manifest = self._manifest()
        manifest.answers[key] = {name: sha256(data).hexdigest() for name, data in files.items()}
        self._write(manifest)

    def end(self, how: str) -> None:
        """Note that the work on it is over."""
        manifest = self._manifest()
        manifest.ended = how
        self._write(manifest)

    def answer(self, key: str) -> CarriedAnswer:
        """Read an answer that is there.

        Raises
        ------
        DamagedFolderError
            If a file of it is missing, or is not what was written.
        """
        files = {name: self._checked(name, digest) for name, digest in self._manifest().answers[key].items()}
        path = self.path / _ANSWERS / _answer(key)
        try:
            told = _answers().validate_json(unpacked(files[path.name], path))
            return CarriedAnswer(
                told.value, tuple(files[name] for name in told.blocks), told.error, told.wall_s
            )
        except (ValueError, KeyError) as error:
            raise DamagedFolderError(f"is no answer: {_briefly(error)}", subject=str(path)) from None

    def forget(self, key: str) -> None:
        """Drop an answer: the call is asked anew."""
        manifest = self._manifest()
        files = manifest.answers.pop(key, None)
        if files is not None:
            manifest.ended = ""
            self._write(manifest)
            for name in filter(_NAME.fullmatch, files):
                (self.path / _ANSWERS / name).unlink(missing_ok=True)

    def refuse_damaged(self) -> list[DamagedFolderError]:
        """Drop the answers that are damaged, and say what is wrong with each; those that are whole stay.

        A manifest that cannot be read is put aside with all that it names.
        """
        try:
            keys = self.keys
        except DamagedFolderError as error:
            (self.path / MANIFEST).replace(self.path / f"{MANIFEST}.refused")
            return [error]
        refused = []
        for key in sorted(keys):
            try:
                self.answer(key)
            except DamagedFolderError as error:
                refused.append(error)
                self.forget(key)
        return refused

    @contextmanager
    def held(self, patience_s: float = 0.0) -> Iterator[None]:
        """Keep the folder for this process, which waits so long for another that was told to end.

        Raises
        ------
        ConfigurationError
            If another process works in it, or it cannot be written.
        """
        with hold(self.path / "lock", patience_s=patience_s):
            yield

    def last_words(self) -> str:
        """Return the last line that the queue or the job left there; empty if none did."""
        logs = []
        for file in (file for ending in ("*.log", "*.out", "*.error") for file in self.path.glob(ending)):
            with suppress(OSError):
                if file.is_file():  # and nothing that would keep whoever reads it
                    logs.append((file.stat().st_mtime, file))
        for _, file in sorted(logs, reverse=True):
            with suppress(OSError):
                if lines := _end_of(file).strip().splitlines():
                    return lines[-1].strip()
        return ""

    def _checked(self, name: str, digest: str) -> bytes:
        if not _NAME.fullmatch(name):
            raise DamagedFolderError("is no name of a file of answers", subject=name)
        return read_checked(self.path / _ANSWERS / name, digest)

    def _manifest(self) -> _Manifest:
        if not (self.path / MANIFEST).exists():
            return _Manifest()
        try:
            return _manifests().validate_json(read_sealed(self.path / MANIFEST))
        except ValueError as error:
            raise DamagedFolderError(
                f"is no manifest: {_briefly(error)}", subject=str(self.path / MANIFEST)
            ) from None

    def _write(self, manifest: _Manifest) -> None:
        write_sealed(self.path / MANIFEST, json.dumps(asdict(manifest)).encode())


def _end_of(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _LAST_BYTES))
        return stream.read(_LAST_BYTES).decode(errors="replace")


def _answer(key: str) -> str:
    return f"{key}.json.gz"


def _briefly(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]


@cache
def _answers() -> TypeAdapter[_Written]:
    return TypeAdapter(_Written)


@cache
def _manifests() -> TypeAdapter[_Manifest]:
    return TypeAdapter(_Manifest)
