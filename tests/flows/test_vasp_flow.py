"""The dynamics on VASP, end to end: atomate2's Makers, custodian and FireWorks are real, the executable is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from samples import fill, sample
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.names import VASP
from mtl_flows.report.story import tell
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore::pymatgen.io.vasp.outputs.UnconvergedVASPWarning"),
    pytest.mark.filterwarnings("ignore:No POTCAR file"),
    pytest.mark.filterwarnings("ignore:We suggest using a new version of the POTCAR"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

Work = Callable[..., WorkSummary]

# What VASP prints; custodian's answer to the first is another mixer, and it has none to the second.
BRMIX = "BRMIX: very serious problems"
HOPELESS = "internal error in SET_CORE_WF"


def vasp(**changes: Any) -> DynamicsParameters:
    """The article's four temperatures in chunks of 1.2 ps."""
    fields: dict[str, Any] = {
        "engine": "vasp",
        "engine_settings": {"potcar_spec": True, "polling_s": 0.05},
        "heat_to_K": 1200.0,
        "temperatures_K": (800.0, 1000.0, 1200.0, 1400.0),
        "production_ps": 2.4,
        "budget": DynamicsBudget(max_production_ps=2.4, min_extension_ps=0.4),
        "chunk_ps": 1.2,
    }
    return replace(dynamics(), **{**fields, **changes})


def hand_in(store: MTLStore, address: Connection, p: DynamicsParameters, *materials: str) -> int:
    """Plan and submit as `mtl launch` does; gives the number of workflows."""
    maker = DynamicsFlowMaker(parameters=p)
    return len(submit_dynamics(address, plan_dynamics(store, maker, materials=materials)))


def test_from_a_crystal_to_a_fit_through_failures(
    store: MTLStore, address: Connection, run: Work, faults: Callable[..., None]
) -> None:
    fill(store, "licl", "lif")
    rebuild_candidates(store, ScreeningParameters())
    faults(
        {"when": {"element": "Cl", "TEEND": 800.0, "TEBEG": 800.0}, "unless": {"IMIX": 1}, "says": BRMIX},
        {"when": {"element": "Cl", "TEBEG": 1400.0, "TEEND": 1400.0, "NSW": 600}, "says": HOPELESS},
        {"when": {"element": "F", "NSW": 200}, "says": HOPELESS},
    )
    p = vasp()
    assert hand_in(store, address, p, "licl", "lif") == 2
    summary = run(categories=[VASP])
    assert summary.failures == ()  # a calculation that fails is a result; nothing waits for it in vain

    # LiF: the relaxation is beyond repair, and every document says so.
    assert store.relaxations.count({"material_id": "lif"}) == 0
    stopped = list(store.dynamics.find({"material_id": "lif"}))
    assert len(stopped) == 5
    assert {s.status for s in stopped} == {"failed"}
    assert all("VASP relax" in s.reason and "set_core_wf" in s.reason for s in stopped)
    assert store.candidates.get("lif").dynamics_status == "failed"
    story = tell(store, "lif", ScreeningParameters())
    assert any("set_core_wf" in rejection["message"] for rejection in story["rejections"])

    # LiCl: relaxed, its energy computed, heated.
    (relaxation,) = store.relaxations.find({"material_id": "licl"})
    assert relaxation.converged
    assert [c["maker"] for c in relaxation.calculations] == ["VASP relax", "VASP static"]
    assert relaxation.calculations[1]["incar"]["KSPACING"] == 0.25
    assert relaxation.engine["parameters"]["cutoff_eV"] == 520.0
    simulations = {
        t: store.dynamics.get(p.trajectory_id(sample("licl", p), t)) for t in (None, *p.temperatures_K)
    }
    assert simulations[None].status == "heated"

    # 800 K: custodian changed the mixer and the run is as good as any.
    cool = simulations[800.0]
    assert cool.status == "converged", cool.reason
    assert [c["errors"] for c in cool.chunks[0].calculation["corrections"]] == [["brmix"]]
    for t in (800.0, 1000.0, 1200.0):
        assert [(c.first_step, c.last_step) for c in simulations[t].chunks] == [(0, 600), (600, 1200)]
        trajectory = load_trajectory(store, simulations[t])
        assert trajectory.n_frames == 300
        assert trajectory.positions_A.dtype == np.float32
        # Unwrapped, also where chunks meet: no ion moves an ångström in 8 fs.
        assert np.abs(np.diff(trajectory.positions_A, axis=0)).max() < 1.0
        assert trajectory.temperatures_K[50:].mean() == pytest.approx(t, rel=0.25)

    # 1400 K failed for good; the fit goes on without it and says why.
    assert (simulations[1400.0].status, simulations[1400.0].steps_done) == ("failed", 0)
    assert simulations[1400.0].reason.endswith("at step 0")
    (fit,) = store.transport.find({"material_id": "licl"})
    assert (fit.status, fit.temperatures_K, fit.complete) == ("fitted", [800.0, 1000.0, 1200.0], False)
    assert fit.excluded["1400"].startswith("failed: VASP NVT")
    candidate = store.candidates.get("licl")
    assert (candidate.engine, candidate.dynamics_status) == ("vasp", "fitted")
    assert candidate.activation_energy_eV == fit.activation_energy_eV
    assert candidate.window_status == "unknown"  # no entries, no window
    told = [c["what"] for c in tell(store, "licl", ScreeningParameters())["calculations"]]
    assert "production at 1200 K, vasp" in told

    # Mended and handed in again: only what failed is run.
    faults()
    before = simulations[1200.0]
    assert hand_in(store, address, p, "licl") == 1
    assert run(categories=[VASP]).failures == ()
    assert store.dynamics.get(before.id) == before
    hot = store.dynamics.get(simulations[1400.0].id)
    assert (hot.status, hot.steps_done, hot.retry) == ("converged", 1200, False)
    (fit,) = store.transport.find({"material_id": "licl"})
    assert (fit.complete, fit.excluded) == (True, {})
    assert hand_in(store, address, p, "licl") == 0
