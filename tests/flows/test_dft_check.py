"""Frames of a simulation held against DFT: the potential is softer than the fake VASP by a known factor."""

from collections.abc import Callable

import pytest
from samples import fill
from toy_engines import dynamics

from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.names import HEAVY, VASP
from mtl_flows.simulation.registry import get_engine
from mtl_flows.stages.dft_check import DftCheckParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore::pymatgen.io.vasp.outputs.UnconvergedVASPWarning"),
    pytest.mark.filterwarnings("ignore:No POTCAR file"),
    pytest.mark.filterwarnings("ignore:We suggest using a new version of the POTCAR"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

Work = Callable[..., WorkSummary]

CHECK = DftCheckParameters(3, {"potcar_spec": True, "polling_s": 0.05})
HOPELESS = {"when": {"NSW": 0}, "says": "internal error in SET_CORE_WF"}


def test_a_soft_potential_is_found_out_and_corrected_in_the_open(
    store: MTLStore, address: Connection, run: Work, faults: Callable[..., None]
) -> None:
    fill(store, "licl")
    maker = DynamicsFlowMaker(parameters=dynamics("Soft"), window=False, check=CHECK)

    def hand_in() -> int:
        return len(submit_dynamics(address, plan_dynamics(store, maker, materials=["licl"])))

    assert hand_in() == 1
    assert run(categories=[HEAVY]).failures == ()
    (chosen,) = store.dft_checks.find()
    assert (len(chosen.frames), chosen.n_checked, chosen.temperature_K) == (3, 0, 1200.0)

    # What VASP cannot compute is written down, waits for nothing and is computed when handed in again.
    faults(HOPELESS)
    assert run(categories=[VASP]).failures == ()
    (failed,) = store.dft_checks.find()
    assert failed.n_checked == 0
    assert all("set_core_wf" in frame.reason for frame in failed.frames)
    run(categories=[HEAVY])
    assert store.candidates.get("licl").potential_error_source == "default"

    faults()
    assert hand_in() == 1
    run(categories=[HEAVY])
    assert run(categories=[VASP]).failures == ()
    run(categories=[HEAVY])
    (checked,) = store.dft_checks.find()
    assert checked.n_checked == 3
    assert [frame.calculation["maker"] for frame in checked.frames] == ["VASP static"] * 3
    assert {frame.calculation["incar"]["KSPACING"] for frame in checked.frames} == {0.25}
    assert checked.force_slope == pytest.approx(0.8, abs=0.01)
    assert checked.energy_slope == pytest.approx(0.8, abs=0.02)

    row = store.candidates.get("licl")
    assert row.potential_error_source == "dft"
    simulated, corrected = row.activation_energy_simulated_eV, row.activation_energy_crystal_eV
    assert row.potential_bias_eV == pytest.approx(-0.25 * (simulated or 0.0), abs=0.02)
    assert (corrected or 0.0) > (simulated or 0.0)
    assert hand_in() == 0


def test_dft_is_not_held_against_itself() -> None:
    with pytest.raises(ConfigurationError, match="DFT already"):
        CHECK.refuse_for(get_engine("vasp"))
