"""Campaigns with real jobs: probed, stopped with a bound, deepened until the error is small or the budget spent."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Chgcar
from samples import fill
from toy_engines import Brittle, dynamics
from typer.testing import CliRunner

from mtl_flows.cli.app import app
from mtl_flows.errors import ConfigurationError, NotFoundError, OrderingError
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.launch.campaign import (
    advance_campaign,
    advance_open_campaigns,
    change_campaign,
    resume_campaign,
    start_campaign,
    stop_campaign,
)
from mtl_flows.launch.campaign_state import campaign_progress, leaders, spending
from mtl_flows.launch.events import WorkSummary
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

Work = Callable[..., WorkSummary]
SCREENING = ScreeningParameters()
TOY = dynamics("HalideConductor")
P = replace(
    TOY,
    budget=DynamicsBudget(max_production_ps=5.0, min_extension_ps=1.0),
    diffusion=replace(TOY.diffusion, min_effective_hops=10.0, max_relative_error=0.25),
)


@pytest.fixture
def halides(store: MTLStore) -> MTLStore:
    fill(store, "licl", "lif")
    rebuild_candidates(store, SCREENING)
    return store


def test_a_campaign_from_probe_to_end(
    halides: MTLStore, address: Connection, run: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = halides
    materials = [c.material_id for c in store.candidates.find()]
    start_campaign(
        store, "halides", list(store.candidates.find()), P, core_hours=1.0, material_core_hours=0.5
    )
    first = advance_campaign(store, address, store.campaigns.get("halides"), SCREENING)
    assert [(d.step, d.temperatures_K) for d in first.decisions] == [("probe", (1200.0,))] * 2
    assert [w.outcome for w in first.workflows] == ["added"] * 2
    # Decided again, here or elsewhere: nothing new is handed in or written.
    again = advance_campaign(store, address, store.campaigns.get("halides"), SCREENING)
    assert [w.outcome for w in again.workflows] == ["existing"] * 2
    assert len(again.campaign.rounds) == 1

    # The workers decide every other round: nobody else has to.
    assert run().failures == ()
    progress = campaign_progress(store, store.campaigns.get("halides"))
    assert progress.ended
    steps = [{d.material_id: d.step for d in decided.decisions} for decided in progress.campaign.rounds[1:]]
    assert len(steps) > 2
    (conductor,) = [m for m in materials if "licl" in m]
    (insulator,) = [m for m in materials if m != conductor]
    # The insulator was given up at the hottest temperature, with a bound.
    assert {step[insulator] for step in steps} <= {"deepen", "wait", "stop"}
    (probe,) = store.dynamics.find({"material_id": insulator, "trajectory_stage": "production"})
    assert (probe.temperature_K, probe.status) == (1200.0, "upper_bound")
    assert probe.diffusivity_cm2_per_s is None
    # The conductor went on to the other temperature, and until it was decided or its time was up.
    assert "spread" in {step[conductor] for step in steps}
    assert leaders(progress)[0].material_id == conductor
    simulations = list(store.dynamics.find({"material_id": conductor, "trajectory_stage": "production"}))
    assert {s.temperature_K for s in simulations} == {800.0, 1200.0}
    longest_ps = P.budget.max_production_ps + P.diffusion.discard_ps
    lengths_ps = [1e-3 * simulation.steps_done * simulation.timestep_fs for simulation in simulations]
    assert max(lengths_ps) <= longest_ps + 1.0
    (last,) = [d for d in progress.decisions if d.material_id == conductor]
    assert last.conducts is not None
    decided = last.conducts >= 0.95 or last.conducts <= 0.05
    assert decided == last.reason.endswith(": decided")
    assert decided or min(lengths_ps) >= longest_ps - 1.0 or "no 1000 ps more" in last.reason
    # One fit, the campaign's own, whatever the rounds.
    assert store.transport.count({"material_id": conductor}) == 1

    campaign = store.campaigns.get("halides")
    bought = [row for row in spending(campaign) if row["material"] == conductor]
    assert sum(row["core_hours"] for row in bought) == pytest.approx(
        sum(
            s.core_hours
            for s in campaign_progress(store, campaign).states[materials.index(conductor)].simulations
        )
    )
    assert all(row["core_hours"] > 0 for row in bought)
    assert campaign.rounds[-1].core_hours == pytest.approx(progress.core_hours)
    (reason,) = [d.reason for d in campaign.rounds[-1].decisions if d.material_id == insulator]
    assert reason.startswith("upper bound at 1200 K: ")

    # What the commands show.
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    runner = CliRunner()
    shown = json.loads(runner.invoke(app, ["campaign", "status", "halides", "--json"]).stdout)
    assert (shown["ended"], shown["leaders"][0]["material"]) == (True, conductor)
    assert len(shown["bought"]) == len(spending(campaign))
    told = runner.invoke(app, ["campaign", "status", "halides"], terminal_width=200).stdout
    assert "ended" in told
    assert json.loads(runner.invoke(app, ["campaign", "list", "--json"]).stdout)[0]["name"] == "halides"
    report = json.loads(runner.invoke(app, ["transport", conductor, "--json"]).stdout)
    (fit,) = store.transport.find({"material_id": conductor})
    assert [f["activation_energy_eV"] for f in report["fits"]] == [fit.activation_energy_eV]
    assert [o["activation_energy_eV"] for o in report["orderings"]] == [
        f for f in [fit.activation_energy_eV] if f is not None
    ]
    assert report["potentials"] == []
    path = tmp_path / "CHGCAR"
    written = json.loads(
        runner.invoke(app, ["density", conductor, "-o", str(path), "--discard-ps", "0.2", "--json"]).stdout
    )
    assert written["temperature_K"] == 1200.0
    assert written["isosurface_per_bohr3"] == pytest.approx(0.148185 * written["isosurface_per_A3"], rel=1e-5)
    n_mobile = store.orderings.get(simulations[0].ordering_id).n_mobile
    assert np.mean(Chgcar.from_file(path).data["total"]) == pytest.approx(n_mobile, rel=1e-4)
    assert isinstance(runner.invoke(app, ["density", "nonsense", "-o", str(path)]).exception, NotFoundError)

    # An analysis of its own, from frames in a file, folded into the cell: pymatgen unwraps and takes the drift out.
    path = tmp_path / "frames.extxyz"
    hot = store.simulation(conductor, 0, 1200.0)
    answer = runner.invoke(app, ["trajectory", conductor, "-o", str(path), "--discard-ps", "0.2"])
    assert answer.exit_code == 0
    frames = read(path, index=":")
    for frame in frames:
        frame.wrap()
    analyser = DiffusionAnalyzer.from_structures(
        [AseAtomsAdaptor.get_structure(frame) for frame in frames],
        "Li",
        1200.0,
        time_step=hot.timestep_fs,
        step_skip=hot.frame_interval,
        smoothed="max",
        min_obs=n_mobile,
    )
    fit = (hot.diffusion or {})["fit"]
    assert analyser.dt == pytest.approx(1000 * np.array(fit["lag_ps"]))
    assert analyser.msd == pytest.approx(np.array(fit["msd_A2"]), rel=1e-4)
    refused = runner.invoke(app, ["trajectory", conductor, "-o", str(tmp_path / "frames.pdf")])
    assert isinstance(refused.exception, ConfigurationError)


def test_a_campaign_goes_on_without_a_material_whose_engine_could_not_be_built(
    halides: MTLStore, address: Connection, run: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = halides
    monkeypatch.setattr(Brittle, "raises", chain([OSError("no weights")], repeat(None)))
    p = dynamics("Brittle")
    start_campaign(
        store, "brittle", list(store.candidates.find()), p, core_hours=1.0, material_core_hours=0.5
    )
    advance_campaign(store, address, store.campaigns.get("brittle"), SCREENING)
    assert run().failures == ()
    progress = campaign_progress(store, store.campaigns.get("brittle"))
    assert progress.ended
    (failed,) = {s.material_id for s in store.dynamics.find({"status": "failed"})}
    for simulation in store.dynamics.find({"material_id": failed}):
        assert (simulation.status, simulation.chunks) == ("failed", [])
        assert "weights cannot be had: OSError: no weights" in simulation.reason
    assert {d.material_id: d.reason for d in progress.decisions}[failed] == "the simulation failed"
    assert leaders(progress)[0].material_id != failed
    others = store.dynamics.find({"material_id": {"$ne": failed}, "trajectory_stage": "production"})
    assert {s.temperature_K: s.status for s in others} == {800.0: "converged", 1200.0: "converged"}
    assert store.candidates.get(failed).dynamics_status == "failed"
    assert {c.dynamics_status for c in store.candidates.find()} == {"failed", "fitted"}


def test_a_spent_budget_ends_a_campaign(halides: MTLStore, address: Connection, run: Work) -> None:
    store = halides
    candidates = list(store.candidates.find())[:1]
    start_campaign(store, "poor", candidates, P, core_hours=1e-6, material_core_hours=1e-6)
    advance_campaign(store, address, store.campaigns.get("poor"), SCREENING)
    run()
    campaign = store.campaigns.get("poor")
    progress = campaign_progress(store, campaign)
    assert progress.ended
    assert "the campaign's budget is spent" in {d.reason for d in campaign.rounds[-1].decisions}
    n_rounds, spent = len(campaign.rounds), progress.core_hours

    # More of it, and the campaign goes on where it ended.
    changed = change_campaign(store, "poor", core_hours=1.0, material_core_hours=0.5)
    assert [(c.n_rounds, c.core_hours) for c in changed.changes] == [(n_rounds, 1.0)]
    assert change_campaign(store, "poor", core_hours=1.0) == changed
    with pytest.raises(ConfigurationError, match="not positive"):
        change_campaign(store, "poor", at_once=0)
    # Begun again with what it was begun with, it stays as it was changed.
    start_campaign(store, "poor", candidates, P, core_hours=1e-6, material_core_hours=1e-6)
    assert store.campaigns.get("poor") == changed
    progress = advance_campaign(store, address, store.campaigns.get("poor"), SCREENING)
    assert [w.outcome for w in progress.workflows] == ["added"]
    assert run().failures == ()
    progress = campaign_progress(store, store.campaigns.get("poor"))
    assert progress.ended
    assert progress.core_hours > spent


def test_a_campaign_is_stopped_and_goes_on(halides: MTLStore, address: Connection, run: Work) -> None:
    store = halides
    start_campaign(
        store, "halides", list(store.candidates.find()), P, core_hours=1.0, material_core_hours=0.5
    )
    advance_campaign(store, address, store.campaigns.get("halides"), SCREENING)
    run(max_rockets=3)
    jobs = store.database["fireworks"]
    begun = store.dynamics.count()
    assert stop_campaign(store, address, "halides") > 0
    assert jobs.count_documents({"state": {"$in": ["READY", "WAITING"]}}) == 0
    progress = advance_campaign(store, address, store.campaigns.get("halides"), SCREENING)
    assert progress.ended
    assert {d.reason for d in progress.decisions} == {"the campaign was stopped"}
    assert advance_open_campaigns(store, address) == []
    assert run().completed == 0
    assert store.dynamics.count() == begun

    assert resume_campaign(store, address, "halides") > 0
    assert run().failures == ()
    campaign = store.campaigns.get("halides")
    assert [c.stopped for c in campaign.changes] == [True, False]
    progress = campaign_progress(store, campaign)
    assert progress.ended
    assert {s.status for s in store.dynamics.find()} & {"converged", "unconverged"}


def test_a_round_whose_jobs_fail_does_not_hold_up_the_others(
    halides: MTLStore, address: Connection, run: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody decides any more, an idle worker does."""
    store = halides
    start_campaign(
        store, "one", list(store.candidates.find()), P, core_hours=1.0, material_core_hours=0.5, at_once=1
    )
    first = advance_campaign(store, address, store.campaigns.get("one"), SCREENING)
    (going,) = [d.material_id for d in first.decisions if d.temperatures_K]
    # No cell of it can be made: the job fails, and those after it never run.
    raises = OrderingError("no cell", subject=going)

    def refuse(*args: object) -> None:
        raise raises

    with monkeypatch.context() as patched:
        patched.setattr("mtl_flows.jobs.dynamics.find_ordering", refuse)
        assert len(run().failures) == 1
    added = advance_open_campaigns(store, address)
    assert len(added) == 1
    assert advance_open_campaigns(store, address) == []
    assert run().failures == ()
    progress = campaign_progress(store, store.campaigns.get("one"))
    assert progress.ended
    assert {d.reason for d in progress.decisions if d.material_id == going} == {"no ordered cell: no cell"}


