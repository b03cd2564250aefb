"""Jobs of a cluster whose nodes see no database: what they compute is carried to the queue, the rest is done here.

A carrier is a worker whose engines and stages compute elsewhere. A job that needs an answer which is not there waits,
reserved, and its question goes to the queue as a folder; when the answer is back the job is run again under the same
launch and finds it. All that a carrier knows lies in its folder and in the database, so that one that ended, however it
did, is followed by the next.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fireworks import FWorker

from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.carried.root import CarrierRoot, Queued, Waiting
from mtl_flows.carried.stage_calls import StageChoice, differing
from mtl_flows.carried.supply import CarrierSupply
from mtl_flows.errors import DamagedFolderError, MTLError, QueueError
from mtl_flows.jobs.barrier import BarrierMaker, LandscapeMaker
from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.jobs.context import computed_by
from mtl_flows.jobs.dft_check import DftFramesMaker
from mtl_flows.jobs.dynamics import TrajectoryMaker
from mtl_flows.jobs.relaxation import RelaxationMaker
from mtl_flows.jobs.stability import StabilityMaker
from mtl_flows.jobs.topology import TopologyMaker
from mtl_flows.launch.checkout import Checkout
from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.lost import LostLaunch, give_back, lost_launches
from mtl_flows.launch.names import LOST_AFTER_S
from mtl_flows.launch.ownership import owns
from mtl_flows.launch.queues import BatchQueue, QueuedJob
from mtl_flows.launch.reservations import reservations, reserve
from mtl_flows.launch.rockets import FWORKER_NAME, RocketWorker

GRACE_S: Final = 60.0
"""How long an answer may take to be seen here once its job has left the queue: file systems remember."""
COMPUTING: Final = tuple(
    maker.__name__
    for maker in (
        *(BatchMaker, TopologyMaker, BarrierMaker, LandscapeMaker),
        *(RelaxationMaker, TrajectoryMaker, StabilityMaker, DftFramesMaker),
    )
)
"""Makers whose jobs may have to wait for a queue."""
_MAKER: Final = "spec._tasks.job.function.@bound.@class"

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class CarryOrder:
    """How a carrier works.

    Attributes
    ----------
    queues
        Of each category of jobs that it takes.
    most
        Jobs in the queue at a time.
    device
        Where potentials are evaluated on the nodes, whatever was asked for; empty for that.
    grace_s
        As `GRACE_S`.
    """

    queues: Mapping[str, BatchQueue]
    most: int
    device: str = ""
    grace_s: float = GRACE_S


@dataclass(frozen=True, slots=True)
class CarryRound:
    """Where a carrier stands after a round.

    Attributes
    ----------
    waiting, running
        Of its jobs in the queue.
    done
        Jobs that were completed in this round.
    reasons
        Why those wait that will not begin by themselves, in the words of the queue.
    """

    waiting: int
    running: int
    done: int
    reasons: tuple[str, ...] = ()

    @property
    def queued(self) -> int:
        """Of its jobs in the queue."""
        return self.waiting + self.running


class Carrier:
    """Carries the calculations of jobs to a queue and back.

    Parameters
    ----------
    worker
        Runs the jobs.
    root
        Holds the job folders.
    say
        Told, by a word and a line, what is no step of a job.
    """

    def __init__(self, worker: RocketWorker, root: CarrierRoot, order: CarryOrder, say: Say) -> None:
        self._worker, self._root, self._order, self._say = worker, root, order, say
        self._pad = worker.pad
        self._known: dict[str, QueuedJob] | None = {}
        self._n_queued = self._done = 0
        self._told: set[str] = set()
        every = worker.fworker
        light = {_MAKER: {"$nin": list(COMPUTING)}}
        self._light = FWorker(FWORKER_NAME, category=every.category, query=light, env=every.env)

    def round(self) -> CarryRound:
        """Collect what is back, take what is ready, and give the queue as much as it may have."""
        self._done = 0
        with computed_by(CarrierSupply(self._root, self._order.device)):
            self._collect()
            self._take()
        for told in self._root.damaged:
            self._say("damaged", told)
        self._root.damaged.clear()
        self._root.sweep()
        queued = [q.queue_id for q in self._root.queued()]
        known = self._known or {}
        running = sum(queue_id in known and known[queue_id].running for queue_id in queued)
        reasons = {known[queue_id].reason for queue_id in queued if queue_id in known} - {""}
        return CarryRound(len(queued) - running, running, self._done, tuple(sorted(reasons)))

    def _collect(self) -> None:
        """Go on with jobs whose answers are back, give back those whose answers will not come, cancel the unwanted."""
        for launch in list(
            lost_launches(self._pad, LOST_AFTER_S)
        ):  # of a carrier that ended in the middle of a job
            give_back(self._pad, launch)
        self._known = self._listed()
        standing = list(self._root.queued())
        self._n_queued = len(standing)
        for queued in standing:
            self._worker.interruption.check()
            self._look_at(queued)
        noted = {waiting.launch_id for queued in self._root.queued() for waiting in queued.waiting}
        for job in list(reservations(self._pad, self._root.name)):
            if job.launch_id not in noted:
                self._run(job.fw_id)

    def _listed(self) -> dict[str, QueuedJob] | None:
        """What the queues know; None where one does not answer."""
        known: dict[str, QueuedJob] = {}
        try:
            for queue in {type(queue): queue for queue in self._order.queues.values()}.values():
                known |= queue.known()
        except QueueError as error:
            self._say("queue", f"{error}; looking again later")
            return None
        return known

    def _look_at(self, queued: Queued) -> None:
        listed = self._as_listed(queued)
        if listed != queued:
            self._sent(listed)
        queued = listed
        wanted = tuple(job for job in queued.waiting if owns(self._pad, job.launch_id))
        alive = self._known is not None and queued.queue_id in self._known
        if not wanted:
            again = self._ready_again(queued)
            for fw_id in again:
                self._run(fw_id)  # it asks the same, and finds it in the queue or answered
            if not again and self._known is not None:  # else it may run on, forgotten
                self._drop(queued, alive=alive)
            return
        queued = replace(queued, waiting=wanted)
        folder = self._root.folder(queued.calculation)
        try:
            ended = bool(folder.ended)
        except DamagedFolderError:
            ended = not alive  # of a manifest on its way nobody knows
        if not ended:
            if self._known is None:
                return
            if not queued.queue_id:
                self._submit(queued)
                return
            missed_since = None if alive else queued.missed_since or time.time()
            if missed_since != queued.missed_since:
                self._root.note(replace(queued, missed_since=missed_since))
            if missed_since is None or time.time() - missed_since < self._order.grace_s:
                return
        self._bring_back(queued, folder)

    def _as_listed(self, queued: Queued) -> Queued:
        """The same under the number by which the queue lists it: its answer may never have come, or been misread."""
        known = self._known or {}
        if not known or queued.queue_id in known:
            return queued
        name = _listed_as(queued)
        there = next((queue_id for queue_id, job in known.items() if job.name == name and not job.ending), "")
        if not there:
            return queued
        queued = replace(queued, queue_id=there, since=queued.since or time.time(), missed_since=None)
        self._root.note(queued)
        return queued

    def _ready_again(self, queued: Queued) -> list[int]:
        """Jobs whose reservation has lapsed, or that somebody runs again: they are to be done all the same."""
        ready = {"fw_id": {"$in": [job.fw_id for job in queued.waiting]}, "state": "READY"}
        return [firework["fw_id"] for firework in self._pad.fireworks.find(ready, {"fw_id": 1})]

    def _drop(self, queued: Queued, *, alive: bool) -> None:
        """Let go of what nobody waits for any more."""
        if alive:
            try:
                self._queue(queued.category).cancel(queued.queue_id)
            except QueueError as error:
                self._say("queue", str(error))
                return
            names = ", ".join(job.name for job in queued.waiting)
            self._say(
                "cancelled", f"{queued.queue_id} of the queue, which nobody waits for any more: {names}"
            )
        self._settle(queued)

    def _settle(self, queued: Queued) -> None:
        self._root.settle(queued.calculation)
        self._n_queued -= 1
        if self._known:
            self._known.pop(queued.queue_id, None)  # which may list it for a moment, but it does no more

    def _bring_back(self, queued: Queued, folder: CalculationFolder) -> None:
        """Let jobs go on that waited for a folder, or give them back if it holds no answer to them."""
        refused = folder.refuse_damaged()
        for error in refused:
            self._say("damaged", str(error))
        try:
            question = folder.asked()
            answered = question.lets_go_on(folder.keys)
            if answered and folder.fingerprint is not None:
                self._root.note_seen(question.choice, folder.fingerprint)
                self._tell_versions(question, folder.fingerprint)
        except DamagedFolderError as error:
            self._say("damaged", str(error))
            refused.append(error)
            answered = False
        if not answered:
            ending = self._queue(queued.category).how_ended(queued.queue_id) if queued.queue_id else ""
            why = _why(queued, folder, refused, ending)
        self._settle(queued)
        if answered:
            self._go_on(queued.waiting)
            return
        for job in queued.waiting:
            self._give_back(queued, job, why)

    def _go_on(self, jobs: Sequence[Waiting]) -> None:
        """Run jobs that waited for the same; the last lets go of what they were told."""
        try:
            for number, job in enumerate(jobs, 1):
                self._root.others_wait = number < len(jobs)
                self._run(job.fw_id)
        finally:
            self._root.others_wait = False

    def _tell_versions(self, question: CarriedQuestion, fingerprint: Mapping[str, Any]) -> None:
        """Say once that nodes have other versions than this machine; documents hold those of the nodes."""
        if isinstance(question.choice, StageChoice):
            versions = differing(fingerprint)
            if versions and versions not in self._told:
                self._told.add(versions)
                self._say("versions", f"nodes compute with {versions}; their documents say so")

    def _give_back(self, queued: Queued, job: Waiting, why: str) -> None:
        ready = give_back(self._pad, LostLaunch(job.launch_id, job.fw_id, why))
        self._tell(RocketOutcome.RETURNED if ready else RocketOutcome.FIZZLED, queued, job, why)

    def _take(self) -> None:
        """Run what is ready: as long as the queue has room all of it, then what computes nothing."""
        while self._has_room and self._run():
            self._worker.interruption.check()
        while not self._has_room and self._run(fworker=self._light):
            self._worker.interruption.check()

    @property
    def _has_room(self) -> bool:
        return self._n_queued < self._order.most

    def _run(self, fw_id: int | None = None, fworker: FWorker | None = None) -> bool:
        """Run a job, and those after it that it made ready; False if there was none."""
        first = self._worker.run_next(fworker, fw_id)
        pending = self._followed(first) if first else []
        while pending:
            self._worker.interruption.check()
            following = pending.pop(0)
            if self._has_room or not self._computes(following):
                after = self._worker.run_next(None, following)
                pending = (self._followed(after) if after else []) + pending
        return first is not None

    def _followed(self, done: Checkout) -> list[int]:
        """Send away what a job waits for; gives the jobs that are ready because it has ended."""
        fw_id = done.firework.fw_id
        if done.outcome is RocketOutcome.SENT:
            self._send(done)
        if done.outcome is not RocketOutcome.COMPLETED:
            return []
        self._done += 1
        links = self._pad.workflows.find_one({"nodes": fw_id}, {f"links.{fw_id}": 1})["links"]
        ready = {
            "fw_id": {"$in": links.get(str(fw_id), [])},
            "state": "READY",
            "spec._category": {"$in": list(self._order.queues)},
        }
        return [firework["fw_id"] for firework in self._pad.fireworks.find(ready, {"fw_id": 1})]

    def _computes(self, fw_id: int) -> bool:
        query = {"fw_id": fw_id, _MAKER: {"$in": list(COMPUTING)}}
        return self._pad.fireworks.find_one(query, {"_id": 1}) is not None

    def _send(self, done: Checkout) -> None:
        """Give the question of a job to the queue, unless it is there already."""
        question, firework = done.waits_for, done.firework
        if question is None:
            return
        with self._worker.interruption.shield():
            try:
                folder = self._worker.patience.through(lambda: self._root.place(question))
            except MTLError as error:  # no room, or none of ours
                why = f"WorkerStopped: {error}"
                give_back(self._pad, LostLaunch(done.launch_id, firework.fw_id, why, counts=False))
                raise
            standing = {queued.calculation: queued for queued in self._root.queued()}
            queued = standing.get(folder.path.name)
            if queued is None:
                category = str(firework.spec.get("_category", ""))
                queued = Queued(folder.path.name, category, processors=question.choice.processors)
                self._n_queued += 1
            queued = queued.joined_by(Waiting(firework.fw_id, done.launch_id, firework.name))
            self._root.note(queued)
            queued = self._as_listed(queued)
            if reserve(self._pad, firework.fw_id, done.launch_id):
                self._submit(queued)
            else:  # and whoever has the job now asks anew
                self._tell(RocketOutcome.LOST, queued, queued.waiting[-1])

    def _submit(self, queued: Queued) -> None:
        """Give a folder to the queue; one that the queue has already under its name is left there."""
        if not queued.queue_id:
            name = _listed_as(queued)
            try:
                folder = self._root.path / queued.calculation
                queue_id = self._queue(queued.category).submit(folder, name, queued.processors)
            except QueueError as error:
                self._say("queue", f"{error}; trying again later")
                return
            queued = replace(queued, queue_id=queue_id, since=time.time(), missed_since=None)
            self._root.note(queued)
            if self._known is not None:
                self._known[queue_id] = QueuedJob(name, running=False)
        self._sent(queued)

    def _sent(self, queued: Queued) -> None:
        for job in queued.waiting:
            self._pad.set_reservation_id(job.launch_id, queued.queue_id)
            self._tell(RocketOutcome.SENT, queued, job, queued.queue_id)

    def _tell(self, outcome: RocketOutcome, queued: Queued, job: Waiting, told: str = "") -> None:
        folder = str(self._root.path / queued.calculation)
        self._worker.tell(RocketEvent(outcome, job.fw_id, job.name, folder, os.getpid(), 0.0, told))

    def _queue(self, category: str) -> BatchQueue:
        queues = self._order.queues
        return queues.get(category) or next(iter(queues.values()))


def _listed_as(queued: Queued) -> str:
    return f"mtl-{queued.calculation}"


def _why(
    queued: Queued, folder: CalculationFolder, refused: Sequence[DamagedFolderError], ending: str
) -> str:
    """Why jobs are given back, as the end of a traceback says it; `ending` is what the queue knows of it."""
    if refused:
        return f"{type(refused[0]).__module__}.{type(refused[0]).__name__}: {refused[0]}"
    words = folder.last_words()
    told = f"WorkerLost: job {queued.queue_id} left the queue without an answer in {folder.path}"
    return told + (f" ({ending})" if ending else "") + (f"; its last words: {words}" if words else "")
