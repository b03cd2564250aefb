"""Jobs that failed, grouped by what went wrong, with what to do about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pymongo.database import Database

from mtl_flows.launch.jobs import JobFilter, JobRow, select_jobs

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_OWN = re.compile(r"^mtl_flows\.errors\.\w+: .*?\((?P<remedy>[^()]*(?:\([^()]*\)[^()]*)*)\)$")
_REMEDIES = (
    (("ModuleNotFoundError", "ImportError"), "install it where the workers run"),
    (("WorkerLost",), "it ended three workers: give it more memory or time"),
    (("MemoryError", "OutOfMemory", "Unable to allocate", "out of memory"), "give its worker more memory"),
    (("No space left", "Disk quota"), "make room where the workers run"),
    (("pymongo.errors",), "see that the server answers (mtl doctor), then mtl recover"),
)
_LAST_RESORT = "look at its output: mtl job show"


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Jobs that failed with the same error, numbers in the message aside.

    Attributes
    ----------
    error
        Message of one of them.
    remedy
        What to do before they are run again.
    """

    error: str
    remedy: str
    fw_ids: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many jobs."""
        return len(self.fw_ids)


def failures(database: Database[dict[str, Any]]) -> list[FailureGroup]:
    """Group the jobs that failed by their error, the largest group first."""
    return group_failures(select_jobs(database, JobFilter(states=("fizzled",))))


def group_failures(jobs: Iterable[JobRow]) -> list[FailureGroup]:
    """Group those of the jobs that failed, the largest group first."""
    groups: dict[str, list[JobRow]] = {}
    for job in sorted(jobs, key=lambda job: job.fw_id):
        if job.state == "fizzled":
            groups.setdefault(_NUMBER.sub("#", job.error), []).append(job)
    found = (
        FailureGroup(
            error=members[0].error,
            remedy=remedy(members[0].error),
            fw_ids=tuple(job.fw_id for job in members),
            names=tuple(sorted({job.name for job in members})),
        )
        for members in groups.values()
    )
    return sorted(found, key=lambda group: (-group.count, group.error))


def remedy(error: str) -> str:
    """Return what to do about an error: what our own say of themselves, else what its kind suggests."""
    if told := _OWN.match(error):
        return told["remedy"]
    suggested = (chosen for signs, chosen in _REMEDIES if any(sign in error for sign in signs))
    return next(chain(suggested, [_LAST_RESORT]))
