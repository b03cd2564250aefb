"""An engine answers: relaxations one by one, dynamics chunk by chunk."""

import json
from functools import partial
from typing import Any

from pymatgen.core import Structure

from mtl_flows.carried.call import Call
from mtl_flows.carried.desk import DONE, Desk, Respondent
from mtl_flows.carried.engine_calls import EngineChoice, check_call, chunk_call
from mtl_flows.carried.folder import CarriedAnswer
from mtl_flows.records import plain
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState


class EngineRespondent(Respondent):
    """Answers what an engine is asked."""

    def __init__(self, choice: EngineChoice, desk: Desk) -> None:
        super().__init__(desk)
        self._choice = choice
        self._engine: Engine
        self._fingerprint: dict[str, Any]

    def load(self) -> dict[str, Any]:
        """Load the model."""
        self._engine = self._choice.engine()
        self._fingerprint = self._engine.fingerprint()
        return self._fingerprint

    def answer(self, call: Call) -> str:
        """Answer a call; of dynamics also those that go on from it."""
        match call.kind:
            case "fingerprint":
                return self.desk.ask(call, lambda: CarriedAnswer(self._fingerprint))
            case "check":
                return self.desk.ask(call, lambda: self._check(call))
            case "relax":
                return self.desk.ask(call, lambda: self._relax(call))
            case "chunk":
                return self._chunks(call)
        raise ValueError(f"no question to an engine: {call.kind}")

    def _check(self, call: Call) -> CarriedAnswer:
        found = self._engine.check(Structure.from_dict(call.arguments["structure"]))
        return CarriedAnswer(None if found is None else found.as_dict())

    def _relax(self, call: Call) -> CarriedAnswer:
        told = call.arguments
        goal = RelaxationGoal(**told["goal"])
        so_far = None if told["so_far"] is None else Relaxation.from_dict(told["so_far"])
        relaxed = self._engine.relax(Structure.from_dict(told["structure"]), goal, so_far)
        given = json.loads(json.dumps(relaxed.as_dict()))
        if relaxed.complete and goal.max_steps:
            # The question that follows, where the potential is new: it is answered along with this one.
            check = check_call(self._choice, Relaxation.from_dict(given).structure)
            self.desk.ask(check, lambda: self._check(check))
        return CarriedAnswer(given)

    def _chunks(self, first: Call) -> str:
        """Run the chunk that is asked for and those that follow it; each is the answer to a call of its own."""
        told = first.arguments
        stage, until = MDParameters(**told["stage"]), int(told["until_step"])
        call, length = first, int(told["max_steps"])
        while True:
            how = self.desk.ask(call, partial(self._chunk, call, stage))
            if how != DONE:
                return how
            value = self.desk.folder.answer(call.key).value
            state = MDState.from_dict(value["state"])
            self.desk.say(f"step {state.step} of {until or state.step}, {value['status']}")
            if value["status"] != ChunkStatus.COMPLETED or state.step >= min(until, stage.n_steps):
                return DONE
            call = chunk_call(self._choice, state, stage, min(length, until - state.step), until)

    def _chunk(self, call: Call, stage: MDParameters) -> CarriedAnswer:
        blocks: list[bytes] = []

        def write(block: FrameBlock) -> None:
            blocks.append(block.to_bytes())

        start = MDState.from_dict(call.arguments["start"])
        result = self._engine.run_chunk(
            start, stage, BlockFrameSink(write), max_steps=int(call.arguments["max_steps"])
        )
        return CarriedAnswer(written(result), tuple(blocks))


def written(result: ChunkResult) -> dict[str, Any]:
    """Return the outcome of a chunk as JSON holds it."""
    names = (name for name in ChunkResult.__slots__ if name not in ("state", "wall_s"))
    return {"state": result.state.as_dict(), **{name: plain(getattr(result, name)) for name in names}}


def restored(value: dict[str, Any], wall_s: float) -> ChunkResult:
    """Restore what `written` wrote."""
    told = {**value, "state": MDState.from_dict(value["state"]), "status": ChunkStatus(value["status"])}
    return ChunkResult(**told, wall_s=wall_s)
