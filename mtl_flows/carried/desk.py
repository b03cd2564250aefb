"""Where questions are answered: each once, in the time that is left, written as soon as there is an answer."""

import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from traceback import format_exception
from typing import Any, Final, TypeVar

from mtl_flows.carried.call import Call
from mtl_flows.carried.failures import told_of
from mtl_flows.carried.folder import WORK, CalculationFolder, CarriedAnswer
from mtl_flows.whole_files import fills_disk

DONE: Final = "done"
OUT_OF_TIME: Final = "out of time"
FAILED: Final = "failed"
STOPPED: Final = "stopped"
_SPARE: Final = 1.2
"""Of the longest answer so far: what has to be left before another is begun."""
_ROOM_WITHIN_S: Final = 1800.0
_LOOK_FOR_ROOM_S: Final = 1.0

T = TypeVar("T")
Say = Callable[[str], None]


class Desk:
    """Takes the answers to the questions of one folder.

    Parameters
    ----------
    say
        Told of each answer.
    deadline
        Value of ``time.monotonic()``: no answer is begun that would not be there by then, by the longest so far.
    stopped
        Whether the queue wants its node back.
    """

    def __init__(
        self, folder: CalculationFolder, say: Say, deadline: float, stopped: Callable[[], bool]
    ) -> None:
        self.folder, self.stopped = folder, stopped
        self._tell, self._deadline, self._longest_s, self._begun = say, deadline, 0.0, False

    def ask(
        self, call: Call, answer: Callable[[], CarriedAnswer], what: Callable[[], str] | None = None
    ) -> str:
        """Answer a call, unless that was done before or there is no time for it; gives how that ended.

        Parameters
        ----------
        what
            Says afterwards what was computed, if the kind of the call does not.
        """
        if call.key in self.folder.keys:
            return FAILED if self.folder.answer(call.key).error else DONE
        if self.stopped():
            return STOPPED
        began = time.monotonic()
        if self._begun and began + _SPARE * self._longest_s > self._deadline:
            self.say("no time for more is left")
            return OUT_OF_TIME
        self._begun |= call.kind != "fingerprint"
        with _inside(self.folder.path / WORK / call.key):
            answered = self.tried(answer)
        if answered.error and self.stopped():
            return STOPPED  # what it started was ended along with it: that is no fault of the material
        took_s = time.monotonic() - began
        self._longest_s = max(self._longest_s, took_s)
        self.with_room(lambda: self.folder.put(call.key, replace(answered, wall_s=took_s)))
        if answered.error:
            self.say(f"{call.kind}: {answered.error['message']}")
        else:
            self.say(f"{what() if what else call.kind}: {took_s:.1f} s")
        return FAILED if answered.error else DONE

    def tried(self, answer: Callable[[], CarriedAnswer]) -> CarriedAnswer:
        """Return the answer, or what was raised instead."""
        try:
            return self.with_room(answer)
        except Exception as error:  # noqa: BLE001 - of foreign code; it is told where the job is
            if self.stopped():  # it was ended along with the node
                self.say(f"broken off by the end of its time here: {type(error).__name__}")
            else:
                self.say("".join(format_exception(error)))
            return CarriedAnswer(error=told_of(error))

    def with_room(self, do: Callable[[], T]) -> T:
        """Do something; where a disk is full, again when there may be room."""
        until = min(self._deadline, time.monotonic() + _ROOM_WITHIN_S)
        while True:
            try:
                return do()
            except Exception as error:
                if not fills_disk(error) or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_FOR_ROOM_S)

    def say(self, told: str) -> None:
        """Tell whoever listens."""
        with suppress(OSError):  # of the file that it goes to, whose disk may be full
            self._tell(told)


class Respondent(ABC):
    """Who answers calls of some kinds at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @abstractmethod
    def load(self) -> dict[str, Any]:
        """Get ready, and say who it is that will have computed."""

    @abstractmethod
    def answer(self, call: Call) -> str:
        """Answer a call at the desk, and those that follow from it; gives how that ended."""

    def close(self) -> None:  # noqa: B027 - most keep nothing
        """Let go of what was kept for further calls."""


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in an empty folder of its own: engines leave files where they stand, and read those that they find."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    previous = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(previous)
