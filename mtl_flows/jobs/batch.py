"""One batch of structures through one stage: what is missing is computed, what fails becomes a rejection."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from mtl_flows.errors import InputError, MTLError
from mtl_flows.jobs.context import job_id
from mtl_flows.parallel import guarded_map
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stages import StageCollection

R = TypeVar("R")

_WRITE_EVERY = 50


@dataclass(frozen=True)
class Limits:
    """What one structure may cost before it is set aside.

    Attributes
    ----------
    workers
        Processes of one job; 0 computes in the job's own process, without limits.
    """

    workers: int = 1
    timeout_s: float = 600.0
    memory_MB: int = 8000

    def as_dict(self) -> dict[str, Any]:
        """Plain mapping, as a job's document holds it."""
        return asdict(self)


@dataclass
class BatchSummary:
    """What became of a batch; the output of its job."""

    stage: str
    computed: int = 0
    already_there: int = 0
    rejected: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts by name."""
        return asdict(self)


def run_batch(
    store: MTLStore,
    structure_ids: Sequence[str],
    parameters: StageParameters,
    *,
    results: StageCollection[Any],
    compute: Callable[[StructureDocument], R],
    write: Callable[[Sequence[tuple[StructureDocument, R]]], None],
    limits: Limits,
) -> BatchSummary:
    """Compute what `results` lacks for these structures.

    Results are written every few structures, so a batch that is killed loses little, and run again does only
    what is left. A structure that fails or exceeds its limits is recorded as a rejection of the stage.

    Parameters
    ----------
    compute
        Pure and picklable.
    write
        Writes documents for pairs of structure and result; writing twice must change nothing.
    """
    todo = results.missing(structure_ids, parameters)
    summary = BatchSummary(parameters.stage, already_there=len(structure_ids) - len(todo))
    documents = store.structures.get_many(todo)
    outcomes = guarded_map(
        compute,
        documents,
        workers=limits.workers,
        timeout_s=limits.timeout_s,
        memory_MB=limits.memory_MB,
    )
    ready: list[tuple[StructureDocument, R]] = []
    for document, outcome in zip(documents, outcomes, strict=True):
        if outcome.error is None:
            ready.append((document, outcome.value))
            summary.computed += 1
        else:
            reject(store, document, outcome.error, parameters)
            summary.rejected += 1
        if len(ready) >= _WRITE_EVERY:
            write(ready)
            ready = []
    if ready:
        write(ready)
    # What was refused before and works now, after a fix or with wider limits, is refused no longer.
    accepted = sorted(set(todo) - set(results.missing(todo, parameters)))
    store.rejections.resolve(
        parameters.stage, {"subject": {"$in": accepted}, "mobile_ion": parameters.mobile_ion}
    )
    return summary


def reject(
    store: MTLStore, document: StructureDocument, error: Exception, parameters: StageParameters
) -> None:
    """Record that a stage could not handle a structure."""
    known = error if isinstance(error, MTLError) else _unexpected(error, document)
    store.rejections.record(
        known,
        stage=parameters.stage,
        subject=document.id,
        material_id=document.material_id,
        mobile_ion=parameters.mobile_ion,
        provenance=Provenance.record(parameters, {"structure": document.content_hash}, job_id()),
    )


def _unexpected(error: Exception, document: StructureDocument) -> MTLError:
    return InputError(
        f"{type(error).__name__}: {error}", subject=document.id, remedy="report it with the structure file"
    )
