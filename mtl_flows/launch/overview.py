"""What there is to do, what is under way, and what failed; reads collections, imports no engine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from mtl_flows.launch.jobs import JobFilter, select_jobs
from mtl_flows.store.connection import Connection

_FIELDS = dict.fromkeys(("fw_id", "state", "spec._category"), 1)


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
        found = list(database["workflows"].aggregate(pipeline))
        failed = [f["fw_id"] for workflow in found for f in workflow["members"] if f["state"] == "FIZZLED"]
        jobs = select_jobs(database, JobFilter(ids=tuple(failed))) if failed else ()
        errors = {job.fw_id: job.error for job in jobs}
    return [_row(workflow, errors) for workflow in found]


def _row(workflow: Mapping[str, Any], errors: Mapping[int, str]) -> WorkflowRow:
    members = workflow["members"]
    counts = Counter(firework["state"] for firework in members)
    failed = sorted(firework["fw_id"] for firework in members if firework["state"] == "FIZZLED")
    updated = workflow.get("updated_on")
    return WorkflowRow(
        fw_ids=tuple(sorted(workflow["nodes"])),
        name=workflow["name"],
        material=str(workflow["metadata"].get("material", "")),
        state=workflow["state"],
        states=dict(sorted(counts.items())),
        categories=tuple(sorted({firework["spec"].get("_category", "") for firework in members})),
        errors=tuple(dict.fromkeys(errors[fw_id] for fw_id in failed)),
        updated=datetime.fromisoformat(updated) if isinstance(updated, str) else updated,
    )
