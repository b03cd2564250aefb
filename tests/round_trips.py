"""Sees what the clients of this process ask of servers; what other processes ask is not seen."""

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pymongo import monitoring


class Commands(monitoring.CommandListener):
    """Counts the commands of clients that are opened inside the ``with`` block."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        _LISTENING.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        _LISTENING.remove(self)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Count one."""
        self.counts[event.command_name] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Take no notice."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Take no notice."""


class Strike(Commands):
    """Does something once, when a command goes out to a collection."""

    def __init__(self, command: str, collection: str, strike: Callable[[], object]) -> None:
        super().__init__()
        self._awaited = command, collection
        self._strike = strike

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Strike if it is the one."""
        super().started(event)
        if (event.command_name, event.command.get(event.command_name)) == self._awaited:
            self._awaited = ("", "")
            self._strike()


class _Switchboard(Commands):
    """pymongo's listeners of a process cannot be taken away again: this one stays, and passes on to who listens."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Pass it on."""
        for listener in _LISTENING:
            listener.started(event)


_LISTENING: list[Commands] = []
monitoring.register(_Switchboard())
