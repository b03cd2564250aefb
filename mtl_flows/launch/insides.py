"""The private parts of FireWorks that are used here; no other module but `brief` uses any.

`tests/launch/test_fireworks_contract.py` fails where a release of FireWorks changes one of them.
"""

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from fireworks import Firework, FWAction, Launch, LaunchPad, Workflow
from fireworks.core import launchpad as fw_launchpad
from fireworks.core import rocket as fw_rocket
from fireworks.fw_config import FWData
from fireworks.utilities import fw_utilities
from pymongo import DESCENDING
from pymongo.errors import BulkWriteError, DuplicateKeyError

from mtl_flows.store.collection import only_doubles

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.005, 0.25


def ensure_counters(pad: LaunchPad) -> None:
    """Create the counters of ids where there are none, behind the highest in use: no id is handed out twice."""
    if pad.fw_id_assigner.find_one() is None:
        counters = {
            "next_fw_id": _highest(pad.fireworks, "fw_id") + 1,
            "next_launch_id": _highest(pad.launches, "launch_id") + 1,
        }
        with suppress(DuplicateKeyError):  # another process was first
            pad.fw_id_assigner.update_one({"_id": -1}, {"$setOnInsert": counters}, upsert=True)


class WorkflowDocuments(NamedTuple):
    """A workflow and its Fireworks as they are stored."""

    workflow: dict[str, Any]
    fireworks: list[dict[str, Any]]


def numbered(pad: LaunchPad, workflows: Sequence[Workflow]) -> list[WorkflowDocuments]:
    """Give workflows their ids, all from one block, make their first Fireworks ready, and write them out."""
    if not workflows:
        return []
    following = pad.get_new_fw_id(quantity=sum(map(len, workflows)))
    documents = []
    for workflow in workflows:
        new_ids = {old: following + number for number, old in enumerate(workflow.id_fw)}
        following += len(workflow)
        for firework in workflow:
            firework.fw_id = new_ids[firework.fw_id]
        workflow._reassign_ids(new_ids)
        for fw_id in workflow.root_fw_ids:
            workflow.id_fw[fw_id].state = workflow.fw_states[fw_id] = "READY"
        documents.append(WorkflowDocuments(workflow.to_db_dict(), [firework_document(f) for f in workflow]))
    return documents


def firework_document(firework: Firework) -> dict[str, Any]:
    """What `Firework.to_db_dict` gives, which writes its tasks out twice over."""
    read = getattr(firework, "full_fw", firework)  # a lazy one reads itself anew while it has no tasks
    with _without_tasks([read]) as (tasks,):
        document: dict[str, Any] = read.to_db_dict()
    document["spec"]["_tasks"] = tasks
    return document


def launch_document(launch: Launch) -> dict[str, Any]:
    """What `Launch.to_db_dict` gives, which writes jobs that its action creates out five times over."""
    action, launch.action = launch.action, None
    try:
        document: dict[str, Any] = launch.to_db_dict()
    finally:
        launch.action = action
    if action is not None:
        document["action"] = _action_document(action)
    return document


def _action_document(action: FWAction) -> dict[str, Any]:
    added = [*action.additions, *action.detours]  # workflows, or Fireworks by themselves
    with _without_tasks([f for one in added for f in getattr(one, "fws", [one])]) as tasks:
        document: dict[str, Any] = action.to_dict()
    written = [told for one in document["additions"] + document["detours"] for told in one.get("fws", [one])]
    for told, those in zip(written, tasks, strict=True):
        told["spec"]["_tasks"] = those
    return document


@contextmanager
def _without_tasks(fireworks: Sequence[Firework]) -> Iterator[list[list[dict[str, Any]]]]:
    """Take the tasks out of Fireworks, which write them anew at every turn; gives what they are written as."""
    tasks = [firework.tasks for firework in fireworks]
    written = [[task.to_dict() for task in those] for those in tasks]
    for firework in fireworks:
        firework.tasks = []
    try:
        yield written
    finally:
        for firework, those in zip(fireworks, tasks, strict=True):
            firework.tasks = those


def insert_workflows(pad: LaunchPad, documents: Sequence[WorkflowDocuments]) -> set[int]:
    """Write workflows before their Fireworks, all at once; `LaunchPad.add_wf` does it the other way round.

    Returns
    -------
    set of int
        Places of those that an index forbids; nothing of them is written.
    """
    forbidden = _insert(pad.workflows, [d.workflow for d in documents])
    inserted = [f for k, d in enumerate(documents) if k not in forbidden for f in d.fireworks]
    if inserted and (doubled := _insert(pad.fireworks, inserted)):
        raise DuplicateKeyError(f"ids of {len(doubled)} Fireworks are in use")
    return forbidden


def _insert(collection: Any, documents: Sequence[dict[str, Any]]) -> set[int]:
    """Insert documents; gives the places of those that an index of ours or FireWorks' forbids.

    One that is there under its own ``_id``, which was made for it, was written before the server went away.
    """
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return {double["index"] for double in only_doubles(error) if double.get("keyPattern") != {"_id": 1}}
    return set()


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


class _PromptLock(fw_launchpad.WFLock):  # type: ignore[misc]
    """The lock of a workflow, asked for again within milliseconds, since it is held for no more than some twenty.

    FireWorks asks again after 0.1 s, then 0.2 s, and so on: workers on one workflow spend most of their time waiting.
    Both its answers send the whole workflow, too.
    """

    expire_secs: float

    def __enter__(self) -> None:
        unlocked = {"nodes": self.fw_id, "locked": {"$exists": False}}
        wait_s, waited_s = _FIRST_WAIT_S, 0.0  # an outage of the server does not count
        while waited_s < self.expire_secs:
            if self.lp.workflows.update_one(unlocked, {"$set": {"locked": True}}).matched_count:
                return
            this_s = wait_s * random.uniform(0.5, 1.0)
            time.sleep(this_s)
            waited_s += this_s
            wait_s = min(1.5 * wait_s, _LONGEST_WAIT_S)
        self.expire_secs = 0
        super().__enter__()  # FireWorks decides what to do with a lock that nobody opens

    def __exit__(self, *raised: object) -> None:
        self.lp.workflows.update_one({"nodes": self.fw_id}, {"$unset": {"locked": True}})


@contextmanager
def prompt_locks() -> Iterator[None]:
    """Let those who wait for a workflow that another worker has locked look again soon."""
    previous = fw_launchpad.WFLock
    fw_launchpad.WFLock = _PromptLock
    try:
        yield
    finally:
        fw_launchpad.WFLock = previous


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
