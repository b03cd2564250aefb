"""Queueing systems: Slurm and PBS, by their own commands and the scripts of FireWorks' queue adapters."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

import yaml
from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

from mtl_flows.carried.folder import LOG
from mtl_flows.errors import ConfigurationError, QueueError
from mtl_flows.launch.templates import QUEUE_FILES
from mtl_flows.vocabulary import SchedulerName
from mtl_flows.whole_files import write_whole

SCRIPT: Final = "job.sh"
_PATIENCE_S: Final = 120.0
_SECRET = re.compile(r"MTL_.*|MP_API_KEY|.*(PASSWORD|SECRET|TOKEN).*")
_LEAST_SPARE_S: Final = 60.0
_SPARE_SHARE: Final = 0.02
_WAITING_IN_SLURM: Final = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"}
_ALIVE_IN_SLURM: Final = _WAITING_IN_SLURM | {
    "RUNNING",
    "SUSPENDED",
    "STOPPED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
}
_WAITING_IN_PBS: Final = set("QHWT")
_ALIVE_IN_PBS: Final = _WAITING_IN_PBS | set("RSBU")
_COLUMNS_OF_PBS: Final = 5
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "SLURM": {"nodes": 1, "ntasks_per_node": 1, "cpus_per_task": 1, "mem": "4G", "walltime": "24:00:00"},
    "PBS": {"nnodes": 1, "ppnode": 1, "walltime": "24:00:00"},
}


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """What a queue knows of a job.

    Attributes
    ----------
    running
        Whether it has begun.
    """

    name: str
    running: bool


@dataclass(frozen=True)
class BatchQueue(ABC):
    """A queueing system, and how jobs are given to it.

    Attributes
    ----------
    adapter
        Keywords of FireWorks' `CommonAdapter`: nodes, memory, walltime, queue, what to do before.
    """

    adapter: Mapping[str, Any]
    kind: ClassVar[str]
    submission: ClassVar[tuple[str, ...]]
    answer: ClassVar[re.Pattern[str]]
    listing: ClassVar[tuple[str, ...]]
    cancellation: ClassVar[tuple[str, ...]]

    def require(self) -> None:
        """Make sure that its commands are here.

        Raises
        ------
        ConfigurationError
            If they are not.
        """
        commands = (self.submission[0], self.listing[0], self.cancellation[0])
        missing = [command for command in commands if shutil.which(command) is None]
        if missing:
            raise ConfigurationError(
                f"{', '.join(missing)} cannot be found",
                subject=self.kind,
                remedy="run this on a login node of the cluster, or choose another --scheduler",
            )

    @property
    def limit_s(self) -> float:
        """Seconds that a job has for its work: the queue's limit but for some that are left over; 0 without a limit."""
        walltime_s = seconds_of(str(self.adapter.get("walltime") or ""))
        return max(0.0, walltime_s - max(_LEAST_SPARE_S, _SPARE_SHARE * walltime_s))

    def submit(self, folder: Path, name: str) -> str:
        """Write the script of a job folder and give it to the queue; returns what the queue calls it.

        No setting and no credential of this process goes along.

        Raises
        ------
        QueueError
            If the queue does not take it.
        ConfigurationError
            If the script cannot be written.
        """
        limit = f" --seconds {self.limit_s:.0f}" if self.limit_s else ""
        program = f"{shlex.quote(sys.executable)} -m mtl_flows work .{limit} > {LOG} 2>&1"
        adapter = CommonAdapter(self.kind, **{**self.adapter, "rocket_launch": program, "job_name": name})
        # A folder that is not there any more is no reason to work in another; its name may hold spaces.
        script = adapter.get_script_str(str(folder)).replace(
            f"cd {folder}\n", f"cd {shlex.quote(str(folder))} || exit 1\n"
        )
        write_whole(folder / SCRIPT, script.encode())
        told = _told([*self.submission, SCRIPT], folder)
        numbers = [found for line in told.splitlines() if (found := self.answer.fullmatch(line.strip()))]
        if not numbers:
            raise QueueError(f"says no number of a job: {told.strip()!r}", subject=self.submission[0])
        return numbers[-1].group(1)  # after what the site has to say to everybody

    def known(self) -> dict[str, QueuedJob]:
        """Jobs that wait or run, by what the queue calls them; of other users as well where the queue lists them.

        Raises
        ------
        QueueError
            If the queue does not answer.
        """
        return dict(self._listed(_told(self.listing).splitlines()))

    def cancel(self, queue_id: str) -> None:
        """Take a job off the queue, or end it; one that is not there any more does no harm.

        Raises
        ------
        QueueError
            If the queue does not answer.
        """
        if queue_id in self.known():
            _told([*self.cancellation, queue_id])

    @abstractmethod
    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        """Read what the queue lists."""


