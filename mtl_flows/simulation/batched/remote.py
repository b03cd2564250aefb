"""The process that evaluates, as one that simulates sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing.connection import Connection as Pipe
from typing import Any

from mtl_flows.errors import CalculationError
from mtl_flows.simulation.batched.messages import EvaluationRequest, Introduction
from mtl_flows.simulation.batched.potential import Configuration, Evaluation
from mtl_flows.simulation.calculators import CalculatorEngine


class RemoteEvaluator:
    """The process that evaluates, at the other end of a pipe.

    Parameters
    ----------
    pipe
        To that process.
    on_loss
        Called when it has ended.
    """

    def __init__(self, pipe: Pipe, on_loss: Callable[[], None]) -> None:
        self._pipe = pipe
        self._on_loss = on_loss
        self._introduced: set[str] = set()
        self._number = 0
        self._fingerprints: dict[str, dict[str, Any]] = {}

    def evaluate(self, engine: CalculatorEngine, configuration: Configuration) -> Evaluation:
        """Return what the engine's potential says of a configuration.

        Raises
        ------
        ConfigurationError, CalculationError
            If the potential cannot be loaded there; and whatever it raises.
        """
        told: Evaluation = self._ask(engine, configuration)
        return told

    def fingerprint(self, engine: CalculatorEngine) -> dict[str, Any]:
        """Return the engine's fingerprint, its model loaded there.

        Raises
        ------
        ConfigurationError, CalculationError
            If it cannot be loaded.
        """
        if engine.recipe not in self._fingerprints:
            self._fingerprints[engine.recipe] = self._ask(engine)
        return dict(self._fingerprints[engine.recipe])

    def _ask(self, engine: CalculatorEngine, configuration: Configuration | None = None) -> Any:
        recipe = engine.recipe
        self._number += 1
        try:
            if recipe not in self._introduced:
                self._pipe.send(Introduction(recipe, engine))
                self._introduced.add(recipe)
            self._pipe.send(EvaluationRequest(self._number, recipe, configuration))
            answer = self._pipe.recv()
            while answer.number != self._number:  # to what was given up half-way
                answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._on_loss()
            raise CalculationError(
                "the process that evaluates its potential has ended", subject=engine.name
            ) from error
        if isinstance(answer.told, Exception):
            raise answer.told
        return answer.told


_standing: ContextVar[RemoteEvaluator | None] = ContextVar("evaluator", default=None)


@contextmanager
def evaluated_by(evaluator: RemoteEvaluator) -> Iterator[None]:
    """Let another process evaluate what can be batched, of all that is simulated meanwhile."""
    previous = _standing.set(evaluator)
    try:
        yield
    finally:
        _standing.reset(previous)


def evaluator() -> RemoteEvaluator | None:
    """The process that evaluates for this one; None if it does so itself."""
    return _standing.get()
