"""Replicas of one cell, one potential however it is run, and another one where its weights change."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure
from samples import contents, crystal, fill, parent, subject
from toy_engines import dynamics
from toy_weights import CHECKPOINT, write_checkpoint

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.potentials import standing_potential
from mtl_flows.launch.dynamics import plan_dynamics
from mtl_flows.simulation.calculators import KNOWN_WEIGHTS
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.approximants import order
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),  # by jobflow's local manager
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),  # by pymatgen, in atomate2's relaxation
]

Run = Callable[..., dict[str, Any]]
SHORT: dict[str, Any] = {"temperatures_K": (1200.0,), "production_ps": 0.8, "heat_ps": 0.1}


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of the toy potential, which nobody has loaded."""
    path = write_checkpoint(tmp_path / "weights.pt")
    monkeypatch.setenv(CHECKPOINT, str(path))
    KNOWN_WEIGHTS.clear()
    return path


@pytest.fixture
def run(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> Run:
    """Run the dynamics of lithium chloride; gives the outcome of each job."""
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    rebuild_candidates(store, ScreeningParameters())

    def run(parameters: DynamicsParameters, *, ordered: bool = True) -> dict[str, Any]:
        flow = DynamicsFlowMaker(parameters=parameters).make(parent("licl"), "licl", ordered=ordered)
        jobs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        return run_locally(flow, store=jobs, log=False, ensure_success=True)

    return run


def weighted(**changes: Any) -> DynamicsParameters:
    return replace(dynamics(**SHORT, **changes), engine="toy_weights.Weighted")


def mixed() -> Structure:
    """Lithium chloride with half of it bromide, in one cell: few arrangements."""
    structure = crystal("licl")
    structure.replace_species({"Cl": {"Cl": 0.5, "Br": 0.5}})
    return structure


def test_two_seeds_that_give_one_cell_are_two_replicas_of_it() -> None:
    p = dynamics()
    made = [order(subject("licl"), mixed(), number, p) for number in range(8)]
    cells = {document.approximant_id for document in made}
    assert 1 < len(cells) < len(made)
    assert len({document.sample for document in made}) == len(made)
    # What has the same seed is the same run, under whatever number.
    later = order(subject("licl"), mixed(), 0, replace(p, ordering=replace(p.ordering, seed=3)))
    assert later.sample == made[3].sample
    assert later.id != made[3].id


def test_replicas_share_the_relaxed_cell_and_nothing_else(store: MTLStore, run: Run) -> None:
    p = dynamics(**SHORT)
    run(replace(p, ordering=replace(p.ordering, n_orderings=2)), ordered=False)
    (cell,) = {ordering.approximant_id for ordering in store.orderings.find()}
    assert [relaxation.approximant_id for relaxation in store.relaxations.find()] == [cell]
    hot = list(store.dynamics.find({"trajectory_stage": "production"}))
    assert [(s.approximant_id, s.replica, s.temperature_K) for s in hot] == [
        (cell, k, 1200.0) for k in (0, 1)
    ]
    assert hot[0].diffusivity_cm2_per_s != hot[1].diffusivity_cm2_per_s
    assert [fit.replica for fit in store.transport.find()] == [0, 1]
    assert store.stability.count() == 1
    assert store.candidates.get("licl").n_orderings == 2


def test_a_potential_that_moves_from_one_thread_to_two_keeps_its_results(store: MTLStore, run: Run) -> None:
    run(weighted())
    before = contents(store)
    KNOWN_WEIGHTS.clear()
    for same in (weighted(n_threads=2), weighted(engine_settings={"dtype": "float32"})):
        run(same)
        assert contents(store) == before
        maker = DynamicsFlowMaker(parameters=same)
        assert not plan_dynamics(store, maker, materials=["licl"]).todo
    (potential,) = store.potentials.find()
    assert (potential.id, potential.distinguished_by) == (weighted().potential_id, "")
    assert len(potential.weights_sha256 or "") == 64


def test_other_weights_under_one_name_are_another_potential(
    store: MTLStore, run: Run, checkpoint: Path
) -> None:
    p = weighted()
    run(p)
    before = contents(store)
    write_checkpoint(checkpoint, shift=0.1)
    KNOWN_WEIGHTS.clear()
    # What is there needs no model, and says nothing of new weights.
    run(p)
    assert contents(store) == before
    # What has to be computed does: it is refused, and the reason names the new potential.
    (begun,) = store.dynamics.find({"trajectory_stage": "production"})
    longer = replace(p, production_ps=6.0)
    run(longer)
    (failed,) = store.dynamics.find({"status": "failed"})
    now, then = store.potentials.of_name(p.potential_id)
    assert (then.id, failed.potential_id) == (p.potential_id, p.potential_id)
    assert now.weights_sha256 != then.weights_sha256
    assert now.id in failed.reason
    assert (failed.retry, failed.chunks) == (True, begun.chunks)
    # Handed in again, it is the new potential that computes, beside.
    plan = plan_dynamics(store, DynamicsFlowMaker(parameters=longer), materials=["licl"])
    assert len(plan.todo) == 1
    assert plan.maker.parameters.potential_id == now.id
    run(plan.maker.parameters)
    assert {r.potential_id for r in store.relaxations.find()} == {now.id, then.id}
    assert {fit.potential_id for fit in store.transport.find()} == {now.id, then.id}
    assert plan_dynamics(store, DynamicsFlowMaker(parameters=longer), materials=["licl"]).todo == []
    # A worker that still has the old weights is told apart as well, and takes nothing over.
    write_checkpoint(checkpoint)
    KNOWN_WEIGHTS.clear()
    run(replace(plan.maker.parameters, production_ps=7.0))
    assert store.dynamics.count({"status": "failed", "potential_id": now.id}) == 1
    assert standing_potential(store, p).potential_id == then.id


def test_a_relaxation_by_other_weights_is_refused(store: MTLStore, run: Run, checkpoint: Path) -> None:
    p = weighted()
    run(p)
    for collection in (store.relaxations, store.dynamics, store.transport):
        collection.raw.delete_many({})
    write_checkpoint(checkpoint, shift=0.1)
    KNOWN_WEIGHTS.clear()
    run(p)
    (refusal,) = store.rejections.outstanding()
    assert (refusal.stage, refusal.reason) == ("dynamics", "potential_changed")
    assert store.relaxations.count() == 0


def test_a_potential_of_version_1_is_recognised_by_its_tensors(store: MTLStore, run: Run) -> None:
    p = weighted()
    run(p)
    (known,) = store.potentials.find()
    store.potentials.raw.update_one({}, {"$set": {"weights_sha256": None}})
    relaxations = contents(store)["relaxations"]
    (begun,) = store.dynamics.find({"trajectory_stage": "production"})
    run(replace(p, production_ps=6.0))
    assert store.potentials.get(known.id) == known
    (simulation,) = store.dynamics.find({"trajectory_stage": "production"})
    assert simulation.steps_done == 3000
    assert simulation.chunks[: len(begun.chunks)] == begun.chunks
    assert contents(store)["relaxations"] == relaxations


def test_handing_work_in_loads_no_model(store: MTLStore, run: Run) -> None:
    code = """
import sys
from mtl_flows.cli.app import app
for engine in sys.argv[1:]:
    try:
        app(["launch", "licl", "--engine", engine])
    except SystemExit as ended:
        assert not ended.code, (engine, ended.code)
    assert not {"torch", "chgnet", "ase"} & sys.modules.keys(), engine
"""
    engines = ("toy_weights.Weighted", "chgnet", "vasp")
    ended = subprocess.run(
        [sys.executable, "-c", code, *engines], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("added") == len(engines)
    assert store.potentials.count() == 0
