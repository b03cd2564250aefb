"""The Arrhenius fit over stored simulations: known answer, what is left out, when it is complete."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from samples import crystal_document, parent, structure_document, subject, trajectory
from toy_engines import dynamics
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.jobs.transport import fit_transport
from mtl_flows.report.transport import transport_report
from mtl_flows.schemas.dynamics import BlockRecord, ChunkRecord, TrajectoryDocument
from mtl_flows.science.dynamics import DiffusionParameters, analyse_diffusion
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.stages.approximants import order
from mtl_flows.stages.ensembles import series_summaries
from mtl_flows.stages.transport import transport_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

TEMPERATURES_K = (800.0, 1000.0, 1200.0, 1400.0)
P = dynamics(temperatures_K=TEMPERATURES_K, diffusion=DiffusionParameters(n_surrogates=20))
BARRIER_EV = 0.30
STRUCTURE = structure_document("licl").model_copy(update={"current": True, "representative_id": "licl"})
PARENT = parent("licl")
CELL, OTHER = (order(subject("licl"), crystal_document("licl").to_structure(), k, P) for k in (0, 1))


def diffusivity_cm2_per_s(temperature_K: float) -> float:
    return 2e-3 * np.exp(-BARRIER_EV / (BOLTZMANN_EV_PER_K * temperature_K))


@cache
def analysis(temperature_K: float) -> dict[str, Any]:
    walk = SyntheticWalk(diffusivity_cm2_per_s(temperature_K), n_ions=40, duration_ps=60.0, timestep_fs=40.0)
    result = analyse_diffusion(walk.trajectory(round(temperature_K)), "Li", temperature_K, P.diffusion)
    assert result.status == "converged"
    return result.as_dict()


def simulation(temperature_K: float, **changes: Any) -> TrajectoryDocument:
    block = BlockRecord(file_id="f", sha256=f"{temperature_K}", n_frames=1, n_bytes=1)
    chunk = ChunkRecord(
        first_step=0,
        last_step=1000,
        blocks=[block],
        mean_temperature_K=temperature_K,
        mean_energy_eV=-1.0,
        conserved_drift_meV_per_atom_ps=0.0,
        wall_s=1.0,
    )
    done: dict[str, Any] = {
        "steps_done": 1000,
        "steps_wanted": 1000,
        "chunks": [chunk],
        "status": "converged",
    }
    return trajectory(CELL, P, temperature_K, **{**done, "diffusion": analysis(temperature_K), **changes})


@pytest.fixture
def simulated(store: MTLStore) -> MTLStore:
    store.structures.add([STRUCTURE])
    store.orderings.add([CELL])
    store.dynamics.add(simulation(temperature_K) for temperature_K in TEMPERATURES_K)
    return store


def test_the_barrier_is_found(simulated: MTLStore) -> None:
    fit = fit_transport(simulated, PARENT, 0, P)
    assert (fit.status, fit.complete, fit.temperatures_K) == ("fitted", True, list(TEMPERATURES_K))
    assert fit.activation_energy_eV is not None
    assert fit.activation_energy_error_eV is not None
    assert 0 < fit.activation_energy_error_eV < 0.1
    assert fit.activation_energy_eV == pytest.approx(BARRIER_EV, abs=3 * fit.activation_energy_error_eV)
    low, mean, high = (
        fit.conductivity_300K_low_S_per_cm,
        fit.conductivity_300K_S_per_cm,
        fit.conductivity_300K_high_S_per_cm,
    )
    assert low is not None
    assert mean is not None
    assert high is not None
    assert low < mean < high
    assert simulated.transport.get(transport_id(CELL.sample, P)) == fit


def test_degrees_of_freedom_reach_the_comparison_and_old_fits_lack_them(simulated: MTLStore) -> None:
    fit = fit_transport(simulated, PARENT, 0, P)
    stored = simulated.transport.get(fit.id)
    assert fit.fit is not None
    (summary,) = series_summaries([stored]).values()
    assert summary.fit_degrees_of_freedom is not None
    assert summary.fit_degrees_of_freedom == fit.fit["fit"]["degrees_of_freedom"]
    older = {**fit.fit, "fit": {k: v for k, v in fit.fit["fit"].items() if k != "degrees_of_freedom"}}
    (summary,) = series_summaries([stored.model_copy(update={"fit": older})]).values()
    assert summary.fit_degrees_of_freedom is None


def test_results_read_back_are_the_results(simulated: MTLStore) -> None:
    stored = simulated.dynamics.get(P.trajectory_id(CELL.sample, 1000.0))
    result = stored.result
    assert result.D_cm2_per_s == analysis(1000.0)["D_cm2_per_s"]
    assert result.status == "converged"
    assert result.parameters == P.diffusion
    assert result.fit is not None


def test_only_converged_temperatures_enter_and_the_others_are_named(simulated: MTLStore) -> None:
    slow = {**analysis(800.0), "status": "upper_bound", "reason": "too few", "D_cm2_per_s": None}
    simulated.dynamics.put(
        [
            simulation(800.0, status="upper_bound", diffusion=slow),
            simulation(1400.0, status="failed", reason="not_a_number at step 7", diffusion=None),
        ]
    )
    fit = fit_transport(simulated, PARENT, 0, P)
    assert (fit.status, fit.complete, fit.temperatures_K) == ("fitted", True, [1000.0, 1200.0])
    assert fit.excluded["1400"] == "failed: not_a_number at step 7"
    assert "upper_bound" in fit.excluded["800"]
    assert "1400 K failed" in fit.reason


def test_without_a_line_the_commonest_reason_is_the_status(simulated: MTLStore) -> None:
    simulated.dynamics.put(
        simulation(T, status=status, reason="x", diffusion=None)
        for T, status in zip(TEMPERATURES_K, ("failed", *["framework_melted"] * 3), strict=True)
    )
    fit = fit_transport(simulated, PARENT, 0, P)
    assert (fit.status, fit.activation_energy_eV, fit.fit is not None) == ("framework_melted", None, True)
    assert set(fit.excluded) == {"800", "1000", "1200", "1400"}


def test_a_fit_is_complete_once_every_temperature_has_ended(simulated: MTLStore) -> None:
    key = P.trajectory_id(CELL.sample, 800.0)
    simulated.dynamics.raw.delete_one({"_id": key})
    missing = fit_transport(simulated, PARENT, 0, P)
    assert (missing.complete, missing.excluded) == (False, {"800": "not simulated"})
    simulated.dynamics.add([simulation(800.0, status="running", diffusion=None)])
    under_way = fit_transport(simulated, PARENT, 0, P)
    assert (under_way.complete, under_way.excluded) == (False, {"800": "running: "})
    simulated.dynamics.put([simulation(800.0)])
    assert fit_transport(simulated, PARENT, 0, P).complete
    assert simulated.transport.count() == 1


def test_fitting_again_changes_nothing_but_the_time(simulated: MTLStore) -> None:
    first = fit_transport(simulated, PARENT, 0, P)
    again = fit_transport(simulated, PARENT, 0, P)
    assert again.model_copy(update={"provenance": first.provenance}) == first


def test_temperatures_with_fractions_are_stored_too(store: MTLStore) -> None:
    store.structures.add([STRUCTURE])
    store.orderings.add([CELL])
    odd = dynamics(temperatures_K=(812.5, 1000.25))
    fit = fit_transport(store, PARENT, 0, odd)
    assert set(store.transport.get(fit.id).excluded) == {"812.5", "1000.25"}


def test_the_report_shows_directions_of_simulations_with_a_diffusivity(
    simulated: MTLStore, address: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = analysis(800.0)
    old = {**old, "fit": {k: v for k, v in old["fit"].items() if k != "tensor"}}
    D = {T: analysis(T)["D_cm2_per_s"] for T in TEMPERATURES_K}
    simulated.dynamics.put(
        simulation(T, diffusivity_cm2_per_s=D[T], **({"diffusion": old} if T == 800.0 else {}))
        for T in TEMPERATURES_K[:3]
    )
    fit_transport(simulated, PARENT, 0, P)
    rows = transport_report(simulated, STRUCTURE.material_id)["directions"]
    assert [row["temperature_K"] for row in rows] == [1000.0, 1200.0]
    for row in rows:
        assert sum(row["principal_cm2_per_s"]) / 3.0 == pytest.approx(D[row["temperature_K"]])
        assert 2.5 < row["dimensionality"] <= 3.0

    # As a table, beside another approximant of which nothing came.
    simulated.orderings.add([OTHER])
    fit_transport(simulated, PARENT, 1, P)
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    shown = CliRunner().invoke(app, ["transport", STRUCTURE.material_id], terminal_width=300)
    assert shown.exit_code == 0, shown.exception
    assert "Directions" in shown.stdout
