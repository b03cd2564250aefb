"""Jobs as people ask for them: by material, stage, engine, state or error; with host, folder, and since when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.launch.events import as_time, last_error
from mtl_flows.launch.names import PAUSE_FIELD
from mtl_flows.store.connection import Connection
from mtl_flows.vocabulary import JobStage, JobState

_FUNCTION = "$spec._tasks.job.function"
_TRACE = "action.stored_data._exception._stacktrace"
MAKER = {"$ifNull": [{"$first": f"{_FUNCTION}.@bound.@module"}, {"$first": f"{_FUNCTION}.@module"}]}
"""Module of the Maker of a job, in an aggregation over Fireworks."""
ENGINE = {"$first": f"{_FUNCTION}.@bound.parameters.engine"}
"""Engine that a job runs on."""
_LAUNCH = {
    "$project": {
        "_id": 0,
        "launch_id": 1,
        "state": 1,
        "host": 1,
        "launch_dir": 1,
        "time_start": 1,
        "time_end": 1,
    }
    | {"trace": f"${_TRACE}", "queue_ids": "$state_history.reservation_id"}
}
_JOB = {
    "$project": {
        **dict.fromkeys(("fw_id", "name", "state", "updated_on", "created_on"), 1),
        "maker": MAKER,
        "engine": ENGINE,
        "priority": "$spec._priority",
        "category": "$spec._category",
        "unreadable": "$spec._exception_details._stacktrace",
        "pausing": f"$spec.{PAUSE_FIELD}",
        "launches": {"$concatArrays": [{"$ifNull": ["$archived_launches", []]}, "$launches"]},
        "last": {"$last": "$launches"},
    }
}


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant; what is left at its default does not restrict.

    Attributes
    ----------
    ids
        Of Fireworks.
    material
        Of the workflow: its id, or any name that it answers to.
    stage
        Noun of the module whose Maker made the job.
    engine
        Name of the engine that it runs on.
    states
        FireWorks' states, in small letters.
    error
        Part of the message of a job that failed, in capital or small letters.
    """

    ids: tuple[int, ...] = ()
    material: str = ""
    stage: JobStage | None = None
    engine: str = ""
    states: tuple[JobState, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job, which is one Firework.

    Attributes
    ----------
    fw_id
        Id, to give to ``lpad`` as well.
    name, workflow, material
        Its name, that of its workflow, and the material that the workflow names.
    stage, engine
        What it belongs to, and what it runs on; empty where it has none.
    category
        Kind of worker that takes it.
    state
        FireWorks' state, in small letters.
    pausing
        It runs, and the job after it will be paused.
    priority
        The higher, the sooner; zero unless it was set.
    since
        When it came to that state.
    host, folder
        Where it runs, or ran last.
    queue_id
        What the queue calls the job that computes for it; empty where none does.
    error
        Message of a job that failed.
    traceback
        All of it.
    launch_ids
        Every launch, those that were given up first.
    """

    fw_id: int
    name: str
    workflow: str
    material: str
    stage: str
    engine: str
    category: str
    state: JobState
    pausing: bool
    priority: int
    since: datetime
    host: str
    folder: str
    queue_id: str
    error: str
    traceback: str
    launch_ids: tuple[int, ...]

    @property
    def place(self) -> str:
        """Where it runs or ran last: a host, or a queue."""
        return f"queue, {self.queue_id}" if self.queue_id else self.host


@dataclass(frozen=True, slots=True)
class LaunchRow:
    """One attempt at a job."""

    launch_id: int
    state: JobState
    host: str
    folder: str
    began: datetime | None
    ended: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class JobStory:
    """A job with all that was tried, and what it waits for.

    Attributes
    ----------
    before, after
        Ids of the jobs of its workflow that come right before and after it.
    """

    job: JobRow
    launches: tuple[LaunchRow, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def find_jobs(connection: Connection, chosen: JobFilter = JobFilter(), *, limit: int = 0) -> list[JobRow]:
    """Find jobs, the latest first.

    Parameters
    ----------
    limit
        At most so many; no limit if 0.

    Raises
    ------
    NotFoundError
        If an id, the material or the engine is none that any job has.
    """
    with connection.client() as client:
        return list(select_jobs(client[connection.database], chosen, limit=limit))


def select_jobs(database: Database[dict[str, Any]], chosen: JobFilter, *, limit: int = 0) -> Iterator[JobRow]:
    """As `find_jobs`, in a database that is open; one request to the server, another where a material is asked for."""
    found = 0
    # What an error says is known of each job alone; everything else is asked of the server.
    at_most = limit if not chosen.error else 0
    for stored in database["fireworks"].aggregate(rows_of(_query(database, chosen), limit=at_most)):
        row = job_row(stored)
        if chosen.error.casefold() in row.error.casefold():
            found += 1
            yield row
        if limit and found == limit:
            return
    if (not found and (chosen.material or chosen.engine)) or found < len(set(chosen.ids)):
        _check(database, chosen)


def rows_of(query: Mapping[str, Any], *, limit: int = 0) -> list[dict[str, Any]]:
    """Stages of an aggregation over Fireworks that give what a row is made of, the latest first."""
    return [
        {"$match": dict(query)},
        {"$sort": {"fw_id": DESCENDING}},
        *([{"$limit": limit}] if limit else []),
        _JOB,
        _joined("launches", "last", "launch_id", [_LAUNCH]),
        _joined("workflows", "fw_id", "nodes", [{"$project": {"name": 1, "metadata.material": 1}}]),
    ]


def job_story(connection: Connection, fw_id: int) -> JobStory:
    """Tell everything of one job.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    with connection.client() as client:
        database = client[connection.database]
        (row,) = select_jobs(database, JobFilter(ids=(fw_id,)))
        launches = database["launches"].aggregate(
            [{"$match": {"launch_id": {"$in": row.launch_ids}}}, {"$sort": {"launch_id": 1}}, _LAUNCH]
        )
        links = database["workflows"].find_one({"nodes": fw_id}, {"links": 1, "parent_links": 1}) or {}
        return JobStory(
            job=row,
            launches=tuple(_launch(launch) for launch in launches),
            before=tuple(links.get("parent_links", {}).get(str(fw_id), ())),
            after=tuple(links.get("links", {}).get(str(fw_id), ())),
        )


def _query(database: Database[dict[str, Any]], chosen: JobFilter) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if chosen.states:
        query["state"] = {"$in": [state.upper() for state in chosen.states]}
    elif chosen.error:
        query["state"] = "FIZZLED"
    if chosen.stage:
        ends = {"$regex": rf"\.{chosen.stage}$"}
        maker = "spec._tasks.job.function"
        query["$or"] = [{f"{maker}.@bound.@module": ends}, {f"{maker}.@module": ends}]
    if chosen.engine:
        query["spec._tasks.job.function.@bound.parameters.engine"] = chosen.engine
    ids = set(chosen.ids)
    if chosen.material:
        named = {"metadata.material": {"$in": _materials(database, chosen.material)}}
        workflows = database["workflows"].find(named, {"nodes": 1})
        of_material = {fw_id for workflow in workflows for fw_id in workflow["nodes"]}
        ids = ids & of_material if ids else of_material
    if chosen.ids or chosen.material:
        query["fw_id"] = {"$in": sorted(ids)}
    return query


def _materials(database: Database[dict[str, Any]], name: str) -> list[str]:
    """Ids of the materials that a name stands for; the name itself where the store knows none."""
    # Structures are loaded with the science that reads them, which takes long.
    from mtl_flows.store.structures import StructureCollection

    return StructureCollection(database).materials_named(name) or [name]


def _check(database: Database[dict[str, Any]], chosen: JobFilter) -> None:
    """Refuse what no job has."""
    fireworks = database["fireworks"]
    known = {d["fw_id"] for d in fireworks.find({"fw_id": {"$in": list(chosen.ids)}}, {"fw_id": 1})}
    if missing := set(chosen.ids) - known:
        raise NotFoundError(
            "no such job", subject=str(min(missing)), remedy="mtl job list shows the jobs there are"
        )
    named = {"metadata.material": {"$in": _materials(database, chosen.material)}}
    if chosen.material and not database["workflows"].find_one(named, {}):
        materials = sorted(filter(None, database["workflows"].distinct("metadata.material")))
        raise NotFoundError(
            f"no job of the material {chosen.material!r}", remedy=there_are(chosen.material, materials)
        )
    field = "spec._tasks.job.function.@bound.parameters.engine"
    if chosen.engine and not fireworks.find_one({field: chosen.engine}, {}):
        engines = sorted(filter(None, fireworks.distinct(field)))
        raise NotFoundError(
            f"no job on the engine {chosen.engine!r}", remedy=there_are(chosen.engine, engines)
        )


def _joined(other: str, field: str, theirs: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "$lookup": {
            "from": other,
            "localField": field,
            "foreignField": theirs,
            "as": other if other == "workflows" else field,
            "pipeline": pipeline,
        }
    }


def job_row(stored: Mapping[str, Any]) -> JobRow:
    """Read what `rows_of` gives."""
    launch = _launch(stored["last"][0]) if stored["last"] else None
    workflow = stored["workflows"][0] if stored["workflows"] else {}
    trace = (stored["last"][0].get("trace") if stored["last"] else stored.get("unreadable")) or ""
    failed = stored["state"] == "FIZZLED"
    began = launch.began if launch and stored["state"] in ("RUNNING", "RESERVED") else None
    ended = launch.ended if launch and stored["state"] in ("COMPLETED", "FIZZLED") else None
    return JobRow(
        fw_id=stored["fw_id"],
        name=stored["name"],
        workflow=workflow.get("name", ""),
        material=str(workflow.get("metadata", {}).get("material", "")),
        stage=(stored.get("maker") or "").rpartition(".")[2],
        engine=stored.get("engine") or "",
        category=stored.get("category") or "",
        state=stored["state"].lower(),
        pausing=bool(stored.get("pausing")) and stored["state"] == "RUNNING",
        priority=stored.get("priority") or 0,
        since=began or ended or as_time(stored.get("updated_on") or stored["created_on"]),
        host=launch.host if launch else "",
        folder=launch.folder if launch else "",
        queue_id=_queue_id(stored),
        error=(last_error(trace) or "no message") if failed else "",
        traceback=trace if failed else "",
        launch_ids=tuple(stored["launches"]),
    )


def _queue_id(stored: Mapping[str, Any]) -> str:
    """Of a job that is reserved: it may have waited before, for another."""
    ids = stored["last"][0].get("queue_ids") if stored["state"] == "RESERVED" and stored["last"] else ()
    return str(ids[-1]) if ids else ""


def _launch(stored: Mapping[str, Any]) -> LaunchRow:
    began, ended = (stored.get(name) for name in ("time_start", "time_end"))
    return LaunchRow(
        launch_id=stored["launch_id"],
        state=stored["state"].lower(),
        host=stored.get("host") or "",
        folder=stored.get("launch_dir") or "",
        began=as_time(began) if began else None,
        ended=as_time(ended) if ended else None,
        error=last_error(stored.get("trace") or ""),
    )
