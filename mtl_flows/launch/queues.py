"""Queueing systems: Slurm and PBS, by their own commands and the scripts of FireWorks' queue adapters."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

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
_ENDING_IN_SLURM: Final = "COMPLETING"
_ALIVE_IN_SLURM: Final = _WAITING_IN_SLURM | {
    "RUNNING",
    _ENDING_IN_SLURM,
    "SUSPENDED",
    "STOPPED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
}
_ORDINARY_IN_SLURM: Final = {"None", "Priority", "Resources", "BeginTime", "Cleaning"}
_WAITING_IN_PBS: Final = set("QHWT")
_ENDING_IN_PBS: Final = "E"
_ALIVE_IN_PBS: Final = _WAITING_IN_PBS | {*"RSBU", _ENDING_IN_PBS}
_COLUMNS_OF_PBS: Final = 5
_CLOCK: Final = 3
"""Hours, minutes and seconds."""
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
    reason
        Why it waits, in the words of the queue; empty where that needs nobody's attention.
    ending
        Whether it was told to end, and may still be finishing what it has in hand.
    """

    name: str
    running: bool
    reason: str = ""
    ending: bool = False


@dataclass(frozen=True)
class BatchQueue(ABC):
    """A queueing system, and how jobs are given to it.

    Attributes
    ----------
    adapter
        Keywords of FireWorks' `CommonAdapter`: nodes, memory, walltime, queue, what to do before.
    template_file
        Script of the site's own with places for the keywords; None for that of FireWorks.
    """

    adapter: Mapping[str, Any]
    template_file: str | None = None
    kind: ClassVar[str]
    width: ClassVar[tuple[str, ...]]
    """Keywords whose product is the processors of a node (a job works on one); the last is raised where need be."""
    submission: ClassVar[tuple[str, ...]]
    answer: ClassVar[re.Pattern[str]]
    listing: ClassVar[tuple[str, ...]]
    cancellation: ClassVar[tuple[str, ...]]
    record: ClassVar[tuple[str, ...]]

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
        walltime_s = self.seconds_of(str(self.adapter.get("walltime") or ""))
        return walltime_s and max(1.0, walltime_s - max(_LEAST_SPARE_S, _SPARE_SHARE * walltime_s))

    def unknown_keywords(self) -> list[str]:
        """Keywords that the script's template has no place for.

        Raises
        ------
        ConfigurationError
            If there is no such template.
        """
        file = Path(CommonAdapter(self.kind, template_file=self.template_file).template_file)
        try:
            template = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"cannot be read: {type(error).__name__}", subject=str(file), remedy="mend _fw_template_file"
            ) from None
        asked = (key for key, value in self.adapter.items() if value is not None and key != "logdir")
        return [key for key in asked if f"{{{key}}}" not in template]

    def submit(self, folder: Path, name: str, processors: int = 1) -> str:
        """Write the script of a job folder and give it to the queue; returns what the queue calls it.

        No setting and no credential of this process goes along.

        Parameters
        ----------
        processors
            How many it is given at least.

        Raises
        ------
        QueueError
            If the queue does not take it.
        ConfigurationError
            If the script cannot be written.
        """
        limit = f" --seconds {self.limit_s:.0f}" if self.limit_s else ""
        program = f"{shlex.quote(sys.executable)} -m mtl_flows work .{limit} > {LOG} 2>&1"
        if self.template_file is None and not self.adapter.get("post_rocket"):
            # What the queue signals is then the work itself, and it is given the time that the queue leaves it.
            program = f"exec {program}"
        given = {**self.adapter, **self._widened(processors), "rocket_launch": program, "job_name": name}
        adapter = CommonAdapter(self.kind, template_file=self.template_file, **given)
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

    def how_ended(self, queue_id: str) -> str:
        """Return what the queue still knows of a job that has left it; empty if it knows nothing."""
        with suppress(QueueError):
            return self._recorded(_told([*self.record, queue_id]))
        return ""

    @staticmethod
    @abstractmethod
    def seconds_of(walltime: str) -> float:
        """Read a limit of time as this queue does; 0 if it says none."""

    def _widened(self, processors: int) -> dict[str, int]:
        if processors <= 1:
            return {}
        numbers = [int(self.adapter.get(keyword) or 1) for keyword in self.width]
        enough = ceil(processors / prod(numbers[:-1]))
        return {self.width[-1]: enough} if enough > numbers[-1] else {}

    @abstractmethod
    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        """Read what the queue lists."""

    @abstractmethod
    def _recorded(self, record: str) -> str:
        """Read how a job ended."""


