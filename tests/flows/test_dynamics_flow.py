"""The dynamics as a workflow: with CHGNet from end to end, and through the death of a worker."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from samples import fill, parent, sample
from toy_engines import PAUSE, dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.jobs.entry_providers import EntrySource
from mtl_flows.jobs.stability import windows_of_material
from mtl_flows.launch.categories import set_category
from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.names import HEAVY, LIGHT
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.report.story import tell
from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

SCREENING = ScreeningParameters()
Work = Callable[..., WorkSummary]


def hand_in(store: MTLStore, address: Connection, slug: str, parameters: DynamicsParameters) -> None:
    """Submit the dynamics of a crystal."""
    (structure,) = list(store.structures.find()) or [store.structures.get(*fill(store, slug))]
    flow = DynamicsFlowMaker(parameters=parameters).make(parent(slug), structure.material_id)
    submit(set_category(flow, HEAVY), address, name=flow.name)


@pytest.mark.md
def test_lithium_nitride_with_chgnet(store: MTLStore, address: Connection, run: Work) -> None:
    p = DynamicsParameters(
        ordering=OrderingParameters(min_plane_spacing_A=3.5, min_mobile_ions=4, max_atoms=40),
        relax_fmax_eV_per_A=0.1,
        heat_ps=0.04,
        temperatures_K=(800.0, 1000.0),
        production_ps=0.12,
        chunk_ps=0.06,
        frame_interval_fs=4.0,
        budget=DynamicsBudget(max_production_ps=0.12),
        diffusion=DiffusionParameters(discard_ps=0.02),
    )
    hand_in(store, address, "li3n", p)
    assert run(categories=[LIGHT]).completed == 0
    summary = run(categories=[HEAVY])
    assert summary.failures == ()
    (ordering,) = store.orderings.find()
    assert ordering.n_mobile == 3 * (ordering.n_atoms - ordering.n_mobile)
    (relaxation,) = store.relaxations.find()
    assert relaxation.converged
    assert abs(relaxation.volume_change) < 0.05
    for temperature_K in p.temperatures_K:
        simulation = store.dynamics.get(p.trajectory_id(sample("li3n", p), temperature_K))
        assert (simulation.status, simulation.steps_done) == ("unconverged", 60)
        assert [(c.first_step, c.last_step) for c in simulation.chunks] == [(0, 30), (30, 60)]
        assert simulation.engine["version"]
        assert len(simulation.engine["weights_sha256"]) == 64
        assert load_trajectory(store, simulation).n_frames == 31
        assert max(abs(c.conserved_drift_meV_per_atom_ps) for c in simulation.chunks) < 200
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete) == ("unconverged", True)
    candidate = store.candidates.get(relaxation.material_id)
    assert (candidate.engine, candidate.dynamics_status) == ("chgnet", "unconverged")
    (window,) = store.stability.find()
    assert (window.status, window.stability, window.low_V) == ("known", "stable", 0.0)
    # Measured: the enthalpy of formation, -165 kJ/mol, over three electrons is 0.57 V.
    assert window.high_V == pytest.approx(0.57, abs=0.15)
    # Asked for again, by name alone: the energies are in the store, and the document stays as it is.
    assert windows_of_material(store, relaxation.material_id, DynamicsParameters(), EntrySource()) == [window]
    assert window.hull.statement.startswith("2 of 2 elements, 1 binaries")
    assert window.own_energy == f"relaxation {relaxation.id}"
    # No bulk in the workflow's own collections: frames are in GridFS, jobs leave summaries.
    outputs = list(store.database["outputs"].find({"output.trajectory_id": {"$exists": True}}))
    assert {len(str(d["output"])) < 400 for d in outputs} == {True}


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("NoFluorides", "engine_error: RuntimeError: no parameters for F"),
        ("NoFluorideEnergies", "not_a_number after"),
    ],
)
def test_an_engine_that_cannot_relax_one_material_is_recorded_and_the_batch_goes_on(
    store: MTLStore, address: Connection, run: Work, engine: str, told: str
) -> None:
    fill(store, "licl", "lif")
    rebuild_candidates(store, SCREENING)
    p = dynamics(engine, temperatures_K=(1200.0,), production_ps=0.8, relax_steps=20)
    maker = DynamicsFlowMaker(parameters=p)

    def hand_in_both() -> list[str]:
        plan = plan_dynamics(store, maker, materials=["lif", "licl"])
        return [workflow.name for workflow in submit_dynamics(address, plan)]

    assert hand_in_both() == ["dynamics lif", "dynamics licl"]
    assert run().failures == ()
    assert store.database["workflows"].count_documents({"state": {"$ne": "COMPLETED"}}) == 0
    assert [r.material_id for r in store.relaxations.find()] == ["licl"]
    for simulation in store.dynamics.find({"material_id": "lif"}):
        assert (simulation.status, simulation.retry, simulation.chunks) == ("failed", True, [])
        assert told in simulation.reason
    assert store.candidates.get("lif").dynamics_status == "failed"
    (refusal,) = tell(store, "lif", SCREENING)["rejections"]
    assert (refusal["stage"], refusal["reason"], refusal["resolved"]) == (
        *("dynamics", "calculation_failed"),
        False,
    )
    assert told in refusal["message"]
    assert store.candidates.get("licl").dynamics_status != "failed"
    assert {s.status for s in store.dynamics.find({"material_id": "licl"})} == {"heated", "converged"}
    # Only what failed is handed in again.
    assert hand_in_both() == ["dynamics lif"]


def work_slowly(address: Connection, folder: Path) -> None:
    os.environ[PAUSE] = "0.003"  # a second from the first block of a chunk to its end
    work(address, launch_dir=folder)


@pytest.mark.faults
def test_a_worker_killed_within_a_chunk_costs_that_chunk(
    store: MTLStore, address: Connection, run: Work, tmp_path: Path
) -> None:
    p = dynamics(chunk_ps=1.2, frame_interval_fs=2.0)
    hand_in(store, address, "licl", p)
    key = p.trajectory_id(sample("licl", p), 1200.0)
    process = multiprocessing.get_context("spawn").Process(
        target=work_slowly, args=(address, tmp_path / "launches")
    )
    process.start()
    files = store.database["frames.files"]
    deadline = time.monotonic() + 100
    # Until the second chunk has written its first block of frames.
    while not files.count_documents({"_id": {"$gt": f"{key}:000000601", "$lt": f"{key};"}}):
        assert time.monotonic() < deadline
        assert process.is_alive()
        time.sleep(0.02)
    time.sleep(np.random.default_rng().uniform(0.0, 0.4))  # another moment every time
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    left = store.dynamics.get(key)
    assert [(c.first_step, c.last_step) for c in left.chunks] == [(0, 600)]

    assert len(recover(address).returned) == 1
    assert run().failures == ()
    recover(address)
    for temperature_K in p.temperatures_K:
        simulation = store.dynamics.get(p.trajectory_id(sample("licl", p), temperature_K))
        assert (simulation.status, simulation.steps_done) == ("converged", 1200)
        assert [(c.first_step, c.last_step) for c in simulation.chunks] == [(0, 600), (600, 1200)]
        assert simulation.chunks[0] == left.chunks[0] or temperature_K != 1200.0
        trajectory = load_trajectory(store, simulation)  # raises if a frame is missing, doubled or damaged
        assert trajectory.n_frames == 1201
        assert np.isfinite(trajectory.positions_A).all()
        blocks = {block.file_id for chunk in simulation.chunks for block in chunk.blocks}
        assert {f["_id"] for f in files.find({"simulation": simulation.id})} == blocks
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete) == ("fitted", True)
    candidate = store.candidates.get("licl")
    assert (candidate.dynamics_status, candidate.activation_energy_eV) == ("fitted", fit.activation_energy_eV)
