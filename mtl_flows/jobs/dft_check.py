"""Frames of a simulation by its potential and by DFT: chosen once, computed one by one, compared as they come."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from jobflow import JobConfig, OnMissing, job
from pymatgen.core import Structure

from mtl_flows.errors import CalculationError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dft_checks import CheckedFrame, DftCheckDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.stages.dft_check import DftCheckParameters, compared_fields, hottest_sound, softening_of
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore

_AS_IT_IS = RelaxationGoal(max_steps=0, relax_cell=False)


@dataclass
class DftFramesMaker(RecordMaker):
    """Job that chooses frames of the hottest sound simulation, and has the potential compute them once more."""

    name: str = "frames for DFT"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)
    check: DftCheckParameters = field(default_factory=DftCheckParameters)

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, parent: str, ordering: int, after: list[Any]) -> dict[str, Any]:
        """Choose, once the simulations whose outputs are listed in `after` have ended."""
        with worker_store() as store:
            simulation = _checked_simulation(store, self.parameters, parent, ordering)
            if simulation is None:
                return {"dft_check_id": None, "reason": "no simulation came to a sound end"}
            key = _key(simulation, self.parameters, self.check)
            if not store.dft_checks.existing([key]):
                store.dft_checks.add([self._document(store, key, simulation)])
        return {"dft_check_id": key, "temperature_K": simulation.temperature_K}

    def _document(self, store: MTLStore, key: str, simulation: TrajectoryDocument) -> DftCheckDocument:
        p, stage = self.parameters, self.check.stage(self.parameters.mobile_ion)
        trajectory = load_trajectory(store, simulation)
        last = trajectory.n_frames - 1
        first = min(ceil(1e3 * p.diffusion.discard_ps / trajectory.timestep_fs), last)
        chosen = np.linspace(first, last, self.check.n_frames)
        structures = {
            number: Structure(
                trajectory.lattice_A,
                trajectory.species,
                trajectory.positions_A[number],
                coords_are_cartesian=True,
                to_unit_cell=True,
            ).get_sorted_structure()
            for number in sorted({round(float(x)) for x in chosen})
        }
        engine = engine_here(p, relaxing=lambda: [(frame, _AS_IT_IS) for frame in structures.values()])
        frames = []
        for number, structure in structures.items():
            here = engine.relax(structure, _AS_IT_IS)
            frames.append(
                CheckedFrame(
                    frame=number,
                    structure=structure.as_dict(),
                    energy_eV=here.energy_eV,
                    forces_eV_per_A=here.forces_eV_per_A,
                )
            )
        shared = {name: getattr(simulation, name) for name in _OF_THE_SIMULATION}
        return DftCheckDocument(
            id=key,
            parameters_hash=stage.hash,
            provenance=Provenance.record(stage, {"trajectory": simulation.id}, job_id()),
            trajectory_id=simulation.id,
            dft_potential=self.check.dft().potential(),
            frames=frames,
            **shared,
        )


_OF_THE_SIMULATION = (
    *(
        "crystal_id",
        "parent_id",
        "material_id",
        "approximant_id",
        "replica",
        "ordering_id",
        "ordering",
        "series",
    ),
    *("relaxation_id", "potential_id", "engine_name", "temperature_K"),
)


@dataclass
class DftFrameMaker(RecordMaker):
    """Job that computes one frame by atomate2's static VASP Maker."""

    name: str = "frame by DFT"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)
    check: DftCheckParameters = field(default_factory=DftCheckParameters)

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, parent: str, ordering: int, number: int, after: list[Any]) -> dict[str, Any]:
        """Compute the frame of this number in the document, once it is chosen; nothing where that is done.

        A calculation that fails beyond repair is written down with its reason; the other frames count.
        """
        with worker_store() as store:
            simulation = _checked_simulation(store, self.parameters, parent, ordering)
            key = "" if simulation is None else _key(simulation, self.parameters, self.check)
            found = next(iter(store.dft_checks.find({"_id": key})), None)
        if found is None or number >= len(found.frames) or found.frames[number].dft_energy_eV is not None:
            return {"dft_check_id": key or None, "computed": False}
        try:
            frame = engine_here(self.check.by_dft(self.parameters)).relax(
                found.frames[number].to_structure(), _AS_IT_IS
            )
        except CalculationError as error:
            computed: dict[str, Any] = {"reason": error.message}
        else:
            computed = {
                "dft_energy_eV": frame.energy_eV,
                "dft_forces_eV_per_A": frame.forces_eV_per_A,
                "calculation": frame.calculations[0],
                "reason": "",
            }
        with worker_store() as store:
            compared = softening_of(store.dft_checks.note_frame(key, number, computed))
            if compared is not None:
                store.dft_checks.note_comparison(key, compared_fields(compared))
        return {"dft_check_id": key, "computed": "dft_energy_eV" in computed}


def _checked_simulation(
    store: MTLStore, parameters: DynamicsParameters, parent: str, ordering: int
) -> TrajectoryDocument | None:
    sample = store.orderings.get(parameters.ordering_id(parent, ordering)).sample
    keys = [parameters.trajectory_id(sample, temperature_K) for temperature_K in parameters.temperatures_K]
    return hottest_sound(store.dynamics.find({"_id": {"$in": keys}}))


def _key(simulation: TrajectoryDocument, parameters: DynamicsParameters, check: DftCheckParameters) -> str:
    return f"{simulation.id}:{check.stage(parameters.mobile_ion).hash}"
