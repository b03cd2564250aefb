"""The dynamics flow of one material: order, relax, heat, run each temperature, fit; its window; the candidate table."""

from dataclasses import dataclass, field
from math import ceil

from jobflow import Flow, Job

from mtl_flows.flows.approximant import approximant_jobs, labels
from mtl_flows.jobs.candidates import CandidatesMaker
from mtl_flows.jobs.dft_check import DftFrameMaker, DftFramesMaker
from mtl_flows.jobs.entry_providers import EntrySource
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.stability import StabilityMaker
from mtl_flows.schemas.dynamics import Sample
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dft_check import DftCheckParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.transport import transport_id


@dataclass
class DynamicsFlowMaker(RecordMaker):
    """Flow that finds the diffusivity and activation energy of one material.

    Parameters
    ----------
    parameters
        Protocol, engine and budget.
    screening
        What decides the gates shown beside the result in the candidate table.
    entries
        Where the energies of the electrochemical window come from.
    window
        Whether there is to be one.
    check
        Frames to hold against DFT, of the first approximant.
    """

    name: str = "dynamics"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)
    screening: ScreeningParameters = field(default_factory=ScreeningParameters)
    entries: EntrySource = field(default_factory=EntrySource)
    window: bool = True
    check: DftCheckParameters = field(default_factory=DftCheckParameters)

    def make(self, parent: str, material_id: str, *, ordered: bool = False) -> Flow:
        """Flow over every temperature and approximant; an `ordered` crystal has one approximant."""
        p = self.parameters
        jobs, ends = [], []
        for ordering, label in enumerate(labels(material_id, p.n_orderings(ordered=ordered))):
            prepare, heat, runs, fit = approximant_jobs(
                parent, ordering, label, p, temperatures_K=p.temperatures_K, fitted=p
            )
            jobs += [prepare, heat, *runs, fit]
            ends.append(fit)
            if self.check.n_frames and ordering == 0:
                checks = self._checks(parent, label, runs)
                jobs += checks
                ends += checks
            if self.window:
                window = StabilityMaker(
                    name=f"electrochemical window {label}", parameters=p, source=self.entries
                ).make(parent, ordering, [prepare.output])
                jobs.append(window)
                ends.append(window)
        table = CandidatesMaker(name=f"candidate {material_id}", parameters=self.screening).make(
            [end.output for end in ends], [parent]
        )
        return Flow([*jobs, table], name=self.name_of(material_id))

    def name_of(self, material_id: str) -> str:
        """Name of the flow of a material."""
        return f"{self.name} {material_id}"

    def _checks(self, parent: str, label: str, runs: list[Job]) -> list[Job]:
        """Jobs that choose frames and compute each by DFT."""
        p, check = self.parameters, self.check
        chosen = DftFramesMaker(name=f"frames of {label} for DFT", parameters=p, check=check).make(
            parent, 0, [run.output for run in runs]
        )
        frames = [
            DftFrameMaker(name=f"frame {number} of {label} by DFT", parameters=p, check=check).make(
                parent, 0, number, [chosen.output]
            )
            for number in range(check.n_frames)
        ]
        return [chosen, *frames]

    def transport_id(self, sample: Sample) -> str:
        """Id of the fit that its flow ends with, for what one ordering gave."""
        return transport_id(sample, self.parameters)

    def expected_jobs(self) -> int:
        """Count the jobs of one disordered material, chunks included, if no temperature has to be extended."""
        p = self.parameters
        heating = ceil(p.heat_ps / p.chunk_ps)
        production = len(p.temperatures_K) * ceil(p.production_ps / p.chunk_ps)
        checks = self.check.n_frames + 1 if self.check.n_frames else 0
        order_relax, window, fit, table = 2, int(self.window), 1, 1
        return p.ordering.n_orderings * (order_relax + heating + production + window + fit) + checks + table
