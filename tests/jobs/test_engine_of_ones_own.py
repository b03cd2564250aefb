"""An engine that is no ASE calculator goes through the whole dynamics, and what it was made to give comes out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from samples import fill, parent, sample
from toy_engines import dynamics
from toy_walk import BOLTZMANN_EV_PER_K

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager


def test_the_walk_comes_out_as_it_was_made(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    p = replace(
        dynamics(),
        engine="toy_walk:ENGINE",
        engine_settings={"barrier_eV": "0.3"},
        temperatures_K=(800.0, 1000.0, 1200.0),
        production_ps=40.0,
        chunk_ps=15.0,
        budget=DynamicsBudget(max_production_ps=40.0),
        diffusion=DiffusionParameters(discard_ps=1.0, max_relative_error=1e9, min_effective_hops=0.1),
    )
    flow = DynamicsFlowMaker(parameters=p).make(parent("licl"), "licl")
    outputs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=outputs, log=False, ensure_success=True)

    (relaxation,) = store.relaxations.find()
    assert (relaxation.energy_eV, relaxation.engine_name) == (-1.0, "toy_walk:ENGINE")
    assert relaxation.calculations == [{"walk": "begun"}, {"walk": "energy"}]  # a job for each
    assert relaxation.engine["parameters"]["barrier_eV"] == 0.3
    for temperature_K in p.temperatures_K:
        simulation = store.dynamics.get(p.trajectory_id(sample("licl", p), temperature_K))
        assert [c.last_step for c in simulation.chunks] == [7500, 15000, 20000]
        made = 1e-4 * 20.0 * np.exp(-0.3 / (BOLTZMANN_EV_PER_K * temperature_K))  # cm²/s, of Å²/ps
        assert simulation.diffusivity_low_cm2_per_s is not None
        assert simulation.diffusivity_high_cm2_per_s is not None
        assert simulation.diffusivity_low_cm2_per_s < made < simulation.diffusivity_high_cm2_per_s
    (fit,) = store.transport.find()
    assert fit.activation_energy_eV == pytest.approx(0.3, abs=3 * (fit.activation_energy_error_eV or 0.0))
    window = next(store.stability.find())
    assert window.status == "unknown"  # an engine that relaxes no hulls has no competing phases