class Slurm(BatchQueue):
    """Slurm: sbatch, squeue, scancel."""

    kind = "SLURM"
    submission = ("sbatch", "--parsable")
    answer = re.compile(r"(?:Submitted batch job )?(\d+)(?:;.*| on cluster .*)?")
    listing = ("squeue", "--noheader", "--me", "--format=%i|%T|%j")
    cancellation = ("scancel",)

    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        for line in lines:
            match [part.strip() for part in line.split("|", 2)]:
                case [queue_id, state, name] if state in _ALIVE_IN_SLURM:
                    yield queue_id, QueuedJob(name, state not in _WAITING_IN_SLURM)


class Pbs(BatchQueue):
    """PBS: qsub, qstat, qdel."""

    kind = "PBS"
    submission = ("qsub",)
    answer = re.compile(r"(\d+)(?:\..*)?")
    listing = ("qstat",)
    cancellation = ("qdel",)

    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        for line in lines:
            columns = line.split()
            number = re.match(r"\d+", line)
            if number is not None and len(columns) >= _COLUMNS_OF_PBS and columns[-2] in _ALIVE_IN_PBS:
                yield number.group(), QueuedJob(columns[1], columns[-2] not in _WAITING_IN_PBS)


SCHEDULERS: Mapping[SchedulerName, type[BatchQueue]] = MappingProxyType({"slurm": Slurm, "pbs": Pbs})


def queue_of(project: Path, category: str, scheduler: SchedulerName | None) -> BatchQueue:
    """Return the queue for jobs of a category, as the project's queue file for it says.

    Parameters
    ----------
    scheduler
        What must be in the file; without a file, whose defaults hold (Slurm if None).

    Raises
    ------
    ConfigurationError
        If the file is of another scheduler, or cannot be read.
    """
    file = project / QUEUE_FILES[category]
    if not file.is_file():
        kind = SCHEDULERS[scheduler or "slurm"]
        return kind(_DEFAULTS[kind.kind])
    try:
        told = dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"cannot be read: {type(error).__name__}",
            subject=str(file),
            remedy="mtl init --force writes it anew",
        ) from None
    written = str(told.get("_fw_q_type", "SLURM"))
    found = next((kind for kind in SCHEDULERS.values() if kind.kind == written), None)
    if found is None or (scheduler is not None and SCHEDULERS[scheduler] is not found):
        raise ConfigurationError(
            f"is for {written}",
            subject=str(file),
            remedy="choose the --scheduler that it is for, or write it for the other (launchpad/ shows both)",
        )
    return found({key: value for key, value in told.items() if not key.startswith("_fw")})


def seconds_of(walltime: str) -> float:
    """Read a limit of time: minutes, ``H:MM``, ``H:MM:SS`` or ``D-HH:MM:SS``; 0 if it says none."""
    days, dash, clock = walltime.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts) or (dash and not days.isdigit()):
        return 0.0
    if len(parts) == 1:
        seconds = float(parts[0]) * (3600.0 if dash else 60.0)
    else:
        hours, minutes, rest = (float(part) for part in (*parts, "0")[:3])
        seconds = hours * 3600.0 + minutes * 60.0 + rest
    return seconds + 86400.0 * float(days or 0)


def _told(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a command of the queue and return what it says."""
    environment = {name: value for name, value in os.environ.items() if not _SECRET.fullmatch(name)}
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QueueError(f"does not answer: {type(error).__name__}", subject=command[0]) from None
    if ended.returncode:
        raise QueueError(ended.stderr.strip() or f"ends with {ended.returncode}", subject=command[0])
    return ended.stdout
