"""What the runner for one and a batch make of the same simulations by 7net-0: run by `test_gpu_lane.py`."""

import json
import multiprocessing
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.simulation.batched.engine import batched
from mtl_flows.simulation.batched.evaluator import Evaluator, build_potential
from mtl_flows.simulation.batched.potential import Configuration, Evaluation
from mtl_flows.simulation.batched.remote import RemoteEvaluator, evaluated_by
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.engine import Engine
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState

Simulation = tuple[Structure, MDParameters]


def crystals() -> list[Structure]:
    """Return Li3N, Li3OCl and LiCl."""
    nitride = [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0], [0, 0, 0.5], [0, 0, 0]]
    perovskite = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0.5], [0, 0, 0]]
    return [
        Structure(Lattice.hexagonal(3.65, 3.87), ["Li"] * 3 + ["N"], nitride),
        Structure(Lattice.cubic(3.91), ["Li"] * 3 + ["O", "Cl"], perovskite),
        Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.13), ["Li", "Cl"], [[0] * 3, [0.5] * 3]),
    ]


def simulate(engine: Engine, simulation: Simulation) -> dict[str, Any]:
    """Simulate one to its end."""
    structure, stage = simulation
    blocks: list[FrameBlock] = []
    start = MDState.from_structure(structure, stage)
    done = engine.run_chunk(start, stage, BlockFrameSink(blocks.append), max_steps=stage.n_steps)
    positions = np.concatenate([block.positions_A for block in blocks]).astype(float)
    return {
        "status": str(done.status),
        "temperature_K": done.mean_temperature_K,
        "temperatures_K": np.concatenate([block.temperatures_K for block in blocks]).tolist(),
        "energy_eV": done.mean_energy_eV,
        "drift_meV_per_atom_ps": done.conserved_drift_meV_per_atom_ps,
        "positions_A": positions.tolist(),
        "msd_A2": ((positions - positions[0]) ** 2).sum(axis=2).mean(axis=1).tolist(),
    }


def together(engine: CalculatorEngine, simulations: list[Simulation]) -> list[dict[str, Any]]:
    """Simulate all of them at a time."""
    pairs = [multiprocessing.Pipe() for _ in simulations]
    serving = threading.Thread(target=Evaluator([end for _, end in pairs]).serve)
    serving.start()

    def client(number: int) -> dict[str, Any]:
        pipe = pairs[number][0]
        with pipe, evaluated_by(RemoteEvaluator(pipe, partial(sys.exit, "the evaluator has ended"))):
            return simulate(batched(engine), simulations[number])

    with ThreadPoolExecutor(len(pairs)) as pool:
        done = list(pool.map(client, range(len(pairs))))
    serving.join()
    return done


def same_frames(
    engine: CalculatorEngine, potential: Callable[..., list[Evaluation]]
) -> list[dict[str, float]]:
    """Compare energies, forces and stresses of shaken crystals, whose atoms are anywhere in space."""
    rng, calculator = np.random.default_rng(0), engine.build(for_md=False)
    shaken = [structure.to_ase_atoms() for structure in crystals()]
    for atoms in shaken:
        cells = rng.integers(-3, 4, atoms.positions.shape)
        atoms.positions += rng.normal(0.0, 0.1, atoms.positions.shape) + cells @ np.array(atoms.cell)
    told = potential(
        [Configuration(a.get_atomic_numbers(), np.array(a.cell), a.get_positions()) for a in shaken]
    )
    differences = []
    for atoms, evaluation in zip(shaken, told, strict=True):
        atoms.calc = calculator
        assert evaluation.stress_eV_per_A3 is not None
        stress = atoms.get_stress(voigt=False)
        differences.append(
            {
                "energy_eV_per_atom": abs(evaluation.energy_eV - atoms.get_potential_energy()) / len(atoms),
                "force_eV_per_A": float(abs(evaluation.forces_eV_per_A - atoms.get_forces()).max()),
                "largest_force_eV_per_A": float(abs(atoms.get_forces()).max()),
                "stress_eV_per_A3": float(abs(evaluation.stress_eV_per_A3 - stress).max()),
            }
        )
    return differences


def main(n_steps: int) -> None:
    """Print what both make of it."""
    engine = get_engine("sevennet").configured({})
    stages = [
        MDParameters(temperature_K=temperature_K, n_steps=n_steps, frame_interval=5, seed=seed)
        for seed, temperature_K in enumerate((600.0, 900.0, 1200.0))
    ]
    simulations = list(zip(crystals(), stages, strict=True))
    told = {
        "frames": same_frames(engine, build_potential(engine).evaluate),
        "alone": [simulate(engine, simulation) for simulation in simulations],
        "batch": together(engine, simulations),
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
