"""How far the work is, and how long the rest of it takes."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.dynamics import DiffusionResult
from mtl_flows.simulation.frames import FrameSink

_MOST_LOOKING = 0.05
"""Part of the time that may go into looking at what there is so far."""


@dataclass(frozen=True, slots=True)
class FolderProgress:
    """Where the work stands.

    Attributes
    ----------
    crystal, doing
        Which, and what is done with it: in words.
    share
        Of all steps foreseen, weighted with the atoms, 0 to 1; of extensions only that under way.
    left_s
        Until all of them are done, at the speed so far; None before anything was simulated here.
    found
        What is known of the diffusion at this temperature so far.
    """

    crystal: str
    doing: str
    share: float
    left_s: float | None
    found: DiffusionResult | None = None


Watch = Callable[[FolderProgress], None]


@dataclass
class _Run:
    """The simulation in hand: its atoms, steps done and foreseen, and what is said of it."""

    n_atoms: int
    foreseen: int
    doing: str = ""
    step: int = 0
    wanted: int = 0
    found: DiffusionResult | None = None

    @property
    def done(self) -> int:
        return self.n_atoms * self.step

    @property
    def whole(self) -> int:
        return self.n_atoms * max(self.foreseen, self.wanted)


class Clock:
    """Counts steps times atoms of all simulations, and the time that they take."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.crystal = ""
        self._total = 0
        self._past = 0
        self._measured = 0
        self._seconds = 0.0
        self._looking_s = 0.0
        self._run = _Run(0, 0)

    def foresee(self, atom_steps: Iterable[int]) -> None:
        """Say how much there is to do, what was done before included."""
        self._total = sum(atom_steps)

    def say(self, doing: str) -> None:
        """Tell what is done with the crystal in hand while nothing is counted."""
        self._run = _Run(0, 0, doing)
        self._tell()

    def begin(self, n_atoms: int, foreseen: int) -> None:
        """Take up a simulation, of so many steps if it is not extended."""
        self._run = _Run(n_atoms, foreseen)

    def end(self, doing: str, found: DiffusionResult | None) -> None:
        """Leave it, whether or not it came as far as was foreseen."""
        run = self._run
        self._past += run.n_atoms * run.foreseen
        self._run = _Run(0, 0, doing, found=found)
        self._tell()

    @contextmanager
    def chunk(
        self, doing: str, step: int, wanted: int, found: DiffusionResult | None
    ) -> Iterator[Callable[[FrameSink], FrameSink]]:
        """Time a chunk that begins at a step; gives what wraps the sink of its frames."""
        run = self._run
        run.doing, run.step, run.wanted, run.found = doing, step, wanted, found
        began = time.monotonic()
        before = run.done

        def seen(now: int) -> None:
            run.step = now
            self._tell((run.done - before, time.monotonic() - began))

        yield lambda sink: _Counted(sink, seen)
        self._measured += run.done - before
        self._seconds += time.monotonic() - began

    def may_look(self) -> bool:
        """Whether looking at what there is has taken little of the time so far."""
        return self._looking_s <= _MOST_LOOKING * self._seconds

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Time a look."""
        began = time.monotonic()
        yield
        self._looking_s += time.monotonic() - began

    def _tell(self, under_way: tuple[int, float] = (0, 0.0)) -> None:
        run = self._run
        measured, seconds = self._measured + under_way[0], self._seconds + under_way[1]
        total = max(self._total + run.whole - run.n_atoms * run.foreseen, 1)
        left = max(total - self._past - run.done, 0)
        left_s = left * seconds / measured if measured else None
        self._watch(FolderProgress(self.crystal, run.doing, 1.0 - left / total, left_s, run.found))


class _Counted:
    """A sink that tells at which step frames come."""

    def __init__(self, sink: FrameSink, seen: Callable[[int], None]) -> None:
        self._sink, self._seen = sink, seen

    def append(
        self, positions_A: NDArray[np.float32], step: int, temperature_K: float, energy_eV: float
    ) -> None:
        self._sink.append(positions_A, step, temperature_K, energy_eV)
        self._seen(step)

    def flush(self) -> None:
        self._sink.flush()
