"""Engines stand on atomate2's force-field Makers, under the one set of parameters they were given."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.md import ForceFieldMDMaker
from md_calculators import Waves, antiperovskite
from sinks import MemoryFrameSink

from mtl_flows.errors import CalculationError
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engine import ChunkStatus, RelaxationGoal
from mtl_flows.simulation.makers import EngineMDMaker, EngineRelaxMaker
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.thermostats import BussiThermostat

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

RAMP = MDParameters(temperature_K=(300.0, 800.0), n_steps=60, frame_interval=5, seed=4)


def calculator(path: str) -> CalculatorEngine:
    engine = get_engine(path)
    assert isinstance(engine, CalculatorEngine)
    return engine


def test_dynamics_is_atomate2s_maker_under_the_parameters_of_the_stage() -> None:
    maker = EngineMDMaker.of(calculator("md_calculators.Waves"), RAMP)
    assert isinstance(maker, ForceFieldMDMaker)
    assert isinstance(maker.calculator, Waves)
    assert maker.stage is RAMP
    asked = (maker.temperature, maker.n_steps, maker.time_step, maker.traj_interval, maker.mb_velocity_seed)
    assert asked == ([300.0, 800.0], 60, 2.0, 5, 4)
    assert maker.dynamics is BussiThermostat


def test_a_calculator_without_a_memory_serves_one_chunk_after_the_other() -> None:
    engine = replace(calculator("md_calculators.Waves"), is_stateless=True)
    first = EngineMDMaker.of(engine, RAMP).calculator
    first.results["energy"] = 1.0
    again = EngineMDMaker.of(engine, replace(RAMP, seed=5)).calculator
    assert again is first
    assert again.results == {}
    assert EngineMDMaker.of(replace(engine, name="another"), RAMP).calculator is not first
    assert EngineMDMaker.of(engine, RAMP).calculator is not first  # one is kept, the last
    with_memory = calculator("md_calculators.Waves")
    assert (
        EngineMDMaker.of(with_memory, RAMP).calculator is not EngineMDMaker.of(with_memory, RAMP).calculator
    )


@pytest.mark.parametrize("is_stateless", [False, True])
def test_an_engine_runs_the_chunks_that_its_calculator_gives(is_stateless: bool) -> None:
    engine = replace(calculator("md_calculators.Waves"), is_stateless=is_stateless)
    start = MDState.from_structure(antiperovskite(2, 1, 1), RAMP)
    frames, whole = MemoryFrameSink(), MemoryFrameSink()
    state = start
    while state.step < RAMP.n_steps:
        state = engine.run_chunk(state, RAMP, frames, max_steps=25).state
    expected = run_chunk(start, RAMP, Waves(), whole, max_steps=60).state
    assert np.array_equal(state.positions_A, expected.positions_A)
    assert np.array_equal(
        np.concatenate([block.positions_A for block in frames.blocks]),
        np.concatenate([block.positions_A for block in whole.blocks]),
    )


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ({"max_framework_msd_A2": 1e-6}, ChunkStatus.FRAMEWORK_MELTED),
        ({"max_temperature_ratio": 1e-6}, ChunkStatus.TEMPERATURE_RUNAWAY),
    ],
)
def test_the_limits_of_the_guards_reach_the_runner(limit: dict[str, float], status: ChunkStatus) -> None:
    # Eight standard deviations of the fluctuation are allowed on top: cold enough, any temperature is above them.
    stage = replace(RAMP, temperature_K=(100.0,), **limit)
    start = MDState.from_structure(antiperovskite(2, 2, 2), RAMP)
    result = calculator("md_calculators.Waves").run_chunk(start, stage, MemoryFrameSink(), max_steps=60)
    assert result.status is status


def test_relaxation_is_atomate2s_with_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"epsilon": 0.05, "sigma": 1.8, "rc": 4.0, "smooth": True}
    engine = calculator("ase.calculators.lj.LennardJones").configured(settings)
    assert isinstance(EngineRelaxMaker.of(engine), ForceFieldRelaxMaker)
    structure = antiperovskite()
    structure.translate_sites([0], [0.02, 0.0, 0.01])
    (few, more) = (engine.relax(structure, RelaxationGoal(1e-9, steps)) for steps in (2, 20))
    assert few.complete
    assert not few.converged
    assert more.energy_eV < few.energy_eV
    assert engine.relax(structure, RelaxationGoal(), few) is few


def test_a_relaxation_keeps_the_cell_if_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"epsilon": 0.05, "sigma": 1.8, "rc": 4.0, "smooth": True}
    engine = calculator("ase.calculators.lj.LennardJones").configured(settings)
    structure = antiperovskite()
    fixed = engine.relax(structure, RelaxationGoal(max_steps=3, relax_cell=False))
    free = engine.relax(structure, RelaxationGoal(max_steps=3))
    assert fixed.structure.lattice == structure.lattice != free.structure.lattice


def test_an_engine_that_gives_no_numbers_does_not_relax(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    salt = antiperovskite()
    salt.replace_species({"Cl": "F"})
    with pytest.raises(CalculationError, match="not_a_number"):
        get_engine("toy_engines.NoFluorideEnergies").relax(salt, RelaxationGoal(max_steps=2))
