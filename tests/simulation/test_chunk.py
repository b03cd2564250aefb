import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from ase import units
from ase.md.verlet import VelocityVerlet
from hypothesis import given, settings
from hypothesis import strategies as st
from md_calculators import Breaking, Einstein, Expelling, Waves, antiperovskite
from pymatgen.core import Structure
from sinks import MemoryFrameSink

from mtl_flows.errors import ConfigurationError, InputError, OrderingError
from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engine import ChunkStatus
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.simulation.kinetics import internal_temperature_K, thermal_momenta
from mtl_flows.simulation.parameters import MDParameters, default_timestep_fs
from mtl_flows.simulation.state import MDState, pack_generator, unpack_generator
from mtl_flows.simulation.thermostats import BussiThermostat


def positions(sink: MemoryFrameSink) -> np.ndarray:
    return np.concatenate([block.positions_A for block in sink.blocks])


def steps(sink: MemoryFrameSink) -> list[int]:
    return np.concatenate([block.steps for block in sink.blocks]).tolist()


def through_json(state: MDState) -> MDState:
    return MDState.from_dict(json.loads(json.dumps(state.as_dict())))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=5))
def test_a_run_cut_anywhere_equals_the_run_in_one_piece_bit_for_bit(cuts: list[int]) -> None:
    parameters = MDParameters(temperature_K=(300.0, 900.0), n_steps=100, frame_interval=7, seed=3)
    start = MDState.from_structure(antiperovskite(2, 1, 1), parameters)
    whole, pieces = MemoryFrameSink(), MemoryFrameSink()
    uncut = run_chunk(start, parameters, Waves(), whole, max_steps=100).state
    state = start
    for length in [*cuts, 100]:
        state = through_json(run_chunk(state, parameters, Waves(), pieces, max_steps=length).state)
    assert state.step == uncut.step == 100
    assert np.array_equal(state.positions_A, uncut.positions_A)
    assert np.array_equal(state.momenta, uncut.momenta)
    assert state.random_state == uncut.random_state
    assert np.array_equal(positions(pieces), positions(whole))
    assert steps(pieces) == steps(whole) == list(range(0, 101, 7))


def test_the_seed_decides_the_run() -> None:
    def final(seed: int) -> np.ndarray:
        parameters = MDParameters(n_steps=20, seed=seed)
        start = MDState.from_structure(antiperovskite(), parameters)
        return run_chunk(start, parameters, Waves(), MemoryFrameSink(), max_steps=20).state.positions_A

    assert np.array_equal(final(1), final(1))
    assert not np.array_equal(final(1), final(2))


def test_the_integrator_is_that_of_ase_when_the_thermostat_is_out_of_reach() -> None:
    parameters = MDParameters(n_steps=50, taut_fs=1e15, seed=1)
    start = MDState.from_structure(antiperovskite(), parameters)
    ours = run_chunk(start, parameters, Waves(), MemoryFrameSink(), max_steps=50).state
    atoms = start.to_atoms()
    atoms.calc = Waves()
    VelocityVerlet(atoms, 2.0 * units.fs).run(50)
    assert ours.positions_A == pytest.approx(atoms.get_positions(), abs=1e-6)


def test_the_thermostat_samples_the_canonical_distribution() -> None:
    parameters = MDParameters(temperature_K=600.0, n_steps=10_000, taut_fs=10.0, frame_interval=5, seed=5)
    start = MDState.from_structure(antiperovskite(2, 1, 1), parameters)
    sink = MemoryFrameSink()
    result = run_chunk(start, parameters, Waves(), sink, max_steps=10_000)
    temperatures = np.concatenate([block.temperatures_K for block in sink.blocks])[100:]
    dof = 3 * 10 - 3
    # Kinetic energy is gamma-distributed: mean T, variance 2 T² / dof.
    assert temperatures.mean() == pytest.approx(600.0, rel=0.03)
    assert temperatures.var() == pytest.approx(2.0 * 600.0**2 / dof, rel=0.15)
    assert result.mean_temperature_K == pytest.approx(600.0, rel=0.03)
    assert abs(result.conserved_drift_meV_per_atom_ps) < 0.1


