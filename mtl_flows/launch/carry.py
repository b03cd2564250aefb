"""Carry jobs to a queue until none is left, and say what happens."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from mtl_flows.carried.root import CarrierRoot
from mtl_flows.launch.carrier import Carrier, CarryOrder, CarryRound, Say
from mtl_flows.launch.events import EventCallback, RocketEvent, WorkSummary
from mtl_flows.launch.names import CARRIER_FIELD
from mtl_flows.launch.rockets import WorkOrder, at_work
from mtl_flows.store.connection import Connection
from mtl_flows.store.patience import PATIENCE_S


def carry(
    connection: Connection,
    root: Path,
    order: CarryOrder,
    *,
    launch_dir: Path,
    more: Callable[[], int] = int,
    on_round: Callable[[CarryRound], None] = lambda done: None,
    on_event: EventCallback = lambda event: None,
    say: Say = lambda word, line: None,
    every_s: float = 60.0,
    once: bool = False,
    wait: bool = False,
    patience_s: float = PATIENCE_S,
) -> WorkSummary:
    """Carry jobs until none is left; what is in the queue when this ends is found again by the next.

    Parameters
    ----------
    root
        Folder of the job folders, which nodes see under the same name.
    launch_dir
        Where jobs run that need nothing from a node.
    more
        Asked when nothing is left: how much there is again, such as next rounds of campaigns.
    every_s
        Seconds between two looks at the queue.
    once
        Look once.
    wait
        Wait for new work for ever.

    Raises
    ------
    ConfigurationError
        If another carrier works with the folder, or the queue's commands are not here.
    DatabaseUnavailableError
        If no server answers, or if it stays away for longer than there is patience.
    """
    for queue in {type(queue): queue for queue in order.queues.values()}.values():
        queue.require()
    events: list[RocketEvent] = []

    def note(event: RocketEvent) -> None:
        events.append(event)
        on_event(event)

    folders = CarrierRoot(root.resolve())
    categories: Sequence[str] = tuple(order.queues)
    works = WorkOrder(categories, launch_dir.resolve(), crew=uuid4().hex, patience_s=patience_s)
    with folders.held(), at_work(connection, works, note, {CARRIER_FIELD: folders.name}) as worker:
        carrier = Carrier(worker, folders, order, say)
        while True:
            done = worker.patience.through(carrier.round)
            on_round(done)
            if once or not (done.queued or done.done or more() or wait):
                break
            time.sleep(every_s if done.queued or wait else 0.0)
    return WorkSummary.of(events, interrupted=worker.interruption.requested)
