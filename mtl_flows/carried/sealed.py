"""Files of a job folder: whole, with their checksums, and refused where they are neither, or larger than any is."""

import gzip
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Final

from mtl_flows.errors import DamagedFolderError, LimitExceededError
from mtl_flows.science.reading.limits import Allowance, ArchiveLimits
from mtl_flows.whole_files import write_whole

_LARGEST_BYTES: Final = 256 * 2**20
_LIMITS: Final = ArchiveLimits(max_bytes=2**30)
_PIECE: Final = 2**20
_LEVEL: Final = 6
_OF_DISK: Final = "look at the disk and how it was copied; it is computed anew"


def packed(content: bytes) -> bytes:
    """Compress what is written; the same content gives the same bytes."""
    return gzip.compress(content, _LEVEL, mtime=0)


def unpacked(data: bytes, path: Path) -> bytes:
    """Return what was compressed.

    Raises
    ------
    DamagedFolderError
        If it is not whole, or would unfold to more than anything does that is written here.
    """
    allowance = Allowance(len(data), _LIMITS)
    engine, pieces, rest = zlib.decompressobj(wbits=31), list[bytes](), data
    try:
        while not engine.eof:
            pieces.append(engine.decompress(rest, _PIECE))
            allowance.take_bytes(len(pieces[-1]))
            rest = engine.unconsumed_tail
            if not rest and not pieces[-1]:
                raise DamagedFolderError("ends too early", subject=str(path), remedy=_OF_DISK)
    except zlib.error:
        raise DamagedFolderError("is not compressed", subject=str(path), remedy=_OF_DISK) from None
    except LimitExceededError as error:
        raise DamagedFolderError(error.message, subject=str(path), remedy="nothing of it is read") from None
    return b"".join(pieces)


def read_checked(path: Path, digest: str) -> bytes:
    """Read a file whose checksum is known.

    Raises
    ------
    DamagedFolderError
        If it is missing, or not what was written.
    """
    data = _read(path)
    if sha256(data).hexdigest() != digest:
        raise _changed(data, path)
    return data


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file that holds its own checksum; compressed if its name says so."""
    text = f"{sha256(content).hexdigest()}\n".encode() + content + b"\n"
    write_whole(path, packed(text) if path.suffix == ".gz" else text)


def read_sealed(path: Path) -> bytes:
    """Read what was sealed.

    Raises
    ------
    DamagedFolderError
        If it is missing, or not as it was written.
    """
    data = _read(path)
    text = unpacked(data, path) if data and path.suffix == ".gz" else data
    digest, _, content = text.partition(b"\n")
    content = content.removesuffix(b"\n")
    if not content or sha256(content).hexdigest().encode() != digest:
        raise _changed(data, path)
    return content


def _read(path: Path) -> bytes:
    if not path.is_file():
        return b""
    if path.stat().st_size > _LARGEST_BYTES:
        raise DamagedFolderError(
            f"has more than {_LARGEST_BYTES // 2**20} MiB", subject=str(path), remedy="nothing of it is read"
        )
    return path.read_bytes()


def _changed(data: bytes, path: Path) -> DamagedFolderError:
    return DamagedFolderError(
        "is not what was written there: its checksum differs" if data else "is missing",
        subject=str(path),
        remedy=_OF_DISK,
    )
