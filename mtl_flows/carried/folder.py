"""One job folder: what is asked, and what was answered so far, each answer whole and with its checksum or not there."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from mtl_flows.carried.calls import EngineCall, EngineChoice
from mtl_flows.errors import DamagedFolderError
from mtl_flows.whole_files import hold, write_whole

REQUEST: Final = "request.json"
MANIFEST: Final = "answers.json"
LOG: Final = "work.log"
_ANSWERS: Final = "answers"
_LAYOUT: Final = 1
_NAME = re.compile(r"[\w-][\w.-]*")


@dataclass(frozen=True)
class EngineAnswer:
    """What an engine gave.

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


@dataclass
class _Manifest:
    """What there is: files by the key of the call that they answer, their checksums, and whether more will come."""

    fingerprint: dict[str, Any] | None = None
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    ended: str = ""


class CalculationFolder:
    """A question to an engine as a folder that can travel; it holds nothing of where the question comes from.

    An answer counts once the manifest names it, which is written last and in one piece. So a machine that is cut off
    leaves every answer before whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, choice: EngineChoice, calls: Sequence[EngineCall]) -> None:
        """Write what is asked; the end that an earlier attempt came to does not count any more."""
        asked = {
            "layout": _LAYOUT,
            "engine": choice.as_dict(),
            "calls": [call.as_dict() for call in calls],
        }
        write_whole(self.path / REQUEST, _sealed(asked))
        with suppress(DamagedFolderError):
            if self.ended:
                self.end("")

    def asked(self) -> tuple[EngineChoice, list[EngineCall]]:
        """Read what is asked.

        Raises
        ------
        DamagedFolderError
            If there is no question, or not a whole one.
        """
        told = _opened(self.path / REQUEST)
        if told.get("layout") != _LAYOUT:
            raise DamagedFolderError(
                f"is of layout {told.get('layout')}, not {_LAYOUT}",
                subject=str(self.path / REQUEST),
                remedy="use one version of mtl_flows on both sides",
            )
        return EngineChoice(**told["engine"]), [EngineCall.from_dict(call) for call in told["calls"]]

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Of the engine where it computed; None before it was loaded."""
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

    def put(self, key: str, answer: EngineAnswer) -> None:
        """Write an answer."""
        names = [f"{key}-{number}.npz" for number in range(len(answer.blocks))]
        files = dict(zip(names, answer.blocks, strict=True))
        told = {"value": answer.value, "error": answer.error, "wall_s": answer.wall_s, "blocks": names}
        files[f"{key}.json"] = json.dumps(told).encode()
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

    def answer(self, key: str) -> EngineAnswer:
        """Read an answer that is there.

        Raises
        ------
        DamagedFolderError
            If a file of it is missing, or is not what was written.
        """
        files = {name: self._checked(name, digest) for name, digest in self._manifest().answers[key].items()}
        try:
            told = json.loads(files[f"{key}.json"])
            blocks = tuple(files[name] for name in told.pop("blocks"))
            return EngineAnswer(blocks=blocks, **told)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFolderError(
                f"is no answer: {type(error).__name__}", subject=str(self.path / _ANSWERS / f"{key}.json")
            ) from None

    def forget(self, key: str) -> None:
        """Drop an answer: the call is asked anew."""
        manifest = self._manifest()
        if manifest.answers.pop(key, None) is not None:
            manifest.ended = ""
            self._write(manifest)

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
        logs = sorted(
            (file for ending in ("*.log", "*.out", "*.error") for file in self.path.glob(ending)),
            key=lambda file: file.stat().st_mtime,
        )
        for file in reversed(logs):
            lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return lines[-1].strip()
        return ""

    def _checked(self, name: str, digest: str) -> bytes:
        path = self.path / _ANSWERS / name
        if not _NAME.fullmatch(name):
            raise DamagedFolderError("is no name of a file of answers", subject=name)
        data = path.read_bytes() if path.is_file() else b""
        if sha256(data).hexdigest() != digest:
            raise DamagedFolderError(
                "is missing" if not data else "is not what was written there: its checksum differs",
                subject=str(path),
                remedy="look at the disk and how it was copied; it is computed anew",
            )
        return data

    def _manifest(self) -> _Manifest:
        if not (self.path / MANIFEST).exists():
            return _Manifest()
        told = _opened(self.path / MANIFEST)
        try:
            return _Manifest(**told)
        except TypeError:
            raise DamagedFolderError("is no manifest", subject=str(self.path / MANIFEST)) from None

    def _write(self, manifest: _Manifest) -> None:
        write_whole(self.path / MANIFEST, _sealed(vars(manifest)))


def _sealed(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content)
    return f"{sha256(text.encode()).hexdigest()}\n{text}\n".encode()


def _opened(path: Path) -> dict[str, Any]:
    """Read what was sealed.

    Raises
    ------
    DamagedFolderError
        If it is missing, or not as it was written.
    """
    data = path.read_bytes() if path.is_file() else b""
    digest, _, text = data.decode("utf-8", errors="replace").partition("\n")
    text = text.removesuffix("\n")
    if not text or sha256(text.encode()).hexdigest() != digest:
        raise DamagedFolderError(
            "is missing" if not data else "is not what was written there: its checksum differs",
            subject=str(path),
            remedy="look at the disk and how it was copied; it is computed anew",
        )
    content: dict[str, Any] = json.loads(text)
    return content
