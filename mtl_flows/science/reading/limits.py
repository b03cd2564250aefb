"""What files, entries and archives may cost before they are refused."""

from dataclasses import dataclass, field
from typing import Protocol

from mtl_flows.errors import LimitExceededError

MAX_FILE_BYTES = 512 * 2**20
"""Of one file, however many entries it holds."""

MAX_ENTRY_BYTES = 64 * 2**20
"""Of one entry of a file."""

_CHUNK = 2**18


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may unfold to, archives inside it included.

    Attributes
    ----------
    free_bytes, max_ratio
        It may unfold to `free_bytes`, and beyond that to `max_ratio` times its own size: crystals as text shrink by a
        factor of three to sixty, bombs by a thousand at each level.
    max_bytes, max_members, max_depth
        Bytes and members in all, and archives in each other.
    """

    free_bytes: int = 32 * 2**20
    max_ratio: int = 200
    max_bytes: int = 64 * 2**30
    max_members: int = 2_000_000
    max_depth: int = 3


class ArchiveLimitError(LimitExceededError):
    """An archive unfolds to more than it may: nothing more of it is read."""


@dataclass(slots=True)
class Allowance:
    """What is left of the limits of one archive.

    Attributes
    ----------
    packed_bytes
        Size of the outermost archive.
    """

    packed_bytes: int
    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    unpacked_bytes: int = 0
    members: int = 0

    def take_bytes(self, n_bytes: int) -> None:
        """Count bytes that were unpacked.

        Raises
        ------
        ArchiveLimitError
            If they are too many.
        """
        self.unpacked_bytes += n_bytes
        allowed = min(
            self.limits.max_bytes, self.limits.free_bytes + self.limits.max_ratio * self.packed_bytes
        )
        if self.unpacked_bytes > allowed:
            raise ArchiveLimitError(
                f"{self.packed_bytes} bytes stand for more than {allowed} bytes: no archive of structures",
                remedy="unpack it yourself if you trust it, and ingest the folder",
            )

    def take_member(self) -> None:
        """Count a member.

        Raises
        ------
        ArchiveLimitError
            If there are too many.
        """
        self.members += 1
        if self.members > self.limits.max_members:
            raise ArchiveLimitError(
                f"more than {self.limits.max_members} members", remedy="ingest it in several archives"
            )


def too_large(n_bytes: int, limit: int = MAX_FILE_BYTES) -> LimitExceededError:
    """Refusal of a file or an entry for its size."""
    return LimitExceededError(
        f"{n_bytes / 2**20:.0f} MiB, where {limit / 2**20:.0f} are allowed",
        remedy="check the file, or split it",
    )


def read_within(stream: Readable, limit: int, allowance: Allowance | None = None) -> bytes:
    """Read a stream to its end, piece by piece, so that nothing is unpacked that will be refused.

    Raises
    ------
    LimitExceededError
        If it holds more than `limit` bytes, or its archive more than it may.
    """
    pieces, size = [], 0
    while piece := stream.read(_CHUNK):
        size += len(piece)
        if allowance is not None:
            allowance.take_bytes(len(piece))
        if size > limit:
            raise too_large(size, limit)
        pieces.append(piece)
    return b"".join(pieces)
