"""`mtl campaign --run`: from the first probe to the end in one command; options that only VASP takes."""

import json
from pathlib import Path

import pytest
from cli_answers import Mtl
from samples import fill

from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.launch.campaign import dynamics_of
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

SHORT = (
    *("--engine", "toy_engines.HalideConductor", "--temperatures", "900,1200", "--heat-ps", "0.2"),
    *("--production-ps", "2.2", "--discard-ps", "0.2", "--budget-ps", "2.2", "--chunk-ps", "1.1"),
    *("--max-lag", "0.5", "--max-atoms", "60"),
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")


@pytest.fixture
def crystal(store: MTLStore) -> str:
    fill(store, "licl")
    rebuild_candidates(store, ScreeningParameters())
    return "licl"


def test_a_campaign_runs_to_its_end_in_one_command(
    mtl_here: Mtl, server: str, store: MTLStore, crystal: str
) -> None:
    start = ("campaign", "start", "spring", "--core-hours", 1, "--material", crystal, *SHORT, "--run")
    first = mtl_here(*start, MTL_MONGO_URI=server)
    assert first.code == 0, first
    assert "campaign spring has ended" in first.err
    campaign = store.campaigns.get("spring")
    # Probed, then the other temperature, then nothing more: each decided from what the one before gave.
    decided = [[(d.step, d.temperatures_K) for d in number.decisions] for number in campaign.rounds]
    assert decided[:2] == [[("probe", [1200.0])], [("spread", [900.0])]]
    assert {step for step, _ in decided[-1]} == {"stop"}
    assert {s.temperature_K for s in store.dynamics.find({"trajectory_stage": "production"})} == {
        900.0,
        1200.0,
    }
    assert store.candidates.get(crystal).n_orderings == 1
    spent = json.loads(mtl_here("campaign", "status", "spring", "--json").out)["spent_core_hours"]
    assert 0 < spent < 1

    # Started or advanced again, there is nothing to do, and nothing is done.
    for again in (start, ("campaign", "advance", "spring", "--run")):
        answer = mtl_here(*again)
        assert answer.code == 0, answer
        assert "has ended" in answer.err
        assert "Fireworks" not in answer.err
    assert store.campaigns.get("spring") == campaign


def test_incar_tags_reach_a_campaign_on_vasp(
    mtl_here: Mtl, server: str, store: MTLStore, crystal: str
) -> None:
    arguments = ("--core-hours", 1, "--material", crystal, "--engine", "vasp", "--incar", "NCORE=4")
    assert mtl_here("campaign", "start", "dft", *arguments, MTL_MONGO_URI=server).code == 0
    assert dynamics_of(store.campaigns.get("dft")).engine_settings == {"NCORE": "4"}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        (("--engine", "vasp", "--incar", "NCORE"), "not a setting of an engine: 'NCORE'"),
        (("--engine", "vasp", "--set", "NSW=4"), "NSW follow from other parameters"),
        (("--set", "NCORE=4"), "chgnet: has no setting NCORE"),
    ],
)
def test_settings_that_mean_nothing_are_refused_before_anything_is_read(
    mtl_here: Mtl, project: Path, tags: tuple[str, ...], told: str
) -> None:
    for command in (("run", project), ("campaign", "start", "a", "--core-hours", 1), ("launch", "licl")):
        answer = mtl_here(*command, *tags)
        assert answer.code != 0
        assert told in " ".join(answer.err.split()), answer
    assert list(project.iterdir()) == []
