"""What there is to do, what is under way, what failed and why; reads collections, imports no engine."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database

from mtl_flows.launch.events import last_error
from mtl_flows.store.connection import Connection

_FIELDS = dict.fromkeys(
    ("fw_id", "name", "state", "launches", "spec._category", "spec._exception_details"), 1
)
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
    pipeline: list[dict[str, Any]] = [{"$match": {"state": wanted}}, {"$sort": {"_id": DESCENDING}}]
    if limit:
        pipeline.append({"$limit": limit})
    members = {"localField": "nodes", "foreignField": "fw_id", "pipeline": [{"$project": _FIELDS}]}
    pipeline.append({"$lookup": {"from": "fireworks", "as": "members", **members}})
    with connection.client() as client:
        database = client[connection.database]
        return [_row(database, workflow) for workflow in database["workflows"].aggregate(pipeline)]


def failures(connection: Connection) -> list[FailureGroup]:
    """Group the jobs that failed by their error, the largest group first."""
    with connection.client() as client:
        database = client[connection.database]
        groups: dict[str, list[tuple[int, str, str]]] = {}
        for firework in database["fireworks"].find({"state": "FIZZLED"}, _FIELDS, sort=[("fw_id", 1)]):
            error = _error_of(database, firework)
            group = groups.setdefault(_NUMBER.sub("#", error), [])
            group.append((firework["fw_id"], firework["name"], error))
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
    members = workflow["members"]
    counts = Counter(firework["state"] for firework in members)
    failed = (firework for firework in members if firework["state"] == "FIZZLED")
    updated = workflow.get("updated_on")
    return WorkflowRow(
        fw_ids=tuple(sorted(workflow["nodes"])),
        name=workflow["name"],
        material=str(workflow["metadata"].get("material", "")),
        state=workflow["state"],
        states=dict(sorted(counts.items())),
        categories=tuple(sorted({firework["spec"].get("_category", "") for firework in members})),
        errors=tuple(dict.fromkeys(_error_of(database, firework) for firework in failed)),
        updated=datetime.fromisoformat(updated) if isinstance(updated, str) else updated,
    )


def _error_of(database: Database[dict[str, Any]], firework: Mapping[str, Any]) -> str:
    """Message of the last launch; a job that could not even be read has none, and its error in its spec."""
    trace = firework["spec"].get("_exception_details", {}).get("_stacktrace", "")
    if firework["launches"]:
        field = "action.stored_data._exception._stacktrace"
        launch = database["launches"].find_one({"launch_id": firework["launches"][-1]}, {field: 1}) or {}
        stored = (launch.get("action") or {}).get("stored_data") or {}
        trace = stored.get("_exception", {}).get("_stacktrace", "")
    return last_error(trace) or "no message"
