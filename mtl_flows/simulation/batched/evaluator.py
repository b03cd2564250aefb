"""The process that evaluates: it answers whoever asks, as many as it can at a time."""

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from mtl_flows.errors import ConfigurationError, MTLError
from mtl_flows.simulation.batched.messages import EvaluationReply, EvaluationRequest, Introduction
from mtl_flows.simulation.batched.potential import BatchPotential, CarefulPotential
from mtl_flows.simulation.calculators import CalculatorEngine, building, set_torch_threads
from mtl_flows.simulation.soundness import POSITION_ERRORS

_LINGER = 0.1
"""Share of the time of the last evaluation for which the next one waits for those that had a part in it."""

_FOREIGN = (*POSITION_ERRORS, AttributeError, ImportError, MemoryError, OSError, TypeError)
"""What libraries raise that is the affair of whoever asked."""


def serve(pipes: Sequence[Pipe], log: Path) -> None:
    """Answer until nobody is left who might ask; what libraries print goes into a file."""
    with log.open("a", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        Evaluator(pipes).serve()


class Evaluator:
    """Answers questions that come through pipes.

    Parameters
    ----------
    pipes
        One for each process that asks.
    """

    def __init__(self, pipes: Iterable[Pipe]) -> None:
        self._selector = DefaultSelector()
        for pipe in pipes:
            self._selector.register(pipe, EVENT_READ)
        self._engines: dict[str, CalculatorEngine] = {}
        self._potentials: dict[str, CarefulPotential] = {}
        self._waiting: dict[Pipe, EvaluationRequest] = {}
        self._just_answered: set[Pipe] = set()
        self._last_s = 0.0

    def serve(self) -> None:
        """Answer until every pipe is closed at its other end."""
        with self._selector:
            while self._selector.get_map():
                self._take()
                self._linger()
                self._evaluate()

    def _take(self, timeout_s: float | None = None) -> None:
        """Wait for messages and read one of each process; one that can be answered at once is."""
        for pipe in [key.fileobj for key, _ in self._selector.select(timeout_s)]:
            assert isinstance(pipe, Pipe)
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                self._forget(pipe)
                continue
            if isinstance(message, Introduction):
                self._engines[message.recipe] = message.engine
            elif message.configuration is None:
                with _as_answer() as answer:
                    answer.append(self._engines[message.recipe].fingerprint())
                self._say(pipe, EvaluationReply(message.number, answer[-1]))
            else:
                self._waiting[pipe] = message

    def _linger(self) -> None:
        """Wait a little for those that are between two steps: apart from the others they would cost as much."""
        deadline = time.monotonic() + _LINGER * self._last_s
        while self._waiting and self._just_answered - self._waiting.keys():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return
            self._take(left_s)

    def _evaluate(self) -> None:
        """Answer everybody who waits."""
        asked, self._waiting = self._waiting, {}
        self._just_answered = set(asked)
        began = time.monotonic()
        for recipe in dict.fromkeys(question.recipe for question in asked.values()):
            mine = {pipe: question for pipe, question in asked.items() if question.recipe == recipe}
            told: list[Any] = []
            with _as_answer() as answer:
                potential = self._potential(recipe)
                told = potential.evaluate([q.configuration for q in mine.values() if q.configuration])
            for place, (pipe, question) in enumerate(mine.items()):
                self._say(pipe, EvaluationReply(question.number, told[place] if told else answer[-1]))
        self._last_s = time.monotonic() - began if asked else self._last_s

    def _potential(self, recipe: str) -> CarefulPotential:
        if recipe not in self._potentials:
            self._potentials[recipe] = CarefulPotential(build_potential(self._engines[recipe]))
        return self._potentials[recipe]

    def _say(self, pipe: Pipe, answer: EvaluationReply) -> None:
        if isinstance(answer.told, Exception) and not _travels(answer.told):
            error = answer.told
            answer = EvaluationReply(answer.number, RuntimeError(f"{type(error).__name__}: {error}"))
        try:
            pipe.send(answer)
        except OSError:
            self._forget(pipe)

    def _forget(self, pipe: Pipe) -> None:
        self._waiting.pop(pipe, None)
        self._just_answered.discard(pipe)
        with suppress(KeyError):
            self._selector.unregister(pipe)


def build_potential(engine: CalculatorEngine) -> BatchPotential:
    """Return what evaluates many configurations by an engine's potential, loaded on the device it asks for.

    Raises
    ------
    ConfigurationError
        If it cannot be batched, or what that takes is not installed.
    CalculationError
        If the model cannot be loaded.
    """
    module, _, attribute = engine.batch_potential.rpartition(".")
    if not module:
        raise ConfigurationError(
            "its potential cannot be evaluated for many at once", subject=engine.name, remedy="run it alone"
        )
    set_torch_threads(engine.n_threads)
    with building(engine.name):
        potential: BatchPotential = getattr(import_module(module), attribute)(**engine.arguments_here)
    return potential


@contextmanager
def _as_answer() -> Iterator[list[Any]]:
    """Make an error what is answered; the process goes on for the others."""
    told: list[Any] = []
    try:
        yield told
    except MTLError as error:
        told.append(error)
    except _FOREIGN as error:
        traceback.print_exc()
        told.append(error)


def _travels(error: Exception) -> bool:
    """Whether whoever asked knows this kind of error without loading a library for it."""
    return isinstance(error, MTLError) or type(error).__module__ == "builtins"
