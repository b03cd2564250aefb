"""A listener that sees every write go out and come back, and kills the server in between.

Shared by `mongod_crash.py` and `tests/jobs/test_server_crash.py`.
"""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

Record = Callable[[str, list[str]], None]


def sigkill(pid: int) -> Callable[[], None]:
    """What kills that process when called."""
    return partial(os.kill, pid, signal.SIGKILL)


class Saboteur(CommandListener):
    """Hands on the ids of acknowledged inserts and upserts, and kills just after the nth write has set out.

    Parameters
    ----------
    record
        Called with the collection and the ids of each write that the server has acknowledged.

    Attributes
    ----------
    writes
        How many writes have set out.
    """

    def __init__(self, record: Record) -> None:
        self.writes = 0
        self._record = record
        self._pending: dict[int, tuple[str, list[str]]] = {}
        self._kill: Callable[[], None] | None = None
        self._timer: threading.Timer | None = None
        self._at = 0
        self._delay_s = 0.0

    def aim(self, kill: Callable[[], None], after_writes: int, delay_s: float) -> None:
        """Call `kill` once, `delay_s` seconds after so many more writes have set out."""
        self._kill, self._at, self._delay_s = kill, self.writes + after_writes, delay_s

    def wait(self) -> None:
        """Return once a kill that was on its way has happened."""
        if self._timer is not None:
            self._timer.join()

    def started(self, event: CommandStartedEvent) -> None:
        """Note what is asked for; kill if it is time."""
        command = event.command
        if event.command_name == "insert":
            ids = [document["_id"] for document in command["documents"]]
        elif event.command_name == "update":
            queries = [update["q"] for update in command["updates"] if update.get("upsert")]
            ids = [query["_id"] for query in queries if isinstance(query.get("_id"), str)]
        else:
            return
        self._pending[event.request_id] = (command[event.command_name], ids)
        self.writes += 1
        if self._kill is not None and self.writes == self._at:
            self._timer = threading.Timer(self._delay_s, self._kill)
            self._timer.start()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Hand on what was acknowledged."""
        collection, ids = self._pending.pop(event.request_id, ("", []))
        failed = {error["index"] for error in event.reply.get("writeErrors", ())}
        if kept := [key for i, key in enumerate(ids) if i not in failed]:
            self._record(collection, kept)

    def failed(self, event: CommandFailedEvent) -> None:
        """Forget what was not."""
        self._pending.pop(event.request_id, None)
