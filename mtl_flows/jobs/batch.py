"""One batch of structures through some stages: what is missing is computed, what fails becomes a rejection."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import job

from mtl_flows.errors import InputError, MTLError
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.parallel import GuardedPool
from mtl_flows.records import Record
from mtl_flows.schemas.base import CrystalResult, Header, StageParameters
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.stages import CRYSTAL_STAGES, CrystalStage, ScreeningParameters, StageInput, Subject
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

WRITE_EVERY = 50


@dataclass(frozen=True)
class Limits(Record):
    """What one structure may cost before it is set aside.

    Attributes
    ----------
    workers
        Processes of one job; 0 computes in the job's own process, without limits.
    """

    workers: int = 1
    timeout_s: float = 600.0
    memory_MB: int = 8000


@dataclass
class BatchSummary(Record):
    """What became of a batch in one stage; the output of its job.

    Attributes
    ----------
    computed, already_there, rejected
        Documents: materials of one crystal share one.
    """

    stage: str
    computed: int = 0
    already_there: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class _Work:
    """One document to compute; travels to another process."""

    stage: CrystalStage[Any]
    subject: Subject
    crystal: CrystalDocument
    upstream: Mapping[str, CrystalResult]
    parameters: ScreeningParameters
    header: Header


def _compute(work: _Work) -> CrystalResult:
    p = work.parameters
    given = StageInput(work.subject, work.crystal.to_structure(), p.mobile_ion, work.upstream)
    result: CrystalResult = work.stage.build(given, getattr(p, work.stage.section), work.header)
    return result


def run_stages(
    store: MTLStore,
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    *,
    stages: Sequence[CrystalStage[Any]] = CRYSTAL_STAGES,
    limits: Limits = Limits(),
) -> list[BatchSummary]:
    """Take structures through some stages, one after the other, in one pool of processes; as `run_stage`."""
    with _processes(limits) as pool:
        return [_run(store, stage, structure_ids, parameters, pool) for stage in stages]


def run_stage(
    store: MTLStore,
    stage: CrystalStage[Any],
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    *,
    limits: Limits = Limits(),
) -> BatchSummary:
    """Compute the documents of one stage that the store lacks for these structures.

    Documents are written every few structures, so a batch that is killed loses little, and run again does only
    what is left. What fails or exceeds its limits is recorded as a rejection of the stage. What a stage before
    this one refused is left out: it has its rejection.

    Raises
    ------
    NotFoundError
        If a structure is unknown.
    """
    with _processes(limits) as pool:
        return _run(store, stage, structure_ids, parameters, pool)


def _processes(limits: Limits) -> GuardedPool:
    return GuardedPool(limits.workers, timeout_s=limits.timeout_s, memory_MB=limits.memory_MB)


def _run(
    store: MTLStore,
    stage: CrystalStage[Any],
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    pool: GuardedPool,
) -> BatchSummary:
    keyed = parameters.of(stage)
    results = store.results(stage)
    subjects = store.structures.subjects(structure_ids)
    keys = stage.keys(subjects, keyed)
    there = results.existing(keys.values())
    todo = {key: s for s in subjects if (key := keys[s.structure_id]) not in there}
    summary = BatchSummary(stage.noun, already_there=len(there))
    in_hand: deque[_Work] = deque()

    def handed_out() -> Iterator[_Work]:
        for item in _work(store, stage, list(todo.values()), parameters, keyed):
            in_hand.append(item)
            yield item

    ready: list[CrystalResult] = []
    done: list[str] = []
    for outcome in pool.map(_compute, handed_out()):
        item = in_hand.popleft()
        if outcome.error is None:
            ready.append(outcome.value)
            done.append(item.header.id)
            summary.computed += 1
        else:
            reject(store, stage, item.subject, outcome.error, keyed)
            summary.rejected += 1
        if len(ready) >= WRITE_EVERY:
            results.add(ready)
            ready = []
    if ready:
        results.add(ready)
    # What was refused before and works now, after a fix or with wider limits, is refused no longer.
    store.rejections.resolve(stage.noun, {"subject": {"$in": sorted(done)}})
    return summary


def _work(
    store: MTLStore,
    stage: CrystalStage[Any],
    subjects: Sequence[Subject],
    parameters: ScreeningParameters,
    keyed: StageParameters,
) -> Iterator[_Work]:
    """What is to be computed, read a few at a time; without what a stage before this one could not handle."""
    job = job_id()
    for portion in batched(subjects, WRITE_EVERY):
        crystals = {c.id: c for c in store.crystals.get_many(sorted({s.crystal_id for s in portion}))}
        upstream = {noun: _upstream(store, noun, portion, parameters) for noun in stage.needs}
        for subject in portion:
            given = {
                noun: d[subject.structure_id] for noun, d in upstream.items() if subject.structure_id in d
            }
            if len(given) == len(stage.needs):
                header = stage.header(subject, keyed, job)
                yield _Work(stage, subject, crystals[subject.crystal_id], given, parameters, header)


def _upstream(
    store: MTLStore, noun: str, subjects: Sequence[Subject], parameters: ScreeningParameters
) -> Mapping[str, CrystalResult]:
    needed = next(stage for stage in CRYSTAL_STAGES if stage.noun == noun)
    found: Mapping[str, CrystalResult] = store.results(needed).found(
        needed.keys(subjects, parameters.of(needed))
    )
    return found


def reject(
    store: MTLStore,
    stage: CrystalStage[Any],
    subject: Subject,
    error: Exception,
    parameters: StageParameters,
) -> None:
    """Record that a stage could not handle what it read."""
    known = error if isinstance(error, MTLError) else _unexpected(error, subject)
    header = stage.header(subject, parameters, job_id())
    store.rejections.record(
        known,
        stage=stage.noun,
        subject=header.id,
        material_id=subject.material_id,
        mobile_ion=parameters.mobile_ion,
        provenance=header.provenance,
    )


def _unexpected(error: Exception, subject: Subject) -> MTLError:
    return InputError(
        f"{type(error).__name__}: {error}",
        subject=subject.structure_id,
        remedy="report it with the structure file",
    )


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
