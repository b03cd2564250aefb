"""Relaxation of an approximant: atomate2's force-field Maker, or VASP's relaxation and energy."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import Job, Response, job
from pymatgen.core import Structure

from mtl_flows.errors import CalculationError
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import OrderingDocument, RelaxationDocument
from mtl_flows.simulation.engines import VASP
from mtl_flows.simulation.maker import EngineRelaxMaker
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore


def relaxation(approximant: OrderingDocument, parameters: DynamicsParameters) -> Job:
    """Return the job that relaxes an approximant and writes what comes out, or why nothing does."""
    p, name = parameters, f"relax {approximant.material_id}"
    if p.engine == VASP:
        return VaspRelaxationMaker(name=f"VASP {name}", parameters=p).make(approximant.id)
    return RelaxationMaker(name=name, parameters=p).make(approximant.id)


def relaxation_failure(store: MTLStore, relaxation_id: str) -> str:
    """Return why there is no relaxed structure."""
    refusals = store.rejections.outstanding({"stage": "dynamics", "subject": relaxation_id})
    return f"relaxation: {'; '.join(refusal.message for refusal in refusals) or 'it is missing'}"


def record_relaxation(
    store: MTLStore,
    ordering_id: str,
    parameters: DynamicsParameters,
    *,
    structure: Structure,
    energy_eV: float,
    forces_eV_per_A: list[list[float]],
    n_steps: int,
    calculations: list[dict[str, Any]],
) -> RelaxationDocument:
    """Write a relaxed structure with its energy."""
    p = parameters
    stage = p.dynamics_stage()
    max_force = float(np.linalg.norm(forces_eV_per_A, axis=1).max())
    parent = store.orderings.get(ordering_id)
    document = RelaxationDocument(
        id=p.relaxation_id(parent.structure_id, parent.ordering),
        material_id=parent.material_id,
        structure_id=parent.structure_id,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, {"ordering": ordering_id}, job_id()),
        ordering_id=ordering_id,
        engine=p.fingerprint(),
        engine_name=p.engine,
        converged=max_force <= p.relax_fmax_eV_per_A,
        n_steps=n_steps,
        energy_eV=energy_eV,
        energy_eV_per_atom=energy_eV / len(structure),
        max_force_eV_per_A=max_force,
        volume_change=structure.volume / parent.to_structure().volume - 1.0,
        calculations=calculations,
        structure=structure.as_dict(),
    )
    store.relaxations.add([document])
    store.rejections.resolve(stage.stage, {"subject": document.id})
    return document


@dataclass
class RelaxationMaker(RecordMaker):
    """Job that relaxes positions and cell by atomate2's force-field Maker with the calculator of an engine."""

    name: str = "relax"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, ordering_id: str) -> dict[str, Any]:
        """Relax; if the engine gives up, that is written and the workflow goes on to say so."""
        p = self.parameters
        with worker_store() as store:
            approximant = store.orderings.get(ordering_id)
        maker = EngineRelaxMaker.for_engine(
            p.engine, fmax_eV_per_A=p.relax_fmax_eV_per_A, steps=p.relax_steps
        )
        maker.n_threads = p.n_threads
        try:
            relaxed = maker.relax(approximant.to_structure())
            p.fingerprint()  # loads the model of the dynamics: if that cannot be built, better known now
        except CalculationError as error:
            return _refuse(error, approximant, p)
        with worker_store() as store:
            document = record_relaxation(
                store,
                ordering_id,
                p,
                structure=relaxed.structure,
                energy_eV=relaxed.energy_eV,
                forces_eV_per_A=relaxed.forces_eV_per_A,
                n_steps=relaxed.n_steps,
                calculations=[],
            )
        return _summary(document)


@dataclass
class VaspRelaxationMaker(RecordMaker):
    """Job that relaxes positions and cell by atomate2's `RelaxMaker`; the energy is a job that follows."""

    name: str = "VASP relax"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, ordering_id: str) -> Response[dict[str, Any]]:
        """Run VASP; if it fails beyond repair, that is written and the workflow goes on to say so."""
        from mtl_flows.simulation.vasp import vasp_relax_maker
        from mtl_flows.simulation.vasp_run import run_vasp_maker

        p = self.parameters
        with worker_store() as store:
            approximant = store.orderings.get(ordering_id)
        maker = vasp_relax_maker(p.vasp, fmax_eV_per_A=p.relax_fmax_eV_per_A, max_steps=p.relax_steps)
        try:
            # One block of atoms, and one potential, for each element.
            run = run_vasp_maker(maker, approximant.to_structure().get_sorted_structure())
        except CalculationError as error:
            return Response(output=_refuse(error, approximant, p))
        static = VaspStaticMaker(name=f"VASP static {approximant.material_id}", parameters=p).make(
            ordering_id,
            structure=run.structure,
            forces_eV_per_A=run.forces_eV_per_A,
            n_steps=run.n_ionic_steps,
            relaxation=run.record,
        )
        return Response(output={"status": "relaxed", "n_steps": run.n_ionic_steps}, detour=static)


@dataclass
class VaspStaticMaker(RecordMaker):
    """Job that computes the energy of a relaxed structure by atomate2's `StaticMaker` and writes both."""

    name: str = "VASP static"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(
        self,
        ordering_id: str,
        *,
        structure: Structure,
        forces_eV_per_A: list[list[float]],
        n_steps: int,
        relaxation: dict[str, Any],
    ) -> dict[str, Any]:
        """Run VASP and write the relaxation, or why there is none."""
        from mtl_flows.simulation.vasp import vasp_static_maker
        from mtl_flows.simulation.vasp_run import run_vasp_maker

        p = self.parameters
        maker = vasp_static_maker(p.vasp)
        try:
            run = run_vasp_maker(maker, structure)
        except CalculationError as error:
            with worker_store() as store:
                approximant = store.orderings.get(ordering_id)
            return _refuse(error, approximant, p)
        with worker_store() as store:
            written = record_relaxation(
                store,
                ordering_id,
                p,
                structure=structure,
                energy_eV=run.energy_eV,
                forces_eV_per_A=forces_eV_per_A,
                n_steps=n_steps,
                calculations=[relaxation, run.record],
            )
        return _summary(written)


def _refuse(
    error: CalculationError, approximant: OrderingDocument, parameters: DynamicsParameters
) -> dict[str, Any]:
    """Write why a relaxation failed."""
    p = parameters
    with worker_store() as store:
        store.rejections.record(
            error,
            p.dynamics_stage().stage,
            p.relaxation_id(approximant.structure_id, approximant.ordering),
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
