"""One worker: runs Fireworks one after the other in this process."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from fireworks import FWorker
from fireworks.core.rocket_launcher import launch_rocket
from fireworks.utilities.fw_utilities import create_datestamp_dir
from pymongo.errors import PyMongoError

from mtl_flows.errors import DatabaseUnavailableError, MTLError
from mtl_flows.jobs.context import computed_on, store_kept_open
from mtl_flows.launch.checkout import Checkout
from mtl_flows.launch.environment import ERROR_FILE, OUTPUT_FILE, worker_environment, working_directory
from mtl_flows.launch.events import EventCallback, RocketEvent, RocketOutcome, as_time, last_error
from mtl_flows.launch.interruption import Interruption
from mtl_flows.launch.launchpad import open_launchpad
from mtl_flows.launch.lost import LostLaunch, give_back, last_sign, lost_launches
from mtl_flows.launch.names import HEARTBEAT_FIELD, HEARTBEAT_S, LOST_AFTER_S
from mtl_flows.launch.outage_note import note_outage
from mtl_flows.launch.ownership import owns
from mtl_flows.launch.process import WorkerProcess
from mtl_flows.launch.recover import mend
from mtl_flows.launch.worker_pad import WorkerLaunchPad
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.patience import NO_SPACE, PATIENCE_S, Patience, why_cut_off
from mtl_flows.whole_files import fills_disk

FWORKER_NAME = "mtl"
CREW_FIELD = "mtl_crew"

_IDLE_S = 0.5
_LEAST_ROOM_BYTES = 1 << 18
IN_TRANSITION = timedelta(seconds=10)


class Budget(Protocol):
    """How many jobs may still be started: a semaphore of the threading or the multiprocessing module."""

    def acquire(self, block: bool, /) -> bool:
        """Take one job off; False if none is left."""
        ...

    def release(self) -> None:
        """Put it back."""


class Unlimited:
    """A budget without end."""

    def acquire(self, block: bool, /) -> bool:
        """Take one more."""
        return True

    def release(self) -> None:
        """Put it back."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker is to do.

    Attributes
    ----------
    categories
        Kinds of jobs to take.
    folder
        Every job runs in a folder of its own in there.
    crew
        Name of the group of workers that share this order: none ends while another runs a job, because
        the job may create further ones.
    looks
        How often in a row to find nothing before ending. A crew needs more than one: between two writes of a
        worker that has ended a job, the next one is not ready yet.
    deadline
        Value of ``time.monotonic()`` after which no job is started any more.
    wait
        Whether to wait for new work when there is none, instead of ending.
    patience_s
        Longest outage of the database to wait for.
    query
        Which of these jobs, as FireWorks asks the database.
    """

    categories: Sequence[str]
    folder: Path
    crew: str
    looks: int = 1
    deadline: float = float("inf")
    wait: bool = False
    patience_s: float = PATIENCE_S
    query: Mapping[str, Any] = field(default_factory=dict)


def run_rockets(connection: Connection, order: WorkOrder, budget: Budget, on_event: EventCallback) -> bool:
    """Run jobs until none is left, the budget is spent, time is over or somebody interrupts.

    Returns
    -------
    bool
        Whether it was interrupted.

    Raises
    ------
    DatabaseUnavailableError
        If no server answers, or if it stays away for longer than the order has patience.
    """
    with at_work(connection, order, on_event) as worker:
        worker.run(budget)
    return worker.interruption.requested


@contextmanager
def at_work(
    connection: Connection, order: WorkOrder, on_event: EventCallback, env: Mapping[str, Any] | None = None
) -> Iterator["RocketWorker"]:
    """Set this process up as a worker; an interruption ends the block, and the job in hand has been given back.

    Parameters
    ----------
    env
        What else its launches say of it.

    Raises
    ------
    DatabaseUnavailableError
        As `run_rockets`.
    """
    interruption = Interruption()
    with interruption.installed(), worker_environment(connection, order.folder):
        pad = open_launchpad(connection, WorkerLaunchPad)
        worker = RocketWorker(pad, order, on_event, interruption, connection.revive, env or {})
        try:
            with (
                worker.patience.in_force(),
                MTLStore.connect(connection) as store,
                store_kept_open(store),
                computed_on(Settings.load().device),
            ):
                yield worker
        except KeyboardInterrupt:
            pass  # the job in hand has been given back
        except (PyMongoError, MTLError, OSError) as error:
            if not (why := why_cut_off(error)):
                raise
            raise _waited_in_vain(connection, why) from None
        finally:
            pad.connection.close()
    if worker.patience.exhausted:
        raise _waited_in_vain(connection, worker.patience.exhausted)


def _waited_in_vain(connection: Connection, why: str) -> MTLError:
    then = "start workers again; the job in hand is run again, mtl recover does so at once"
    if why == NO_SPACE:
        return MTLError(why, subject="this worker", remedy=f"make room, then {then}")
    return DatabaseUnavailableError(
        f"the MongoDB server went away: {why}",
        subject=connection.redacted,
        remedy=f"when it is back, {then}",
    )


class RocketWorker:
    """Runs one job after the other; made by `at_work`."""

    def __init__(
        self,
        pad: WorkerLaunchPad,
        order: WorkOrder,
        on_event: EventCallback,
        interruption: Interruption,
        revive: Callable[[], None],
        env: Mapping[str, Any],
    ) -> None:
        self.patience = Patience(
            order.patience_s,
            self._tell_of_outage,
            interrupted=lambda: interruption.requested,
            revive=revive,
            note=self._note_outage,
        )
        self.mended_outages = 0
        self.pad = pad
        self.order = order
        self.on_event = on_event
        self.streams = sys.stdout, sys.stderr
        self.interruption = interruption
        pad.interruption = interruption
        pad.patience = self.patience
        pad.on_checkout = lambda checkout: self._report(RocketOutcome.STARTED, checkout)
        pad.on_unreadable = self._report_unreadable
        said = WorkerProcess.current().as_env() | {HEARTBEAT_FIELD: HEARTBEAT_S, CREW_FIELD: order.crew}
        categories, query = list(order.categories), dict(order.query)
        self.fworker = FWorker(FWORKER_NAME, category=categories, query=query, env={**said, **env})

    def run(self, budget: Budget) -> None:
        """Run jobs as `run_rockets` does."""
        looks, busy = 0, False
        while (
            time.monotonic() < self.order.deadline and not self.patience.exhausted and budget.acquire(False)
        ):
            busy = self.run_next(looking=not busy) is not None
            if busy:
                looks = 0
            else:
                budget.release()
                looks = 0 if self._more_to_come() else looks + 1
                if looks == self.order.looks:
                    return
                time.sleep(_IDLE_S)
            self.interruption.check()

    def _more_to_come(self) -> bool:
        """Whether to wait: for new work, or for what others run. Looks after those others meanwhile."""
        if not (self.order.wait or self.patience.through(self._others_are_busy)):
            return self._mended_after_outage()
        for launch in self.patience.through(lambda: list(lost_launches(self.pad, LOST_AFTER_S))):
            give_back(self.pad, launch)
        return True

    def _mended_after_outage(self) -> bool:
        """Put right what an outage may have torn apart, unless that was done; whether it was done now.

        A write whose answer was lost may have happened: then a job is reserved for nobody, or a workflow locked.
        """
        if self.patience.outages == self.mended_outages:
            return False
        self.mended_outages = self.patience.outages
        self.patience.through(lambda: mend(self.pad))
        return True

    def _others_are_busy(self) -> bool:
        active = {"state": {"$in": ["RUNNING", "RESERVED"]}}
        return any(map(self._concerns_us, self.pad.fireworks.find(active, {"fw_id": 1, "updated_on": 1})))

    def _concerns_us(self, firework: Mapping[str, Any]) -> bool:
        """Whether there may be a job for this worker after one that another worker has in hand.

        So it may after any job of the crew, and after any other on which a job depends that this worker takes. A
        job that is recorded as running although its launch ended some time ago does not count; it waits for
        `recover`.
        """
        launch = self.pad.launches.find_one({"fw_id": firework["fw_id"]}, sort=[("launch_id", -1)])
        if launch is None or launch["state"] != "RUNNING":
            times = [as_time(firework["updated_on"])] + ([last_sign(launch)] if launch else [])
            return abs(datetime.now(UTC) - max(times)) < IN_TRANSITION  # clocks differ
        env = launch["fworker"]["env"] or {}
        return env.get(CREW_FIELD) == self.order.crew or self._waits_for(firework["fw_id"])

    def _waits_for(self, fw_id: int) -> bool:
        links = self.pad.workflows.find_one({"nodes": fw_id}, {f"links.{fw_id}": 1})["links"]
        awaited = {"fw_id": {"$in": links[str(fw_id)]}, "state": "WAITING"}
        return self.pad.fireworks.find_one({**self.fworker.query, **awaited}, {"_id": 1}) is not None

    def run_next(
        self, fworker: FWorker | None = None, fw_id: int | None = None, *, looking: bool = True
    ) -> Checkout | None:
        """Run one job, and tell how it ended; None if there is none.

        Parameters
        ----------
        fworker
            What is taken, if not what the order says.
        fw_id
            The one to run: ready, or reserved before.
        looking
            Whether to look for one before a folder is made for it; after one job there often is another.
        """
        fworker = fworker or self.fworker
        if looking and fw_id is None and not self.patience.through(lambda: self._is_ready(fworker)):
            return None
        self.pad.checkout = None
        folder = self.patience.through(self._new_folder)
        try:
            with working_directory(folder) as errors:
                launch_rocket(self.pad, fworker, fw_id=fw_id, strm_lvl="CRITICAL", err_file=errors)
        except OSError as error:
            if self.pad.checkout is None or not fills_disk(error):
                raise  # else it is given back: why it failed could not even be written down
        finally:
            with self.interruption.shield():
                self._settle()
            if self.pad.checkout is None or self.pad.checkout.waits_for:
                _remove_unused(folder)
        return self.pad.checkout

    def _new_folder(self) -> Path:
        """Make the folder of the next job, which has room for what is written there before the job begins."""
        folder = Path(create_datestamp_dir(self.order.folder, self.pad.m_logger, prefix="launcher_"))
        try:
            (folder / OUTPUT_FILE).write_bytes(bytes(_LEAST_ROOM_BYTES))
            for name in (OUTPUT_FILE, ERROR_FILE):
                (folder / name).write_bytes(b"")
        except OSError:
            _remove_unused(folder)
            raise
        return folder

    def _is_ready(self, fworker: FWorker) -> bool:
        """Whether there is a job; `LaunchPad.run_exists` reads it whole."""
        return self.pad.fireworks.find_one({**fworker.query, "state": "READY"}, {"_id": 1}) is not None

    def _settle(self) -> None:
        """Report how the job in hand ended; give it back if it did not end by itself."""
        checkout = self.pad.checkout
        if checkout is None:
            return
        if checkout.completed:
            self._report(RocketOutcome.COMPLETED, checkout)
            return
        launch = self.patience.through(lambda: self.pad.get_launch_by_id(checkout.launch_id))
        unfinished = launch.state == "RUNNING"
        if checkout.lost or (
            unfinished and not self.patience.through(lambda: owns(self.pad, checkout.launch_id))
        ):
            self._report(RocketOutcome.LOST, checkout)
        elif launch.state == "COMPLETED":
            self._report(RocketOutcome.COMPLETED, checkout)
        elif unfinished and checkout.waits_for and not self.interruption.requested:
            checkout.outcome = RocketOutcome.SENT  # told by whoever sends it
        elif unfinished:
            why = "WorkerStopped: before the job ended"
            give_back(self.pad, LostLaunch(checkout.launch_id, checkout.firework.fw_id, why, counts=False))
            self._report(RocketOutcome.RETURNED, checkout)
        elif self.interruption.requested:
            self.pad.rerun_fw(checkout.firework.fw_id)  # FireWorks took the interruption for a failure
            self._report(RocketOutcome.RETURNED, checkout)
        else:
            stacktrace = launch.action.stored_data["_exception"]["_stacktrace"]
            self._report(RocketOutcome.FIZZLED, checkout, last_error(stacktrace))

    def _report(self, outcome: RocketOutcome, checkout: Checkout, error: str = "") -> None:
        checkout.outcome = outcome
        firework, elapsed_s = checkout.firework, time.monotonic() - checkout.since
        folder = str(checkout.folder)
        self.tell(RocketEvent(outcome, firework.fw_id, firework.name, folder, os.getpid(), elapsed_s, error))

    def _report_unreadable(self, fw_id: int, error: Exception) -> None:
        name = (self.pad.fireworks.find_one({"fw_id": fw_id}, {"name": 1}) or {}).get("name", "")
        message = f"{type(error).__name__}: {error}"
        folder = str(self.order.folder)
        self.tell(RocketEvent(RocketOutcome.FIZZLED, fw_id, name, folder, os.getpid(), 0.0, message))

    def _tell_of_outage(self, told: str) -> None:
        folder = str(self.order.folder)
        self.tell(RocketEvent(RocketOutcome.WAITING, 0, "", folder, os.getpid(), error=told))

    def _note_outage(self, away: bool) -> None:
        if self.pad.checkout is not None:
            note_outage(self.pad.checkout.folder, self.pad.checkout.launch_id, away)

    def tell(self, event: RocketEvent) -> None:
        """Tell whoever listens."""
        stdout, stderr = self.streams
        with redirect_stdout(stdout), redirect_stderr(stderr):  # the listener's own, not the job's files
            self.on_event(event)


def _remove_unused(folder: Path) -> None:
    for name in (OUTPUT_FILE, ERROR_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
