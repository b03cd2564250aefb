"""From a jobflow flow to a FireWorks workflow, once per piece of work."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, Self

import bson
from fireworks import LaunchPad, Workflow
from jobflow.core.flow import Flow
from jobflow.core.job import Job
from jobflow.core.maker import Maker
from jobflow.managers.fireworks import flow_to_workflow
from monty.json import jsanitize

from mtl_flows.errors import ConfigurationError, DocumentTooLargeError
from mtl_flows.launch.categories import jobs_of, set_category
from mtl_flows.launch.insides import insert_workflows, numbered
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.names import INPUTS_KEY, LIGHT, WORK_KEY
from mtl_flows.launch.task import own
from mtl_flows.store.collection import MAX_DOCUMENT_BYTES, batched
from mtl_flows.store.connection import Connection

_RELEASED_KEY = f"{WORK_KEY}_released"
OVER = ("COMPLETED", "ARCHIVED", "DEFUSED")
"""States of a workflow that gives its claim up."""
_CLAIM_FIELDS = dict.fromkeys(("nodes", "name", f"metadata.{WORK_KEY}", f"metadata.{INPUTS_KEY}"), 1)
_BATCH = 200


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


@dataclass(frozen=True)
class Submission:
    """A piece of work to hand in.

    Attributes
    ----------
    name
        Name of the workflow.
    make
        Makes the flow; not called where a workflow under way was made of the same inputs. Jobs without a category
        become light ones.
    metadata
        What to find it by later, such as ``{"material": "icsd-1234"}``.
    inputs
        Hash of all that the flow is made of, see `made_of`; empty if only the flow itself tells.
    """

    name: str
    make: Callable[[], Flow | Job]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = ""


@dataclass
class _Claim:
    """What is known of a piece of work while it is handed in."""

    submission: Submission
    flow: Flow | Job
    jobs: dict[str, dict[str, Any]]
    key: str

    @classmethod
    def to(cls, submission: Submission) -> Self:
        flow = set_category(submission.make(), LIGHT)
        # The slow part; both the key and the Fireworks are made of it.
        jobs = _written(flow)
        return cls(submission, flow, jobs, _key(flow, submission.name, jobs))


def submit(
    flow: Flow | Job, connection: Connection, *, name: str, metadata: Mapping[str, Any] | None = None
) -> SubmittedWorkflow:
    """Hand one flow in, as `submit_all` does."""
    return submit_all([Submission(name, lambda: flow, metadata or {})], connection)[0]


def submit_all(submissions: Iterable[Submission], connection: Connection) -> list[SubmittedWorkflow]:
    """Hand work in, unless the same is under way already.

    The same work means the same name and the same jobs with the same arguments; jobflow's random
    identifiers and package versions do not count. A workflow under way is returned as it is. One with failed
    jobs has them made ready again; what it completed stays. One that is completed, archived or cancelled
    (defused) gives its claim up, and the work is added anew: jobs find by themselves what is left to do.

    Parameters
    ----------
    submissions
        What to run, written a few hundred at a time.
    connection
        The database. No credentials enter the workflows: jobs use the store of the worker that runs them.

    Raises
    ------
    DocumentTooLargeError
        If a job's arguments do not fit into a MongoDB document; nothing is added of this batch and what follows.
    DatabaseUnavailableError
        If no server answers.
    """
    pad = launchpad(connection)
    try:
        return [workflow for batch in batched(submissions, _BATCH) for workflow in _submit(pad, batch)]
    finally:
        pad.connection.close()


def made_of(maker: Maker) -> str:
    """Hash of the fields of a Maker: with what it is given, all that its flow is made of."""
    return sha256(json.dumps(_stripped(jsanitize(maker.as_dict()), {}), sort_keys=True).encode()).hexdigest()


def work_key(flow: Flow | Job, name: str) -> str:
    """Hash of what a flow does: its jobs, their arguments and how they hang together."""
    return _key(flow, name, _written(flow))


def _written(flow: Flow | Job) -> dict[str, dict[str, Any]]:
    """Jobs as they are stored, by uuid."""
    return {job.uuid: jsanitize(job.as_dict()) for job in jobs_of(flow)}


def _key(flow: Flow | Job, name: str, jobs: Mapping[str, Mapping[str, Any]]) -> str:
    minted = dict.fromkeys(uuid for job in jobs_of(flow) for uuid in (job.uuid, *job.hosts))
    ordinals = {uuid: f"#{ordinal}" for ordinal, uuid in enumerate(minted)}
    content = _stripped([jobs[job.uuid] for job in jobs_of(flow)], ordinals)
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


def _submit(pad: LaunchPad, submissions: Sequence[Submission]) -> list[SubmittedWorkflow]:
    """Hand in a batch."""
    found = _made_of_the_same(pad, submissions)
    open_claims: dict[int, _Claim] = {}
    for place, submission in enumerate(submissions):
        if place not in found:
            open_claims[place] = _Claim.to(submission)
    while open_claims:
        standing = _standing(pad, {claim.key for claim in open_claims.values()})
        found |= {place: standing[c.key] for place, c in open_claims.items() if c.key in standing}
        left = {place: claim for place, claim in open_claims.items() if place not in found}
        added = _add(pad, left)
        found |= added
        # What another process, or an equal piece of this batch, was quicker with is standing next time.
        open_claims = {place: claim for place, claim in left.items() if place not in added}
    return [found[place] for place in range(len(submissions))]


def _made_of_the_same(pad: LaunchPad, submissions: Sequence[Submission]) -> dict[int, SubmittedWorkflow]:
    """Workflows under way that were made of the same inputs, by the place of the submission."""
    named = {s.inputs: place for place, s in enumerate(submissions) if s.inputs}
    if not named:
        return {}
    alike = {f"metadata.{INPUTS_KEY}": {"$in": list(named)}, f"metadata.{WORK_KEY}": {"$exists": True}}
    workflows = list(pad.workflows.find({**alike, "state": {"$nin": OVER}}, _CLAIM_FIELDS))
    under_way = _taken_up(pad, workflows)
    return {
        named[workflow["metadata"][INPUTS_KEY]]: submitted
        for workflow, submitted in zip(workflows, under_way, strict=True)
    }


def _standing(pad: LaunchPad, keys: set[str]) -> dict[str, SubmittedWorkflow]:
    """Workflows under way that claim these keys; those that are over give them up."""
    claims = {f"metadata.{WORK_KEY}": {"$in": sorted(keys)}}
    pad.workflows.update_many(
        {**claims, "state": {"$in": OVER}},
        {"$rename": {f"metadata.{WORK_KEY}": f"metadata.{_RELEASED_KEY}"}},
    )
    workflows = list(pad.workflows.find(claims, _CLAIM_FIELDS))
    under_way = _taken_up(pad, workflows)
    return {w["metadata"][WORK_KEY]: s for w, s in zip(workflows, under_way, strict=True)}


def _taken_up(pad: LaunchPad, workflows: Sequence[Mapping[str, Any]]) -> list[SubmittedWorkflow]:
    """Make the failed jobs of workflows ready again, and tell of which there were any."""
    members = [fw_id for workflow in workflows for fw_id in workflow["nodes"]]
    failed = pad.fireworks.find({"fw_id": {"$in": members}, "state": "FIZZLED"}, {"fw_id": 1})
    again = {fw["fw_id"] for fw in failed if pad.rerun_fw(fw["fw_id"])} if members else set()
    return [
        SubmittedWorkflow(
            tuple(sorted(workflow["nodes"])),
            workflow["name"],
            "existing" if again.isdisjoint(workflow["nodes"]) else "restarted",
        )
        for workflow in workflows
    ]


def _add(pad: LaunchPad, claims: Mapping[int, _Claim]) -> dict[int, SubmittedWorkflow]:
    """Add workflows by place, those excepted whose claim somebody else holds."""
    places = list(claims)
    documents = numbered(pad, [_workflow(claim) for claim in claims.values()])
    for place, (_, fireworks) in zip(places, documents, strict=True):
        for firework in fireworks:
            if len(bson.encode(firework)) > MAX_DOCUMENT_BYTES:
                raise DocumentTooLargeError(
                    "its arguments exceed MongoDB's 16 MB",
                    subject=f"job {firework['name']!r} of {claims[place].submission.name!r}",
                    remedy="pass ids and let the job read the store",
                )
    forbidden = insert_workflows(pad, documents) if documents else set()
    return {
        place: SubmittedWorkflow(
            tuple(sorted(f["fw_id"] for f in documents[k].fireworks)), claims[place].submission.name, "added"
        )
        for k, place in enumerate(places)
        if k not in forbidden
    }


def _workflow(claim: _Claim) -> Workflow:
    submission = claim.submission
    metadata = {**submission.metadata, WORK_KEY: claim.key}
    if submission.inputs:
        metadata[INPUTS_KEY] = submission.inputs
    inside = {uuid for job in jobs_of(claim.flow) for uuid in (job.uuid, *job.hosts)}
    if {uuid for job in jobs_of(claim.flow) for uuid in job.input_uuids} - inside:
        raise ConfigurationError(
            "a job waits for the output of one that is not handed in with it", subject=submission.name
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some jobs are not connected")  # they may well be independent
        # jobflow's own check of what was just checked takes longer than all the rest.
        workflow = flow_to_workflow(
            claim.flow, name=submission.name, metadata=metadata, allow_external_references=True
        )
    for firework in workflow:
        for task in firework.tasks:
            # The flow that a single job was wrapped in is new.
            task["job"] = {**claim.jobs[task["job"].uuid], "hosts": list(task["job"].hosts)}
    return own(workflow)
