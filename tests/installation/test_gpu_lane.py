"""Batches by torch-sim, in the modern lane: the same potential, dynamics and documents. `make gpu`."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import fill, parent
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.environment import EVALUATOR_LOG
from mtl_flows.launch.launchpad import open_launchpad
from mtl_flows.launch.submit import SubmittedWorkflow, submit
from mtl_flows.launch.worker import work
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.lanes

ANSWERS = Path(__file__).with_name("batched_answers.py")
N_STEPS = 15
BUDGET = DynamicsBudget(max_production_ps=0.03, min_extension_ps=0.01)
P = dynamics(
    heat_ps=0.01,
    production_ps=0.032,
    chunk_ps=0.02,
    relax_steps=2,
    budget=BUDGET,
    diffusion=replace(dynamics().diffusion, discard_ps=0.004),
)
P = replace(P, engine="sevennet")
PYTHON = os.environ.get("MTL_TEST_GPU", "")

Modern = Callable[..., str]


@pytest.fixture
def modern(tmp_path: Path) -> Modern:
    """Run Python of the modern lane, with torch-sim, which `make gpu` installs."""
    if not PYTHON:
        pytest.skip("MTL_TEST_GPU names no Python with torch-sim: run make gpu")
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*arguments: str | Path, **environment: str) -> str:
        done = subprocess.run(
            [PYTHON, *map(str, arguments)],
            cwd=tmp_path,
            env=kept | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_batch_agrees_with_the_runner_for_one(modern: Modern) -> None:
    """By 7net-0: energies, forces and stresses of frames; and, random numbers being the same, whole trajectories."""
    printed = modern(ANSWERS, str(N_STEPS))
    told: dict[str, list[dict[str, Any]]] = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    for frame in told["frames"]:
        assert frame["largest_force_eV_per_A"] > 0.5
        assert frame["force_eV_per_A"] < 1e-4
        assert frame["energy_eV_per_atom"] < 1e-5
        assert frame["stress_eV_per_A3"] < 1e-6
    for alone, batch in zip(told["alone"], told["batch"], strict=True):
        assert alone["status"] == batch["status"] == "completed"
        assert batch["temperature_K"] == pytest.approx(alone["temperature_K"], abs=0.1)
        assert batch["energy_eV"] == pytest.approx(alone["energy_eV"], abs=1e-3)
        assert batch["drift_meV_per_atom_ps"] == pytest.approx(alone["drift_meV_per_atom_ps"], abs=1.0)
        assert np.allclose(batch["positions_A"], alone["positions_A"], atol=1e-3)
        assert batch["msd_A2"][-1] == pytest.approx(alone["msd_A2"][-1], rel=1e-2)
        assert batch["msd_A2"][-1] > 1e-3


def defuse(address: Connection, workflow: SubmittedWorkflow) -> None:
    pad = open_launchpad(address)
    pad.defuse_wf(min(workflow.fw_ids))
    pad.connection.close()


def test_a_worker_with_a_batch_serves_a_store_and_one_without_goes_on(
    store: MTLStore, address: Connection, modern: Modern, tmp_path: Path
) -> None:
    fill(store, "licl")

    def hand_in(parameters: DynamicsParameters) -> SubmittedWorkflow:
        flow = DynamicsFlowMaker(parameters=parameters, window=False).make(
            parent("licl"), "licl", ordered=True
        )
        return submit(heavy(flow), address, name=f"licl by {parameters.engine}")

    hand_in(P)
    other = hand_in(replace(P, engine="chgnet"))
    told = modern("-m", "mtl_flows", "worker", "--batch", "2", MTL_MONGO_URI=address.uri)
    assert "0 failed" in told
    assert "jobs whose potential cannot be batched, 1 of chgnet: mtl worker without --batch runs them" in told
    assert list(tmp_path.rglob(EVALUATOR_LOG))
    simulations = {s.temperature_K: s for s in store.dynamics.find({"trajectory_stage": "production"})}
    assert simulations.keys() == set(P.temperatures_K)
    for simulation in simulations.values():
        assert simulation.status in ("unconverged", "upper_bound")
        assert simulation.steps_done == 16
        assert len(simulation.chunks) == 2
        assert simulation.engine["batched"] is True
        assert load_trajectory(store, simulation).n_frames == 5
    # With the same potential, the runner for one in the other lane: longer.
    defuse(address, other)
    hand_in(replace(P, production_ps=0.04))
    assert work(address, launch_dir=tmp_path / "here").fizzled == 0
    for simulation in store.dynamics.find({"trajectory_stage": "production", "engine_name": "sevennet"}):
        assert simulation.steps_done == 20
        assert simulation.engine["weights_sha256"] == store.potentials.get(P.potential_id).weights_sha256
