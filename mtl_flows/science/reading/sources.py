"""Finding structure files in paths, folders, globs and archives."""

import glob
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from mtl_flows.errors import ConfigurationError, InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading import limits
from mtl_flows.science.reading.archives import (
    ARCHIVES,
    COMPRESSED,
    DAMAGE,
    ArchiveMember,
    damaged,
    members,
    unpacked,
)
from mtl_flows.science.reading.limits import Allowance, ArchiveLimitError, read_within, too_large

_SUFFIXES = (".cif", ".mcif", ".vasp", ".poscar", ".json", ".extxyz")
_PREFIXES = ("poscar", "contcar")
# Nested archives are unpacked into memory up to this size, beyond it into a file.
_SPOOLED_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A structure file's bytes, or why they cannot be had.

    Attributes
    ----------
    name
        The file's name, behind those of the folder or archive it was found in; bytes that are no UTF-8 written out.
    """

    name: str
    content: bytes | InputError


class FoundFiles(Iterator[FoundFile]):
    """Structure files, each read when its turn comes, and how far that is."""

    def __init__(self, places: "Sequence[_Place]") -> None:
        self._total_bytes = sum(place.size_bytes for place in places)
        self._before_bytes = 0
        self._stream: IO[bytes] | None = None
        self._files = self._of(places)

    def __next__(self) -> FoundFile:
        return next(self._files)

    @property
    def share(self) -> float:
        """How much of all the bytes on disk has been read, between 0 and 1; of an archive as far as it is open."""
        read = self._before_bytes + (self._stream.tell() if self._stream is not None else 0)
        return min(1.0, read / self._total_bytes) if self._total_bytes else 1.0

    def _of(self, places: "Sequence[_Place]") -> Iterator[FoundFile]:
        for place in places:
            yield from self._open_place(place)
            self._before_bytes += place.size_bytes

    def _open_place(self, place: "_Place") -> Iterator[FoundFile]:
        try:
            if place.problem is not None:
                raise place.problem
            size = _check_plain(place.path)
            with place.path.open("rb") as self._stream:
                yield from _open(self._stream, place.name, Allowance(size))
        except InputError as error:
            yield FoundFile(place.name, _about(place.name, error))
        except OSError as error:
            yield FoundFile(place.name, _about(place.name, _unreadable(error)))
        finally:
            self._stream = None


def find_files(sources: Iterable[str | Path]) -> FoundFiles:
    """Find structure files, and read them one by one in a deterministic order.

    Folders are searched to the bottom for CIF, POSCAR, pymatgen JSON and extended XYZ files and archives of them;
    other files in them are passed over. A file that is named itself is taken, whatever its name. What bears the name
    of a structure file and is none (a link that leads nowhere, a FIFO, a device), folders that cannot be read and
    links to folders come back as refusals.

    Raises
    ------
    InputError
        At once, if a path does not exist, a pattern matches nothing, or a folder holds no structure file.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    return FoundFiles([place for source in sources for path in _expand(str(source)) for place in _list(path)])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies, the name it goes by, and why it cannot be read if that is known."""

    path: Path
    name: str
    problem: InputError | None = None

    @property
    def size_bytes(self) -> int:
        """Size on disk; zero of what cannot be asked."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def printable(name: str) -> str:
    """Name with the bytes that are no UTF-8 written out as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_path(path: Path) -> bytes:
    """Bytes of a plain file that is not too large.

    Raises
    ------
    InputError
        If it is a folder, FIFO, socket or device, too large, or cannot be read.
    """
    _check_plain(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error) from None


def _check_plain(path: Path) -> int:
    """Size of a plain file; nothing is read."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(error) from None
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(status.st_mode), "a device")
        raise UnreadableStructureError(f"is {what}, no file", remedy="give a plain file")
    if status.st_size > limits.MAX_FILE_BYTES and not path.name.lower().endswith(ARCHIVES):
        raise too_large(status.st_size)
    return status.st_size


def _unreadable(error: OSError) -> UnreadableStructureError:
    return UnreadableStructureError(error.strerror or str(error), remedy="check the file and its permissions")


def _expand(source: str) -> list[Path]:
    path = Path(source).expanduser()
    try:
        if path.exists():
            return [path]
    except OSError as error:
        raise UnreadableStructureError(
            error.strerror or str(error), subject=printable(source), remedy="check the path"
        ) from None
    matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(source) else []
    if not matches:
        problem = "no file or folder matches" if glob.has_magic(source) else "no such file or folder"
        raise UnreadableStructureError(problem, subject=printable(source), remedy="check the path")
    return [Path(match) for match in matches]


