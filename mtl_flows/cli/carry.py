"""`mtl carry` and `mtl work`: a cluster whose nodes do not see the database."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mtl_flows.cli.console import complain, err, out, progress
from mtl_flows.vocabulary import SchedulerName, WorkKind

if TYPE_CHECKING:
    from mtl_flows.launch.carrier import CarryRound
    from mtl_flows.launch.events import RocketEvent

_FOR_ANOTHER_S: Final = 120.0
"""A job that the queue ends may finish what it has in hand while its successor begins."""
_LOOK_AT_PARENT_S: Final = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(carry)
    app.command(no_args_is_help=True)(work)


def carry(
    most: Annotated[int, typer.Option("--max", min=1, help="Jobs in the queue at a time.")] = 20,
    scheduler: Annotated[
        SchedulerName | None,
        typer.Option(
            "--scheduler", help="Queueing system; that of the project's my_qadapter.yaml if not given."
        ),
    ] = None,
    kind: Annotated[
        WorkKind,
        typer.Option("--kind", help="Which jobs: light ones are those of the screening."),
    ] = "any",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", help="Folder of the job folders, seen by the nodes; .mtl/carried by default."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="Evaluate potentials there on the nodes: cpu, cuda, ...")
    ] = "",
    every_s: Annotated[
        float, typer.Option("--every", min=0, help="Seconds between two looks at the queue.")
    ] = 60.0,
    grace_s: Annotated[
        float,
        typer.Option(
            "--grace", min=0, help="Seconds that answers may take to be seen after their job ended."
        ),
    ] = 60.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for new work for ever.")] = False,
) -> None:
    """Take ready jobs, have the queue compute what they need, and complete them.

    For clusters whose nodes do not see the database. Batches of a screening, relaxations, chunks of molecular dynamics
    and hulls go to the queue as job folders; what is light (chemistry, clusters, ordering, fits, the candidate table)
    is done here. Ctrl-C leaves the queue's jobs there; started again, this goes on with them. `mtl job cancel` takes
    them off the queue with the next look.

    Examples: `mtl carry --max 20` · `mtl carry --scheduler pbs --every 300 --wait` · `mtl carry --once` from cron.
    """
    from mtl_flows.carried.root import CarrierRoot
    from mtl_flows.cli.work import fail_if_any, launch_folder, next_rounds
    from mtl_flows.launch.carrier import CarryOrder
    from mtl_flows.launch.carry import carry as carry_jobs
    from mtl_flows.launch.events import RocketOutcome
    from mtl_flows.launch.names import KINDS
    from mtl_flows.launch.queues import queue_of
    from mtl_flows.settings import Settings, find_project_folder
    from mtl_flows.simulation.devices import checked_device
    from mtl_flows.store.connection import connection

    settings, project = Settings.load(), find_project_folder()
    root, categories = folder or settings.home / "carried", KINDS[kind]
    queues = {category: queue_of(project, category, scheduler) for category in categories}
    order = CarryOrder(queues, most, checked_device(device) if device else "", grace_s)
    with connection(settings) as address, progress("carry") as reporter:
        standing: list[CarryRound] = []

        def show(event: "RocketEvent") -> None:
            if event.outcome is RocketOutcome.SENT:
                reporter.advance(0, note=f"{event.name} in the queue as {event.error}")
            elif event.outcome is RocketOutcome.COMPLETED:
                reporter.advance(1, note=f"{event.name} done")
            elif event.outcome is RocketOutcome.RETURNED:
                complain("returned", f"{event.name}: {event.error or 'stopped'}")
            elif event.outcome is RocketOutcome.FIZZLED:
                complain("failed", f"{event.name}: {event.error}\n  its folder: {event.folder}")
            elif event.outcome is RocketOutcome.WAITING:
                complain("waiting", event.error)
            elif event.outcome is RocketOutcome.LOST:
                complain("lost", f"{event.name}: cancelled, or given to another worker, meanwhile")

        def tell(now: "CarryRound") -> None:
            if not standing or replace(standing[-1], done=now.done) != now:
                why = f": {', '.join(now.reasons)}" if now.reasons else ""
                reporter.advance(0, note=f"done; in the queue {now.running} run and {now.waiting} wait{why}")
            standing.append(now)

        summary = carry_jobs(
            address,
            root,
            order,
            launch_dir=launch_folder(),
            more=lambda: next_rounds(address, categories),
            on_round=tell,
            on_event=show,
            say=complain,
            every_s=every_s,
            once=once,
            wait=wait,
            patience_s=settings.patience_min * 60,
        )
    left = len(list(CarrierRoot(root).queued()))
    out.print(f"{summary.completed} jobs completed, {summary.fizzled} failed, {left} in the queue")
    if left:
        err.print("mtl carry, started again, goes on with what is in the queue")
    if summary.interrupted:
        raise KeyboardInterrupt
    fail_if_any(summary)


def work(
    folder: Annotated[Path, typer.Argument(help="A job folder that mtl carry wrote.")],
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0, help="Begin nothing that would last longer; 0: no limit."),
    ] = 0.0,
) -> None:
    """Compute what a job folder asks: on a node, without a database, without settings.

    Each answer is written as soon as it is there: a chunk of molecular dynamics, or 25 crystals of a screening. Cut off
    and called again, it goes on after the last. SIGTERM lets it finish the answer in hand and begin no other,
    unless the shell around it ends.
    """
    from mtl_flows.carried.desk import FAILED, STOPPED
    from mtl_flows.carried.folder import CalculationFolder
    from mtl_flows.carried.node import compute

    def say(told: str) -> None:
        out.print(told, soft_wrap=True)
        out.file.flush()

    say(f"{os.uname().nodename}: {folder.resolve()}")
    with _hearing_the_queue() as stopped:
        ended = compute(
            CalculationFolder(folder.resolve()),
            say,
            limit_s=seconds or float("inf"),
            patience_s=_FOR_ANOTHER_S,
            stopped=stopped,
        )
    say(ended)
    if ended in (FAILED, STOPPED):
        raise typer.Exit(1 if ended == FAILED else 128 + signal.SIGTERM)


@contextmanager
def _hearing_the_queue() -> Iterator[Callable[[], bool]]:
    """Take SIGTERM for a wish; gives what tells whether it came."""
    parent, unwanted = os.getppid(), Event()

    def hear(number: int, frame: FrameType | None) -> None:
        unwanted.set()
        Thread(target=_end_with, args=(parent,), daemon=True).start()

    previous = signal.signal(signal.SIGTERM, hear)
    try:
        yield unwanted.is_set
    finally:
        signal.signal(signal.SIGTERM, previous)


def _end_with(parent: int) -> None:
    """End at once where the queue has ended the shell around this process, too: for the queue its job is over."""
    while os.getppid() == parent:
        time.sleep(_LOOK_AT_PARENT_S)
    os._exit(128 + signal.SIGTERM)
