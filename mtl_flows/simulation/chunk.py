"""One chunk of molecular dynamics: a state in, a state and frames out.

A run cut into chunks gives the same trajectory, bit for bit, as the run in one piece: positions and momenta
are carried in double precision, and so is the state of the thermostat's random generator.
"""

from dataclasses import replace

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray

from mtl_flows.simulation.engine import ChunkResult, ChunkStatus
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.guard import Guard
from mtl_flows.simulation.kinetics import internal_temperature_K
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import POSITION_ERRORS
from mtl_flows.simulation.state import MDState, pack_generator
from mtl_flows.simulation.thermostats import BussiThermostat


def run_chunk(
    start: MDState,
    parameters: MDParameters,
    calculator: Calculator,
    sink: FrameSink,
    *,
    max_steps: int,
) -> ChunkResult:
    """Advance a simulation by ``max_steps``, or to the end of its stage if that is nearer.

    Frames are stored at every multiple of ``frame_interval``, and at step 0 of a fresh stage.

    Parameters
    ----------
    start
        State to go on from.
    parameters
        The stage; the same for each of its chunks.
    calculator
        ASE calculator giving energy and forces as a function of the positions alone.
    sink
        Receiver of the frames; flushed at the end, also when a guard stops the run.
    max_steps
        Length of the chunk.

    Returns
    -------
    ChunkResult
        Guards end the chunk early with their own status: they never raise and never let bad frames through.
    """
    atoms = start.to_atoms()
    atoms.calc = calculator
    thermostat = BussiThermostat(
        atoms,
        parameters.timestep_fs * units.fs,
        temperature_K=parameters.target_temperature_K(start.step),
        taut=parameters.taut_fs * units.fs,
        rng=start.generator(),
    )
    guard = Guard.of(start, parameters)
    stop = min(start.step + max_steps, parameters.n_steps)

    step, status, message, last_good = start.step, ChunkStatus.COMPLETED, "", start
    energies: list[float] = []
    conserved_at_start = temperature_sum_K = 0.0
    n_frames = 0
    forces: NDArray[np.float64] | None = None
    try:
        energies.append(float(atoms.get_potential_energy()))
        conserved_at_start = energies[0] + atoms.get_kinetic_energy()
        status = guard.check_frame(start.positions_A, energies[0])
        if start.step == 0 and status is ChunkStatus.COMPLETED:
            sink.append(start.positions_A.astype(np.float32), 0, start.temperature_K, energies[0])
            n_frames = 1
        while step < stop and status is ChunkStatus.COMPLETED:
            step += 1
            target_K = parameters.target_temperature_K(step)
            thermostat.set_temperature(target_K)
            forces = thermostat.step(forces)
            temperature_K = internal_temperature_K(atoms.get_kinetic_energy(), len(atoms))
            status = guard.check_step(temperature_K, target_K)
            if status is not ChunkStatus.COMPLETED:
                break
            if step % parameters.frame_interval == 0:
                energy_eV = float(atoms.get_potential_energy())
                status = guard.check_frame(atoms.positions, energy_eV)
                if status is not ChunkStatus.COMPLETED:
                    break
                energies.append(energy_eV)
                sink.append(atoms.positions.astype(np.float32), step, temperature_K, energy_eV)
                n_frames += 1
                last_good = _snapshot(start, thermostat, step)
            temperature_sum_K += temperature_K
    except POSITION_ERRORS as error:
        status, message = ChunkStatus.ENGINE_ERROR, f"{type(error).__name__}: {error}"
    sink.flush()

    completed = status is ChunkStatus.COMPLETED
    n_good = max(step - start.step - (not completed), 0)
    drift_meV_per_ps = 0.0
    if completed and n_good > 0:
        conserved = atoms.get_potential_energy() + atoms.get_kinetic_energy() - thermostat.transferred_energy
        drift_meV_per_ps = 1e6 * float(conserved - conserved_at_start) / (n_good * parameters.timestep_fs)
    return ChunkResult(
        state=_snapshot(start, thermostat, step) if completed else last_good,
        status=status,
        stopped_at_step=step,
        n_frames=n_frames,
        mean_temperature_K=temperature_sum_K / n_good if n_good else start.temperature_K,
        mean_energy_eV=float(np.mean(energies)) if energies else 0.0,
        last_energy_eV=energies[-1] if energies else 0.0,
        conserved_drift_meV_per_atom_ps=drift_meV_per_ps / len(atoms),
        message=message,
    )


def _snapshot(start: MDState, thermostat: BussiThermostat, step: int) -> MDState:
    """Return the present state of a run that began at ``start``."""
    return replace(
        start,
        positions_A=thermostat.atoms.get_positions(),
        momenta=thermostat.atoms.get_momenta(),
        step=step,
        random_state=pack_generator(thermostat.rng),
    )
