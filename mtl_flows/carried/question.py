"""A question that travels: who is to answer it, and what is asked, the most urgent first."""

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field, TypeAdapter

from mtl_flows.carried.call import Call
from mtl_flows.carried.engine_calls import EngineChoice
from mtl_flows.carried.stage_calls import StageChoice

Choice = Annotated[EngineChoice | StageChoice, Field(discriminator="kind")]
"""Who answers: an engine, or stages of a screening."""


@dataclass(frozen=True)
class CarriedQuestion:
    """What goes to another machine at a time."""

    choice: Choice
    calls: Annotated[tuple[Call, ...], Field(min_length=1)]

    @classmethod
    def of(cls, choice: EngineChoice | StageChoice, calls: Sequence[Call]) -> "CarriedQuestion":
        """Ask some calls of one who answers."""
        return cls(choice, tuple(calls))

    def lets_go_on(self, answered: Set[str]) -> bool:
        """Whether those who ask get further with these answers: what an engine is asked first, or any of stages."""
        first = self.calls[:1] if isinstance(self.choice, EngineChoice) else self.calls
        return any(call.key in answered for call in first)

    def to_json(self) -> bytes:
        """Write it out."""
        calls = [vars(call) for call in self.calls]  # their arguments are as JSON holds them
        return json.dumps({"choice": self.choice.as_dict(), "calls": calls}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "CarriedQuestion":
        """Restore what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        return _questions().validate_json(text)


class CalculatedElsewhere(BaseException):
    """Ends a job that needs an answer which is not there yet; no error, and no job takes it for one."""

    def __init__(self, question: CarriedQuestion) -> None:
        super().__init__(question)
        self.question = question


@cache
def _questions() -> TypeAdapter[CarriedQuestion]:
    return TypeAdapter(CarriedQuestion)
