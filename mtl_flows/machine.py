"""What differs between operating systems: how a machine, its processes and its processors are told."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil  # type: ignore[import-untyped]


class Kernel(Protocol):
    """What a kernel says of itself and of processes."""

    def here(self) -> tuple[str, str]:
        """Name of this boot of this machine, and of the space in which process ids mean something."""

    def started(self, pid: int) -> int:
        """When a living process started, in the kernel's own units; 0 if there is none."""

    def command(self, pid: int) -> list[bytes]:
        """Program of a process and its arguments; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Linux:
    """From the files of /proc: exact, whatever the clock does."""

    def here(self) -> tuple[str, str]:
        """Boot id and namespace of process ids."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot, Path("/proc/self/ns/pid").readlink().name

    def started(self, pid: int) -> int:
        """Start in clock ticks since boot."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        state, start = fields[0], int(fields[19])
        return 0 if state in "ZX" else start

    def command(self, pid: int) -> list[bytes]:
        """Arguments as they were given."""
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return []


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """By psutil, on macOS and others: to a hundredth of a second, by the clock."""

    def here(self) -> tuple[str, str]:
        """Host and second of its boot."""
        return f"{os.uname().nodename} {psutil.boot_time():.0f}", "host"

    def started(self, pid: int) -> int:
        """Start in hundredths of a second since 1970."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return 0
            created_s: float = process.create_time()
        except psutil.NoSuchProcess:
            return 0
        return round(100 * created_s)

    def command(self, pid: int) -> list[bytes]:
        """Arguments as far as this user may know them."""
        try:
            return [os.fsencode(part) for part in psutil.Process(pid).cmdline()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return []


def kernel() -> Kernel:
    """Kernel of this machine."""
    return Linux() if Path("/proc/self/stat").exists() else Elsewhere()


def processors() -> int:
    """Processors that this process may use, where the system tells; else all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_data(memory_MB: int) -> None:
    """Let this process have no more memory than this; data, not addresses, of which libraries map far more.

    A lower limit that the system has set stands.
    """
    wanted = memory_MB * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
    )
