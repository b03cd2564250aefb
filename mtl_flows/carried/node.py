"""The work on a job folder, where no database is seen: questions are answered one by one, dynamics chunk by chunk."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import Any, Final, TypeVar

from pymatgen.core import Structure

from mtl_flows.carried.calls import EngineCall, EngineChoice, check_call, chunk_call
from mtl_flows.carried.failures import told_of
from mtl_flows.carried.folder import CalculationFolder, EngineAnswer
from mtl_flows.records import plain
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
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


def compute(
    folder: CalculationFolder,
    say: Say,
    *,
    limit_s: float = float("inf"),
    patience_s: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> str:
    """Answer what a folder asks, each answer written as soon as there is one; what is answered already is left.

    Parameters
    ----------
    say
        Told of each answer.
    limit_s
        No answer is begun that would not be there within so many seconds, by the longest so far. The first is always
        tried, however long it took to get there: a job that does nothing would only be asked for again.
    patience_s
        How long to wait for another process that works on the folder.
    stopped
        Whether the queue wants its node back: what is in hand is finished, if the queue allows it, and nothing more
        is begun. The folder is not told that this was the end, since a queue may begin such a job anew.

    Returns
    -------
    str
        How it ended: `DONE`, `OUT_OF_TIME`, `STOPPED`, or `FAILED` where an answer is an error.

    Raises
    ------
    ConfigurationError
        If another process works on the folder.
    DamagedFolderError
        If its question is damaged.
    """
    deadline = time.monotonic() + limit_s
    with folder.held(patience_s):
        choice, calls = folder.asked()
        for error in folder.refuse_damaged():
            say(f"damaged, computed anew: {error}")
        ended = _Node(folder, choice, say, deadline, stopped).answer(calls)
        if ended != STOPPED:
            folder.end(ended)
    return ended


class _Node:
    def __init__(
        self,
        folder: CalculationFolder,
        choice: EngineChoice,
        say: Say,
        deadline: float,
        stopped: Callable[[], bool],
    ) -> None:
        self._folder, self._choice, self._tell = folder, choice, say
        self._deadline, self._longest_s, self._begun, self._stopped = deadline, 0.0, False, stopped
        self._engine: Engine

    def answer(self, calls: list[EngineCall]) -> str:
        begun = self._tried(lambda: EngineAnswer(self._load()))
        if begun.error is not None:
            if self._stopped():
                return STOPPED
            self._with_room(lambda: self._folder.put(calls[0].key, begun))
            self._say(f"failed: {begun.error['message']}")
            return FAILED
        self._with_room(lambda: self._folder.begin(begun.value))
        ended = DONE
        for call in calls:
            how = self._answered(call, begun)
            if how in (OUT_OF_TIME, STOPPED):
                return how
            ended = FAILED if how == FAILED else ended
        return ended

    def _answered(self, call: EngineCall, fingerprint: EngineAnswer) -> str:
        match call.kind:
            case "fingerprint":
                return self._ask(call, lambda: fingerprint)
            case "check":
                return self._ask(call, lambda: self._check(call))
            case "relax":
                return self._ask(call, lambda: self._relax(call))
            case "chunk":
                return self._chunks(call)

    def _load(self) -> dict[str, Any]:
        self._engine = self._choice.engine()
        return self._engine.fingerprint()

    def _ask(self, call: EngineCall, answer: Callable[[], EngineAnswer]) -> str:
        """Answer a call, unless that was done before or there is no time for it; gives how that ended."""
        if call.key in self._folder.keys:
            return FAILED if self._folder.answer(call.key).error else DONE
        if self._stopped():
            return STOPPED
        began = time.monotonic()
        if self._begun and began + _SPARE * self._longest_s > self._deadline:
            self._say("no time for more is left")
            return OUT_OF_TIME
        self._begun |= call.kind != "fingerprint"
        with _inside(self._folder.path / "work" / call.key):
            answered = self._tried(answer)
        if answered.error and self._stopped():
            return STOPPED  # what it started was ended along with it: that is no fault of the material
        took_s = time.monotonic() - began
        self._longest_s = max(self._longest_s, took_s)
        answered = EngineAnswer(answered.value, answered.blocks, answered.error, took_s)
        self._with_room(lambda: self._folder.put(call.key, answered))
        self._say(f"{call.kind}: {answered.error['message'] if answered.error else f'{took_s:.1f} s'}")
        return FAILED if answered.error else DONE

    def _tried(self, answer: Callable[[], EngineAnswer]) -> EngineAnswer:
        try:
            return self._with_room(answer)
        except Exception as error:  # noqa: BLE001 - of foreign code; it is told where the job is
            self._say("".join(format_exception(error)))
            return EngineAnswer(error=told_of(error))

    def _with_room(self, do: Callable[[], T]) -> T:
        """Do something; where a disk is full, again when there may be room."""
        until = min(self._deadline, time.monotonic() + _ROOM_WITHIN_S)
        while True:
            try:
                return do()
            except Exception as error:
                if not fills_disk(error) or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_FOR_ROOM_S)

    def _say(self, told: str) -> None:
        with suppress(OSError):  # of the file that it goes to, whose disk may be full
            self._tell(told)

    def _check(self, call: EngineCall) -> EngineAnswer:
        found = self._engine.check(Structure.from_dict(call.arguments["structure"]))
        return EngineAnswer(None if found is None else found.as_dict())

    def _relax(self, call: EngineCall) -> EngineAnswer:
        told = call.arguments
        goal = RelaxationGoal(**told["goal"])
        so_far = None if told["so_far"] is None else Relaxation.from_dict(told["so_far"])
        relaxed = self._engine.relax(Structure.from_dict(told["structure"]), goal, so_far)
        given = json.loads(json.dumps(relaxed.as_dict()))
        if relaxed.complete and goal.max_steps:
            # The question that follows, where the potential is new: it is answered along with this one.
            check = check_call(self._choice, Relaxation.from_dict(given).structure)
            self._ask(check, lambda: self._check(check))
        return EngineAnswer(given)

    def _chunks(self, first: EngineCall) -> str:
        """Run the chunk that is asked for and those that follow it; each is the answer to a call of its own."""
        told = first.arguments
        stage, until = MDParameters(**told["stage"]), int(told["until_step"])
        call, length = first, int(told["max_steps"])
        while True:
            how = self._ask(call, partial(self._chunk, call, stage))
            if how != DONE:
                return how
            value = self._folder.answer(call.key).value
            state = MDState.from_dict(value["state"])
            self._say(f"step {state.step} of {until or state.step}, {value['status']}")
            if value["status"] != ChunkStatus.COMPLETED or state.step >= min(until, stage.n_steps):
                return DONE
            call = chunk_call(self._choice, state, stage, min(length, until - state.step), until)

    def _chunk(self, call: EngineCall, stage: MDParameters) -> EngineAnswer:
        blocks: list[bytes] = []

        def write(block: FrameBlock) -> None:
            blocks.append(block.to_bytes())

        start = MDState.from_dict(call.arguments["start"])
        result = self._engine.run_chunk(
            start, stage, BlockFrameSink(write), max_steps=int(call.arguments["max_steps"])
        )
        return EngineAnswer(written(result), tuple(blocks))


def written(result: ChunkResult) -> dict[str, Any]:
    """Return the outcome of a chunk as JSON holds it."""
    names = (name for name in ChunkResult.__slots__ if name not in ("state", "wall_s"))
    return {"state": result.state.as_dict(), **{name: plain(getattr(result, name)) for name in names}}


def restored(value: dict[str, Any], wall_s: float) -> ChunkResult:
    """Restore what `written` wrote."""
    told = {**value, "state": MDState.from_dict(value["state"]), "status": ChunkStatus(value["status"])}
    return ChunkResult(**told, wall_s=wall_s)


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
