"""Finding structure files in paths, folders, globs and archives."""

import glob
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading.files import MAX_FILE_BYTES

_SUFFIXES = (".cif", ".mcif", ".vasp", ".poscar", ".json")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A structure file's bytes, or why they cannot be had.

    Attributes
    ----------
    name
        Path relative to the folder or archive it was found in; the file name if it was named itself.
    """

    name: str
    content: bytes | InputError


def find_files(sources: Iterable[str | Path]) -> Iterator[FoundFile]:
    """Read structure files one by one, in a deterministic order.

    Folders are searched to the bottom for CIF, POSCAR and pymatgen JSON files and archives of them; other files
    in them are passed over. A file that is named itself is taken, whatever its name.

    Raises
    ------
    InputError
        If a path does not exist, a pattern matches nothing, or a folder holds no structure file.
    """
    for source in sources:
        for path in _expand(str(source)):
            yield from _find_in_folder(path) if path.is_dir() else _open(path, path.name)


def _expand(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.exists():
        return [path]
    matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(source) else []
    if not matches:
        raise UnreadableStructureError(
            "nothing matches" if glob.has_magic(source) else "no such file or folder",
            subject=source,
            remedy="check the path",
        )
    return [Path(match) for match in matches]


def _find_in_folder(folder: Path) -> Iterator[FoundFile]:
    paths = sorted(p for p in folder.rglob("*") if _is_wanted(p.name) and p.is_file())
    if not paths:
        raise UnreadableStructureError(
            "the folder holds no structure file",
            subject=str(folder),
            remedy=f"it takes {', '.join(_SUFFIXES)}, POSCAR* and CONTCAR*, alone or in .zip or .tar archives",
        )
    for path in paths:
        yield from _open(path, path.relative_to(folder).as_posix())


def _is_wanted(name: str) -> bool:
    lower = PurePosixPath(name).name.lower()
    if lower.startswith("."):
        return False
    lower_unzipped = lower.removesuffix(".gz")
    return lower.endswith(_ARCHIVES) or _is_structure(lower_unzipped)


def _is_structure(lower: str) -> bool:
    return lower.endswith(_SUFFIXES) or lower.startswith(("poscar", "contcar"))


def _open(path: Path, name: str) -> Iterator[FoundFile]:
    lower = name.lower()
    try:
        if lower.endswith(".zip"):
            yield from _from_zip(path, name)
        elif lower.endswith(_ARCHIVES):
            yield from _from_tar(path, name)
        else:
            yield _from_bytes(name, path.read_bytes())
    except OSError as error:
        yield FoundFile(name, _broken(name, error.strerror or str(error)))
    except _BROKEN_ARCHIVE as error:
        yield FoundFile(name, _broken(name, f"broken archive: {error}"))


def _from_zip(path: Path, name: str) -> Iterator[FoundFile]:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda m: m.filename):
            if member.is_dir() or not _is_wanted(member.filename):
                continue
            inner = f"{name}/{member.filename}"
            if member.file_size > MAX_FILE_BYTES:
                yield FoundFile(inner, _too_large(inner, member.file_size))
                continue
            yield _from_bytes(inner, archive.read(member))


def _from_tar(path: Path, name: str) -> Iterator[FoundFile]:
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile() or not _is_wanted(member.name):
                continue
            inner = f"{name}/{member.name}"
            if member.size > MAX_FILE_BYTES:
                yield FoundFile(inner, _too_large(inner, member.size))
                continue
            stream = archive.extractfile(member)
            if stream is not None:
                yield _from_bytes(inner, stream.read())


def _from_bytes(name: str, content: bytes) -> FoundFile:
    if not name.lower().endswith(".gz"):
        return FoundFile(name, content)
    unzipped = name[: -len(".gz")]
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        return FoundFile(unzipped, _broken(unzipped, f"broken gzip file: {error}"))
    if len(plain) > MAX_FILE_BYTES:
        return FoundFile(unzipped, _too_large(unzipped, len(plain)))
    return FoundFile(unzipped, plain)


def _broken(name: str, problem: str) -> UnreadableStructureError:
    return UnreadableStructureError(problem, subject=name, remedy="check the file")


def _too_large(name: str, size: int) -> LimitExceededError:
    return LimitExceededError(
        f"{size / 2**20:.0f} MiB, more than any structure file", subject=name, remedy="check the file"
    )
