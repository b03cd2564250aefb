"""The screening flow: topology, chemistry and barriers in batches, clusterings, candidates, what to draw."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobflow import Flow, Job

from mtl_flows.jobs.barrier import BarrierMaker, LandscapeMaker
from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.jobs.candidates import CandidatesMaker
from mtl_flows.jobs.chemistry import ChemistryMaker
from mtl_flows.jobs.clustering import ClusteringMaker
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.topology import TopologyMaker
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.vocabulary import PROTOCOLS


@dataclass
class ScreeningFlowMaker(RecordMaker):
    """Flow that screens structures.

    Parameters
    ----------
    parameters
        Of every stage.
    limits
        Processes, time and memory of the batch jobs.
    batch_size
        Structures in one job: FireWorks costs about a second per job, so many small jobs are dear.
    recluster
        Cluster anew even where new structures could join the current clusters.
    """

    name: str = "screening"
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)
    limits: Limits = field(default_factory=Limits)
    batch_size: int = 500
    recluster: bool = False

    def make(self, structure_ids: Sequence[str]) -> Flow:
        """Flow over these structures; what the store holds already is not computed again."""
        p = self.parameters
        batches = [
            list(structure_ids[k : k + self.batch_size])
            for k in range(0, len(structure_ids), self.batch_size)
        ]

        def batched(maker: BatchMaker) -> list[Job]:
            return [_numbered(maker.make(ids), k, len(batches)) for k, ids in enumerate(batches, 1)]

        topology_jobs = batched(TopologyMaker(parameters=p, limits=self.limits))
        chemistry_jobs = batched(ChemistryMaker(parameters=p, limits=self.limits))
        barrier_jobs = batched(BarrierMaker(parameters=p, limits=self.limits))
        clustering_jobs = [
            ClusteringMaker(
                name=f"clustering {protocol}", protocol=protocol, parameters=p, recluster=self.recluster
            ).make([done.output for done in topology_jobs])
            for protocol in PROTOCOLS
        ]
        candidates = CandidatesMaker(parameters=p).make(
            [done.output for done in (*chemistry_jobs, *barrier_jobs, *clustering_jobs)]
        )
        landscapes = LandscapeMaker(parameters=p, limits=self.limits).make(candidates.output)
        jobs: list[Flow | Job] = [
            *topology_jobs,
            *chemistry_jobs,
            *barrier_jobs,
            *clustering_jobs,
            candidates,
            landscapes,
        ]
        return Flow(jobs, name=self.name)


def _numbered(batch: Job, number: int, of: int) -> Job:
    if of > 1:
        batch.name = f"{batch.name} {number}/{of}"
    return batch
