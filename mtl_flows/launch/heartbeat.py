"""Signs of life of running jobs, once a minute.

FireWorks' own heartbeat comes once an hour unless configured, ends for good when the server is away for a
moment, and is not stopped when a job is interrupted between its steps.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fireworks import LaunchPad
from pymongo.errors import PyMongoError

from mtl_flows.launch.brief import BriefLaunchPad
from mtl_flows.launch.insides import heartbeat_started_by
from mtl_flows.launch.names import HEARTBEAT_S, SIGN_FIELD


@contextmanager
def heartbeats() -> Iterator[None]:
    """Let FireWorks use this heartbeat; every thread has ended when the context is left."""
    running: list[tuple[threading.Event, threading.Thread]] = []

    def start(pad: LaunchPad, launch_id: int) -> threading.Event:
        stop = threading.Event()
        thread = threading.Thread(target=_beat, args=(pad, launch_id, stop), name=f"heartbeat {launch_id}")
        running[:] = [*((s, t) for s, t in running if t.is_alive()), (stop, thread)]
        thread.start()
        return stop

    try:
        with heartbeat_started_by(start):
            yield
    finally:
        for stop, thread in running:
            stop.set()
            thread.join()


def sign(pad: LaunchPad, launch_id: int) -> None:
    """Let the server write down by its own clock when the job was seen alive: that of a worker may be wrong."""
    pad.launches.update_one(
        {"launch_id": launch_id, "state": "RUNNING"}, {"$currentDate": {SIGN_FIELD: True}}
    )


def _beat(pad: LaunchPad, launch_id: int, stop: threading.Event) -> None:
    if isinstance(pad, BriefLaunchPad):  # which has signed when it took the job
        while not stop.wait(HEARTBEAT_S):
            with suppress(PyMongoError):
                pad.beat(launch_id)
        return
    while True:
        with suppress(PyMongoError):
            pad.ping_launch(launch_id)
            sign(pad, launch_id)
        if stop.wait(HEARTBEAT_S):
            return
