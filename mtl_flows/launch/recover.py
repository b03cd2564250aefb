"""Put right what dead workers, full disks and absent servers leave behind."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from fireworks import LaunchPad

from mtl_flows.launch.events import as_time
from mtl_flows.launch.failures import FailureGroup, failures
from mtl_flows.launch.insides import refresh_workflow
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.lost import give_back, lost_launches, was_lost
from mtl_flows.launch.names import LOST_AFTER_S
from mtl_flows.launch.ownership import has_ended
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

LOCK_PATIENCE_S = 10.0
_LOCK_POLL_S = 0.2
SETTLED_AFTER = timedelta(seconds=60)  # younger than this may be a write in progress
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
    failures
        Failed jobs, grouped by error; ``mtl job rerun`` or a new submission runs them again.
    """

    returned: tuple[int, ...]
    exhausted: tuple[int, ...]
    refreshed: tuple[int, ...]
    unlocked: tuple[int, ...]
    removed: tuple[str, ...]
    swept: int
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
        unlocked = _unlock(pad)
        returned: list[int] = []
        exhausted: list[int] = []
        for launch in list(lost_launches(pad, lost_after_s)):
            (returned if give_back(pad, launch) else exhausted).append(launch.fw_id)
        returned += _release_reserved(pad)
        unfinished = _unfinished(pad)
        removed = [*_remove_hollow(pad, unfinished), *_remove_orphans(pad, unfinished)]
        refreshed = [*_refresh_ended(pad), *_refresh_stale(pad, _unfinished(pad))]
        with connection.client() as client:
            store = MTLStore(client, connection.database)
            swept = store.frames.sweep(store.dynamics, partial(has_ended, pad))
            failed = failures(store.database)
    finally:
        pad.connection.close()
    return RecoverSummary(
        returned=tuple(returned),
        exhausted=tuple(exhausted),
        refreshed=tuple(refreshed),
        unlocked=tuple(unlocked),
        removed=tuple(removed),
        swept=swept,
        failures=tuple(failed),
    )


def _unlock(pad: LaunchPad) -> list[int]:
    """Unlock workflows that stay locked and unchanged; a living process holds a lock for moments."""
    locked = {"locked": {"$exists": True}}
    held = {w["_id"]: w["updated_on"] for w in pad.workflows.find(locked, {"updated_on": 1})}
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while held and time.monotonic() < deadline:
        time.sleep(_LOCK_POLL_S)
        now = {w["_id"]: w["updated_on"] for w in pad.workflows.find(locked, {"updated_on": 1})}
        held = {key: updated for key, updated in held.items() if now.get(key) == updated}
    stuck = list(pad.workflows.find({"_id": {"$in": list(held)}}, {"nodes": 1}))
    pad.workflows.update_many({"_id": {"$in": list(held)}}, {"$unset": {"locked": True}})
    return [min(workflow["nodes"]) for workflow in stuck]


def _release_reserved(pad: LaunchPad) -> list[int]:
    """Give back Fireworks that a worker reserved without getting as far as launching them.

    Reservations of a queue have a launch of their own; they expire after two weeks, as FireWorks has it.
    """
    pad.detect_unreserved(rerun=True)
    released = []
    for firework in pad.fireworks.find({"state": "RESERVED"}, {"fw_id": 1, "launches": 1, "updated_on": 1}):
        launches = {"launch_id": {"$in": firework["launches"]}, "state": "RESERVED"}
        if _is_settled(firework["updated_on"]) and not pad.launches.find_one(launches):
            released += pad.rerun_fw(firework["fw_id"])
    return released


def _remove_hollow(pad: LaunchPad, unfinished: Iterable["_Unfinished"]) -> Iterator[str]:
    """Remove workflows without Fireworks: a submission that broke off, whose claim bars its repetition."""
    for workflow, states in unfinished:
        if not states and _is_settled(workflow["created_on"]):
            pad.workflows.delete_one({"_id": workflow["_id"]})
            yield workflow["name"]


def _remove_orphans(pad: LaunchPad, unfinished: Iterable["_Unfinished"]) -> Iterator[str]:
    """Remove Fireworks of no workflow: the job that created them had no time to write their workflow.

    That job is not recorded as completed, so its state is brought up to date next and creates them again.
    """
    placed = {fw_id for _, states in unfinished for fw_id in states}
    unbegun = {"state": {"$in": ["READY", "WAITING"]}}
    left = [f["fw_id"] for f in pad.fireworks.find(unbegun, _STATE) if f["fw_id"] not in placed]
    fields = {"fw_id": 1, "name": 1, "created_on": 1}
    for firework in pad.fireworks.find({"fw_id": {"$in": left}}, fields) if left else ():
        if _is_settled(firework["created_on"]) and not pad.workflows.find_one({"nodes": firework["fw_id"]}):
            pad.fireworks.delete_one({"_id": firework["_id"]})
            yield firework["name"]


def _refresh_ended(pad: LaunchPad) -> list[int]:
    """Bring Fireworks up to date that are recorded as running although their launch has ended."""
    _, _, ended = pad.detect_lostruns(expiration_secs=_FOR_EVER_S)
    for fw_id in ended:
        if was_lost(pad, fw_id):
            pad.rerun_fw(fw_id)
        else:
            refresh_workflow(pad, fw_id)
    return list(ended)


def _refresh_stale(pad: LaunchPad, unfinished: Iterable["_Unfinished"]) -> list[int]:
    """Bring workflows up to date whose record of states lags behind their Fireworks, parents first."""
    refreshed = []
    for workflow, states in unfinished:
        if states and _is_settled(workflow["updated_on"]) and _is_stale(workflow, states):
            parents = {int(fw_id): above for fw_id, above in workflow["parent_links"].items()}
            for fw_id in TopologicalSorter(dict.fromkeys(states, ()) | parents).static_order():
                refresh_workflow(pad, fw_id)
            refreshed += sorted(states)
    return refreshed


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


def _is_settled(written: str | datetime) -> bool:
    return datetime.now(UTC) - as_time(written) > SETTLED_AFTER
