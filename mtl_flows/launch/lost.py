"""Jobs whose worker is gone: how they are told apart, and how they are given back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from bson import ObjectId
from fireworks import FWAction, LaunchPad

from mtl_flows.launch.events import as_time
from mtl_flows.launch.names import HEARTBEAT_FIELD, SIGN_FIELD
from mtl_flows.launch.outage_note import is_noted
from mtl_flows.launch.process import WorkerProcess

MAX_LOSSES = 3
"""A job that took this many workers down with it is not tried again by itself."""

_FIREWORKS_HEARTBEAT_S = 3600.0  # of `rlaunch`, unless FW_config.yaml says otherwise
_MISSED_HEARTBEATS = 3
_LOST_FIELD = "mtl_lost"


@dataclass(frozen=True, slots=True)
class LostLaunch:
    """A launch that is recorded as running although nobody runs it.

    Attributes
    ----------
    counts
        Whether that is one loss of its job, as far as can be known.
    """

    launch_id: int
    fw_id: int
    why: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class ServerClock:
    """What time it is for the server, and when it was started, by its own clock."""

    now: datetime
    up_since: datetime

    @classmethod
    def read(cls, pad: LaunchPad) -> Self:
        """Ask the server."""
        hello = pad.connection.admin.command("hello")
        process: ObjectId = hello["topologyVersion"]["processId"]  # made when the process began
        return cls(as_time(hello["localTime"]), process.generation_time)


def lost_launches(pad: LaunchPad, lost_after_s: float) -> Iterator[LostLaunch]:
    """Find launches whose process has ended on this machine, or that gave no sign of life for too long.

    Too long means `lost_after_s`, but at least three heartbeats of the worker in question, by the server's clock.
    """
    clock = ServerClock.read(pad)
    fields = {"launch_id": 1, "fw_id": 1, "fworker": 1, "state_history": 1, "host": 1, "launch_dir": 1}
    fields[SIGN_FIELD] = 1
    for launch in pad.launches.find({"state": "RUNNING"}, fields):
        if not pad.fireworks.find_one(
            {
                "fw_id": launch["fw_id"],
                "state": {"$in": ["RUNNING", "RESERVED"]},
                "archived_launches": {"$ne": launch["launch_id"]},
            },
            {"_id": 1},
        ):
            continue  # the job was run again or cancelled since
        env = launch["fworker"].get("env") or {}
        process = WorkerProcess.from_env(env)
        heartbeat_s = float(env.get(HEARTBEAT_FIELD, _FIREWORKS_HEARTBEAT_S))
        silence = clock.now - max(last_sign(launch), clock.up_since)  # nobody signs while the server is away
        if process is not None and process.is_gone:
            why = f"WorkerLost: process {process.pid} on {launch['host']} ended in the middle of the job"
        elif silence > timedelta(seconds=max(lost_after_s, _MISSED_HEARTBEATS * heartbeat_s)):
            why = f"WorkerLost: no sign of life from {launch['host']} for {silence.total_seconds():.0f} s"
        else:
            continue
        waited = is_noted(Path(launch["launch_dir"]), launch["launch_id"])
        if waited:
            why += ", while it waited for the database"
        yield LostLaunch(launch["launch_id"], launch["fw_id"], why, counts=not waited)


def give_back(pad: LaunchPad, launch: LostLaunch) -> bool:
    """Make the job of a launch ready to run again; False if it was lost too often and has fizzled instead.

    What the lost worker may still report is ignored: its launch belongs to no Firework any more.
    """
    action = FWAction(
        stored_data={
            "_message": "the worker did not finish the job",
            "_exception": {"_stacktrace": launch.why, "_details": None},
            _LOST_FIELD: launch.counts,
        },
        exit=True,
    )
    losses = pad.launches.count_documents({"fw_id": launch.fw_id, f"action.stored_data.{_LOST_FIELD}": True})
    if launch.counts and losses + 1 >= MAX_LOSSES:
        pad.complete_launch(launch.launch_id, action, "FIZZLED")
        return False
    # Straight from running to ready: a moment as fizzled would set off children that accept fizzled parents.
    ended = pad.get_launch_by_id(launch.launch_id)
    ended.state, ended.action = "FIZZLED", action
    in_hand = {"launch_id": launch.launch_id, "state": {"$in": ["RUNNING", "RESERVED"]}}
    if pad.launches.find_one_and_replace(in_hand, ended.to_db_dict()):
        pad.rerun_fw(launch.fw_id)
    return True


def last_sign(launch: Mapping[str, Any]) -> datetime:
    """Time of a launch's last sign of life, or of its end: by the server's clock where our workers run it."""
    if SIGN_FIELD in launch:
        return as_time(launch[SIGN_FIELD])
    latest = launch["state_history"][-1]
    return as_time(latest.get("updated_on") or latest["created_on"])


def was_lost(pad: LaunchPad, fw_id: int) -> bool:
    """Whether the last launch of a Firework was given up as lost."""
    last = pad.launches.find_one({"fw_id": fw_id}, {"action": 1}, sort=[("launch_id", -1)])
    return bool(last and last["action"] and _LOST_FIELD in last["action"].get("stored_data", {}))