class Slurm(BatchQueue):
    """Slurm: sbatch, squeue, scancel."""

    kind = "SLURM"
    width = ("ntasks_per_node", "cpus_per_task")
    submission = ("sbatch", "--parsable")
    answer = re.compile(r"(?:Submitted batch job )?(\d+)(?:;.*| on cluster .*)?")
    listing = ("squeue", "--noheader", "--me", "--format=%i|%T|%r|%j")
    cancellation = ("scancel",)
    record = ("scontrol", "show", "job", "--oneliner")

    @staticmethod
    def seconds_of(walltime: str) -> float:
        """Read ``M``, ``M:SS``, ``H:MM:SS``, ``D-H``, ``D-H:MM`` or ``D-H:MM:SS``; 0 if it says none."""
        days, dash, clock = walltime.rpartition("-")
        parts = clock.split(":")
        if not all(part.isdigit() for part in parts) or (dash and not days.isdigit()) or len(parts) > _CLOCK:
            return 0.0
        whole = parts if dash or len(parts) == _CLOCK else ["0", *parts]
        hours, minutes, seconds = (float(part) for part in (*whole, "0", "0")[:3])
        return float(days or 0) * 86400.0 + hours * 3600.0 + minutes * 60.0 + seconds

    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        for line in lines:
            match [part.strip() for part in line.split("|", 3)]:
                case [queue_id, state, reason, name] if state in _ALIVE_IN_SLURM:
                    told = "" if reason in _ORDINARY_IN_SLURM else reason
                    begun = state not in _WAITING_IN_SLURM
                    yield queue_id, QueuedJob(name, begun, told, state == _ENDING_IN_SLURM)

    def _recorded(self, record: str) -> str:
        found = dict(re.findall(r"\b(JobState|Reason|ExitCode)=(\S+)", record))
        if found.get("JobState") in _ALIVE_IN_SLURM:
            return ""
        return ", ".join(told for told in found.values() if told not in _ORDINARY_IN_SLURM | {"0:0"})


class Pbs(BatchQueue):
    """PBS: qsub, qstat, qdel."""

    kind = "PBS"
    width = ("ppnode",)
    submission = ("qsub",)
    answer = re.compile(r"(\d+)(?:\..*)?")
    listing = ("qstat",)
    cancellation = ("qdel",)
    record = ("qstat", "-x", "-f")

    @staticmethod
    def seconds_of(walltime: str) -> float:
        """Read ``S``, ``M:SS`` or ``H:MM:SS``; 0 if it says none."""
        parts = walltime.split(":")
        if not all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts) or len(parts) > _CLOCK:
            return 0.0
        return sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))

    def _listed(self, lines: Iterable[str]) -> Iterator[tuple[str, QueuedJob]]:
        for line in lines:
            columns = line.split()
            number = re.match(r"\d+", line)
            if number is not None and len(columns) >= _COLUMNS_OF_PBS and columns[-2] in _ALIVE_IN_PBS:
                begun, ending = columns[-2] not in _WAITING_IN_PBS, columns[-2] == _ENDING_IN_PBS
                yield number.group(), QueuedJob(columns[1], begun, ending=ending)

    def _recorded(self, record: str) -> str:
        found = dict(re.findall(r"^ *(Exit_status|comment) = (.*(?:\n\t.*)*)", record, re.MULTILINE))
        told = (found.get("comment", "").replace("\n\t", ""), found.get("Exit_status", ""))
        return ", exit status ".join(part for part in told if part)


SCHEDULERS: Mapping[SchedulerName, type[BatchQueue]] = MappingProxyType({"slurm": Slurm, "pbs": Pbs})


def scheduler_here() -> SchedulerName:
    """The queueing system whose commands are here; Slurm where none is."""
    here = (name for name, kind in SCHEDULERS.items() if shutil.which(kind.submission[0]))
    return next(here, "slurm")


def queue_of(project: Path, category: str, scheduler: SchedulerName | None) -> BatchQueue:
    """Return the queue for jobs of a category, as the project's queue file for it says.

    Parameters
    ----------
    scheduler
        What must be in the file; without a file, whose defaults hold (if None, of that whose commands are here).

    Raises
    ------
    ConfigurationError
        If the file is of another scheduler, asks what its template has no place for, or cannot be read.
    """
    file = project / QUEUE_FILES[category]
    if not file.is_file():
        kind = SCHEDULERS[scheduler or scheduler_here()]
        return kind(_DEFAULTS[kind.kind])
    try:
        # As FireWorks reads it, to whom 24:00:00 is no number.
        told = dict(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")) or {})
    except (YAMLError, OSError, ValueError, TypeError) as error:
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
    template = told.get("_fw_template_file")
    keywords = {key: value for key, value in told.items() if not key.startswith("_")}
    queue = found(keywords, None if template is None else str(template))
    if unknown := queue.unknown_keywords():
        raise ConfigurationError(
            f"{', '.join(unknown)} would be left out: the script's template has no place for it",
            subject=str(file),
            remedy="a partition is called queue, a limit of time walltime; the others are in FireWorks' "
            f"{found.kind}_template.txt, and _fw_template_file names one of your own",
        )
    return queue


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
