"""One chunk of molecular dynamics: a state in, a state and frames out.

A run cut into chunks gives the same trajectory, bit for bit, as the run in one piece: positions and momenta
are carried in double precision, and so is the state of the thermostat's random generator.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray

from mtl_flows.jobs.md.frames import FrameSink
from mtl_flows.jobs.md.parameters import MDParameters
from mtl_flows.jobs.md.state import MDState, pack_generator
from mtl_flows.jobs.md.thermostats import (
    BussiThermostat,
    internal_degrees_of_freedom,
    internal_temperature_K,
)


class ChunkStatus(StrEnum):
    """How a chunk ended."""

    COMPLETED = "completed"
    NOT_A_NUMBER = "not_a_number"
    TEMPERATURE_RUNAWAY = "temperature_runaway"
    FRAMEWORK_MELTED = "framework_melted"


@dataclass(frozen=True, slots=True, eq=False)
class ChunkResult:
    """Outcome of one chunk.

    Attributes
    ----------
    state
        Where to go on from; after a failed guard, the state at the last good frame.
    status
        Outcome; anything but ``completed`` ends the simulation.
    stopped_at_step
        Last step done, counted from the start of the stage (the failing one after a failed guard).
    n_frames
        Frames handed to the sink.
    mean_temperature_K
        Mean of the instantaneous temperature over the steps of the chunk.
    mean_energy_eV, last_energy_eV
        Potential energy, mean over the stored frames and the starting point, and at the last of them.
    conserved_drift_meV_per_atom_ps
        Drift of the conserved quantity (total energy less the thermostat's heat): the integrator's error.
    """

    state: MDState
    status: ChunkStatus
    stopped_at_step: int
    n_frames: int
    mean_temperature_K: float
    mean_energy_eV: float
    last_energy_eV: float
    conserved_drift_meV_per_atom_ps: float

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able document."""
        return {
            "state": self.state.as_dict(),
            "status": str(self.status),
            "stopped_at_step": self.stopped_at_step,
            "n_frames": self.n_frames,
            "mean_temperature_K": self.mean_temperature_K,
            "mean_energy_eV": self.mean_energy_eV,
            "last_energy_eV": self.last_energy_eV,
            "conserved_drift_meV_per_atom_ps": self.conserved_drift_meV_per_atom_ps,
        }


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
    guard = _Guard.of(start, parameters)
    stop = min(start.step + max_steps, parameters.n_steps)

    energies = [float(atoms.get_potential_energy())]
    conserved_at_start = energies[0] + atoms.get_kinetic_energy()
    n_frames = 0
    if start.step == 0:
        sink.append(start.positions_A.astype(np.float32), 0, start.temperature_K, energies[0])
        n_frames = 1

    step, status, last_good = start.step, ChunkStatus.COMPLETED, start
    temperature_sum_K = 0.0
    forces: NDArray[np.float64] | None = None
    while step < stop:
        step += 1
        target_K = parameters.target_temperature_K(step)
        thermostat.set_temperature(target_K)
        forces = thermostat.step(forces)
        temperature_K = internal_temperature_K(atoms.get_kinetic_energy(), len(atoms))
        stores_frame = step % parameters.frame_interval == 0
        status = guard.check(temperature_K, target_K, atoms.positions if stores_frame else None)
        if status is not ChunkStatus.COMPLETED:
            break
        temperature_sum_K += temperature_K
        if stores_frame:
            energies.append(float(atoms.get_potential_energy()))
            sink.append(atoms.positions.astype(np.float32), step, temperature_K, energies[-1])
            n_frames += 1
            last_good = _snapshot(start, thermostat, step)
    sink.flush()

    completed = status is ChunkStatus.COMPLETED
    n_good = step - start.step - (not completed)
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
        mean_energy_eV=float(np.mean(energies)),
        last_energy_eV=energies[-1],
        conserved_drift_meV_per_atom_ps=drift_meV_per_ps / len(atoms),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Guard:
    """Limits beyond which a simulation is not worth going on with."""

    max_temperature_ratio: float
    max_framework_msd_A2: float
    framework: NDArray[np.bool_]
    reference_A: NDArray[np.float64]

    @classmethod
    def of(cls, start: MDState, parameters: MDParameters) -> Self:
        framework = np.array([symbol != parameters.mobile_ion for symbol in start.species])
        # Canonical fluctuation of the temperature: relative standard deviation √(2/dof).
        fluctuation = np.sqrt(2.0 / internal_degrees_of_freedom(len(start.species)))
        return cls(
            max_temperature_ratio=parameters.max_temperature_ratio + 8.0 * float(fluctuation),
            max_framework_msd_A2=parameters.max_framework_msd_A2,
            framework=framework,
            reference_A=start.reference_A[framework],
        )

    def check(
        self, temperature_K: float, target_K: float, positions_A: NDArray[np.float64] | None
    ) -> ChunkStatus:
        """Judge one step; the framework only where its positions are given."""
        if not np.isfinite(temperature_K):
            return ChunkStatus.NOT_A_NUMBER
        if temperature_K > self.max_temperature_ratio * target_K:
            return ChunkStatus.TEMPERATURE_RUNAWAY
        if positions_A is not None and self.framework.any():
            moved = positions_A[self.framework] - self.reference_A
            moved -= moved.mean(axis=0)
            if float((moved**2).sum(axis=1).mean()) > self.max_framework_msd_A2:
                return ChunkStatus.FRAMEWORK_MELTED
        return ChunkStatus.COMPLETED


def _snapshot(start: MDState, thermostat: BussiThermostat, step: int) -> MDState:
    """Return the present state of a run that began at ``start``."""
    return replace(
        start,
        positions_A=thermostat.atoms.get_positions(),
        momenta=thermostat.atoms.get_momenta(),
        step=step,
        random_state=pack_generator(thermostat.rng),
    )
