"""What there is to do, what is under way, and what failed; reads collections, imports no engine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database

from mtl_flows.launch.failures import FailureGroup, group_failures
from mtl_flows.launch.jobs import ENGINE, MAKER, JobRow, job_row, rows_of
from mtl_flows.store.together import PartOfReading, together

_IN_HAND = ("RUNNING", "RESERVED")
_LEFT = ("READY", "WAITING", *_IN_HAND)
_SAMPLE = 200
_BOUND = {"$first": "$spec._tasks.job.function.@bound"}
# Of a simulation only the job of the next chunk is there; it makes the one after.
_CHUNKS = {
    "$let": {
        "vars": {"maker": _BOUND},
        "in": {
            "$cond": [
                {"$eq": ["$$maker.@class", "TrajectoryMaker"]},
                {
                    "$ceil": {
                        "$divide": [
                            {
                                "$cond": [
                                    {"$eq": [{"$ifNull": ["$$maker.temperature_K", None]}, None]},
                                    "$$maker.parameters.heat_ps",
                                    "$$maker.parameters.production_ps",
                                ]
                            },
                            "$$maker.parameters.chunk_ps",
                        ]
                    }
                },
                1,
            ]
        },
    }
}
_KINDS: list[dict[str, Any]] = [
    {"$match": {"state": {"$ne": "ARCHIVED"}}},
    {
        "$group": {
            "_id": {"state": "$state", "maker": MAKER, "engine": ENGINE},
            "n": {"$sum": 1},
            "chunks": {"$sum": _CHUNKS},
        }
    },
]
_PACES: list[dict[str, Any]] = [
    {"$match": {"state": "COMPLETED", "runtime_secs": {"$gt": 0}}},
    {"$sort": {"launch_id": DESCENDING}},
    {"$limit": _SAMPLE},
    {
        "$lookup": {
            "from": "fireworks",
            "localField": "fw_id",
            "foreignField": "fw_id",
            "as": "kind",
            "pipeline": [{"$project": {"_id": 0, "maker": MAKER, "engine": ENGINE}}],
        }
    },
    {"$group": {"_id": {"$first": "$kind"}, "seconds": {"$avg": "$runtime_secs"}}},
    {"$match": {"_id": {"$ne": None}}},
]
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


@dataclass(frozen=True, slots=True)
class Pace:
    """Jobs of one stage and engine that are left, and how long one takes.

    Attributes
    ----------
    left
        How many, chunks of dynamics that are not jobs yet included; extensions are not.
    seconds
        Mean of those that ended last; None before there is one.
    """

    stage: str
    engine: str
    left: int
    seconds: float | None


@dataclass(frozen=True)
class Overview:
    """How the work stands.

    Attributes
    ----------
    states
        How many jobs are in which state, archived ones left out.
    n_workflows
        How many workflows there are, shown or not.
    workflows
        The latest of them.
    running
        Jobs that workers have in hand, the latest first.
    failures
        Jobs that failed, by cause.
    paces
        What is left of each kind.
    """

    states: Mapping[str, int]
    n_workflows: int
    workflows: list[WorkflowRow]
    running: list[JobRow]
    failures: list[FailureGroup]
    paces: list[Pace]

    @property
    def seconds_left(self) -> float | None:
        """Until all is done by as many jobs at a time as run now, at least one; None where a pace is not known."""
        known = [pace.left * pace.seconds for pace in self.paces if pace.left and pace.seconds is not None]
        if len(known) < sum(bool(pace.left) for pace in self.paces):
            return None
        return sum(known) / max(1, len(self.running))

    def seconds_of(self, job: JobRow) -> float | None:
        """How long a job of this kind takes; None where it is not known."""
        return next((p.seconds for p in self.paces if (p.stage, p.engine) == (job.stage, job.engine)), None)


def overview(
    database: Database[dict[str, Any]], *, states: Sequence[str] | None = None, limit: int = 0
) -> Overview:
    """Say how the work stands, by one request to the server.

    Parameters
    ----------
    states
        Only workflows in these states, such as ``("RUNNING", "FIZZLED")``; all but archived ones if None.
    limit
        At most so many workflows; no limit if 0.
    """
    wanted: dict[str, Any] = {"state": {"$in": list(states)} if states is not None else {"$ne": "ARCHIVED"}}
    members = {"localField": "nodes", "foreignField": "fw_id", "pipeline": [{"$project": _FIELDS}]}
    latest: list[dict[str, Any]] = [
        {"$match": wanted},
        {"$sort": {"_id": DESCENDING}},
        *([{"$limit": limit}] if limit else []),
        {"$lookup": {"from": "fireworks", "as": "members", **members}},
    ]
    shown = {"state": {"$in": [*_IN_HAND, "FIZZLED"]}}
    found = together(
        database,
        {
            "kinds": PartOfReading("fireworks", _KINDS),
            "jobs": PartOfReading("fireworks", rows_of(shown)),
            "workflows": PartOfReading("workflows", latest),
            "counts": PartOfReading("workflows", [{"$match": wanted}, {"$count": "n"}]),
            "paces": PartOfReading("launches", _PACES),
        },
    )
    jobs = [job_row(stored) for stored in found["jobs"]]
    errors = {job.fw_id: job.error for job in jobs if job.error}
    counts: Counter[str] = Counter()
    for kind in found["kinds"]:
        counts[kind["_id"]["state"].lower()] += kind["n"]
    return Overview(
        states=dict(sorted(counts.items())),
        n_workflows=sum(stored["n"] for stored in found["counts"]),
        workflows=[_row(workflow, errors) for workflow in found["workflows"]],
        running=[job for job in jobs if job.state != "fizzled"],
        failures=group_failures(jobs),
        paces=_paces(found["kinds"], found["paces"]),
    )


def _paces(kinds: list[dict[str, Any]], ended: list[dict[str, Any]]) -> list[Pace]:
    left: Counter[tuple[str, str]] = Counter()
    for kind in kinds:
        if kind["_id"]["state"] in _LEFT:
            left[_kind(kind)] += int(kind["chunks"])
    seconds = {_kind(mean): mean["seconds"] for mean in ended}
    return [
        Pace(stage, engine, left[stage, engine], seconds.get((stage, engine)))
        for stage, engine in sorted(left.keys() | seconds.keys())
    ]


def _kind(stored: Mapping[str, Any]) -> tuple[str, str]:
    return (stored["_id"].get("maker") or "").rpartition(".")[2], stored["_id"].get("engine") or ""


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
