"""Ctrl-C and termination signals that never strike between two writes that belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns both signals into KeyboardInterrupt, except inside a `shield`, where they are only noted.

    FireWorks swallows the exception when it strikes inside a job, so `requested` is what counts.
    """

    def __init__(self) -> None:
        self.requested = False
        self._shields = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals; outside the main thread Python has no handlers, and nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Hold an interruption back until `check`."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def check(self) -> None:
        """Interrupt now, if that was asked for."""
        if self.requested:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self._shields:
            raise KeyboardInterrupt
