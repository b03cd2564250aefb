"""Trajectories of other programs: read, analysed and attached to a material, each once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl_flows.errors import UnusableTrajectoryError
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.schemas.dynamics import BlockRecord, TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionParameters, Trajectory
from mtl_flows.simulation.foreign_frames import ForeignTrajectory
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.stages.imported import ExternalPotential, Imported, imported_fit
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True)
class ImportOutcome:
    """What came of an import.

    Attributes
    ----------
    simulation, fit
        As they stand now.
    new
        Whether anything was written; not where the same was imported before.
    """

    simulation: TrajectoryDocument
    fit: TransportDocument
    new: bool


def import_trajectory(
    store: MTLStore,
    foreign: ForeignTrajectory,
    path: Path,
    material_id: str,
    temperature_K: float,
    potential: ExternalPotential,
    parameters: DiffusionParameters = DiffusionParameters(),
) -> ImportOutcome:
    """Analyse a trajectory, attach it to a material, and fit it with what else was imported of that potential.

    The same file at the same temperature is one simulation, whatever it is called: told another time step or analysed
    otherwise, it is analysed anew.

    Raises
    ------
    NotFoundError
        If there is no such material.
    UnusableTrajectoryError
        If it is not one of the material, or cannot be analysed.
    DynamicsError
        If it cannot be unwrapped, or does not outlast its equilibration.
    """
    structure = store.structures.current_named(material_id)
    (subject,) = store.structures.subjects([structure.id])
    crystal = store.crystals.get(structure.crystal_id).to_structure()
    try:
        found = Imported.of(foreign, path.name, subject, crystal, temperature_K, potential)
    except UnusableTrajectoryError as error:
        raise UnusableTrajectoryError(
            error.message, subject=error.subject or str(path), remedy=error.remedy
        ) from error
    before = next(iter(store.dynamics.find({"_id": found.id})), None)
    if before is not None:
        analysed = found.simulation(before.chunks[0].blocks, parameters)
        same = (before.imported, before.diffusion) == (analysed.imported, analysed.diffusion)
        new = not same
        if new:
            store.dynamics.advance(before, analysed)
    else:
        found.simulation([], parameters)  # what cannot be analysed leaves no frames behind
        store.potentials.add([potential.document()])
        store.orderings.add([found.approximant])
        blocks = _keep(store, found.id, found.trajectory)
        store.dynamics.add([found.simulation(blocks, parameters)])
        store.frames.settle(blocks)
        new = True
    simulation = store.dynamics.get(found.id)
    query = {
        "parent_id": simulation.parent_id,
        "potential_id": potential.id,
        "provenance.parameters.mobile_ion": potential.mobile_ion,
    }
    together = sorted(store.dynamics.find(query), key=lambda s: (s.provenance.created_at, s.id))
    fit = imported_fit(potential, together)
    store.transport.put([fit])
    screening = screening_parameters(store, store.screening)
    if screening.mobile_ion == potential.mobile_ion:
        rebuild_candidates(store, screening, store.groups.rows_about([structure.crystal_id]))
    return ImportOutcome(simulation, fit, new)


def _keep(store: MTLStore, simulation_id: str, trajectory: Trajectory) -> list[BlockRecord]:
    """Store the frames as those of our own simulations are."""
    blocks: list[BlockRecord] = []

    def write(block: FrameBlock) -> None:
        first_step, data = int(block.steps[0]), block.to_bytes()
        blocks.append(store.frames.write(simulation_id, first_step, data, len(block.steps)))

    sink = BlockFrameSink(write)
    for number in range(trajectory.n_frames):
        sink.append(
            trajectory.positions_A[number].astype(np.float32),
            number,
            float(trajectory.temperatures_K[number]),
            float(trajectory.energies_eV[number]),
        )
    sink.flush()
    return blocks
