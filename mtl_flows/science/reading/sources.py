"""Finding structure files in paths, folders, globs and archives."""

import glob
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading.files import MAX_FILE_BYTES

_SUFFIXES = (".cif", ".mcif", ".vasp", ".poscar", ".json")
_PREFIXES = ("poscar", "contcar")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)

# Name inside the archive, size in bytes, and how to read it.
_Member = tuple[str, int, Callable[[], bytes]]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A structure file's bytes, or why they cannot be had.

    Attributes
    ----------
    name
        The file's name, behind those of the folder or archive it was found in.
    """

    name: str
    content: bytes | InputError


def find_files(sources: Iterable[str | Path]) -> Iterator[FoundFile]:
    """Find structure files, and read them one by one in a deterministic order.

    Folders are searched to the bottom for CIF, POSCAR and pymatgen JSON files and archives of them; other files
    in them are passed over. A file that is named itself is taken, whatever its name.

    Raises
    ------
    InputError
        At once, if a path does not exist, a pattern matches nothing, or a folder holds no structure file.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    paths = [found for source in sources for path in _expand(str(source)) for found in _list(path)]
    return (file for path, name in paths for file in _open(path, name))


def _expand(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.exists():
        return [path]
    matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(source) else []
    if not matches:
        problem = "no file or folder matches" if glob.has_magic(source) else "no such file or folder"
        raise UnreadableStructureError(problem, subject=source, remedy="check the path")
    return [Path(match) for match in matches]


def _list(path: Path) -> list[tuple[Path, str]]:
    """Files at or below `path`, each with the name it goes by."""
    if not path.is_dir():
        return [(path, path.name)]
    home = path.resolve()
    paths = sorted(p for p in home.rglob("*") if _is_wanted(p.relative_to(home).as_posix()) and p.is_file())
    if not paths:
        raise UnreadableStructureError(
            "the folder holds no structure file",
            subject=str(path),
            remedy=f"it takes {', '.join(_SUFFIXES)}, POSCAR* and CONTCAR*, alone or in .zip or .tar archives",
        )
    return [(p, p.relative_to(home.parent).as_posix()) for p in paths]


def _is_wanted(name: str) -> bool:
    """Whether a path inside a folder or archive is a structure file or an archive, and not hidden."""
    path = PurePosixPath(name.lower())
    if any(part.startswith(".") for part in path.parts):
        return False
    plain = path.name.removesuffix(".gz")
    return path.name.endswith(_ARCHIVES) or plain.endswith(_SUFFIXES) or plain.startswith(_PREFIXES)


def _open(source: Path | io.BytesIO, name: str) -> Iterator[FoundFile]:
    """Read one file; of an archive, every structure file in it."""
    try:
        if not name.lower().endswith(_ARCHIVES):
            content = source.read_bytes() if isinstance(source, Path) else source.getvalue()
            yield _unzipped(name, content)
            return
        members = _zip_members if name.lower().endswith(".zip") else _tar_members
        empty = True
        for inner, size, read in members(source):
            if not _is_wanted(inner):
                continue
            empty = False
            yield from _open_member(f"{name}/{inner}", size, read)
        if empty:
            yield FoundFile(name, _broken(name, "the archive holds no structure file"))
    except OSError as error:
        yield FoundFile(name, _broken(name, error.strerror or str(error)))
    except _BROKEN_ARCHIVE as error:
        yield FoundFile(name, _broken(name, f"broken archive: {error}"))


def _open_member(name: str, size: int, read: Callable[[], bytes]) -> Iterator[FoundFile]:
    if size > MAX_FILE_BYTES:
        yield FoundFile(name, _too_large(name, size))
        return
    try:
        content = read()
    except _BROKEN_ARCHIVE as error:
        yield FoundFile(name, _broken(name, f"cannot be unpacked: {error}"))
        return
    yield from _open(io.BytesIO(content), name)


def _zip_members(source: Path | io.BytesIO) -> Iterator[_Member]:
    with zipfile.ZipFile(source) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not info.is_dir():
                yield info.filename, info.file_size, partial(archive.read, info)


def _tar_members(source: Path | io.BytesIO) -> Iterator[_Member]:
    path, stream = (source, None) if isinstance(source, Path) else (None, source)
    with tarfile.open(path, fileobj=stream) as archive:
        for info in archive:
            member = archive.extractfile(info) if info.isfile() else None
            if member is not None:
                yield info.name, info.size, member.read


def _unzipped(name: str, content: bytes) -> FoundFile:
    if not name.lower().endswith(".gz"):
        return FoundFile(name, content)
    name = name[: -len(".gz")]
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        return FoundFile(name, _broken(name, f"broken gzip file: {error}"))
    return FoundFile(name, _too_large(name, len(plain)) if len(plain) > MAX_FILE_BYTES else plain)


def _broken(name: str, problem: str) -> UnreadableStructureError:
    return UnreadableStructureError(problem, subject=name, remedy="check the file")


def _too_large(name: str, size: int) -> LimitExceededError:
    return LimitExceededError(
        f"{size / 2**20:.0f} MiB, more than any structure file", subject=name, remedy="check the file"
    )
