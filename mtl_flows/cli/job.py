"""`mtl job`: what is to be done, by whom it is done, what failed and why; hold it, run it again, give it up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.options import takes
from mtl_flows.cli.types import All, Json, limit_option
from mtl_flows.errors import ConfigurationError
from mtl_flows.vocabulary import JobStage, JobState

if TYPE_CHECKING:
    from mtl_flows.launch.failures import FailureGroup
    from mtl_flows.launch.jobs import JobFilter, JobRow
    from mtl_flows.launch.steering import Steered
    from mtl_flows.store.connection import Connection

_SHOWN = 50
_LAST_LINES = 20
_OVER = ("completed", "archived")
_COLUMNS = ("id", "job", "state", "stage", "engine", "since (UTC)", "host", "error")
_SPARE = ("stage", "host", "engine", "since (UTC)")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        no_args_is_help=True, help="Jobs: what they wait for, why they failed, and their course."
    )
    group.command("list")(list_)
    for command in (show, rerun, pause, resume, cancel, priority):
        group.command(no_args_is_help=True)(command)
    app.add_typer(group, name="job")


def _chosen(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Ids of jobs, which are those of FireWorks.")
    ] = None,
    material: Annotated[str, typer.Option("--material", help="Only those of this material.")] = "",
    stage: Annotated[JobStage | None, typer.Option("--stage", help="Only those of this stage.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="Only those on this engine.")] = "",
    state: Annotated[JobState | None, typer.Option("--state", help="Only those in this state.")] = None,
    error: Annotated[
        str, typer.Option("--error", help="Only those that failed with an error that says this.")
    ] = "",
) -> "JobFilter":
    from mtl_flows.launch.jobs import JobFilter

    return JobFilter(
        ids=tuple(ids or ()),
        material=material,
        stage=stage,
        engine=engine,
        states=(state,) if state else (),
        error=error,
    )


@takes("chosen", _chosen)
def list_(
    chosen: "JobFilter",
    limit: Annotated[int, limit_option("Show")] = _SHOWN,
    all_: All = False,
    json: Json = False,
) -> None:
    """Show jobs, the latest first, and what failed, grouped by its cause with what to do.

    Where neither ids nor states are asked for, those that have ended well are left out.
    """
    from mtl_flows.launch.failures import group_failures
    from mtl_flows.launch.jobs import find_jobs
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection

    if not (chosen.ids or chosen.states or chosen.error):
        chosen = replace(chosen, states=tuple(s for s in get_args(JobState) if s not in _OVER))
    with connection(Settings.load()) as address:
        jobs = find_jobs(address, chosen)
    shown = jobs if all_ or not limit else jobs[:limit]
    if json:
        print_json([asdict(job) for job in shown])
        return
    print_failures(group_failures(jobs))
    if shown:
        out.print(table("Jobs", _COLUMNS, [_cells(job) for job in shown], spare=_SPARE))
    else:
        err.print("no job is left; --state completed shows those that ended well")
    if len(jobs) > len(shown):
        err.print(f"{len(shown)} of {len(jobs)} shown; --all shows all")


def show(
    id_: Annotated[int, typer.Argument(metavar="ID", help="Id of the job.")], json: Json = False
) -> None:
    """Show one job: what it is, every attempt with host, folder and error, and the end of its output."""
    from mtl_flows.launch.failures import remedy
    from mtl_flows.launch.jobs import job_story
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection

    with connection(Settings.load()) as address:
        story = job_story(address, id_)
    if json:
        print_json(asdict(story))
        return
    job = story.job
    facts = {
        "id": job.fw_id,
        "job": job.name,
        "workflow": job.workflow,
        "material": job.material,
        "stage": job.stage,
        "engine": job.engine,
        "state": _state(job),
        "since (UTC)": f"{job.since:%Y-%m-%d %H:%M:%S}",
        "taken by": job.category,
        "in the queue as": job.queue_id,
        "priority": job.priority,
        "after": ", ".join(map(str, story.before)),
        "before": ", ".join(map(str, story.after)),
    }
    out.print(table("Job", ["", ""], [[name, str(value)] for name, value in facts.items() if value != ""]))
    if story.launches:
        columns = ["launch", "state", "host", "began (UTC)", "ended (UTC)", "error", "folder"]
        rows = [
            [a.launch_id, a.state, a.host, _time(a.began), _time(a.ended), a.error, a.folder]
            for a in story.launches
        ]
        out.print(table("Attempts", columns, rows))
    if job.error:
        out.print(job.traceback.rstrip() or job.error, soft_wrap=True)
        out.print(f"what to do: {remedy(job.error)}, then mtl job rerun {job.fw_id}", soft_wrap=True)
    for file, lines in _output(job.folder):
        out.print(f"the end of {file}:", soft_wrap=True)
        out.print("\n".join(lines), soft_wrap=True)


@takes("chosen", _chosen)
def rerun(chosen: "JobFilter") -> None:
    """Make jobs that failed ready to run again: `mtl job rerun --error CalculationError`.

    What other jobs completed stays. To simulate anew what is complete, see `mtl launch --again`. Jobs in a queue run
    again with --state reserved, if the folder of their carrier is lost.
    """
    from mtl_flows.launch import steering

    _steer(chosen, steering.rerun, "ready to run again")


@takes("chosen", _chosen)
def pause(chosen: "JobFilter") -> None:
    """Hold jobs back that have not begun: `mtl job pause --material icsd-34280`.

    A job that runs goes on to its end, a chunk of molecular dynamics for one; what it creates is held back.
    """
    from mtl_flows.launch import steering

    _steer(chosen, steering.pause, "paused")


@takes("chosen", _chosen)
def resume(chosen: "JobFilter") -> None:
    """Let jobs go on that were paused."""
    from mtl_flows.launch import steering

    _steer(chosen, steering.resume, "going on")


@takes("chosen", _chosen)
def cancel(chosen: "JobFilter") -> None:
    """Give jobs up for good, and what comes after them; results stay, and `mtl launch` hands the work in anew.

    One that runs ends at its next write, which is refused; `mtl carry` takes one that waits in a queue off it.
    """
    from mtl_flows.launch import steering

    _steer(chosen, steering.cancel, "cancelled")


@takes("chosen", _chosen)
def priority(
    number: Annotated[int, typer.Argument(metavar="PRIORITY", help="The higher, the sooner; 0 is usual.")],
    chosen: "JobFilter",
) -> None:
    """Let jobs, and those that they create, be taken before others: `mtl job priority 5 --material icsd-34280`."""
    from mtl_flows.launch import steering

    _steer(
        chosen,
        lambda address, jobs: steering.prioritise(address, jobs, number),
        f"of priority {number} now",
    )


def print_failures(groups: "Iterable[FailureGroup]") -> None:
    """Print what failed, by its cause."""
    rows = [[g.count, ", ".join(g.names), g.error, g.remedy] for g in groups]
    if rows:
        out.print(table("Failures", ["jobs", "names", "error", "what to do"], rows))


def failure_record(group: "FailureGroup") -> dict[str, Any]:
    """Return what JSON tells of jobs that failed for one cause."""
    return asdict(group) | {"count": group.count}


def _steer(chosen: "JobFilter", act: "Callable[[Connection, JobFilter], Steered]", became: str) -> None:
    """Do something with jobs, and say with which.

    Raises
    ------
    ConfigurationError
        If nothing says which jobs are meant.
    """
    from mtl_flows.launch.jobs import JobFilter
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection

    if chosen == JobFilter():
        raise ConfigurationError(
            "which jobs are meant?", remedy="give ids, --material, --stage, --engine, --state or --error"
        )
    with connection(Settings.load()) as address:
        steered = act(address, chosen)
    out.print(f"{len(steered.done)} jobs {became}{_ids(steered.done)}", soft_wrap=True)
    if steered.after:
        out.print(f"{len(steered.after)} that come after them as well{_ids(steered.after)}", soft_wrap=True)
    for state in dict.fromkeys(job.state for job in steered.left):
        alike = [job for job in steered.left if job.state == state]
        err.print(f"{len(alike)} left as they are, {state}{_ids(alike)}", soft_wrap=True)


def _ids(jobs: "Sequence[JobRow]") -> str:
    ids = ", ".join(str(job.fw_id) for job in jobs[:_SHOWN])
    return f": {ids}" + (" …" if len(jobs) > _SHOWN else "") if ids else ""


def _cells(job: "JobRow") -> list[Any]:
    since = f"{job.since:%Y-%m-%d %H:%M}"
    return [job.fw_id, job.name, _state(job), job.stage, job.engine, since, job.place, job.error]


def _state(job: "JobRow") -> str:
    return f"{job.state}, then paused" if job.pausing else job.state


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def _output(folder: str) -> "Iterable[tuple[Path, list[str]]]":
    """Last lines of what a job printed, where its folder is on this machine."""
    from mtl_flows.launch.environment import ERROR_FILE, OUTPUT_FILE

    for name in (OUTPUT_FILE, ERROR_FILE):
        file = Path(folder) / name
        if folder and file.is_file():
            with file.open(encoding="utf-8", errors="replace") as opened:
                lines = opened.read().splitlines()[-_LAST_LINES:]
            if lines:
                yield file, lines