def test_the_heating_ramp_is_followed() -> None:
    parameters = MDParameters(temperature_K=(300.0, 1200.0), n_steps=4000, taut_fs=20.0, seed=2)
    assert [parameters.target_temperature_K(step) for step in (0, 2000, 4000, 9000)] == [300, 750, 1200, 1200]
    start = MDState.from_structure(antiperovskite(2, 2, 1), parameters)
    sink = MemoryFrameSink()
    run_chunk(start, parameters, Einstein(), sink, max_steps=4000)
    temperatures = np.concatenate([block.temperatures_K for block in sink.blocks])
    slope, intercept = np.polyfit(np.linspace(0.0, 1.0, len(temperatures)), temperatures, 1)
    assert slope == pytest.approx(900.0, rel=0.2)
    assert intercept == pytest.approx(300.0, abs=90.0)


def test_velocities_begin_at_the_target_with_the_centre_of_mass_at_rest() -> None:
    parameters = MDParameters(temperature_K=777.0)
    state = MDState.from_structure(antiperovskite(2, 2, 2), parameters)
    assert state.temperature_K == pytest.approx(777.0)
    assert state.momenta.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)


def test_given_velocities_are_used() -> None:
    structure = antiperovskite()
    velocities = np.arange(15.0).reshape(5, 3) * 1e-3
    structure.add_site_property("velocities", velocities.tolist())
    state = MDState.from_structure(structure, MDParameters())
    assert state.momenta == pytest.approx(velocities * state.to_atoms().get_masses()[:, None])
    structure.add_site_property("velocities", [None] * 5)
    with pytest.raises(InputError, match="velocities"):
        MDState.from_structure(structure, MDParameters())


def test_a_new_stage_keeps_positions_and_momenta() -> None:
    heat = MDParameters(temperature_K=(300.0, 600.0), n_steps=10, seed=1)
    hot = run_chunk(
        MDState.from_structure(antiperovskite(), heat), heat, Waves(), MemoryFrameSink(), max_steps=10
    ).state
    hold = MDParameters(temperature_K=600.0, n_steps=10, seed=2)
    fresh = hot.next_stage(hold)
    assert fresh.step == 0
    assert np.array_equal(fresh.momenta, hot.momenta)
    assert fresh.random_state == pack_generator(np.random.default_rng(2))


def test_nonsense_stops_the_run_at_its_last_good_frame() -> None:
    parameters = MDParameters(n_steps=100, frame_interval=5)
    start = MDState.from_structure(antiperovskite(), parameters)
    sink = MemoryFrameSink()
    result = run_chunk(start, parameters, Breaking(), sink, max_steps=100)
    assert result.status is ChunkStatus.NOT_A_NUMBER
    assert 20 < result.stopped_at_step <= 26
    assert result.state.step == 5 * ((result.stopped_at_step - 1) // 5)
    assert np.isfinite(positions(sink)).all()
    assert np.isfinite(result.state.momenta).all()
    json.dumps(result.state.as_dict(), allow_nan=False)


@pytest.mark.parametrize("error", [RuntimeError("no neighbours"), ZeroDivisionError(), IndexError("atom 7")])
def test_an_engine_that_gives_up_is_reported_with_the_step_and_can_go_on(error: Exception) -> None:
    class GivesUp(Waves):
        evaluations = 0

        def calculate(self, *args: Any, **kwargs: Any) -> None:
            self.evaluations += 1
            if self.evaluations == 34:
                raise error
            super().calculate(*args, **kwargs)

    parameters = MDParameters(n_steps=60, frame_interval=5)
    start = MDState.from_structure(antiperovskite(), parameters)
    sink, whole = MemoryFrameSink(), MemoryFrameSink()
    calculator = GivesUp()
    result = run_chunk(start, parameters, calculator, sink, max_steps=60)
    assert result.status is ChunkStatus.ENGINE_ERROR
    assert (result.stopped_at_step, result.state.step) == (33, 30)
    assert type(error).__name__ in result.message
    run_chunk(result.state, parameters, calculator, sink, max_steps=60)
    run_chunk(start, parameters, Waves(), whole, max_steps=60)
    assert np.array_equal(positions(sink), positions(whole))


def test_an_energy_that_is_no_number_is_not_stored() -> None:
    class NoEnergy(Waves):
        def calculate(self, *args: Any, **kwargs: Any) -> None:
            super().calculate(*args, **kwargs)
            self.results["energy"] = np.nan

    parameters = MDParameters(n_steps=20)
    start = MDState.from_structure(antiperovskite(), parameters)
    sink = MemoryFrameSink()
    result = run_chunk(start, parameters, NoEnergy(), sink, max_steps=20)
    assert (result.status, result.stopped_at_step, result.n_frames) == (ChunkStatus.NOT_A_NUMBER, 0, 0)
    assert sink.blocks == []


def test_runaway_temperature_stops_the_run() -> None:
    parameters = MDParameters(temperature_K=300.0, n_steps=500, taut_fs=1e6)
    start = MDState.from_structure(antiperovskite(), parameters)
    result = run_chunk(start, parameters, Expelling(), MemoryFrameSink(), max_steps=500)
    assert result.status is ChunkStatus.TEMPERATURE_RUNAWAY
    assert 0 < result.stopped_at_step < 500


def test_a_framework_that_leaves_stops_the_run() -> None:
    parameters = MDParameters(temperature_K=300.0, n_steps=500, taut_fs=1e6, max_temperature_ratio=1e9)
    start = MDState.from_structure(antiperovskite(), parameters)
    result = run_chunk(start, parameters, Expelling(), MemoryFrameSink(), max_steps=500)
    assert result.status is ChunkStatus.FRAMEWORK_MELTED
    assert result.stopped_at_step % parameters.frame_interval == 0


def test_mobile_ions_may_go_where_they_like() -> None:
    only_lithium = Structure.from_sites([site for site in antiperovskite() if site.specie.symbol == "Li"])
    parameters = MDParameters(temperature_K=300.0, n_steps=60, taut_fs=1e6, max_temperature_ratio=1e9)
    start = MDState.from_structure(only_lithium, parameters)
    result = run_chunk(start, parameters, Expelling(), MemoryFrameSink(), max_steps=60)
    assert result.status is ChunkStatus.COMPLETED


def test_a_disordered_structure_is_refused() -> None:
    structure = antiperovskite()
    structure[0] = {"Li": 0.5}
    with pytest.raises(OrderingError, match="disordered"):
        MDState.from_structure(structure, MDParameters())


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="timestep_fs"):
        MDParameters(timestep_fs=0.0)
    with pytest.raises(ConfigurationError, match="temperature_K"):
        MDParameters(temperature_K=(300.0, -1.0))


