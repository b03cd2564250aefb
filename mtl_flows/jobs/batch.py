"""One batch of structures through some stages: what is missing is computed, what fails becomes a rejection."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import job

from mtl_flows.jobs.carried_batch import bring_back
from mtl_flows.jobs.context import carried_by, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.stage_results import WRITE_EVERY, BatchSummary, StageResults, upstream_of
from mtl_flows.parallel import GuardedPool
from mtl_flows.stages import CRYSTAL_STAGES, CrystalStage, ScreeningParameters
from mtl_flows.stages.work import Limits, StageWork, build_document
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore


def run_stages(
    store: MTLStore,
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    *,
    stages: Sequence[CrystalStage[Any]] = CRYSTAL_STAGES,
    limits: Limits = Limits(),
) -> list[BatchSummary]:
    """Compute the documents of some stages, one after the other, that the store lacks for these structures.

    Documents are written every few structures, so a batch that is killed loses little, and run again does only
    what is left. What fails or exceeds its limits is recorded as a rejection of the stage. What a stage before
    another refused is left out there: it has its rejection.

    In the hands of a carrier, what is not light is computed elsewhere: if a document of such a stage is missing, all
    that are travel together.

    Raises
    ------
    NotFoundError
        If a structure is unknown.
    CalculatedElsewhere
        If a carrier has to bring something first.
    """
    subjects = store.structures.subjects(structure_ids)
    batch = [StageResults(store, stage, subjects, parameters) for stage in stages]
    carrier = carried_by()
    if carrier is not None and any(results.todo and not results.stage.light for results in batch):
        return bring_back(store, batch, subjects, parameters, limits, carrier.stages())
    with limits.pool() as pool:
        return [_compute(store, results, parameters, pool) for results in batch]


def run_stage(
    store: MTLStore,
    stage: CrystalStage[Any],
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    *,
    limits: Limits = Limits(),
) -> BatchSummary:
    """As `run_stages`, of one."""
    (summary,) = run_stages(store, structure_ids, parameters, stages=[stage], limits=limits)
    return summary


def _compute(
    store: MTLStore, results: StageResults, parameters: ScreeningParameters, pool: GuardedPool
) -> BatchSummary:
    in_hand: deque[StageWork] = deque()

    def handed_out() -> Iterator[StageWork]:
        for item in _work(store, results, parameters):
            in_hand.append(item)
            yield item

    for outcome in pool.map(build_document, handed_out()):
        item = in_hand.popleft()
        if outcome.error is None:
            results.take(outcome.value)
        else:
            results.refuse(item.header, outcome.error)
    return results.end()


def _work(store: MTLStore, results: StageResults, parameters: ScreeningParameters) -> Iterator[StageWork]:
    """What is to be computed, read a few at a time; without what a stage before this one could not handle."""
    stage = results.stage
    for portion in batched(results.todo.values(), WRITE_EVERY):
        crystals = {c.id: c for c in store.crystals.get_many(sorted({s.crystal_id for s in portion}))}
        upstream = {noun: upstream_of(store, noun, portion, parameters) for noun in stage.needs}
        for subject in portion:
            given = {
                noun: d[subject.structure_id] for noun, d in upstream.items() if subject.structure_id in d
            }
            if len(given) == len(stage.needs):
                crystal = crystals[subject.crystal_id].structure
                yield StageWork(stage, subject, crystal, given, parameters, results.header(subject))


@dataclass
class BatchMaker(RecordMaker):
    """Job that takes a batch of structures through some stages, one after the other.

    Parameters
    ----------
    stages
        Nouns of the stages.
    parameters
        Of the whole screening; those of the stages key their documents.
    limits
        Processes, seconds and memory allowed.
    """

    name: str = "screening batch"
    stages: tuple[str, ...] = ()
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)
    limits: Limits = field(default_factory=Limits)

    @job
    def make(self, structure_ids: list[str]) -> dict[str, Any]:
        """Compute what the store lacks for these structures and return the counts, by stage."""
        chosen = [stage for stage in CRYSTAL_STAGES if stage.noun in self.stages]
        with worker_store() as store:
            done = run_stages(store, structure_ids, self.parameters, stages=chosen, limits=self.limits)
        return {summary.stage: summary.as_dict() for summary in done}
