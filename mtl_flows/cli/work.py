"""Running workers with progress: shared by the commands that do the work themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_flows.cli.console import complain, progress
from mtl_flows.errors import MTLError

if TYPE_CHECKING:
    from mtl_flows.launch.events import RocketEvent, WorkSummary
    from mtl_flows.store.connection import Connection
    from mtl_flows.store.patience import Patience


def launch_folder() -> Path:
    """Folder below the project folder where jobs run and leave their output."""
    from mtl_flows.settings import EMBEDDED_FOLDER, find_project_folder

    return find_project_folder() / EMBEDDED_FOLDER / "launches"


@contextmanager
def patient() -> "Iterator[Patience]":
    """Wait for a database that is away, as long as the settings say, and say so."""
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import revive
    from mtl_flows.store.patience import Patience

    def say(told: str) -> None:
        complain("waiting", told)

    settings = Settings.load()
    waiting = Patience(settings.patience_min * 60, say, revive=lambda: revive(settings))
    with waiting.in_force():
        yield waiting


def run_workers(
    address: "Connection",
    *,
    categories: Sequence[str],
    processes: int,
    batched: bool = False,
    total: int | None = None,
    max_rockets: int | None = None,
    timeout_s: float | None = None,
    wait: bool = False,
) -> "WorkSummary":
    """Run what is ready and show each job as it starts and ends.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C ended the work; the job in hand is ready to run again.
    """
    from mtl_flows.launch.events import RocketOutcome
    from mtl_flows.launch.worker import work
    from mtl_flows.settings import Settings

    with progress("jobs", total) as reporter:

        def show(event: "RocketEvent") -> None:
            if event.outcome is RocketOutcome.STARTED:
                reporter.advance(0, note=f"{event.name} …")
            elif event.outcome is RocketOutcome.COMPLETED:
                reporter.advance(1, note=f"{event.name} done in {event.elapsed_s:.1f} s")
            elif event.outcome is RocketOutcome.FIZZLED:
                reporter.advance(1, note=f"{event.name} failed")
            elif event.outcome is RocketOutcome.WAITING:
                complain("waiting", event.error)
            elif event.outcome is RocketOutcome.LOST:
                complain(
                    "lost",
                    f"{event.name}: cancelled, or given to another worker, meanwhile; nothing was changed here",
                )

        summary = work(
            address,
            launch_dir=launch_folder(),
            categories=categories,
            processes=processes,
            batched=batched,
            max_rockets=max_rockets,
            timeout_s=timeout_s,
            wait=wait,
            patience_s=Settings.load().patience_min * 60,
            on_event=show,
        )
    for failure in summary.failures:
        complain("failed", f"{failure.name}: {failure.error}\n  its output: {failure.folder}")
    if summary.interrupted:
        complain("interrupted", "what was in hand is given back and ready to run again; mtl status shows it")
        raise KeyboardInterrupt
    return summary


def run_rounds(
    address: "Connection",
    *,
    categories: Sequence[str],
    processes: int,
    batched: bool = False,
    max_rockets: int | None = None,
    timeout_s: float | None = None,
    wait: bool = False,
) -> "list[WorkSummary]":
    """Run what is ready, and what campaigns make of it until they have ended or others are at work."""
    summaries = []
    while True:
        summaries.append(
            run_workers(
                address,
                categories=categories,
                processes=processes,
                batched=batched,
                max_rockets=max_rockets,
                timeout_s=timeout_s,
                wait=wait,
            )
        )
        if max_rockets or timeout_s or not next_rounds(address, categories):
            return summaries


def next_rounds(address: "Connection", categories: Sequence[str]) -> int:
    """Decide the next rounds of campaigns, whose jobs do so unless they fail; gives the number of new workflows."""
    from mtl_flows.launch.campaign import advance_open_campaigns
    from mtl_flows.launch.names import DYNAMICS
    from mtl_flows.store.database import MTLStore

    if not set(categories) & set(DYNAMICS):
        return 0

    def decide() -> int:
        with MTLStore.connect(address) as store:
            return len(advance_open_campaigns(store, address)) if store.campaigns.count() else 0

    with patient() as waiting:
        return waiting.through(decide)


def fail_if_any(summary: "WorkSummary") -> None:
    """Turn failed jobs into an exit code.

    Raises
    ------
    MTLError
        If a job failed.
    """
    if summary.failures:
        raise MTLError(
            f"{summary.fizzled} of {summary.completed + summary.fizzled} jobs failed",
            remedy="mend the cause, then run the same command again; mtl job list --state fizzled shows them",
        )
