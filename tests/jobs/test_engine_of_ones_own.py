"""An engine that is no ASE calculator goes through the whole dynamics, and what it was made to give comes out."""

from pathlib import Path

import numpy as np
import pytest
from samples import fill, sample
from toy_walk import BOLTZMANN_EV_PER_K, simulate_walk

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager


def test_the_walk_comes_out_as_it_was_made(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    p = simulate_walk(store, "licl")

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
