"""What a worker reports while it works, and at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class RocketOutcome(StrEnum):
    """What happened to a Firework."""

    STARTED = "started"
    COMPLETED = "completed"
    FIZZLED = "fizzled"
    RETURNED = "returned"
    """The worker was interrupted; the job is ready to run again."""
    LOST = "lost"
    """The job was given to another worker while this one was away, and is that one's affair now."""
    SENT = "sent"
    """What it computes is computed elsewhere, and the job waits for it."""
    WAITING = "waiting"
    """No step of a Firework: the worker waits for the database, or has it back; the error says which."""


@dataclass(frozen=True, slots=True)
class RocketEvent:
    """One step in the life of a Firework.

    Attributes
    ----------
    outcome, fw_id, name
        What happened to which Firework.
    folder
        Where it ran; its output is in ``FW_job.out`` and ``FW_job.error`` there.
    worker
        Process that ran it.
    elapsed_s
        Seconds since it started.
    error
        Type and message of the exception, for a job that fizzled; why, for one that was given back; what is told, for
        a worker that waits; what the queue calls it, for one that was sent there.
    """

    outcome: RocketOutcome
    fw_id: int
    name: str
    folder: str
    worker: int
    elapsed_s: float = 0.0
    error: str = ""


EventCallback = Callable[[RocketEvent], None]


@dataclass(frozen=True, slots=True)
class WorkSummary:
    """What a call of `work` did.

    Attributes
    ----------
    completed, returned
        How many jobs ended well, and how many went back to be run again.
    failures
        The last event of every job that fizzled.
    lost
        The last event of every job that was given to another worker meanwhile.
    interrupted
        Whether Ctrl-C or a termination signal ended it.
    """

    completed: int = 0
    returned: int = 0
    failures: tuple[RocketEvent, ...] = ()
    lost: tuple[RocketEvent, ...] = ()
    interrupted: bool = False

    @property
    def fizzled(self) -> int:
        """How many jobs fizzled."""
        return len(self.failures)

    @classmethod
    def of(cls, events: list[RocketEvent], *, interrupted: bool) -> "WorkSummary":
        """Count events."""
        outcomes = [event.outcome for event in events]
        return cls(
            completed=outcomes.count(RocketOutcome.COMPLETED),
            returned=outcomes.count(RocketOutcome.RETURNED),
            failures=tuple(event for event in events if event.outcome is RocketOutcome.FIZZLED),
            lost=tuple(event for event in events if event.outcome is RocketOutcome.LOST),
            interrupted=interrupted,
        )


def last_error(stacktrace: str) -> str:
    """First line of the message at the end of a formatted traceback, with the exception's type."""
    lines = stacktrace.splitlines()
    headers = [number for number, line in enumerate(lines) if line.startswith("Traceback")]
    # Frames are indented; so may be the further lines of a message, as pydantic's are.
    after = lines[headers[-1] + 1 :] if headers else lines
    return next((line for line in after if line and not line.startswith(" ")), "")


def as_time(written: str | datetime) -> datetime:
    """Read a time as FireWorks writes it: as text, or as a date of MongoDB's, which is in UTC."""
    time = datetime.fromisoformat(written) if isinstance(written, str) else written
    return time.replace(tzinfo=time.tzinfo or UTC)
