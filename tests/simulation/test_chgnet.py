"""The whole chain on a real potential: lithium nitride, hot, for as long as a test may take."""

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from sinks import MemoryFrameSink

from mtl_flows.science.dynamics import DiffusionParameters, DiffusionStatus, analyse_diffusion
from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engine import ChunkStatus
from mtl_flows.simulation.engines.chgnet import ENGINE
from mtl_flows.simulation.frames import assemble_trajectory
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState

pytestmark = pytest.mark.md


def lithium_nitride() -> Structure:
    """α-Li3N (Rabenau and Schulz 1976, doi:10.1016/0022-5088(76)90263-0)."""
    return Structure(
        Lattice.hexagonal(3.648, 3.875),
        ["N", "Li", "Li", "Li"],
        [[0, 0, 0], [0, 0, 0.5], [1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]],
    )


def test_hot_lithium_nitride_stays_itself_and_its_lithium_moves_more_when_hotter() -> None:
    calculator = ENGINE.build()
    amplitudes = []
    for temperature_K in (400.0, 1200.0):
        parameters = MDParameters(
            temperature_K=temperature_K, n_steps=150, frame_interval=3, taut_fs=20.0, seed=1
        )
        state = MDState.from_structure(lithium_nitride() * (2, 2, 1), parameters)
        sink = MemoryFrameSink()
        while state.step < parameters.n_steps:
            result = run_chunk(state, parameters, calculator, sink, max_steps=70)
            assert result.status is ChunkStatus.COMPLETED
            state = MDState.from_dict(json.loads(json.dumps(result.state.as_dict())))
        trajectory = assemble_trajectory(
            sink.blocks, species=state.species, lattice_A=state.cell_A, timestep_fs=2.0
        )
        assert trajectory.n_frames == 51
        settled = trajectory.temperatures_K[20:]
        assert settled.mean() == pytest.approx(temperature_K, rel=0.25)
        assert abs(result.conserved_drift_meV_per_atom_ps) < 20.0
        lithium = np.asarray(trajectory.positions_A[20:, trajectory.mask("Li")], dtype=float)
        amplitudes.append(float(lithium.var(axis=0).sum(axis=1).mean()))
        distances = state.to_structure().distance_matrix[~trajectory.mask("Li")][:, trajectory.mask("Li")]
        assert 1.6 < distances.min() < 2.1
        short = analyse_diffusion(trajectory, "Li", temperature_K, DiffusionParameters(discard_ps=0.1))
        assert short.status is DiffusionStatus.UNCONVERGED
        assert short.framework_msd_A2 < 0.5
    assert amplitudes[1] > 1.5 * amplitudes[0]


def test_chgnet_runs_repeat_bit_for_bit_across_a_cut() -> None:
    parameters = MDParameters(n_steps=12, frame_interval=4, seed=2)
    start = MDState.from_structure(lithium_nitride() * (2, 1, 1), parameters)
    whole = run_chunk(start, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=12).state
    half = run_chunk(start, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=5).state
    rest = run_chunk(half, parameters, ENGINE.build(), MemoryFrameSink(), max_steps=7).state
    assert np.array_equal(rest.positions_A, whole.positions_A)
    assert np.array_equal(rest.momenta, whole.momenta)
