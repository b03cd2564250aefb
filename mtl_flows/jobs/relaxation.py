"""Relaxation of an approximant by an engine."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jobflow import Job, Response, job

from mtl_flows.errors import CalculationError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.potentials import identify, require_sound
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import OrderingDocument, RelaxationDocument
from mtl_flows.simulation.engine import Relaxation
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore

_LARGEST_DEPARTURE = 0.1


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
    p = parameters
    stage = p.relaxation_stage()
    max_force = float(np.linalg.norm(relaxed.forces_eV_per_A, axis=1).max())
    parent = store.orderings.get(ordering_id)
    structure = relaxed.structure
    density_ratio = float(structure.density / store.crystals.get(parent.crystal_id).to_structure().density)
    document = RelaxationDocument(
        id=p.relaxation_id(parent.approximant_id),
        material_id=parent.material_id,
        crystal_id=parent.crystal_id,
        parent_id=parent.parent_id,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, {"ordering": ordering_id}, job_id()),
        approximant_id=parent.approximant_id,
        ordering_id=ordering_id,
        potential_id=p.potential_id,
        engine=fingerprint,
        engine_name=p.engine,
        converged=max_force <= p.relax_fmax_eV_per_A,
        n_steps=relaxed.n_steps,
        energy_eV=relaxed.energy_eV,
        energy_eV_per_atom=relaxed.energy_eV / len(structure),
        max_force_eV_per_A=max_force,
        volume_change=structure.volume / parent.to_structure().volume - 1.0,
        density_ratio=density_ratio,
        density_off=abs(density_ratio - 1.0) > _LARGEST_DEPARTURE,
        calculations=relaxed.calculations,
        structure=structure.as_dict(),
    )
    store.relaxations.add([document])
    store.rejections.resolve(p.dynamics_stage().stage, {"subject": document.id})
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
            try:
                fingerprint = identify(store, p)
            except CalculationError as error:
                return Response(output=_refuse(error, approximant, p))
        given = None if so_far is None else Relaxation.from_dict(so_far)
        try:
            relaxed = engine_here(p).relax(approximant.to_structure(), p.relaxation_goal(), given)
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
