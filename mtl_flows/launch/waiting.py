"""Workflows of version 1 that wait: what they would have computed, retired and handed in again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad
from pydantic import TypeAdapter

from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.entry_providers import EntrySource
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics
from mtl_flows.launch.submit import SubmittedWorkflow
from mtl_flows.records import Record
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import modern_dynamics

_OVER = ("COMPLETED", "ARCHIVED", "DEFUSED")
_AT_WORK = ("RUNNING", "RESERVED")


@dataclass(frozen=True)
class WaitingWork(Record):
    """Dynamics of one material that were handed in and have not ended.

    Attributes
    ----------
    dynamics
        Parameters in the layout of today, as plain mappings.
    entries
        Where the energies of its window come from.
    """

    material_id: str
    dynamics: dict[str, Any]
    entries: dict[str, Any]


def refuse_while_running(pad: LaunchPad) -> None:
    """Raise if a worker has a job in hand.

    Raises
    ------
    ConfigurationError
        If one has, or seems to.
    """
    at_work = pad.fireworks.count_documents({"state": {"$in": _AT_WORK}})
    if at_work:
        raise ConfigurationError(
            f"{at_work} jobs are at work",
            subject="mtl migrate",
            remedy="stop the workers first; jobs of workers that are gone are given back by mtl recover of the version "
            "that wrote the store, or by lpad detect_lostruns",
        )


def waiting_work(pad: LaunchPad) -> list[WaitingWork]:
    """What would be computed by workflows that wait; campaigns hand their own in again, screening is idempotent."""
    found = []
    for workflow in pad.workflows.find({"state": {"$nin": [*_OVER, "FIZZLED"]}}, sort=[("nodes", 1)]):
        material = workflow.get("metadata", {}).get("material", "")
        if not material or "campaign" in workflow["metadata"]:
            continue
        makers = [
            task["job"]["function"]["@bound"]
            for firework in pad.fireworks.find({"fw_id": {"$in": workflow["nodes"]}}, sort=[("fw_id", 1)])
            for task in firework["spec"]["_tasks"]
        ]
        dynamics = next((m["parameters"] for m in makers if "engine" in m.get("parameters", {})), None)
        if dynamics is None:
            continue
        source: Mapping[str, Any] = next(
            (m["source"] for m in makers if "provider" in (m.get("source") or {})), {}
        )
        entries = {name: source[name] for name in ("provider", "key", "label") if name in source}
        found.append(WaitingWork(material, modern_dynamics(_plain(dynamics)), entries))
    return found


def retire(pad: LaunchPad) -> list[str]:
    """Archive every workflow that has not ended: its jobs speak of documents by their old ids. Gives their names."""
    retired = []
    for workflow in list(pad.workflows.find({"state": {"$nin": list(_OVER)}}, {"nodes": 1, "name": 1})):
        pad.archive_wf(workflow["nodes"][0])
        retired.append(workflow["name"])
    return retired


def hand_in_again(
    store: MTLStore, address: Connection, work: Iterable[Mapping[str, Any]]
) -> list[SubmittedWorkflow]:
    """Hand in what is left of it: jobs go on from the checkpoints; what a duplicate has already is not handed in."""
    screening = screening_parameters(store, store.screening)
    submitted = []
    for waiting in work:
        if not store.candidates.existing([waiting["material_id"]]):
            continue  # it was withdrawn
        maker = DynamicsFlowMaker(
            parameters=TypeAdapter(DynamicsParameters).validate_python(waiting["dynamics"]),
            screening=screening,
            entries=EntrySource(**waiting["entries"]),
        )
        plan = plan_dynamics(store, maker, materials=[waiting["material_id"]], again=True)
        submitted += submit_dynamics(address, plan)
    return submitted


def _plain(node: Any) -> Any:
    """A job's argument without what jobflow adds to it."""
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, value in node.items() if not name.startswith("@")}
    return [_plain(item) for item in node] if isinstance(node, list) else node
