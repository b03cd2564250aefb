"""Members of zip and tar archives, one by one; what is damaged is told apart from what is not."""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

from mtl_flows.errors import ConfigurationError, InputError, UnreadableStructureError
from mtl_flows.science.reading.limits import Allowance, Readable, read_within

DAMAGE: Final = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
"""What the libraries raise over damaged archives, according to where they stumble."""

ZIPS: Final = (".zip",)
TARS: Final = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst"),
)
UNREAD: Final = (".7z", ".rar")
ARCHIVES: Final = (*ZIPS, *TARS, *UNREAD)
_PIECE_BYTES = 2**12
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")
"""Endings of single files that are compressed."""

_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MARK = b"PK\x03\x04"
_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 0x1, 0x8, 0x800


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file in an archive.

    Attributes
    ----------
    read
        Gives its bytes, at most the number asked for, or raises one of `DAMAGE` or an `InputError`.
    problem
        Why it has no bytes: a link, a device, a damaged header; None if it has.
    lost
        Its name may be damaged too: it may have been anything.
    """

    name: str
    read: Callable[[int], bytes]
    problem: InputError | None = None
    lost: bool = False


def members(stream: IO[bytes], name: str, allowance: Allowance) -> Iterator[ArchiveMember]:
    """Members of an archive called `name`, in the order in which they can be read.

    Yields
    ------
    ArchiveMember
        Its bytes have to be read before the next one is asked for. Damage of the archive itself is a member without
        a name.

    Raises
    ------
    UnreadableStructureError
        If it is no archive, or of a kind that is not read.
    """
    lower = name.lower()
    if lower.endswith(UNREAD):
        raise UnreadableStructureError(
            f"archives of this kind ({lower.rpartition('.')[2]}) are not read",
            remedy="unpack it, or pack it as zip or tar",
        )
    if lower.endswith(ZIPS):
        yield from _zip_members(stream, allowance)
    else:
        yield from _tar_members(unpacked(stream, lower), allowance)


def unpacked(stream: IO[bytes], name: str) -> Readable:
    """The stream behind the compression that `name` tells; itself where there is none.

    Raises
    ------
    UnreadableStructureError
        For Zstandard without the package that reads it.
    """
    if name.endswith((".gz", ".tgz")):
        return gzip.GzipFile(fileobj=stream, mode="rb")
    if name.endswith((".bz2", ".tbz2", ".tbz")):
        return bz2.BZ2File(stream)
    if name.endswith((".xz", ".txz")):
        return lzma.LZMAFile(stream)
    if name.endswith((".zst", ".tzst")):
        return _unpacked_zstandard(stream)
    return stream


def _unpacked_zstandard(stream: IO[bytes]) -> Readable:
    try:
        import zstandard
    except ImportError:
        raise UnreadableStructureError(
            "compressed by Zstandard, which needs the package zstandard",
            remedy="install mtl-flows[zstd], or unpack the file",
        ) from None

    class Reader:
        """Errors of the library as errors of a file."""

        def __init__(self) -> None:
            # Piece by piece, so that damage costs what is behind it and not what was unpacked along with it.
            self._reader = zstandard.ZstdDecompressor().stream_reader(
                stream, read_size=_PIECE_BYTES, read_across_frames=True
            )

        def read(self, size: int = -1, /) -> bytes:
            try:
                return bytes(self._reader.read1(size))
            except zstandard.ZstdError as error:
                raise OSError(str(error)) from None

    return Reader()


def damaged(problem: str) -> UnreadableStructureError:
    """Refusal of what is damaged."""
    return UnreadableStructureError(problem, remedy="get the file anew, or unpack what can be saved")


def _no_bytes(_: int) -> bytes:
    return b""


def _zip_members(stream: IO[bytes], allowance: Allowance) -> Iterator[ArchiveMember]:
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGE as error:
        yield from _salvaged(stream, allowance, error)
        return
    with archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            allowance.take_member()
            kind = info.external_attr >> 16
            if info.is_dir():
                continue
            if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
                yield ArchiveMember(info.filename, _no_bytes, _no_file(kind, ""))
                continue
            try:
                # Compares the name in the directory with that in front of the member.
                archive.open(info).close()
            except DAMAGE as error:
                yield ArchiveMember(
                    info.filename, _no_bytes, damaged(f"cannot be unpacked: {error}"), lost=True
                )
                continue
            yield ArchiveMember(info.filename, partial(_read_zipped, archive, info, allowance))


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: Allowance, limit: int) -> bytes:
    with archive.open(info) as member:
        return read_within(member, limit, allowance)


def _no_file(kind: int, target: str) -> UnreadableStructureError:
    if stat.S_ISLNK(kind):
        return UnreadableStructureError(
            f"a link{f' to {target}' if target else ''} in an archive, which is not followed",
            remedy="pack the file itself",
        )
    what = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}.get(stat.S_IFMT(kind), "a device")
    return UnreadableStructureError(f"{what}, no file", remedy="give a plain file")


def _salvaged(stream: IO[bytes], allowance: Allowance, error: Exception) -> Iterator[ArchiveMember]:
    """Members of a zip archive whose directory is lost, by the headers in front of them."""
    stream.seek(0)
    content = read_within(stream, 2**30)
    position, found = content.find(_LOCAL_MARK), False
    while position >= 0:
        allowance.take_member()
        found = True
        name, problem, read = _local_member(content, position, allowance)
        if name and not name.endswith("/"):
            yield ArchiveMember(name, read, problem)
        position = content.find(_LOCAL_MARK, position + 4)
    told = (
        "the directory of the archive is lost, what is left was read" if found else f"broken archive: {error}"
    )
    yield ArchiveMember("", _no_bytes, damaged(told))


def _local_member(
    content: bytes, position: int, allowance: Allowance
) -> tuple[str, InputError | None, Callable[[int], bytes]]:
    if len(content) - position < _LOCAL.size:
        return "", None, _no_bytes
    fields = _LOCAL.unpack_from(content, position)
    flags, method, crc, packed, name_length, extra_length = (fields[i] for i in (2, 3, 6, 7, 9, 10))
    start = position + _LOCAL.size
    name = content[start : start + name_length].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    start += name_length + extra_length
    if flags & _ENCRYPTED:
        return name, damaged("is encrypted"), _no_bytes
    known = not flags & _SIZES_BEHIND
    end = start + packed if known else len(content)
    if known and end > len(content):
        return name, damaged("cannot be unpacked: the archive ends inside it"), _no_bytes

    def read(limit: int) -> bytes:
        plain = _inflated(memoryview(content)[start:end], method, known, limit, allowance)
        if known and zlib.crc32(plain) != crc:
            raise damaged("cannot be unpacked: its checksum is wrong")
        return plain

    return name, None, read


def _inflated(packed: memoryview, method: int, known: bool, limit: int, allowance: Allowance) -> bytes:
    if method == zipfile.ZIP_STORED and known:
        return read_within(_Pieces(iter([bytes(packed)])), limit, allowance)
    engines: dict[int, Callable[[], Any]] = {
        zipfile.ZIP_DEFLATED: lambda: zlib.decompressobj(-15),
        zipfile.ZIP_BZIP2: bz2.BZ2Decompressor,
    }
    if method not in engines:
        raise damaged("cannot be unpacked without the directory of the archive")
    return read_within(_Pieces(_stepwise(engines[method](), packed)), limit, allowance)


def _stepwise(engine: Any, packed: memoryview) -> Iterator[bytes]:
    step = 2**12
    for start in range(0, len(packed), step):
        yield engine.decompress(packed[start : start + step])
        if engine.eof:
            return
    raise EOFError("the archive ends inside it")


class _Pieces:
    """Stream of ready pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1, /) -> bytes:
        """Return the next piece that is not empty."""
        return next((piece for piece in self._pieces if piece), b"")