def test_a_name_stands_for_one_campaign(halides: MTLStore) -> None:
    candidates = list(halides.candidates.find())
    start = {"core_hours": 1.0, "material_core_hours": 1.0}
    assert start_campaign(halides, "a", candidates, P, **start) == start_campaign(
        halides, "a", candidates, P, **start
    )
    with pytest.raises(ConfigurationError, match="another name"):
        start_campaign(halides, "a", candidates, P, core_hours=2.0, material_core_hours=1.0)
    with pytest.raises(ConfigurationError, match="no materials"):
        start_campaign(halides, "b", [], P, **start)


def test_the_commands_begin_and_go_on(
    halides: MTLStore, address: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    (material, *_) = (c.material_id for c in halides.candidates.find())
    runner = CliRunner()
    start = ["campaign", "start", "spring", "--core-hours", "1", "--engine", "toy_engines.HalideConductor"]
    for _ in range(2):
        assert runner.invoke(app, [*start, "--material", material]).exit_code == 0
    assert runner.invoke(app, ["campaign", "advance", "spring"]).exit_code == 0
    campaign = halides.campaigns.get("spring")
    assert (len(campaign.rounds), campaign.material_core_hours) == (1, 1.0)
    assert halides.database["workflows"].count_documents({"metadata.campaign": "spring"}) == 1
    refused = runner.invoke(app, [*start, "--material", material, "--target-error", "0.1"])
    assert isinstance(refused.exception, ConfigurationError)
    assert runner.invoke(app, ["campaign", "stop", "spring"]).exit_code == 0
    assert json.loads(runner.invoke(app, ["campaign", "status", "spring", "--json"]).stdout)["stopped"]
    assert "spring is stopped" in runner.invoke(
        app, ["campaign", "change", "spring", "--at-once", "2"]
    ).stderr + (runner.invoke(app, ["campaign", "advance", "spring"]).stderr)
    assert "goes on" in runner.invoke(app, ["campaign", "resume", "spring"]).stderr
    assert halides.campaigns.get("spring").at_once == 2
