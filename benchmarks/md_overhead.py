"""Cost of a chunk over a bare ASE loop, frames stored: ``python benchmarks/md_overhead.py [steps]``.

The bare loop is ASE's own Bussi dynamics with nothing attached. Both run in turns from the same states, so that a
noisy machine disturbs them alike; medians of the processor time of the turns are compared. Fifty atoms of Li3OCl,
a frame every ten steps, one thread, CHGNet.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase import units
from ase.md.bussi import Bussi
from pymatgen.core import Lattice, Structure

from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engines.chgnet import ENGINE
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState

STEPS_PER_TURN = 100


def antiperovskite_cell() -> Structure:
    """Return Li3OCl."""
    return Structure(
        Lattice.cubic(3.91),
        ["Li", "Li", "Li", "O", "Cl"],
        [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]],
    )


def antiperovskite() -> Structure:
    """Return fifty atoms of Li3OCl."""
    return antiperovskite_cell() * (5, 2, 1)


def main(n_steps: int) -> None:
    """Print milliseconds a step of both, and the difference in per cent."""
    parameters = MDParameters(temperature_K=1000.0, n_steps=n_steps)
    state = MDState.from_structure(antiperovskite(), parameters)
    calculator = ENGINE.build()
    bare_s, chunk_s = [], []
    with tempfile.TemporaryDirectory() as folder:

        def store(block: FrameBlock) -> None:
            (Path(folder) / f"{int(block.steps[0]):09d}.npz").write_bytes(block.to_bytes())

        sink = BlockFrameSink(store)
        while state.step < n_steps:
            atoms = state.to_atoms()
            atoms.calc = calculator
            start = time.process_time()
            Bussi(
                atoms, 2.0 * units.fs, temperature_K=1000.0, taut=100.0 * units.fs, rng=state.generator()
            ).run(STEPS_PER_TURN)
            middle = time.process_time()
            state = run_chunk(state, parameters, calculator, sink, max_steps=STEPS_PER_TURN).state
            bare_s.append((middle - start) / STEPS_PER_TURN)
            chunk_s.append((time.process_time() - middle) / STEPS_PER_TURN)
    bare_ms, chunk_ms = 1e3 * np.median(bare_s), 1e3 * np.median(chunk_s)
    print(
        f"bare ASE {bare_ms:.1f} ms/step, chunk {chunk_ms:.1f} ms/step, {100 * (chunk_ms / bare_ms - 1):+.1f} %"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
