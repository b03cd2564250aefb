"""Several workers at once, each in a process of its own."""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from mtl_flows.errors import CalculationError, MTLError
from mtl_flows.launch.environment import EVALUATOR_LOG, environment_variables
from mtl_flows.launch.events import EventCallback, RocketEvent, RocketOutcome
from mtl_flows.launch.interruption import Interruption
from mtl_flows.launch.launchpad import open_launchpad
from mtl_flows.launch.lost import give_back, lost_launches
from mtl_flows.launch.names import LOST_AFTER_S
from mtl_flows.launch.rockets import Budget, Unlimited, WorkOrder, run_rockets
from mtl_flows.parallel import ignoring_interrupts
from mtl_flows.simulation.batched.process import EvaluatorProcess
from mtl_flows.simulation.batched.remote import RemoteEvaluator, evaluated_by
from mtl_flows.store.connection import Connection
from mtl_flows.store.patience import Patience

_LOOK_AROUND_S = 0.5


def run_crew(
    connection: Connection,
    order: WorkOrder,
    size: int,
    max_rockets: int | None,
    on_event: EventCallback,
    *,
    batched: bool = False,
) -> bool:
    """Run jobs in `size` processes that share one budget; return whether it was interrupted.

    The job of a worker that is killed is given back, unless it was its third; the others go on. If they are `batched`,
    one more process evaluates potentials for all of them; when that is killed, all give their jobs back.

    Raises
    ------
    MTLError
        What a worker raised, or that the process that evaluates ended by itself, once all have ended.
    """
    evaluator = EvaluatorProcess(size, order.folder / EVALUATOR_LOG) if batched else None
    context = multiprocessing.get_context("spawn")
    budget = Unlimited() if max_rockets is None else context.Semaphore(max_rockets)
    interruption = Interruption()
    watch = _Watch(on_event)
    workers: dict[Pipe, SpawnProcess] = {}
    with interruption.installed(), interruption.shield():
        with environment_variables(_share_of_threads(size)):
            for number in range(size):
                receiver, sender = context.Pipe(duplex=False)
                asking = evaluator.clients[number] if evaluator else None
                worker = context.Process(target=_serve, args=(connection, order, budget, sender, asking))
                with ignoring_interrupts():
                    worker.start()
                # The worker holds the only writing ends: the pipes end when it does.
                sender.close()
                if asking:
                    asking.close()
                workers[receiver] = worker
        stopping = False
        while workers:
            ready = wait(list(workers), _LOOK_AROUND_S)
            for pipe in [pipe for pipe in workers if pipe in ready]:
                try:
                    watch.take(pipe.recv())
                except EOFError:
                    workers.pop(pipe).join()
            if interruption.requested and not stopping:
                stopping = True
                for worker in workers.values():
                    worker.terminate()
        if watch.in_hand:
            with Patience(order.patience_s, revive=connection.revive).in_force():
                _give_back_dropped(connection, watch)
        if evaluator:
            try:
                evaluator.close()
            except CalculationError as error:
                watch.errors.append(error)
    if watch.errors:
        raise watch.errors[0]
    return interruption.requested


class _Watch:
    """Passes events on and remembers which jobs have not ended."""

    def __init__(self, on_event: EventCallback) -> None:
        self.on_event = on_event
        self.in_hand: dict[int, RocketEvent] = {}
        self.errors: list[MTLError] = []

    def take(self, message: RocketEvent | MTLError) -> None:
        if isinstance(message, MTLError):
            self.errors.append(message)
            return
        if message.outcome is RocketOutcome.STARTED:
            self.in_hand[message.fw_id] = message
        else:
            self.in_hand.pop(message.fw_id, None)
        self.on_event(message)


def _give_back_dropped(connection: Connection, watch: _Watch) -> None:
    """Put right what workers left behind that were killed."""
    pad = open_launchpad(connection)
    try:
        for launch in lost_launches(pad, LOST_AFTER_S):
            ready = give_back(pad, launch)
            if launch.fw_id in watch.in_hand:
                outcome = RocketOutcome.RETURNED if ready else RocketOutcome.FIZZLED
                watch.take(replace(watch.in_hand[launch.fw_id], outcome=outcome, error=launch.why))
    finally:
        pad.connection.close()
    for event in list(watch.in_hand.values()):  # another worker noticed first
        watch.take(replace(event, outcome=RocketOutcome.RETURNED))


def _serve(connection: Connection, order: WorkOrder, budget: Budget, pipe: Pipe, asking: Pipe | None) -> None:
    """Work in this process and send what happens through a pipe; what evaluates potentials is asked by another."""

    def give_up() -> None:
        """Give the job back and end."""
        signal.raise_signal(signal.SIGTERM)

    def send(event: RocketEvent) -> None:
        try:
            pipe.send(event)
        except OSError:  # nobody listens any more
            give_up()

    try:
        with evaluated_by(RemoteEvaluator(asking, give_up)) if asking else nullcontext():
            run_rockets(connection, order, budget, send)
    except MTLError as error:
        with suppress(OSError):
            pipe.send(error)


def _share_of_threads(size: int) -> Mapping[str, str]:
    """Let numerical libraries in each process use its share of the cores, unless the user said otherwise."""
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // size))}
