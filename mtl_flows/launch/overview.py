"""What there is to do, what is under way, what failed and why. Reads the collections alone; starts no engine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from mtl_flows.launch.events import last_error
from mtl_flows.store.connection import Connection

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One workflow.

    Attributes
    ----------
    fw_ids
        Its Fireworks, to give to ``lpad``.
    name, material
        Its name, and the material named in its metadata, if any.
    state
        FireWorks' state of the whole.
    states
        How many Fireworks are in which state.
    categories
        Kinds of workers it needs.
    errors
        Messages of the jobs that failed, without repetition.
    updated
        Time of the last change.
    """

    fw_ids: tuple[int, ...]
    name: str
    material: str
    state: str
    states: Mapping[str, int]
    categories: tuple[str, ...]
    errors: tuple[str, ...]
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Jobs that failed with the same error, numbers in the message aside."""

    error: str
    fw_ids: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many jobs."""
        return len(self.fw_ids)


def workflow_overview(
    connection: Connection, *, states: Sequence[str] | None = None, limit: int = 0
) -> list[WorkflowRow]:
    """Describe workflows, the latest first.

    Parameters
    ----------
    states
        Only workflows in these states, such as ``("RUNNING", "FIZZLED")``; all but archived ones if None.
    limit
        At most so many; no limit if 0.
    """
    wanted = {"$in": list(states)} if states is not None else {"$ne": "ARCHIVED"}
    with connection.client() as client:
        database = client[connection.database]
        found = database["workflows"].find({"state": wanted}, sort=[("_id", DESCENDING)], limit=limit)
        return [_row(database, workflow) for workflow in found]


def failures(connection: Connection) -> list[FailureGroup]:
    """Group the jobs that failed by their error, the largest group first."""
    with connection.client() as client:
        database = client[connection.database]
        groups: dict[str, list[tuple[int, str, str]]] = {}
        for firework in _fizzled(database["fireworks"], {}):
            error = _error_of(database, firework)
            groups.setdefault(_NUMBER.sub("#", error), []).append(
                (firework["fw_id"], firework["name"], error)
            )
    return sorted(
        (
            FailureGroup(
                error=members[0][2],
                fw_ids=tuple(fw_id for fw_id, _, _ in members),
                names=tuple(sorted({name for _, name, _ in members})),
            )
            for members in groups.values()
        ),
        key=lambda group: (-group.count, group.error),
    )


def _row(database: Database[dict[str, Any]], workflow: Mapping[str, Any]) -> WorkflowRow:
    members = {"fw_id": {"$in": workflow["nodes"]}}
    counts: dict[str, int] = {}
    categories = set()
    for firework in database["fireworks"].find(members, {"state": 1, "spec._category": 1}):
        counts[firework["state"]] = counts.get(firework["state"], 0) + 1
        categories.add(firework["spec"].get("_category", ""))
    errors = dict.fromkeys(_error_of(database, fw) for fw in _fizzled(database["fireworks"], members))
    updated = workflow.get("updated_on")
    return WorkflowRow(
        fw_ids=tuple(sorted(workflow["nodes"])),
        name=workflow["name"],
        material=str(workflow["metadata"].get("material", "")),
        state=workflow["state"],
        states=dict(sorted(counts.items())),
        categories=tuple(sorted(categories)),
        errors=tuple(errors),
        updated=datetime.fromisoformat(updated) if isinstance(updated, str) else updated,
    )


def _fizzled(fireworks: Collection[dict[str, Any]], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = {"fw_id": 1, "name": 1, "launches": 1, "spec._exception_details": 1}
    return list(fireworks.find({**query, "state": "FIZZLED"}, fields, sort=[("fw_id", 1)]))


def _error_of(database: Database[dict[str, Any]], firework: Mapping[str, Any]) -> str:
    """Message of the last launch; a job that could not even be read has none, and its error in its spec."""
    trace = firework["spec"].get("_exception_details", {}).get("_stacktrace", "")
    if firework["launches"]:
        field = "action.stored_data._exception._stacktrace"
        launch = database["launches"].find_one({"launch_id": firework["launches"][-1]}, {field: 1}) or {}
        stored = (launch.get("action") or {}).get("stored_data") or {}
        trace = stored.get("_exception", {}).get("_stacktrace", "")
    return last_error(trace) or "no message"
