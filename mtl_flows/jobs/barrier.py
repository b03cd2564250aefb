"""Barriers of a batch of structures, refined ones of those that are looked into, surfaces of those to draw."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import JobConfig, OnMissing, job

from mtl_flows.jobs.batch import BatchMaker, run_stage
from mtl_flows.jobs.context import worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.stage_results import BatchSummary
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.stages import BARRIER, LANDSCAPE, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.database import MTLStore

_UNIQUE = CandidateFilter(is_representative=True)


@dataclass
class BarrierMaker(BatchMaker):
    """Job that computes bond-valence barriers of a batch; parameters as in `BatchMaker`."""

    name: str = "barrier"
    stages: tuple[str, ...] = (BARRIER.noun,)


def refine_barriers(
    store: MTLStore,
    structure_ids: Sequence[str],
    parameters: ScreeningParameters,
    *,
    limits: Limits = Limits(),
) -> BatchSummary:
    """Compute barriers on refined grids, beside those of the screening; what is there is not computed again.

    Parameters
    ----------
    parameters
        Of the screening; all but the refinement of the grid is as there.

    Raises
    ------
    NotFoundError
        If a structure is unknown.
    """
    return run_stage(store, BARRIER, structure_ids, refined_parameters(parameters), limits=limits)


def refined_barriers(
    store: MTLStore, structure_ids: Sequence[str], parameters: ScreeningParameters
) -> dict[str, BarrierDocument]:
    """Return what `refine_barriers` has computed, by structure; of those that are there."""
    keyed = refined_parameters(parameters).of(BARRIER)
    found: dict[str, BarrierDocument] = store.results(BARRIER).found(
        BARRIER.keys(store.structures.subjects(structure_ids), keyed)
    )
    return found


def refined_parameters(parameters: ScreeningParameters) -> ScreeningParameters:
    """Parameters under which barriers are refined."""
    return replace(parameters, barrier=parameters.barrier.refined())


def draw_landscapes(
    store: MTLStore, parameters: ScreeningParameters, *, n_materials: int = 100, limits: Limits = Limits()
) -> BatchSummary:
    """Keep the surfaces of the first unique materials by priority, a hundred; those of others stay."""
    first = _first(store, parameters, n_materials)
    return run_stage(store, LANDSCAPE, first, parameters, limits=limits)


def landscapes_to_draw(store: MTLStore, parameters: ScreeningParameters, *, n_materials: int = 100) -> int:
    """Count the surfaces that `draw_landscapes` would compute, or refuse once more."""
    subjects = store.structures.subjects(_first(store, parameters, n_materials))
    keys = set(LANDSCAPE.keys(subjects, parameters.of(LANDSCAPE)).values())
    return len(keys - store.results(LANDSCAPE).existing(keys))


def _first(store: MTLStore, parameters: ScreeningParameters, n_materials: int) -> list[str]:
    rows = store.under(parameters.screening).candidates.select(_UNIQUE, limit=n_materials)
    return [row.structure_id for row in rows if row.priority is not None]


@dataclass
class LandscapeMaker(RecordMaker):
    """Job that keeps what the first of the candidate table are drawn with."""

    name: str = "landscapes"
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)
    limits: Limits = field(default_factory=Limits)

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, after: Any) -> dict[str, Any]:
        """Compute what the store lacks, once the job whose output is `after` has ended; return the counts."""
        with worker_store() as store:
            done = draw_landscapes(store, self.parameters, limits=self.limits)
        return {done.stage: done.as_dict()}