class _Counted:
    """A stream whose bytes are counted as they pass."""

    def __init__(self, stream: Readable, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""
        piece = self._stream.read(size)
        self._allowance.take_bytes(len(piece))
        return piece


class _TarInfo(tarfile.TarInfo):
    """Header that leaves word where it is none; tarfile takes that for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        place = tarfile.fileobj.tell()
        try:
            return super().fromtarfile(tarfile)
        except (_InvalidHeaderError, _TruncatedHeaderError) as error:
            tarfile.damage.append((place, getattr(error, "legible", "")))
            raise

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Any:
        try:
            return super().frombuf(buf, encoding, errors)
        except _InvalidHeaderError as error:
            name = bytes(buf[:100]).partition(b"\0")[0].decode("ascii", "replace")
            error.legible = name if name.isprintable() and name.isascii() else ""
            raise


_InvalidHeaderError: Any = tarfile.InvalidHeaderError  # type: ignore[attr-defined]
_TruncatedHeaderError: Any = tarfile.TruncatedHeaderError  # type: ignore[attr-defined]


class _TarFile(tarfile.TarFile):
    """Archive read to its end past whatever is no header."""

    tarinfo = _TarInfo

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.damage: list[tuple[int, str]] = []
        super().__init__(*args, **kwargs)


def _tar_members(stream: Readable, allowance: Allowance) -> Iterator[ArchiveMember]:
    source: Any = _Counted(stream, allowance)
    number = 0
    try:
        archive = _TarFile.open(fileobj=source, mode="r|", ignore_zeros=True)
    except DAMAGE as error:
        yield ArchiveMember("", _no_bytes, damaged(f"broken archive: {error}"))
        return
    with archive:
        while True:
            try:
                info = archive.next()
            except DAMAGE as error:
                yield ArchiveMember("", _no_bytes, damaged(f"broken archive behind member {number}: {error}"))
                return
            archive.members.clear()  # type: ignore[attr-defined]
            if archive.damage:
                # What is no header behind the first one is the content of the lost member.
                place, legible = archive.damage[0]
                archive.damage.clear()
                if number or info is not None:
                    told = damaged(f"damaged header at byte {place} of the archive")
                    yield ArchiveMember(legible or f"byte-{place}", _no_bytes, told, lost=True)
                else:
                    yield ArchiveMember("", _no_bytes, damaged("broken archive: no header of a tar archive"))
            if info is None:
                return
            number += 1
            allowance.take_member()
            if not info.isdir():
                yield _tar_member(archive, info, allowance)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, allowance: Allowance) -> ArchiveMember:
    if info.isfile():
        member = archive.extractfile(info)
        if member is None:
            raise ConfigurationError("tarfile gives no bytes of a plain file")
        return ArchiveMember(info.name, lambda limit: read_within(member, limit, allowance))
    kinds = {tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.LNKTYPE: stat.S_IFLNK}
    return ArchiveMember(info.name, _no_bytes, _no_file(kinds.get(info.type, stat.S_IFCHR), info.linkname))
