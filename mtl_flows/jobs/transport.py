"""The Arrhenius fit over the temperatures of one approximant, from what is stored of them."""

from dataclasses import dataclass, field
from typing import Any

from jobflow import JobConfig, OnMissing, job

from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.schemas.dynamics import TransportDocument
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.transport import build_transport
from mtl_flows.store.database import MTLStore


def fit_transport(
    store: MTLStore, parent: str, ordering: int, parameters: DynamicsParameters
) -> TransportDocument:
    """Fit what the temperatures of one ordering's cell and replica gave, and write the fit."""
    approximant = store.orderings.get(parameters.ordering_id(parent, ordering))
    wanted = [parameters.trajectory_id(approximant.sample, t) for t in parameters.temperatures_K]
    simulated = store.dynamics.find({"_id": {"$in": wanted}})
    document = build_transport(approximant, simulated, parameters, job_id())
    store.transport.put([document])
    return document


@dataclass
class TransportMaker(RecordMaker):
    """Job that fits what the temperatures gave, whichever of them succeeded."""

    name: str = "Arrhenius fit"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, parent: str, ordering: int, after: list[Any]) -> dict[str, Any]:
        """Fit, once the jobs whose outputs are listed in `after` have ended."""
        with worker_store() as store:
            document = fit_transport(store, parent, ordering, self.parameters)
        return {
            "status": document.status,
            "activation_energy_eV": document.activation_energy_eV,
            "activation_energy_error_eV": document.activation_energy_error_eV,
        }
