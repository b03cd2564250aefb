"""The work on a job folder, where no database is seen: questions are answered one by one."""

import time
from collections.abc import Callable
from contextlib import closing

from mtl_flows.carried.desk import DONE, FAILED, OUT_OF_TIME, STOPPED, Desk, Respondent, Say
from mtl_flows.carried.engine_answers import EngineRespondent
from mtl_flows.carried.engine_calls import EngineChoice
from mtl_flows.carried.folder import CalculationFolder, CarriedAnswer
from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.carried.stage_answers import StageRespondent


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
        question = folder.asked()
        for error in folder.refuse_damaged():
            say(f"damaged, computed anew: {error}")
        desk = Desk(folder, say, deadline, stopped)
        with closing(_respondent(question, desk)) as respondent:
            ended = _answered(question, desk, respondent)
        if ended != STOPPED:
            folder.end(ended)
    return ended


def _respondent(question: CarriedQuestion, desk: Desk) -> Respondent:
    if isinstance(question.choice, EngineChoice):
        return EngineRespondent(question.choice, desk)
    return StageRespondent(question.choice, desk)


def _answered(question: CarriedQuestion, desk: Desk, respondent: Respondent) -> str:
    begun = desk.tried(lambda: CarriedAnswer(respondent.load()))
    if begun.error is not None:
        if desk.stopped():
            return STOPPED
        desk.with_room(lambda: desk.folder.put(question.calls[0].key, begun))
        desk.say(f"failed: {begun.error['message']}")
        return FAILED
    desk.with_room(lambda: desk.folder.begin(begun.value))
    ended = DONE
    for call in question.calls:
        how = respondent.answer(call)
        if how in (OUT_OF_TIME, STOPPED):
            return how
        ended = FAILED if how == FAILED else ended
    return ended
