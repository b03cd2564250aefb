"""`mtl status`: the funnel, the work under way and how long it will take, the disk; once, or as it changes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.job import failure_record, print_failures
from mtl_flows.cli.screening import as_screened
from mtl_flows.cli.types import All, Json, ScreeningName, limit_option
from mtl_flows.vocabulary import ChosenProtocol

if TYPE_CHECKING:
    from mtl_flows.launch.overview import Overview
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.disk import DiskUse
    from mtl_flows.store.funnel import FunnelCounts

_RUNNING_SHOWN = 10
_SPARE = ("material", "engine", "since (UTC)")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(status)


@dataclass(frozen=True)
class _Picture:
    server: str
    funnel: "FunnelCounts"
    parameters: "ScreeningParameters"
    work: "Overview"
    disk: "DiskUse"


def status(
    errors: Annotated[bool, typer.Option("--errors", hidden=True)] = False,
    limit: Annotated[int, limit_option("Show of the workflows")] = 20,
    all_: All = False,
    protocol: Annotated[
        ChosenProtocol, typer.Option("--protocol", help="Whose funnel; any: both side by side.")
    ] = "published",
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Go on: the screen as it changes; a line at a time in a log."),
    ] = False,
    every_s: Annotated[float, typer.Option("--every", min=1, help="Seconds between two looks.")] = 10,
    screening: ScreeningName = "",
    json: Json = False,
) -> None:
    """Show the funnel, the workflows and the states of their jobs, how long they will take, and the disk.

    How long is reckoned from what jobs of each kind took last, for as many at a time as run now. `mtl job list` shows
    the jobs.
    """
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    with connection(Settings.load()) as address, MTLStore.connect(address) as opened:
        store, parameters = as_screened(opened, screening)

        def look() -> _Picture:
            return _look(store, str(address), parameters, protocol, 0 if all_ else limit)

        picture = look()
        if json:
            print_json(_told(picture))
        elif watch:
            _watch(picture, look, every_s)
        else:
            out.print(_screen(picture))
    if json or watch:
        return
    failed = picture.work.failures
    if failed and not errors:
        err.print(f"{sum(g.count for g in failed)} jobs failed; mtl job list --state fizzled says why")
    if errors:
        err.print("`mtl status --errors` is called `mtl job list --state fizzled` now")
        print_failures(failed)


def _look(
    store: "MTLStore",
    server: str,
    parameters: "ScreeningParameters",
    protocol: ChosenProtocol,
    limit: int,
) -> _Picture:
    from mtl_flows.launch.overview import overview
    from mtl_flows.store.disk import disk_use
    from mtl_flows.store.funnel import funnel_counts

    return _Picture(
        server,
        funnel_counts(store.candidates, protocol),
        parameters,
        overview(store.database, limit=limit),
        disk_use(store.database, store.held),
    )


def _told(picture: _Picture) -> dict[str, Any]:
    from dataclasses import asdict

    work, disk = picture.work, picture.disk
    return {
        "server": picture.server,
        "collections": dict(disk.documents),
        "bytes_on_disk": dict(disk.bytes_on_disk),
        "bytes_of_frames_in_24_h": disk.frames_of_a_day,
        "funnel": picture.funnel,
        "jobs": dict(work.states),
        "seconds_left": work.seconds_left,
        "paces": [asdict(pace) for pace in work.paces],
        "running": [
            {
                "fw_id": j.fw_id,
                "name": j.name,
                "engine": j.engine,
                "host": j.host,
                "queue_id": j.queue_id,
                "since": j.since,
            }
            for j in work.running
        ],
        "workflows": [
            {"name": w.name, "state": w.state, "states": dict(w.states), "errors": list(w.errors)}
            for w in work.workflows
        ],
        "failures": [failure_record(group) for group in work.failures],
    }


def _screen(picture: _Picture) -> RenderableType:
    from mtl_flows.report.funnel import funnel_columns, funnel_rows

    work = picture.work
    parts: list[RenderableType] = [
        f"store: {picture.server}",
        table(
            "Funnel (materials)",
            funnel_columns(picture.funnel),
            funnel_rows(picture.funnel, picture.parameters.thresholds),
        ),
    ]
    if work.running:
        shown = work.running[:_RUNNING_SHOWN]
        rows = [
            [j.fw_id, j.name, j.material, j.engine, f"{j.since:%m-%d %H:%M}", j.place, _left(work, j)]
            for j in shown
        ]
        columns = ["id", "job", "material", "engine", "since (UTC)", "host", "left"]
        more = len(work.running) - len(shown)
        parts.append(table("Running", columns, rows, spare=_SPARE, caption=f"{more} more" if more else ""))
    if work.workflows:
        rows = [
            [w.name, w.state, ", ".join(f"{n} {s.lower()}" for s, n in w.states.items())]
            for w in work.workflows
        ]
        shown_of = f"{len(rows)} of {work.n_workflows}" if work.n_workflows > len(rows) else str(len(rows))
        parts.append(table(f"Workflows ({shown_of})", ["name", "state", "jobs"], rows))
    if work.states:
        parts.append(_jobs_line(work))
    if picture.disk.total:
        parts.append(_disk_line(picture.disk))
    return Group(*parts)


def _jobs_line(work: "Overview") -> str:
    counts = ", ".join(f"{n} {state}" for state, n in work.states.items())
    left = sum(pace.left for pace in work.paces)
    if not left:
        return f"jobs: {counts}"
    if work.seconds_left is None:
        return f"jobs: {counts}; time left is not known until one of each kind has ended"
    at_a_time = max(1, len(work.running))
    return f"jobs: {counts}; about {_duration(work.seconds_left)} left with {at_a_time} at a time"


def _disk_line(disk: "DiskUse") -> str:
    from mtl_flows.store.disk import in_words

    frames = sum(n for name, n in disk.bytes_on_disk.items() if name.startswith("frames."))
    grown = f", {in_words(disk.frames_of_a_day)} new in 24 h" if disk.frames_of_a_day else ""
    return f"disk: {in_words(disk.total)}, frames {in_words(frames)}{grown}"


def _left(work: "Overview", job: Any) -> str:
    seconds = work.seconds_of(job)
    if seconds is None:
        return ""
    return _duration(max(0.0, seconds - (datetime.now(job.since.tzinfo) - job.since).total_seconds()))


def _duration(seconds: float) -> str:
    """A length of time with a unit that suits it."""
    for unit, length_s in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} s"


def _watch(picture: _Picture, look: Any, every_s: float) -> None:
    """Show what changes until Ctrl-C."""
    try:
        with _shown() as show:
            while True:
                show(picture)
                time.sleep(every_s)
                picture = look()
    except KeyboardInterrupt:
        return


@contextmanager
def _shown() -> Iterator[Any]:
    if not out.is_terminal:
        said: list[str] = []

        def say(picture: _Picture) -> None:
            line = _jobs_line(picture.work)
            if said != [line]:
                said[:] = [line]
                out.print(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}", soft_wrap=True)
                out.file.flush()

        yield say
        return
    from rich.live import Live

    with Live(console=out, auto_refresh=False) as live:
        yield lambda picture: live.update(_screen(picture), refresh=True)