def _list(path: Path) -> list[_Place]:
    """Files at or below `path`, each with the name it goes by."""
    if not path.is_dir():
        return [_Place(path, printable(path.name))]
    home = path.resolve()
    found: list[tuple[Path, InputError | None]] = []

    def note(error: OSError) -> None:
        found.append((Path(os.fsdecode(error.filename)), _unreadable(error)))

    for folder, folders, files in os.walk(home, onerror=note):
        at = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if (at / name).is_symlink():
                link = UnreadableStructureError("a link to a folder", remedy="name the folder itself")
                found.append((at / name, link))
        found += [(at / name, None) for name in files if _is_wanted(name)]
    if not found:
        raise UnreadableStructureError(
            "the folder holds no structure file",
            subject=printable(str(path)),
            remedy=f"it takes {', '.join(_SUFFIXES)}, POSCAR* and CONTCAR*, alone or in .zip or .tar archives",
        )
    return [
        _Place(place, printable(place.relative_to(home.parent).as_posix()), problem)
        for place, problem in sorted(found, key=lambda pair: pair[0])
    ]


def _is_wanted(name: str) -> bool:
    """Whether a path inside a folder or archive is a structure file or an archive, and not hidden."""
    path = PurePosixPath(name.lower())
    if any(part.startswith(".") and part != ".." for part in path.parts):
        return False
    return path.name.endswith(ARCHIVES) or _holds_structures(_plain(path.name))


def _holds_structures(name: str) -> bool:
    return name.endswith(_SUFFIXES) or name.startswith(_PREFIXES)


def _plain(name: str) -> str:
    """Name of a single file without the ending of its compression."""
    return next((name[: -len(end)] for end in COMPRESSED if name.lower().endswith(end)), name)


def _open(stream: IO[bytes], name: str, allowance: Allowance, depth: int = 0) -> Iterator[FoundFile]:
    """Read one file; of an archive, every structure file in it."""
    if not name.lower().endswith(ARCHIVES):
        yield _read(stream, name, allowance)
        return
    if depth >= allowance.limits.max_depth:
        problem = f"more than {allowance.limits.max_depth} archives in each other"
        yield FoundFile(name, _about(name, LimitExceededError(problem, remedy="unpack it")))
        return
    empty = True
    try:
        for member in members(stream, name, allowance):
            inner = printable(member.name)
            if not inner or _is_wanted(inner) or _may_hide_structures(member):
                empty = False
                yield from _open_member(member, f"{name}/{inner}" if inner else name, allowance, depth)
    except ArchiveLimitError as error:
        # All of the outermost archive ends here.
        if depth:
            raise
        yield FoundFile(name, _about(name, error))
        return
    except InputError as error:
        yield FoundFile(name, _about(name, error))
        return
    except DAMAGE as error:
        yield FoundFile(name, _about(name, damaged(f"broken archive: {error}")))
        return
    if empty:
        yield FoundFile(name, _about(name, damaged("the archive holds no structure file")))


def _may_hide_structures(member: ArchiveMember) -> bool:
    """Whether a link may lead to a folder, or a name is lost."""
    return member.lost or (member.problem is not None and not PurePosixPath(member.name).suffix)


def _open_member(member: ArchiveMember, name: str, allowance: Allowance, depth: int) -> Iterator[FoundFile]:
    if member.problem is not None:
        yield FoundFile(name, _about(name, member.problem))
        return
    try:
        content = member.read(limits.MAX_FILE_BYTES)
    except ArchiveLimitError:
        raise
    except InputError as error:
        yield FoundFile(name, _about(name, error))
    except DAMAGE as error:
        yield FoundFile(name, _about(name, damaged(f"cannot be unpacked: {error or type(error).__name__}")))
    else:
        if not name.lower().endswith((*ARCHIVES, *COMPRESSED)):
            yield FoundFile(name, content)
            return
        with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as stream:
            try:
                stream.write(content)
            except OSError as error:  # no fault of the archive
                raise _no_room(name, error) from None
            stream.seek(0)
            del content
            yield from _open(stream, name, allowance, depth + 1)


def _no_room(name: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"an archive within it cannot be kept in {tempfile.gettempdir()} meanwhile: {error.strerror or error}",
        subject=name,
        remedy="make room there, or let TMPDIR name a folder with more",
    )


def _read(stream: IO[bytes], name: str, allowance: Allowance) -> FoundFile:
    plain = _plain(name)
    try:
        packed = plain != name
        content = read_within(
            unpacked(stream, name.lower()) if packed else stream,
            limits.MAX_FILE_BYTES,
            allowance if packed else None,
        )
    except InputError as error:
        return FoundFile(plain, _about(plain, error))
    except DAMAGE as error:
        return FoundFile(plain, _about(plain, damaged(f"broken file: {error or type(error).__name__}")))
    return FoundFile(plain, content)


def _about(name: str, error: InputError) -> InputError:
    return type(error)(error.message, subject=name, remedy=error.remedy)
