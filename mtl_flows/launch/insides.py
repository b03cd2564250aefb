"""The private parts of FireWorks that are used here, and no other module uses any.

`tests/launch/test_fireworks_contract.py` fails where a release of FireWorks changes one of them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fireworks import LaunchPad, Workflow
from fireworks.core import launchpad as fw_launchpad
from fireworks.core import rocket as fw_rocket
from fireworks.fw_config import FWData
from fireworks.utilities import fw_utilities
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError


def ensure_counters(pad: LaunchPad) -> None:
    """Create the counters of ids where there are none, behind the highest in use: no id is handed out twice."""
    if pad.fw_id_assigner.find_one() is None:
        counters = {
            "next_fw_id": _highest(pad.fireworks, "fw_id") + 1,
            "next_launch_id": _highest(pad.launches, "launch_id") + 1,
        }
        with suppress(DuplicateKeyError):  # another process was first
            pad.fw_id_assigner.update_one({"_id": -1}, {"$setOnInsert": counters}, upsert=True)


def insert_workflow(pad: LaunchPad, workflow: Workflow) -> None:
    """Write a workflow before its Fireworks; `LaunchPad.add_wf` does it the other way round.

    Raises
    ------
    DuplicateKeyError
        If an index forbids the workflow; nothing is written then.
    """
    first = pad.get_new_fw_id(quantity=len(workflow))
    new_ids = {old: first + number for number, old in enumerate(workflow.id_fw)}
    for firework in workflow:
        firework.fw_id = new_ids[firework.fw_id]
    workflow._reassign_ids(new_ids)
    for fw_id in workflow.root_fw_ids:
        workflow.id_fw[fw_id].state = workflow.fw_states[fw_id] = "READY"
    pad.workflows.insert_one(workflow.to_db_dict())
    pad.fireworks.insert_many(firework.to_db_dict() for firework in workflow)


def refresh_workflow(pad: LaunchPad, fw_id: int) -> None:
    """Bring the workflow of a Firework up to date with its launches."""
    pad._refresh_wf(fw_id)


def launch_in_hand(pad: LaunchPad, fw_id: int) -> int:
    """Launch of this Firework that this process has taken.

    Not the latest one in the database: while this process was suspended, another may have been given the job.
    """
    if FWData().MULTIPROCESSING:  # `rlaunch multi`, whose processes share a LaunchPad in another one
        return int(FWData().Running_IDs[os.getpid()])
    taken = pad.backup_launch_data.items()
    return max(int(launch_id) for launch_id, launch in taken if launch["fw_id"] == fw_id)


@contextmanager
def first_come_first_served() -> Iterator[None]:
    """Take jobs of one priority in the order in which they were submitted; FireWorks takes any."""
    previous = fw_launchpad.SORT_FWS
    fw_launchpad.SORT_FWS = "FIFO"
    try:
        yield
    finally:
        fw_launchpad.SORT_FWS = previous


@contextmanager
def heartbeat_started_by(start: Callable[[LaunchPad, int], Any]) -> Iterator[None]:
    """Let a function begin the heartbeat of each launch; what it returns is told to stop by ``set()``."""
    previous = fw_rocket.start_ping_launch
    fw_rocket.start_ping_launch = start
    try:
        yield
    finally:
        fw_rocket.start_ping_launch = previous


@contextmanager
def no_terminal_handlers(loggers: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Keep FireWorks from adding handlers for the terminal to loggers, each a name and a level."""
    registered = list(fw_utilities.PREVIOUS_STREAM_LOGGERS)
    fw_utilities.PREVIOUS_STREAM_LOGGERS.extend(loggers)
    try:
        yield
    finally:
        fw_utilities.PREVIOUS_STREAM_LOGGERS[:] = registered


def _highest(collection: Any, field: str) -> int:
    last = collection.find_one(projection={field: 1}, sort=[(field, DESCENDING)])
    return int(last[field]) if last else 0
