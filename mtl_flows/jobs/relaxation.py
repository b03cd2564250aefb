"""Relaxation of an approximant by an engine."""

from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import Job, Response, job

from mtl_flows.errors import CalculationError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.potentials import identify, require_sound
from mtl_flows.schemas.dynamics import OrderingDocument, RelaxationDocument
from mtl_flows.simulation.engine import Relaxation
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.relaxation import relaxation_document
from mtl_flows.store.database import MTLStore


def relaxation(approximant: OrderingDocument, parameters: DynamicsParameters) -> Job:
    """Return the job that relaxes an approximant and writes what comes out, or why nothing does."""
    return RelaxationMaker(name=f"relax {approximant.material_id}", parameters=parameters).make(
        approximant.id
    )


def relaxation_failure(store: MTLStore, relaxation_id: str) -> str:
    """Return why there is no relaxed structure."""
    refusals = store.rejections.outstanding({"stage": "dynamics", "subject": relaxation_id})
    return f"relaxation: {'; '.join(refusal.message for refusal in refusals) or 'it is missing'}"


def record_relaxation(
    store: MTLStore,
    ordering_id: str,
    parameters: DynamicsParameters,
    relaxed: Relaxation,
    fingerprint: dict[str, Any],
) -> RelaxationDocument:
    """Write a relaxed structure with its energy."""
    parent = store.orderings.get(ordering_id)
    crystal = store.crystals.get(parent.crystal_id).to_structure()
    document = relaxation_document(parent, crystal, parameters, relaxed, fingerprint, job_id())
    store.relaxations.add([document])
    store.rejections.resolve(parameters.dynamics_stage().stage, {"subject": document.id})
    return document


@dataclass
class RelaxationMaker(RecordMaker):
    """Job that relaxes positions and cell with an engine, and a job for what that leaves to do."""

    name: str = "relax"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, ordering_id: str, so_far: dict[str, Any] | None = None) -> Response[dict[str, Any]]:
        """Relax; if the engine gives up, that is written and the workflow goes on to say so.

        Parameters
        ----------
        ordering_id
            Id of the approximant.
        so_far
            What earlier jobs gave, where the engine needs several calculations.
        """
        p = self.parameters
        with worker_store() as store:
            approximant = store.orderings.get(ordering_id)
            structure = approximant.to_structure()
            try:
                fingerprint = identify(store, p, lambda: [(structure, p.relaxation_goal())])
            except CalculationError as error:
                return Response(output=_refuse(error, approximant, p))
        given = None if so_far is None else Relaxation.from_dict(so_far)
        try:
            relaxed = engine_here(p).relax(structure, p.relaxation_goal(), given)
        except CalculationError as error:
            return Response(output=_refuse(error, approximant, p))
        if not relaxed.complete:
            following = replace(self).make(ordering_id, relaxed.as_dict())
            following.name = f"{self.name}, continued"
            return Response(output={"status": "relaxing", "n_steps": relaxed.n_steps}, detour=following)
        with worker_store() as store:
            try:
                require_sound(store, p, relaxed.structure)
            except CalculationError as error:
                return Response(output=_refuse(error, approximant, p))
            document = record_relaxation(store, ordering_id, p, relaxed, fingerprint)
        return Response(output=_summary(document))


def _refuse(
    error: CalculationError, approximant: OrderingDocument, parameters: DynamicsParameters
) -> dict[str, Any]:
    """Write why a relaxation failed."""
    p = parameters
    with worker_store() as store:
        store.rejections.record(
            error,
            p.dynamics_stage().stage,
            p.relaxation_id(approximant.approximant_id),
            material_id=approximant.material_id,
            mobile_ion=p.mobile_ion,
        )
    return {"status": "failed", "reason": error.message}


def _summary(document: RelaxationDocument) -> dict[str, Any]:
    return {
        "relaxation_id": document.id,
        "converged": document.converged,
        "volume_change": document.volume_change,
    }
