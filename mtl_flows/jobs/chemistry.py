"""The chemical rules on a batch of structures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jobflow import job

from mtl_flows.jobs.batch import BatchSummary, Limits, run_batch
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.schemas.chemistry import ChemistryDocument, chemistry_stage
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.chemistry import ChemistryParameters, ChemistryReport, check_chemistry
from mtl_flows.store.database import MTLStore


def run_chemistry(
    store: MTLStore,
    structure_ids: Sequence[str],
    *,
    mobile_ion: str,
    parameters: ChemistryParameters,
    limits: Limits = Limits(),
) -> BatchSummary:
    """Write the verdicts of those structures that have none under these parameters."""
    stage = chemistry_stage(parameters, mobile_ion)
    job = job_id()

    def write(ready: Sequence[tuple[StructureDocument, ChemistryReport]]) -> None:
        store.chemistry.add(ChemistryDocument.from_report(*pair, stage, job) for pair in ready)

    return run_batch(
        store,
        structure_ids,
        stage,
        results=store.chemistry,
        compute=partial(_check, mobile_ion=mobile_ion, parameters=parameters),
        write=write,
        limits=limits,
    )


def _check(
    document: StructureDocument, *, mobile_ion: str, parameters: ChemistryParameters
) -> ChemistryReport:
    return check_chemistry(
        document.to_structure(),
        mobile_ion,
        parameters,
        oxidation_states=document.oxidation_states or None,
        formula_text=document.formula,
    )


@dataclass
class ChemistryMaker(RecordMaker):
    """Job that applies the eight rules to a batch; all are evaluated, whatever the others say."""

    name: str = "chemistry"
    mobile_ion: str = "Li"
    parameters: ChemistryParameters = field(default_factory=ChemistryParameters)
    limits: Limits = field(default_factory=Limits)

    @job
    def make(self, structure_ids: list[str]) -> dict[str, Any]:
        """Check what the store lacks for these structures and return the counts."""
        with worker_store() as store:
            return run_chemistry(
                store,
                structure_ids,
                mobile_ion=self.mobile_ion,
                parameters=self.parameters,
                limits=self.limits,
            ).as_dict()
