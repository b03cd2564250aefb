"""Topology of a batch of structures: barcodes, metrics, features."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jobflow import job

from mtl_flows.jobs.batch import BatchSummary, Limits, run_batch
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument, topology_stage
from mtl_flows.science.topology import TopologyParameters, TopologyResult, compute_topology
from mtl_flows.store.database import MTLStore


def run_topology(
    store: MTLStore,
    structure_ids: Sequence[str],
    *,
    mobile_ion: str,
    parameters: TopologyParameters,
    limits: Limits = Limits(),
) -> BatchSummary:
    """Write barcodes and topology of those structures that have none under these parameters."""
    stage = topology_stage(parameters, mobile_ion)
    job = job_id()

    def write(ready: Sequence[tuple[StructureDocument, TopologyResult]]) -> None:
        # Barcodes first: a topology document says that its barcodes are there.
        store.barcodes.add(BarcodeDocument.from_result(*pair, stage, job) for pair in ready)
        store.topology.add(TopologyDocument.from_result(*pair, stage, job) for pair in ready)

    return run_batch(
        store,
        structure_ids,
        stage,
        results=store.topology,
        compute=partial(_compute, mobile_ion=mobile_ion, parameters=parameters),
        write=write,
        limits=limits,
    )


def _compute(
    document: StructureDocument, *, mobile_ion: str, parameters: TopologyParameters
) -> TopologyResult:
    return compute_topology(document.to_structure(), mobile_ion, parameters)


@dataclass
class TopologyMaker(RecordMaker):
    """Job that computes the topology of a batch.

    Parameters
    ----------
    mobile_ion
        Element symbol.
    parameters
        Of the topology stage; they key its documents.
    limits
        Processes, seconds and memory allowed.
    """

    name: str = "topology"
    mobile_ion: str = "Li"
    parameters: TopologyParameters = field(default_factory=TopologyParameters)
    limits: Limits = field(default_factory=Limits)

    @job
    def make(self, structure_ids: list[str]) -> dict[str, Any]:
        """Compute what the store lacks for these structures and return the counts."""
        with worker_store() as store:
            return run_topology(
                store,
                structure_ids,
                mobile_ion=self.mobile_ion,
                parameters=self.parameters,
                limits=self.limits,
            ).as_dict()
