"""Run jobs again, hold them, let them go on, give them up, put them first: by FireWorks' own functions."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from fireworks import LaunchPad

from mtl_flows.launch.jobs import JobFilter, JobRow, select_jobs
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.names import PAUSE_FIELD
from mtl_flows.store.connection import Connection
from mtl_flows.vocabulary import JobState

_UNBEGUN: Final[tuple[JobState, ...]] = ("waiting", "ready", "reserved")
_TAKEN: Final[tuple[JobState, ...]] = ("running", "reserved")
_ALIVE: Final[tuple[JobState, ...]] = (*_UNBEGUN, "running", "paused")
_GIVEN_UP: Final[tuple[JobState, ...]] = (*_ALIVE, "fizzled")


@dataclass(frozen=True, slots=True)
class Steered:
    """What became of the jobs that were meant.

    Attributes
    ----------
    done
        Jobs that were changed, as they stood before.
    left
        Jobs in a state in which there is nothing to do.
    after
        Jobs that come after those and went with them.
    """

    done: tuple[JobRow, ...]
    left: tuple[JobRow, ...]
    after: tuple[JobRow, ...] = ()


def rerun(connection: Connection, chosen: JobFilter) -> Steered:
    """Make jobs that failed ready to run again; what they completed before stays.

    Reserved ones, only where that is asked for: their carrier may be gone with its folder.
    """
    states: tuple[JobState, ...] = ("fizzled", "reserved") if "reserved" in chosen.states else ("fizzled",)
    return _steer(connection, chosen, states, lambda pad, job: bool(pad.rerun_fw(job.fw_id)))


def pause(connection: Connection, chosen: JobFilter) -> Steered:
    """Hold jobs back that have not begun. One that runs goes on to its end; the jobs that it creates are held back."""
    return _steer(connection, chosen, (*_UNBEGUN, "running"), _pause)


def resume(connection: Connection, chosen: JobFilter) -> Steered:
    """Let jobs go on that were paused."""
    return _steer(connection, chosen, ("paused", "running"), _resume)


def cancel(connection: Connection, chosen: JobFilter) -> Steered:
    """Give jobs up for good, and with them what comes after them, which could never begin.

    One that runs ends at its next write, which is refused; one in a queue is taken off it. Results stay. The same work
    handed in again is added anew, and goes on from them.
    """

    def give_up(pad: LaunchPad, job: JobRow) -> bool:
        return bool(pad.defuse_fw(job.fw_id))

    given_up = _steer(connection, chosen, _GIVEN_UP, give_up)
    ids = {job.fw_id for job in given_up.done}
    with _opened(connection) as pad:
        after = _after(pad, ids) - ids
    if not after:
        return given_up
    went = _steer(connection, JobFilter(ids=tuple(sorted(after))), _GIVEN_UP, give_up)
    return replace(given_up, after=went.done)


def _after(pad: LaunchPad, ids: Set[int]) -> set[int]:
    """All that comes after some jobs in their workflows."""
    found: set[int] = set()
    for workflow in pad.workflows.find({"nodes": {"$in": sorted(ids)}}, {"links": 1, "nodes": 1}):
        links = {int(one): following for one, following in workflow["links"].items()}
        open_ones = [one for one in workflow["nodes"] if one in ids]
        while open_ones:
            following = set(links.get(open_ones.pop(), ())) - found
            found |= following
            open_ones += following
    return found


def prioritise(connection: Connection, chosen: JobFilter, priority: int) -> Steered:
    """Let jobs be taken before those of lower priority, and the jobs that they create as well."""

    def put(pad: LaunchPad, job: JobRow) -> bool:
        pad.set_priority(job.fw_id, priority)
        return True

    return _steer(connection, chosen, _ALIVE, put)


def _pause(pad: LaunchPad, job: JobRow) -> bool:
    if job.state != "running":
        return bool(pad.pause_fw(job.fw_id))
    return not job.pausing and _mark(pad, job, {"$set": {f"spec.{PAUSE_FIELD}": True}})


def _resume(pad: LaunchPad, job: JobRow) -> bool:
    if job.state == "paused":
        return bool(pad.resume_fw(job.fw_id))
    return job.pausing and _mark(pad, job, {"$unset": {f"spec.{PAUSE_FIELD}": ""}})


def _mark(pad: LaunchPad, job: JobRow, change: dict[str, Any]) -> bool:
    running = {"fw_id": job.fw_id, "state": "RUNNING"}
    return bool(pad.fireworks.update_one(running, change).modified_count)


def _steer(
    connection: Connection,
    chosen: JobFilter,
    states: Iterable[JobState],
    act: Callable[[LaunchPad, JobRow], bool],
) -> Steered:
    """Do something with the jobs that are meant and in these states.

    Raises
    ------
    NotFoundError
        If no job is meant: an id, material or engine that none has.
    """
    done: list[JobRow] = []
    left: list[JobRow] = []
    with _opened(connection) as pad:
        # To give up what runs, FireWorks first lets it and what comes after wait again.
        for job in sorted(select_jobs(pad.db, chosen), key=lambda job: job.state not in _TAKEN):
            (done if job.state in states and act(pad, job) else left).append(job)
    return Steered(tuple(done), tuple(left))


@contextmanager
def _opened(connection: Connection) -> Iterator[LaunchPad]:
    pad = launchpad(connection)
    try:
        yield pad
    finally:
        pad.connection.close()
