"""What processes that simulate and the one that evaluates say to each other."""

from dataclasses import dataclass
from typing import Any

from mtl_flows.simulation.batched.potential import Configuration, Evaluation
from mtl_flows.simulation.calculators import CalculatorEngine


@dataclass(frozen=True, slots=True)
class Introduction:
    """An engine, before anything is asked of it.

    Attributes
    ----------
    recipe
        By which it is named from then on.
    """

    recipe: str
    engine: CalculatorEngine


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationRequest:
    """What an engine says of a configuration; without one, who it is.

    Attributes
    ----------
    number
        Of those that one process asks.
    """

    number: int
    recipe: str
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReply:
    """An evaluation, a fingerprint, or what was raised."""

    number: int
    told: Evaluation | dict[str, Any] | Exception
