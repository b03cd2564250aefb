"""Which process runs a job, written down so that another process can tell whether it still lives."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

_FIELD = "mtl_process"


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A process of one boot of one machine (or container).

    Attributes
    ----------
    boot, namespace
        The kernel's boot id and the namespace of process ids: `pid` means nothing elsewhere.
    pid, started
        Process id, and the clock tick at which it started, since ids are used again.
    """

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """Describe this process."""
        pid = os.getpid()
        return cls(*_here(), pid, _start_tick(pid))

    @classmethod
    def from_env(cls, env: Mapping[str, Any]) -> Self | None:
        """Read what `as_env` wrote; None for a launch by another program, such as ``rlaunch``."""
        return cls(**env[_FIELD]) if _FIELD in env else None

    def as_env(self) -> dict[str, Any]:
        """Form in which an FWorker, and so every launch document, carries it."""
        return {_FIELD: asdict(self)}

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended; False also if it cannot be judged from here."""
        return (self.boot, self.namespace) == _here() and _start_tick(self.pid) != self.started


def _here() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return boot, Path("/proc/self/ns/pid").readlink().name


def _start_tick(pid: int) -> int:
    """Start time of a living process in clock ticks since boot; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, start = fields[0], int(fields[19])
    return 0 if state in "ZX" else start
