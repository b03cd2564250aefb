"""A batch of a carrier, for tests that play the node."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samples import HERE

from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.node import compute
from mtl_flows.carried.question import CalculatedElsewhere, CarriedQuestion
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.carried.supply import CarrierSupply
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.context import computed_by
from mtl_flows.jobs.stage_results import BatchSummary
from mtl_flows.stages import BARCODES, BARRIER, TOPOLOGY, CrystalStage, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore

SLUGS = ("li3n", "li3ocl", "licl", "li2o", "lioh")
P = ScreeningParameters()
HEAVY = (BARCODES, TOPOLOGY, BARRIER)


class Batch:
    """A batch of a carrier, and the node that the test plays."""

    def __init__(self, store: MTLStore, folder: Path) -> None:
        self.store, self.root = store, CarrierRoot(folder)
        self.said: list[str] = []

    def run(
        self,
        ids: Sequence[str],
        parameters: ScreeningParameters = P,
        stages: Sequence[CrystalStage[Any]] = HEAVY,
        limits: Limits = HERE,
    ) -> list[BatchSummary] | CarriedQuestion:
        """The job; gives what it waits for, if it does."""
        try:
            with computed_by(CarrierSupply(self.root)):
                return run_stages(self.store, ids, parameters, stages=stages, limits=limits)
        except CalculatedElsewhere as away:
            return away.question

    def asked(self, *given: Any, **options: Any) -> CalculationFolder:
        """Folder of what the job waits for."""
        question = self.run(*given, **options)
        assert isinstance(question, CarriedQuestion)
        return self.root.place(question)

    def compute(self, folder: CalculationFolder) -> str:
        return compute(folder, self.said.append)


def counts(summaries: list[BatchSummary] | CarriedQuestion) -> list[tuple[int, int, int]]:
    assert isinstance(summaries, list)
    return [(s.computed, s.already_there, s.rejected) for s in summaries]
