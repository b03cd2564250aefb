"""Handing in the screening: only what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.clustering import clusterings_are_current
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.stages import CRYSTAL_STAGES, ScreeningParameters
from mtl_flows.store.collection import batched
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

_BATCH = 2000
# A job costs about a second besides its structures, this many take two.
_WORTH_A_JOB = 100


@dataclass(frozen=True)
class ScreeningPlan:
    """What a screening has to do.

    Attributes
    ----------
    structure_ids
        Structures that lack a document of some stage.
    screened
        Current structures that have them all.
    refused
        Current structures that a stage refused and that are left alone.
    recluster
        Whether the current clusterings no longer fit what is stored, or shall be made anew.
    """

    structure_ids: list[str]
    screened: int
    refused: int
    recluster: bool

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything is there already."""
        return not self.structure_ids and not self.recluster

    def shared_among(self, workers: int, batch_size: int) -> int:
        """Structures in one job, at most `batch_size`, so that no worker idles while another has a whole increment."""
        share = ceil(len(self.structure_ids) / max(1, workers))
        return min(batch_size, max(_WORTH_A_JOB, share))


def plan_screening(store: MTLStore, maker: ScreeningFlowMaker, *, retry: bool = False) -> ScreeningPlan:
    """Look at what the store lacks under the maker's parameters.

    Structures that a stage refused are left alone, unless `retry` is set.
    """
    p = maker.parameters
    todo: list[str] = []
    screened = refused = 0
    for ids in batched(store.structures.stream_ids({"elements": p.mobile_ion}), _BATCH):
        lacking, wanted = _pending(store, ids, p, retry=retry)
        todo += sorted(wanted)
        screened += len(ids) - len(lacking)
        refused += len(lacking - wanted)
    recluster = maker.recluster or bool(todo)
    recluster = recluster or not clusterings_are_current(store, p)
    return ScreeningPlan(todo, screened, refused, recluster)


def _pending(
    store: MTLStore, ids: Sequence[str], parameters: ScreeningParameters, *, retry: bool
) -> tuple[set[str], set[str]]:
    """Those of `ids` that lack a document, and those of them that are to be computed."""
    lacking: set[str] = set()
    wanted: set[str] = set()
    subjects = store.structures.subjects(ids)
    blocked: set[str] = set()
    for stage in CRYSTAL_STAGES:
        keys = stage.keys(subjects, parameters.of(stage))
        wanted_keys = sorted(set(keys.values()))
        # Where nothing is missing, as mostly, a number tells as much as all ids.
        if store.results(stage).count({"_id": {"$in": wanted_keys}}) == len(wanted_keys):
            continue
        there = store.results(stage).existing(wanted_keys)
        missing = {structure_id: key for structure_id, key in keys.items() if key not in there}
        refused = set() if retry else store.rejections.refused(stage.noun, sorted(set(missing.values())))
        # What one stage refused, those that need it cannot compute either.
        stuck = {structure_id for structure_id, key in missing.items() if key in refused}
        blocked |= stuck
        lacking |= missing.keys()
        wanted |= missing.keys() - (blocked if stage.needs else stuck)
    return lacking, wanted


def submit_screening(
    connection: Connection, plan: ScreeningPlan, maker: ScreeningFlowMaker
) -> SubmittedWorkflow:
    """Hand the planned screening in as one workflow of light jobs."""
    return submit(maker.make(plan.structure_ids), connection, name=maker.name)
