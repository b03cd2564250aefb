"""One chunk of molecular dynamics by VASP: a state in, a state and frames out, as for any other engine.

A chunk starts from the positions and velocities of the CONTCAR that the one before left. Positions are unwrapped
step by step, so that chunks join without a jump; the thermostat begins anew with each chunk, since VASP hands
on nothing else.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import units
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import CalculationError
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.guard import Guard
from mtl_flows.simulation.kinetics import internal_temperature_K
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.vasp.makers import vasp_md_maker
from mtl_flows.simulation.vasp.output import IonicStep, ionic_steps, read_contcar
from mtl_flows.simulation.vasp.parameters import VaspParameters
from mtl_flows.simulation.vasp.run import run_vasp_maker

# POSCAR has sixteen digits, vasprun.xml eight.
_SAME_POSITION = 1e-5


def run_vasp_chunk(
    start: MDState,
    stage: MDParameters,
    sink: FrameSink,
    *,
    parameters: VaspParameters = VaspParameters(),
    max_steps: int,
) -> ChunkResult:
    """Run VASP in the working directory and read the frames.

    Raises
    ------
    CalculationError
        If VASP failed beyond custodian's repair, or ran something else than what it was given.
    """
    n_steps = min(max_steps, stage.n_steps - start.step)
    maker = vasp_md_maker(stage, first_step=start.step, n_steps=n_steps, parameters=parameters)
    order = _poscar_order(start)
    record = run_vasp_maker(maker, _moving_structure(start, order)).record
    if float(record["incar"].get("POTIM", stage.timestep_fs)) != stage.timestep_fs:
        raise CalculationError(
            "custodian changed POTIM, the time step, and frames of different steps do not join",
            subject=maker.name,
        )
    result = read_chunk(Path.cwd(), start, stage, sink, order=order, max_steps=n_steps)
    return replace(result, calculation=record)


def read_chunk(
    folder: Path,
    start: MDState,
    stage: MDParameters,
    sink: FrameSink,
    *,
    order: NDArray[np.int64],
    max_steps: int,
) -> ChunkResult:
    """Hand the frames of a finished run to a sink and return where the simulation stands.

    Step k of vasprun.xml holds the positions after k − 1 steps. CONTCAR holds those after all of them; where it
    repeats the last step instead, that one is left to the next chunk.

    Parameters
    ----------
    order
        Atom of the state for each atom of the files.
    max_steps
        What was asked for; fewer may have been done.
    """
    final, velocities_A_per_fs = read_contcar(folder)
    guard = Guard.of(start, stage)
    inverse = np.linalg.inv(start.cell_A)
    n_atoms = len(start.species)
    positions = start.positions_A[order] @ inverse

    step, status, n_frames = start.step, ChunkStatus.COMPLETED, 0
    temperatures, energies, conserved = [], [], []
    last_good = start
    for ionic_step, is_last in _with_last(ionic_steps(folder)):
        moved = _shortest(ionic_step.positions - positions)
        if step == start.step and not np.nanmax(np.abs(moved)) < _SAME_POSITION:
            raise CalculationError(
                "VASP did not begin where it was told to: a repair restarted the run", subject=folder.name
            )
        positions = positions + moved
        conserved.append(ionic_step.conserved_eV)
        repeated = np.abs(_shortest(final - positions)).max() < 1e-9
        if is_last and step > start.step and repeated:
            break
        temperature_K = internal_temperature_K(ionic_step.kinetic_eV, n_atoms)
        unwrapped_A = _in_order(positions @ start.cell_A, order)
        status = guard.check_step(temperature_K, stage.target_temperature_K(step))
        if status is ChunkStatus.COMPLETED and step % stage.frame_interval == 0:
            status = guard.check_frame(unwrapped_A, ionic_step.energy_eV)
        if status is not ChunkStatus.COMPLETED:
            break
        temperatures.append(temperature_K)
        energies.append(ionic_step.energy_eV)
        if step % stage.frame_interval == 0:
            sink.append(unwrapped_A.astype(np.float32), step, temperature_K, ionic_step.energy_eV)
            n_frames += 1
            last_good = replace(start, positions_A=unwrapped_A, step=step)
        step += 1
    sink.flush()
    if not conserved:
        raise CalculationError("VASP made no step", subject=folder.name)
    if step - start.step > max_steps:
        raise CalculationError("VASP made more steps than it was told to", subject=folder.name)

    state = last_good
    if status is ChunkStatus.COMPLETED:
        masses = start.to_atoms().get_masses()[:, None]
        state = replace(
            start,
            positions_A=_in_order((positions + _shortest(final - positions)) @ start.cell_A, order),
            momenta=_in_order(velocities_A_per_fs, order) / units.fs * masses,
            step=step,
        )
    span_ps = (len(conserved) - 1) * stage.timestep_fs / 1000.0
    drift_meV = 1000.0 * (conserved[-1] - conserved[0]) / n_atoms
    return ChunkResult(
        state=state,
        status=status,
        stopped_at_step=step,
        n_frames=n_frames,
        mean_temperature_K=float(np.mean(temperatures)) if temperatures else start.temperature_K,
        mean_energy_eV=float(np.mean(energies)) if energies else 0.0,
        last_energy_eV=energies[-1] if energies else 0.0,
        conserved_drift_meV_per_atom_ps=drift_meV / span_ps if span_ps and np.isfinite(drift_meV) else 0.0,
    )


def _with_last(steps: Iterator[IonicStep]) -> Iterator[tuple[IonicStep, bool]]:
    """Say of each step whether it is the last."""
    pending = next(steps, None)
    for following in steps:
        if pending is not None:
            yield pending, False
        pending = following
    if pending is not None:
        yield pending, True


def _shortest(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimum image of fractional differences; atoms move by far less than half a cell in one step."""
    return difference - np.round(difference)


def _in_order(values: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return values of the files' atoms in the order of the state's."""
    sorted_back = np.empty_like(values)
    sorted_back[order] = values
    return sorted_back


def _moving_structure(state: MDState, order: NDArray[np.int64]) -> Structure:
    """Return the structure in another order of the atoms, with velocities in Å/fs, the unit of POSCAR."""
    masses = state.to_atoms().get_masses()[:, None]
    return Structure(
        Lattice(state.cell_A),
        [state.species[index] for index in order],
        state.positions_A[order],
        coords_are_cartesian=True,
        to_unit_cell=True,
        site_properties={"velocities": (state.momenta / masses * units.fs)[order].tolist()},
    )


def _poscar_order(state: MDState) -> NDArray[np.int64]:
    """Return the order of the atoms in the files: by element, one block and one potential for each."""
    structure = state.to_structure()
    return np.array(sorted(range(len(structure)), key=lambda index: structure[index]), dtype=np.int64)
