"""Files that are whole at any time, whatever ends the process that writes them, and folders that one process keeps."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path

from mtl_flows.errors import ConfigurationError, MTLError, unwritable

_LOOK_AGAIN_S = 0.2


def fills_disk(error: BaseException) -> bool:
    """Whether an error says that a disk, or somebody's share of it, is full."""
    fault = error.__cause__ if isinstance(error, MTLError) else error
    return isinstance(fault, OSError) and fault.errno in (ENOSPC, EDQUOT)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole at any time: the old one, or the new one.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def hold(lock: Path, folder: Path | None = None, *, patience_s: float = 0.0) -> Iterator[None]:
    """Keep a folder, if not named that of the lock, for this process; the kernel frees it however the process ends.

    Parameters
    ----------
    patience_s
        How long to wait for another process that has it.

    Raises
    ------
    ConfigurationError
        If another process works in it, or it cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise unwritable(lock.parent, error) from error
    until = time.monotonic() + patience_s
    with file:
        while not _locked(file.fileno()):
            if time.monotonic() >= until:
                raise ConfigurationError(
                    "another process works in this folder",
                    subject=str(folder or lock.parent),
                    remedy="wait for it, or choose another folder",
                )
            time.sleep(_LOOK_AGAIN_S)
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
