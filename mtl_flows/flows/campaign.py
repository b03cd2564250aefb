"""One round of a campaign for one material: some temperatures, so far and no further; the fit of all there is."""

from dataclasses import dataclass, field, replace

from jobflow import Flow

from mtl_flows.flows.approximant import approximant_jobs, labels
from mtl_flows.jobs.candidates import CandidatesMaker
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters


@dataclass
class CampaignRoundMaker(RecordMaker):
    """Flow that runs what a campaign decided for one material.

    Simulations are found by the parameters that shape them, so a round goes on where the one before ended; only the
    limit of their length differs from round to round. The fit is the campaign's, whatever the round.

    Parameters
    ----------
    parameters
        Protocol and engine of the campaign, with the budget of one temperature.
    screening
        What decides the gates shown beside the result in the candidate table.
    """

    name: str = "campaign"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)
    screening: ScreeningParameters = field(default_factory=ScreeningParameters)

    def make(
        self,
        parent: str,
        material_id: str,
        temperatures_K: tuple[float, ...],
        max_production_ps: float = 0.0,
        *,
        ordered: bool = False,
    ) -> Flow:
        """Flow over these temperatures; `max_production_ps` of 0 stands for their first length."""
        p = self.parameters
        length_ps = max(p.production_ps, max_production_ps + p.diffusion.discard_ps)
        # As long as was decided and no longer: what comes after is the campaign's to say.
        limit = replace(p.budget, max_production_ps=length_ps - p.diffusion.discard_ps)
        limited = replace(p, production_ps=length_ps, budget=limit)
        jobs, fits = [], []
        for ordering, label in enumerate(labels(material_id, p.n_orderings(ordered=ordered))):
            prepare, heat, runs, fit = approximant_jobs(
                parent, ordering, label, limited, temperatures_K=temperatures_K, fitted=p
            )
            jobs += [prepare, heat, *runs, fit]
            fits.append(fit)
        table = CandidatesMaker(name=f"candidate {material_id}", parameters=self.screening).make(
            [fit.output for fit in fits], [parent]
        )
        return Flow([*jobs, table], name=f"{self.name} {material_id}")
