"""Workers: run what is ready, here or in several processes, and say what happens."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from mtl_flows.extras import require
from mtl_flows.launch.batching import jobs_for_batches
from mtl_flows.launch.crew import run_crew
from mtl_flows.launch.events import EventCallback, RocketEvent, WorkSummary
from mtl_flows.launch.names import CATEGORIES, EXTRA_OF
from mtl_flows.launch.rockets import Unlimited, WorkOrder, run_rockets
from mtl_flows.store.connection import Connection
from mtl_flows.store.patience import PATIENCE_S


def ignore(event: RocketEvent) -> None:
    """Take no notice."""


def work(
    connection: Connection,
    *,
    launch_dir: Path,
    categories: Sequence[str] = CATEGORIES,
    max_rockets: int | None = None,
    timeout_s: float | None = None,
    wait: bool = False,
    processes: int = 1,
    batched: bool = False,
    patience_s: float = PATIENCE_S,
    on_event: EventCallback = ignore,
) -> WorkSummary:
    """Run jobs until none is left.

    A job that fails is reported and the next one runs. When nothing is ready but another worker runs a job
    that others depend on, this one waits. Ctrl-C and SIGTERM give the job in hand back, so that it can run
    again.

    Parameters
    ----------
    launch_dir
        Created if need be. Each job runs in a folder of its own in there and leaves its output in it;
        FireWorks' log goes to ``worker.log``.
    categories
        Kinds of jobs to take, see `mtl_flows.launch.names`.
    max_rockets
        Most jobs to run; no limit if None.
    timeout_s
        No job is started after so many seconds; one that runs is not stopped.
    wait
        Wait for new work for ever, instead of ending when there is none.
    processes
        How many jobs to run at a time, each in a process of its own; 1 runs them in this process.
    batched
        Whether one more process evaluates potentials for all of them, as many configurations at a time as there are.
        Jobs whose potential cannot be batched are left to other workers, see `mtl_flows.launch.batching`.
    patience_s
        Longest outage of the database to wait for; jobs do not fail for it.
    on_event
        Called in this process and thread when a job starts and when it ends.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers, or if it stays away for longer than there is patience.
    MissingExtraError
        If what such jobs need is not installed here.
    """
    require(*sorted({EXTRA_OF[category] for category in categories if category in EXTRA_OF}))
    deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    order = WorkOrder(
        categories=tuple(categories),
        folder=launch_dir.resolve(),
        crew=uuid4().hex,
        looks=1 if processes == 1 else 3,
        deadline=deadline,
        wait=wait,
        patience_s=patience_s,
        query=jobs_for_batches() if batched else {},
    )
    events: list[RocketEvent] = []

    def note(event: RocketEvent) -> None:
        events.append(event)
        on_event(event)

    if processes == 1 and not batched:
        budget = Unlimited() if max_rockets is None else threading.Semaphore(max_rockets)
        interrupted = run_rockets(connection, order, budget, note)
    else:
        interrupted = run_crew(connection, order, processes, max_rockets, note, batched=batched)
    return WorkSummary.of(events, interrupted=interrupted)
