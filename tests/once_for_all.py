"""What takes long to make is made once for all processes of a test run."""

import pickle
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TypeVar

from mtl_flows.whole_files import write_whole

T = TypeVar("T")

_shared: list[Path] = []


def share(folder: Path) -> None:
    """Name the folder that the processes of this run have in common."""
    _shared[:] = [folder]


def once_for_all(name: str, make: Callable[[], T]) -> T:
    """Return what another process of the run has made under this name, or make it while others that want it wait."""
    for folder in _shared:
        kept = folder / f"{name}.pickle"
        with (folder / f"{name}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not kept.exists():
                write_whole(kept, pickle.dumps(make()))
            found: T = pickle.loads(kept.read_bytes())
            return found
    return make()
