"""A batch that a carrier has computed elsewhere: what came back is written, what is missing is asked for.

Crystals go in portions in the order of their ids, whatever the store holds of them. So a job that is run again finds
the answers to the portions that came back, and asks for the others alone.
"""

from collections.abc import Iterator, Sequence

from mtl_flows.carried.call import Call
from mtl_flows.carried.question import CalculatedElsewhere, CarriedQuestion
from mtl_flows.carried.stage_answers import written
from mtl_flows.carried.stage_calls import (
    PORTION,
    Portion,
    StageChoice,
    carried_stages,
    portion_call,
    portion_key,
)
from mtl_flows.carried.stages import Answered, AskedPortion, CarriedStages, Name
from mtl_flows.errors import MTLError
from mtl_flows.jobs.stage_results import BatchSummary, StageResults, upstream_of
from mtl_flows.schemas.base import CrystalResult
from mtl_flows.stages import ScreeningParameters, Subject
from mtl_flows.stages.work import Limits
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore


def bring_back(
    store: MTLStore,
    batch: Sequence[StageResults],
    subjects: Sequence[Subject],
    parameters: ScreeningParameters,
    limits: Limits,
    stages: CarriedStages,
) -> list[BatchSummary]:
    """Write what came back of a batch.

    Parameters
    ----------
    batch
        What is missing of each stage.

    Raises
    ------
    CalculatedElsewhere
        If some of it is still to be computed; what came back is written.
    DamagedFolderError
        If an answer is none to what was asked.
    MTLError
        What was raised on a node, of no fault of a crystal.
    """
    lacking = [portion for portion in _portions(batch, subjects, parameters, limits) if portion.wanted]
    unanswered, failed = list[_Portion](), list[MTLError]()
    for portion in lacking:
        try:
            answered = stages.answer(portion.key, portion.asked())
        except MTLError as error:
            failed.append(error)
            continue
        if answered is None:
            unanswered.append(portion)
        else:
            portion.write(answered)
    summaries = [results.end() for results in batch]
    if failed:
        raise failed[0]
    if unanswered:
        choice = StageChoice.of([results.stage for results in batch], parameters, limits)
        begun = stages.root.begun()  # what a limit has cut off must not keep the others waiting
        unanswered.sort(key=lambda portion: portion.key in begun)
        calls = [portion.call(store) for portion in unanswered]
        raise CalculatedElsewhere(CarriedQuestion.of(choice, calls))
    # It is all in the store. What was refused is tried once more by whoever hands it in again, not by who waited too.
    for portion in lacking:
        if portion.stored or not stages.root.others_wait:
            stages.root.forget(portion.key)
    for results in batch:
        results.count_earlier()
    return summaries


def _portions(
    batch: Sequence[StageResults],
    subjects: Sequence[Subject],
    parameters: ScreeningParameters,
    limits: Limits,
) -> Iterator["_Portion"]:
    """A few crystals at a time: what is one document for several subjects is in one portion."""
    by_crystal: dict[str, list[Subject]] = {}
    for subject in subjects:
        by_crystal.setdefault(subject.crystal_id, []).append(subject)
    for ids in batched(sorted(by_crystal), PORTION):
        yield _Portion(batch, [subject for one in ids for subject in by_crystal[one]], parameters, limits)


class _Portion:
    """Some crystals of a batch.

    Attributes
    ----------
    wanted
        Ids of the documents that the store lacks, by the noun of their stage.
    stored
        Whether it has them all since.
    """

    def __init__(
        self,
        batch: Sequence[StageResults],
        subjects: Sequence[Subject],
        parameters: ScreeningParameters,
        limits: Limits,
    ) -> None:
        self._batch, self._subjects, self._parameters = batch, subjects, parameters
        self._ids = {r.stage.noun: {r.keys[s.structure_id]: s for s in subjects} for r in batch}
        self.key = portion_key({noun: list(ids) for noun, ids in self._ids.items()}, limits)
        self.stored = False
        self.wanted = {
            r.stage.noun: wanted
            for r in batch
            if (wanted := tuple(key for key in self._ids[r.stage.noun] if key in r.todo))
        }

    def asked(self) -> AskedPortion:
        """What is asked of it."""
        headers = {
            r.stage.noun: {k: r.header(s) for k, s in self._ids[r.stage.noun].items()} for r in self._batch
        }
        wanted = {(noun, key) for noun, keys in self.wanted.items() for key in keys}
        return AskedPortion(headers, wanted, self._needs())

    def _needs(self) -> dict[Name, list[Name]]:
        """What each document is made of beside its crystal."""
        needs: dict[Name, list[Name]] = {}
        stages = {stage.noun: stage for stage in carried_stages()}
        for noun, ids in self._ids.items():
            needs |= {(noun, key): [] for key in ids}
            for needed in map(stages.__getitem__, stages[noun].needs):
                keys = needed.keys(ids.values(), self._parameters.of(needed))
                for key, subject in ids.items():
                    needs[noun, key].append((needed.noun, keys[subject.structure_id]))
        return needs

    def write(self, answered: Answered) -> None:
        """Write what came back of what is wanted."""
        self.stored = True
        for results in self._batch:
            for key in self.wanted.get(results.stage.noun, ()):
                found = answered[results.stage.noun, key]
                if isinstance(found.outcome, CrystalResult):
                    results.take(found.outcome)
                    continue
                self.stored = False
                if found.outcome is not None:
                    results.refuse(found.header, found.outcome)

    def call(self, store: MTLStore) -> Call:
        """Ask for what is wanted, with what it is made of."""
        concerned = {s.crystal_id for r in self._batch for s in self._of(r)}
        crystals = {c.id: dict(c.structure) for c in store.crystals.get_many(sorted(concerned))}
        subjects = tuple(s for s in self._subjects if s.crystal_id in concerned)
        upstream: dict[str, dict[str, CrystalResult]] = {}
        for results in self._batch:
            for noun in results.stage.needs:
                found = upstream_of(store, noun, self._of(results), self._parameters).values()
                upstream.setdefault(noun, {}).update({document.id: document for document in found})
        given = {noun: tuple(map(written, found.values())) for noun, found in upstream.items()}
        return portion_call(self.key, Portion(crystals, subjects, self.wanted, given))

    def _of(self, results: StageResults) -> list[Subject]:
        """Subjects of which documents of a stage are wanted."""
        noun = results.stage.noun
        return [self._ids[noun][key] for key in self.wanted.get(noun, ())]
