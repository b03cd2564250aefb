"""From a jobflow flow to a FireWorks workflow, once per piece of work."""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import bson
from fireworks import LaunchPad
from jobflow.core.flow import Flow
from jobflow.core.job import Job
from jobflow.managers.fireworks import flow_to_workflow
from monty.json import jsanitize
from pymongo.errors import DuplicateKeyError

from mtl_flows.errors import DocumentTooLargeError
from mtl_flows.launch.categories import jobs_of, set_category
from mtl_flows.launch.insides import insert_workflow
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.names import LIGHT, WORK_KEY
from mtl_flows.launch.task import own
from mtl_flows.store.collection import MAX_DOCUMENT_BYTES
from mtl_flows.store.connection import Connection

_RELEASED_KEY = f"{WORK_KEY}_released"
_OVER = ("COMPLETED", "ARCHIVED", "DEFUSED")


@dataclass(frozen=True, slots=True)
class SubmittedWorkflow:
    """A workflow that stands for the work that was handed in.

    Attributes
    ----------
    fw_ids
        Ids of its Fireworks.
    name
        Its name.
    outcome
        ``added``: it is new. ``existing``: it was submitted before and is under way.
        ``restarted``: it was submitted before and its failed jobs are ready to run again.
    """

    fw_ids: tuple[int, ...]
    name: str
    outcome: Literal["added", "existing", "restarted"]


def submit(
    flow: Flow | Job, connection: Connection, *, name: str, metadata: Mapping[str, Any] | None = None
) -> SubmittedWorkflow:
    """Hand a flow in, unless the same work is under way already.

    The same work means the same name and the same jobs with the same arguments; jobflow's random
    identifiers and package versions do not count. A workflow under way is returned as it is. One with failed
    jobs has them made ready again; what it completed stays. One that is completed, archived or cancelled
    (defused) gives its claim up, and the work is added anew: jobs find by themselves what is left to do.

    Parameters
    ----------
    flow
        What to run. Jobs without a category become light ones.
    connection
        The database. No credentials enter the workflow: jobs use the store of the worker that runs them.
    name
        Name of the workflow.
    metadata
        What to find it by later, such as ``{"material": "icsd-1234"}``.

    Raises
    ------
    DocumentTooLargeError
        If a job's arguments do not fit into a MongoDB document; nothing is added.
    DatabaseUnavailableError
        If no server answers.
    """
    set_category(flow, LIGHT)
    key = work_key(flow, name)
    pad = launchpad(connection)
    try:
        return _claim(pad, flow, name, {**(metadata or {}), WORK_KEY: key})
    finally:
        pad.connection.close()


def work_key(flow: Flow | Job, name: str) -> str:
    """Hash of what a flow does: its jobs, their arguments and how they hang together."""
    jobs = jobs_of(flow)
    minted = dict.fromkeys(uuid for job in jobs for uuid in (job.uuid, *job.hosts))
    ordinals = {uuid: f"#{ordinal}" for ordinal, uuid in enumerate(minted)}
    content = _stripped([jsanitize(job.as_dict()) for job in jobs], ordinals)
    return sha256(json.dumps([name, content], sort_keys=True).encode()).hexdigest()


def _stripped(node: Any, ordinals: Mapping[str, str]) -> Any:
    """Leave out versions and put ordinals in the place of identifiers."""
    if isinstance(node, dict):
        return {
            ordinals.get(key, key): _stripped(value, ordinals)
            for key, value in node.items()
            if key != "@version"
        }
    if isinstance(node, list):
        return [_stripped(value, ordinals) for value in node]
    return ordinals.get(node, node) if isinstance(node, str) else node


def _claim(pad: LaunchPad, flow: Flow | Job, name: str, metadata: dict[str, Any]) -> SubmittedWorkflow:
    claim = {f"metadata.{WORK_KEY}": metadata[WORK_KEY]}
    while True:
        claimed = pad.workflows.find_one(claim, {"nodes": 1, "state": 1, "name": 1})
        if claimed is None:
            fw_ids = _add(pad, flow, name, metadata)
            if fw_ids:
                return SubmittedWorkflow(fw_ids, name, "added")
            continue  # another process was first
        if claimed["state"] in _OVER:
            pad.workflows.update_one(
                {**claim, "state": {"$in": _OVER}},
                {"$rename": {f"metadata.{WORK_KEY}": f"metadata.{_RELEASED_KEY}"}},
            )
            continue
        restarted = _rerun_failed(pad, claimed["nodes"])
        return SubmittedWorkflow(
            tuple(sorted(claimed["nodes"])), claimed["name"], "restarted" if restarted else "existing"
        )


def _add(pad: LaunchPad, flow: Flow | Job, name: str, metadata: dict[str, Any]) -> tuple[int, ...]:
    """Add the workflow and return its ids; nothing if somebody else holds the claim."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some jobs are not connected")  # they may well be independent
        workflow = own(flow_to_workflow(flow, name=name, metadata=metadata))
    for firework in workflow:
        if len(bson.encode(firework.to_db_dict())) > MAX_DOCUMENT_BYTES:
            raise DocumentTooLargeError(
                "its arguments exceed MongoDB's 16 MB",
                subject=f"job {firework.name!r} of {name!r}",
                remedy="pass ids and let the job read the store",
            )
    try:
        insert_workflow(pad, workflow)
    except DuplicateKeyError:
        return ()
    return tuple(sorted(workflow.id_fw))


def _rerun_failed(pad: LaunchPad, fw_ids: Iterable[int]) -> list[int]:
    failed = pad.fireworks.find({"fw_id": {"$in": list(fw_ids)}, "state": "FIZZLED"}, {"fw_id": 1})
    return [again for fw in failed for again in pad.rerun_fw(fw["fw_id"])]
