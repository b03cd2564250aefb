"""Put right what dead workers, full disks and absent servers leave behind."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, Literal, NamedTuple

from fireworks import LaunchPad

from mtl_flows.launch.events import as_time
from mtl_flows.launch.failures import FailureGroup, failures
from mtl_flows.launch.insides import refresh_workflow
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.lost import ServerClock, give_back, lost_launches, was_lost
from mtl_flows.launch.names import LOST_AFTER_S
from mtl_flows.launch.ownership import has_ended
from mtl_flows.launch.replaced import archive_replaced
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

LOOK_AGAIN_S = 10.0
"""Seconds for which half-written things have to stand unchanged."""
SETTLED_AFTER = timedelta(seconds=60)
"""Age before which workflows without Fireworks, and Fireworks without workflow, may be a submission in progress."""
_FOR_EVER_S = 10 * 365 * 86400
_OVER = ("COMPLETED", "ARCHIVED")
_STATE = {"_id": 0, "fw_id": 1, "state": 1}
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class RecoverSummary:
    """What `recover` did, and what is left to a human.

    Attributes
    ----------
    returned
        Fireworks whose worker was lost, ready to run again.
    exhausted
        Fireworks that lost their third worker: they have fizzled.
    refreshed
        Fireworks whose state had fallen behind.
    unlocked
        First Firework of workflows that a dead process had left locked.
    removed
        Names of workflows and Fireworks of which only half had been written.
    swept
        How many blocks of frames were deleted that lost workers had written and no simulation counts.
    archived
        Failed Fireworks of workflows that are archived, since what they were to compute is there.
    failures
        Failed jobs, grouped by error; ``mtl job rerun`` or a new submission runs them again.
    """

    returned: tuple[int, ...]
    exhausted: tuple[int, ...]
    refreshed: tuple[int, ...]
    unlocked: tuple[int, ...]
    removed: tuple[str, ...]
    swept: int
    archived: tuple[int, ...]
    failures: tuple[FailureGroup, ...]


def recover(connection: Connection, *, lost_after_s: float = LOST_AFTER_S) -> RecoverSummary:
    """Look for lost runs and inconsistent states and mend them; safe to run at any time and beside workers.

    Parameters
    ----------
    connection
        The database.
    lost_after_s
        A run that gave no sign of life for so long is lost, but never before three of its heartbeats have
        failed to come (ours: one minute; FireWorks' default: one hour). A run whose process has ended on this
        machine is lost at once.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers.
    """
    pad = launchpad(connection)
    try:
        returned: list[int] = []
        exhausted: list[int] = []
        mended = mend(pad)  # first: what is locked cannot be given back
        for launch in list(lost_launches(pad, lost_after_s)):
            (returned if give_back(pad, launch) else exhausted).append(launch.fw_id)
        with connection.client() as client:
            store = MTLStore(client, connection.database)
            swept = store.frames.sweep(store.dynamics, partial(has_ended, pad))
            archived = archive_replaced(pad, store)
            failed = failures(store.database)
    finally:
        pad.connection.close()
    return RecoverSummary(
        returned=(*returned, *mended.returned),
        exhausted=tuple(exhausted),
        refreshed=mended.refreshed,
        unlocked=mended.unlocked,
        removed=mended.removed,
        swept=swept,
        archived=archived,
        failures=tuple(failed),
    )


@dataclass(frozen=True, slots=True)
class Mended:
    """What `mend` put right; as in `RecoverSummary`."""

    unlocked: tuple[int, ...] = ()
    returned: tuple[int, ...] = ()
    removed: tuple[str, ...] = ()
    refreshed: tuple[int, ...] = ()


class _Torn(NamedTuple):
    """Something that may be half-written: of which kind, whose, and how it stood."""

    kind: Literal["locked", "reserved", "hollow", "orphan", "stale"]
    key: Any
    stood: str


def mend(pad: LaunchPad) -> Mended:
    """Put right what dead workers and absent servers left between two writes; safe beside workers.

    What looks half-written is looked at again after some seconds: what has changed meanwhile is somebody's work. The
    clocks of those who wrote it, which may be wrong, do not decide that.
    """
    returned = tuple(pad.detect_unreserved(rerun=True))  # of a queue; they expire after two weeks
    torn = _torn(pad)
    if torn:
        time.sleep(LOOK_AGAIN_S)
        torn &= _torn(pad)
    unlocked = [_unlock(pad, key) for kind, key, _ in torn if kind == "locked"]
    for kind, key, _ in sorted(torn, key=str):
        if kind == "reserved":
            returned += tuple(pad.rerun_fw(key))
    removed = [
        _remove(pad, kind, key) for kind, key, _ in sorted(torn, key=str) if kind in ("hollow", "orphan")
    ]
    refreshed = _refresh_ended(pad)
    for kind, key, _ in sorted(torn, key=str):
        if kind == "stale":
            refreshed += _refresh(pad, key)
    return Mended(tuple(sorted(unlocked)), returned, tuple(removed), tuple(refreshed))


def _torn(pad: LaunchPad) -> set[_Torn]:
    """Whatever looks half-written now."""
    found = {
        _Torn("locked", workflow["_id"], str(workflow["updated_on"]))
        for workflow in pad.workflows.find({"locked": {"$exists": True}}, {"updated_on": 1})
    }
    # Reserved without a launch: by a worker that did not get as far. Reservations of a queue have launches.
    reserved = {"state": "RESERVED"}
    for firework in pad.fireworks.find(reserved, {"fw_id": 1, "launches": 1, "updated_on": 1}):
        if not pad.launches.find_one({"launch_id": {"$in": firework["launches"]}, **reserved}):
            found.add(_Torn("reserved", firework["fw_id"], str(firework["updated_on"])))
    now = ServerClock.read(pad).now
    unfinished = _unfinished(pad)
    for workflow, states in unfinished:
        if states and _is_stale(workflow, states):
            found.add(_Torn("stale", workflow["_id"], f"{workflow['updated_on']} {states}"))
        elif not states and now - as_time(workflow["created_on"]) > SETTLED_AFTER:
            # A submission that broke off, whose claim bars its repetition.
            found.add(_Torn("hollow", workflow["_id"], ""))
    # Of no workflow: the job that created them had no time to write it. It is not recorded as completed, so its
    # state is brought up to date next and creates them again.
    placed = {fw_id for _, states in unfinished for fw_id in states}
    unbegun = {"state": {"$in": ["READY", "WAITING"]}}
    left = [f["fw_id"] for f in pad.fireworks.find(unbegun, _STATE) if f["fw_id"] not in placed]
    for firework in (
        pad.fireworks.find({"fw_id": {"$in": left}}, {"fw_id": 1, "created_on": 1}) if left else ()
    ):
        settled = now - as_time(firework["created_on"]) > SETTLED_AFTER
        if settled and not pad.workflows.find_one({"nodes": firework["fw_id"]}, {"_id": 1}):
            found.add(_Torn("orphan", firework["_id"], ""))
    return found


def _unlock(pad: LaunchPad, key: Any) -> int:
    """Unlock a workflow; gives its first Firework."""
    workflow = pad.workflows.find_one_and_update({"_id": key}, {"$unset": {"locked": True}})
    return int(min(workflow["nodes"]))


def _remove(pad: LaunchPad, kind: str, key: Any) -> str:
    """Remove a workflow without Fireworks or a Firework without workflow; gives its name."""
    collection = pad.workflows if kind == "hollow" else pad.fireworks
    return str(collection.find_one_and_delete({"_id": key})["name"])


def _refresh_ended(pad: LaunchPad) -> list[int]:
    """Bring Fireworks up to date that are recorded as running although their launch has ended."""
    _, _, ended = pad.detect_lostruns(expiration_secs=_FOR_EVER_S)
    for fw_id in ended:
        if was_lost(pad, fw_id):
            pad.rerun_fw(fw_id)
        else:
            refresh_workflow(pad, fw_id)
    return list(ended)


def _refresh(pad: LaunchPad, key: Any) -> list[int]:
    """Bring a workflow up to date whose record of states lags behind its Fireworks, parents first."""
    workflow = pad.workflows.find_one({"_id": key}, {"nodes": 1, "parent_links": 1})
    parents = {int(fw_id): above for fw_id, above in workflow["parent_links"].items()}
    for fw_id in TopologicalSorter(dict.fromkeys(workflow["nodes"], ()) | parents).static_order():
        refresh_workflow(pad, fw_id)
    return sorted(workflow["nodes"])


class _Unfinished(NamedTuple):
    """A workflow that has not ended, and the states of its Fireworks."""

    workflow: dict[str, Any]
    states: dict[int, str]


def _unfinished(pad: LaunchPad) -> list[_Unfinished]:
    """Workflows that have not ended; joined here, which is several times quicker than by the server."""
    workflows = list(pad.workflows.find({"state": {"$nin": _OVER}}))
    members = [fw_id for workflow in workflows for fw_id in workflow["nodes"]]
    states: dict[int, str] = {}
    for batch in batched(members, _BATCH):
        states |= {f["fw_id"]: f["state"] for f in pad.fireworks.find({"fw_id": {"$in": batch}}, _STATE)}
    return [_Unfinished(w, {k: states[k] for k in w["nodes"] if k in states}) for w in workflows]


def _is_stale(workflow: Mapping[str, Any], states: Mapping[int, str]) -> bool:
    recorded = {int(fw_id): state for fw_id, state in workflow["fw_states"].items()}
    startable = any(
        states[int(fw_id)] == "WAITING" and all(states[parent] == "COMPLETED" for parent in parents)
        for fw_id, parents in workflow["parent_links"].items()
    )
    return startable or recorded != states
