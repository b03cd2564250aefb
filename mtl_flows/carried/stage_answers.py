"""Stages answer: one portion of crystals after the other, within limits, each stage after those that it needs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from mtl_flows.carried.call import Call
from mtl_flows.carried.desk import Desk, Respondent
from mtl_flows.carried.failures import told_of
from mtl_flows.carried.folder import CarriedAnswer
from mtl_flows.carried.stage_calls import (
    Portion,
    PortionAnswer,
    StageChoice,
    carried_stages,
    computing_here,
)
from mtl_flows.errors import ConfigurationError, LimitExceededError
from mtl_flows.schemas.base import CrystalResult
from mtl_flows.stages import CrystalStage, ScreeningParameters, Subject
from mtl_flows.stages.work import StageWork, build_document, refusal


class StageRespondent(Respondent):
    """Answers what stages of a screening are asked."""

    def __init__(self, choice: StageChoice, desk: Desk) -> None:
        super().__init__(desk)
        self._choice = choice
        self._stages: Sequence[CrystalStage[Any]] = ()
        self._said = ""
        self._kept = ExitStack()
        self._pool = self._kept.enter_context(choice.limits.pool(outlives_sigterm=True))

    def load(self) -> dict[str, Any]:
        """See that the stages are those that are asked."""
        self._stages = self._choice.chosen()
        return computing_here()

    def answer(self, call: Call) -> str:
        """Compute a portion."""
        return self.desk.ask(call, lambda: CarriedAnswer(self._portion(call).as_dict()), lambda: self._said)

    def close(self) -> None:
        """End the processes."""
        self._kept.close()

    def _portion(self, call: Call) -> PortionAnswer:
        portion = Portion.from_dict(call.arguments)
        made = _Made(self._choice.parameters, portion)
        answer = PortionAnswer({}, {}, {}, **computing_here())
        for stage in self._stages:
            works, left_out = made.works(stage)
            documents, refused = dict[str, CrystalResult](), dict[str, dict[str, str]]()
            for work, outcome in zip(works, self._pool.map(build_document, works), strict=True):
                if outcome.error is None:
                    documents[work.header.id] = outcome.value
                elif isinstance(outcome.error, LimitExceededError) and self.desk.stopped():
                    raise outcome.error  # the queue ended its process: no fault of the crystal
                else:
                    refused[work.header.id] = told_of(refusal(outcome.error, work.subject))
            made.documents[stage.noun] = {**made.documents.get(stage.noun, {}), **documents}
            answer.documents[stage.noun] = [written(document) for document in documents.values()]
            answer.refused[stage.noun], answer.left_out[stage.noun] = refused, left_out
        counts = [f"{len(found)} {noun}" for noun, found in answer.documents.items()]
        if n_refused := sum(map(len, answer.refused.values())):
            counts.append(f"{n_refused} refused")
        self._said = f"{len(portion.crystals)} crystals, {', '.join(counts)}"
        return answer


class _Made:
    """What there is of a portion so far: documents by the noun of their stage and their id."""

    def __init__(self, parameters: ScreeningParameters, portion: Portion) -> None:
        self._parameters, self._portion = parameters, portion
        self._stages = {stage.noun: stage for stage in carried_stages()}
        self.documents = {
            noun: {document.id: document for document in (restored(self._stages[noun], d) for d in given)}
            for noun, given in portion.upstream.items()
        }

    def works(self, stage: CrystalStage[Any]) -> tuple[list[StageWork], list[str]]:
        """What is to be computed of a stage, and the ids of those for which a stage before it gave nothing.

        Raises
        ------
        ConfigurationError
            If what is wanted has other ids here.
        """
        p, portion = self._parameters, self._portion
        keyed, wanted = p.of(stage), portion.wanted.get(stage.noun, ())
        keys = stage.keys(portion.subjects, keyed)
        of = {keys[subject.structure_id]: subject for subject in portion.subjects}
        if strange := set(wanted) - of.keys():
            raise ConfigurationError(
                f"its results have other ids here, {min(strange)} for one",
                subject=f"stage {stage.noun}",
                remedy="use one version of mtl_flows on both sides, then mtl job rerun",
            )
        works, left_out = [], []
        for key in wanted:
            subject = of[key]
            given = dict(self._upstream(stage, subject))
            if len(given) == len(stage.needs):
                crystal, header = portion.crystals[subject.crystal_id], stage.header(subject, keyed)
                works.append(StageWork(stage, subject, crystal, given, p, header))
            else:
                left_out.append(key)
        return works, left_out

    def _upstream(self, stage: CrystalStage[Any], subject: Subject) -> Iterator[tuple[str, CrystalResult]]:
        for noun in stage.needs:
            needed = self._stages[noun]
            (key,) = needed.keys([subject], self._parameters.of(needed)).values()
            if (document := self.documents.get(noun, {}).get(key)) is not None:
                yield noun, document


def written(document: CrystalResult) -> dict[str, Any]:
    """Return a document as JSON holds it."""
    return document.model_dump(mode="json", by_alias=True)


def restored(stage: CrystalStage[Any], told: Mapping[str, Any]) -> CrystalResult:
    """Restore what `written` wrote.

    Raises
    ------
    ValueError
        If it is no document of the stage.
    """
    document: CrystalResult = stage.document.model_validate_json(json.dumps(told))
    return document