@pytest.mark.parametrize(
    ("element", "temperature_K", "timestep_fs"),
    [("H", 1000.0, 1.0), ("D", 800.0, 1.0), ("H", 1200.0, 0.5), ("O", 1400.0, 2.0)],
)
def test_hydrogen_halves_the_time_step(element: str, temperature_K: float, timestep_fs: float) -> None:
    structure = antiperovskite()
    structure.replace_species({"O": element})
    assert default_timestep_fs(structure.composition, temperature_K) == timestep_fs


def test_generator_state_survives_json() -> None:
    generator = np.random.default_rng(11)
    generator.standard_normal(17)
    copy = unpack_generator(json.loads(json.dumps(pack_generator(generator))))
    assert np.array_equal(copy.standard_normal(9), generator.standard_normal(9))


def test_one_atom_has_no_temperature_to_set() -> None:
    atoms = MDState.from_structure(antiperovskite(), MDParameters()).to_atoms()[:1]
    assert thermal_momenta(atoms.get_masses(), 300.0, np.random.default_rng(0)) == pytest.approx(
        np.zeros((1, 3))
    )
    assert internal_temperature_K(0.0, 1) == 0.0


def test_the_thermostat_counts_three_degrees_of_freedom_less() -> None:
    atoms = MDState.from_structure(antiperovskite(), MDParameters()).to_atoms()
    thermostat = BussiThermostat(atoms, 2.0 * units.fs, temperature_K=500.0)
    assert thermostat.ndof == 12
    thermostat.set_temperature(temperature_K=1000.0)
    assert thermostat.target_kinetic_energy == pytest.approx(6.0 * 1000.0 * units.kB)


def test_memory_stays_flat_however_long_the_run() -> None:
    structure = antiperovskite(5, 4, 2)
    parameters = MDParameters(n_steps=10_000, frame_interval=1)
    written: list[int] = []

    def count(block: FrameBlock) -> None:
        written.append(len(block.steps))

    state = MDState.from_structure(structure, parameters)
    calculator = Einstein()
    peaks = []
    for length in (100, 400):
        tracemalloc.start()
        sink = BlockFrameSink(count, frames_per_block=20)
        state = run_chunk(state, parameters, calculator, sink, max_steps=length).state
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sum(written) == 501
    # 400 frames of 200 atoms would be 1 MB.
    assert peaks[1] < 1.2 * peaks[0] < 5e5
