"""What is said before and after dynamics are handed in."""

from dataclasses import replace
from typing import Any

import pytest
from launch_jobs import add
from pymongo.database import Database

from mtl_flows.launch.cautions import cautions, under_way, worker_for
from mtl_flows.launch.jobs import JobFilter
from mtl_flows.launch.steering import cancel
from mtl_flows.launch.submit import submit
from mtl_flows.science.dynamics import (
    DiffusionParameters,
    DynamicsBudget,
    analyse_diffusion,
    shortest_fit_ps,
)
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.simulation.registry import get_engine
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection

USUAL = DynamicsParameters()


def test_usual_parameters_give_nothing_to_say() -> None:
    assert cautions(USUAL) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperatures_K": (800.0,)}, "one temperature gives no line"),
        ({"production_ps": 2.5, "budget": DynamicsBudget(max_production_ps=2.5)}, "too short for a slope"),
        ({"engine": "MACE-MP-0"}, "is not installed here"),
    ],
)
def test_what_runs_cannot_give_is_said(changes: dict[str, object], said: str) -> None:
    (told,) = cautions(replace(USUAL, **changes))  # type: ignore[arg-type]
    assert said in told


def test_the_shortest_run_with_a_slope_is_the_shortest() -> None:
    parameters = DiffusionParameters(discard_ps=1.0, n_surrogates=20)
    needed_ps = shortest_fit_ps(parameters, 0.02)
    for longer_ps, fitted in ((0.2, True), (-0.2, False)):
        walk = SyntheticWalk(1e-4, n_ions=12, duration_ps=needed_ps + longer_ps).trajectory(1)
        assert (analyse_diffusion(walk, "Li", 900.0, parameters).fit is not None) is fitted


def test_who_takes_the_work_follows_from_the_engine() -> None:
    chgnet = get_engine("chgnet")
    assert worker_for(chgnet) == "heavy"
    assert worker_for(chgnet.configured({}, device="cuda")) == "gpu"
    assert worker_for(get_engine("vasp")) == "vasp"


def test_other_runs_of_a_material_are_told(address: Connection, database: Database[dict[str, Any]]) -> None:
    def hand_in(name: str, material: str) -> tuple[int, ...]:
        return submit(add(1, len(name)), address, name=name, metadata={"material": material}).fw_ids

    first, other, last = hand_in("short", "licl"), hand_in("of another", "li2s"), hand_in("longer", "licl")
    assert under_way(database, last) == ["short"]
    assert under_way(database, other) == []
    cancel(address, JobFilter(ids=first))
    assert under_way(database, last) == []
