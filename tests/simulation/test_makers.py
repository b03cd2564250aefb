import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.md import ForceFieldMDMaker
from jobflow import Job, JobStore
from maggma.stores import MemoryStore
from md_calculators import Waves, antiperovskite
from monty.json import MontyDecoder, MontyEncoder

from mtl_flows.errors import ConfigurationError, DynamicsError
from mtl_flows.simulation.chunk import ChunkStatus, run_chunk
from mtl_flows.simulation.frames import MemoryFrameSink, assemble_trajectory, read_frame_files
from mtl_flows.simulation.maker import EngineRelaxMaker, MDChunkMaker
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.thermostats import BussiThermostat

RAMP = MDParameters(temperature_K=(300.0, 800.0), n_steps=60, frame_interval=5, seed=4)


def stage(**fields: object) -> MDChunkMaker:
    return MDChunkMaker.for_stage("md_calculators.Waves", RAMP, **fields)


def run(job: Job) -> Any:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    return job.run(store).output


def through_json(maker: MDChunkMaker) -> MDChunkMaker:
    return MontyDecoder().process_decoded(json.loads(json.dumps(maker, cls=MontyEncoder)))


def test_the_maker_is_atomate2s_and_survives_json() -> None:
    maker = through_json(stage(chunk_steps=25))
    assert isinstance(maker, ForceFieldMDMaker)
    assert maker.parameters_for(antiperovskite()) == RAMP
    assert (maker.chunk_steps, maker.dynamics) == (25, BussiThermostat)


def test_jobs_continue_one_another_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    structure = antiperovskite(2, 1, 1)
    maker = through_json(stage(chunk_steps=25))
    outputs: list[dict[str, Any]] = []
    while not outputs or outputs[-1]["state"]["step"] < RAMP.n_steps:
        prev_state = outputs[-1]["state"] if outputs else None
        job = maker.make(structure, prev_state=prev_state)
        outputs.append(json.loads(json.dumps(run(job))))
    assert [output["stopped_at_step"] for output in outputs] == [25, 50, 60]
    assert {output["status"] for output in outputs} == {"completed"}

    sink = MemoryFrameSink()
    whole = run_chunk(MDState.from_structure(structure, RAMP), RAMP, Waves(), sink, max_steps=60)
    last = MDState.from_dict(outputs[-1]["state"])
    assert np.array_equal(last.positions_A, whole.state.positions_A)
    stored = read_frame_files(tmp_path / "frames")
    assert np.array_equal(
        np.concatenate([block.positions_A for block in stored]),
        np.concatenate([block.positions_A for block in sink.blocks]),
    )
    trajectory = assemble_trajectory(
        stored, species=last.species, lattice_A=last.cell_A, timestep_fs=RAMP.timestep_fs
    )
    assert trajectory.duration_ps == pytest.approx(0.12)


def test_a_whole_stage_gives_what_atomate2_expects() -> None:
    structure = antiperovskite()
    result = stage().run_ase(structure)
    sink = MemoryFrameSink()
    ours = stage().run_chunk(structure, sink, max_steps=60)
    final = result.final_mol_or_struct
    velocities = np.array(final.site_properties["velocities"])
    assert velocities * ours.state.to_atoms().get_masses()[:, None] == pytest.approx(ours.state.momenta)
    assert len(result.trajectory) == 13
    assert result.trajectory.time_step == 10.0
    assert result.final_energy == ours.last_energy_eV


def test_the_whole_stage_fails_loudly() -> None:
    maker = MDChunkMaker.for_stage("md_calculators.Breaking", RAMP)
    with pytest.raises(DynamicsError, match="not_a_number at step"):
        maker.run_ase(antiperovskite())
    assert (
        maker.run_chunk(antiperovskite(), MemoryFrameSink(), max_steps=60).status is ChunkStatus.NOT_A_NUMBER
    )


def test_the_time_step_follows_the_composition_unless_given() -> None:
    maker = stage()
    maker.time_step = None
    hydride = antiperovskite()
    hydride.replace_species({"Cl": "H"})
    assert maker.parameters_for(antiperovskite()).timestep_fs == 2.0
    assert maker.parameters_for(hydride).timestep_fs == 1.0
    assert maker.parameters_for(MDState.from_structure(hydride, RAMP)).timestep_fs == 1.0


def test_what_is_not_nvt_or_has_no_beginning_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="constant volume"):
        MDChunkMaker(ensemble="npt")
    with pytest.raises(ConfigurationError, match="neither"):
        run(stage().make())


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_relaxation_is_atomate2s_with_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    maker = EngineRelaxMaker.for_engine("ase.calculators.lj.LennardJones", steps=3)
    assert isinstance(maker, ForceFieldRelaxMaker)
    maker.calculator_kwargs = {"epsilon": 0.05, "sigma": 1.8, "rc": 4.0, "smooth": True}
    maker = MontyDecoder().process_decoded(json.loads(json.dumps(maker, cls=MontyEncoder)))
    structure = antiperovskite()
    structure.translate_sites([0], [0.02, 0.0, 0.01])
    document = run(maker.make(structure))
    assert document.forcefield_name == "LennardJones"
    assert len(document.structure) == 5
    assert document.output.energy < document.output.ionic_steps[0].energy
