"""Which process runs a job, written down so that another process can tell whether it still lives."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from mtl_flows.machine import kernel

_FIELD = "mtl_process"


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A process of one boot of one machine (or container).

    Attributes
    ----------
    boot, namespace
        Of the machine, and of process ids: `pid` means nothing elsewhere.
    pid, started
        Process id, and when it started in the kernel's units, since ids are used again.
    """

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """Describe this process."""
        pid = os.getpid()
        return cls(*kernel().here(), pid, kernel().started(pid))

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
        here = kernel()
        return (self.boot, self.namespace) == here.here() and here.started(self.pid) != self.started
