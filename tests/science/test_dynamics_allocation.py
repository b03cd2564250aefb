"""Who gets the next core-hours."""

from dataclasses import replace
from math import exp

import pytest

from mtl_flows.science.dynamics import (
    DiffusionResult,
    DiffusionStatus,
    DynamicsBudget,
    analyse_diffusion,
)
from mtl_flows.science.dynamics.allocation import (
    CampaignBudget,
    MaterialState,
    SimulationState,
    Step,
    allocate,
)
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.synthetic import SyntheticWalk

TEMPERATURES_K = (800.0, 1000.0, 1200.0)
BUDGET = CampaignBudget(100.0, 10.0, DynamicsBudget(max_production_ps=200.0), at_once=3)


@pytest.fixture(scope="module")
def converged() -> DiffusionResult:
    return analyse_diffusion(SyntheticWalk(D_cm2_per_s=5e-5).trajectory(0), "Li", 1200.0)


def simulation(
    result: DiffusionResult,
    temperature_K: float = 1200.0,
    status: str = "converged",
    D_cm2_per_s: float = 5e-5,
    relative_error: float = 0.2,
    core_hours: float = 0.2,
) -> SimulationState:
    if status not in list(DiffusionStatus):
        return SimulationState(0, temperature_K, status, None, 20.0, core_hours)
    bound = status == DiffusionStatus.UPPER_BOUND
    found = replace(
        result,
        status=DiffusionStatus(status),
        temperature_K=temperature_K,
        D_cm2_per_s=None if bound or status == DiffusionStatus.FRAMEWORK_MELTED else D_cm2_per_s,
        interval_cm2_per_s=(0.0, 1e-8) if bound else (0.5 * D_cm2_per_s, 2 * D_cm2_per_s),
        relative_error=relative_error,
        production_ps=18.0,
        fit=None
        if result.fit is None
        else replace(
            result.fit, D_cm2_per_s=D_cm2_per_s, standard_error_cm2_per_s=relative_error * D_cm2_per_s
        ),
    )
    return SimulationState(0, temperature_K, status, found, 20.0, core_hours)


def decide(
    *materials: MaterialState, budget: CampaignBudget = BUDGET
) -> list[tuple[str, str, tuple[float, ...]]]:
    decisions = allocate(materials, TEMPERATURES_K, 20.0, budget)
    assert {d.material_id for d in decisions} == {m.material_id for m in materials}
    return [(d.material_id, str(d.step), d.temperatures_K) for d in decisions]


def test_the_hottest_temperature_comes_first_in_the_order_given() -> None:
    assert decide(*(MaterialState(name) for name in "abcd")) == [
        ("a", "probe", (1200.0,)),
        ("b", "probe", (1200.0,)),
        ("c", "probe", (1200.0,)),
        ("d", "wait", ()),
    ]


def test_the_fastest_goes_first_and_the_immobile_stops(converged: DiffusionResult) -> None:
    slow = MaterialState("slow", (simulation(converged, D_cm2_per_s=1e-5),))
    fast = MaterialState("fast", (simulation(converged, status="unconverged", relative_error=0.5),))
    stuck = MaterialState("stuck", (simulation(converged, status="upper_bound"),))
    decisions = allocate([stuck, slow, fast], TEMPERATURES_K, 20.0, BUDGET)
    assert [(d.material_id, d.step) for d in decisions] == [
        ("fast", Step.SPREAD),
        ("slow", Step.SPREAD),
        ("stuck", Step.STOP),
    ]
    assert decisions[0].temperatures_K == (1000.0, 800.0)
    assert decisions[0].core_hours == pytest.approx(2 * 20.0 * 0.01)
    assert "upper bound at 1200 K" in decisions[2].reason


def along_a_line(
    result: DiffusionResult,
    name: str,
    energy_eV: float,
    *,
    relative_error: float = 0.3,
    status: str = "unconverged",
    core_hours: float = 0.2,
) -> MaterialState:
    """All temperatures of a material with this activation energy and D0 = 10⁻³ cm²/s."""
    D = {t: 1e-3 * exp(-energy_eV / (BOLTZMANN_EV_PER_K * t)) for t in TEMPERATURES_K}
    return MaterialState(
        name,
        tuple(simulation(result, t, status, D[t], relative_error, core_hours) for t in TEMPERATURES_K),
    )


def test_what_is_decided_is_dropped_converged_or_not(converged: DiffusionResult) -> None:
    good = along_a_line(converged, "good", 0.1, relative_error=0.1)
    poor = along_a_line(converged, "poor", 0.7)
    decisions = {d.material_id: d for d in allocate([good, poor], TEMPERATURES_K, 20.0, BUDGET)}
    for name, conducts in (("good", 1.0), ("poor", 0.0)):
        assert decisions[name].step is Step.STOP
        assert decisions[name].conducts == pytest.approx(conducts, abs=0.05)
        assert decisions[name].reason.endswith(": decided")


def test_core_hours_go_where_they_are_expected_to_decide(converged: DiffusionResult) -> None:
    """Near the threshold, as far as the posterior says; the cheapest decision first."""
    open_ = along_a_line(converged, "open", 0.3, status="converged")
    dear = along_a_line(converged, "dear", 0.3, core_hours=0.3)
    outlook = open_.outlook()
    assert outlook is not None
    assert not outlook.is_decided
    assert outlook.temperatures_K
    decisions = allocate([dear, open_], TEMPERATURES_K, 20.0, BUDGET)
    assert [(d.material_id, d.step) for d in decisions] == [("open", Step.DEEPEN), ("dear", Step.DEEPEN)]
    first, second = decisions
    assert set(first.temperatures_K) == set(outlook.temperatures_K)
    # At most twice the length in a round.
    assert first.max_production_ps == pytest.approx(18.0 + min(outlook.additional_ps, 18.0))
    more_ps = len(first.temperatures_K) * (first.max_production_ps - 18.0)
    assert first.core_hours == pytest.approx(more_ps * 0.01)
    assert second.core_hours == pytest.approx(1.5 * first.core_hours)
    assert 0.05 < (first.conducts or 0.0) < 0.95
    assert first.reason == outlook.told
    # As far as the budget of a temperature, and no farther.
    short = replace(BUDGET, simulation=DynamicsBudget(max_production_ps=20.0))
    assert decide(open_, budget=short) == [("open", "stop", ())]


def test_one_temperature_may_drop_a_poor_conductor_and_never_crowns_a_good_one(
    converged: DiffusionResult,
) -> None:
    fast = MaterialState("fast", (simulation(converged, D_cm2_per_s=5e-2, relative_error=0.05),))
    outlook = fast.outlook()
    assert outlook is not None
    assert (outlook.is_decided, outlook.n_temperatures) == (True, 1)
    assert decide(fast) == [("fast", "spread", (1000.0, 800.0))]
    slow = MaterialState("slow", (simulation(converged, D_cm2_per_s=1e-9, relative_error=0.05),))
    assert decide(slow) == [("slow", "stop", ())]


def test_a_molten_framework_makes_the_next_temperature_the_probe(converged: DiffusionResult) -> None:
    melted = simulation(converged, status="framework_melted")
    assert decide(MaterialState("a", (melted,))) == [("a", "probe", (1000.0,))]
    all_melted = tuple(simulation(converged, t, "framework_melted") for t in TEMPERATURES_K)
    assert decide(MaterialState("a", all_melted)) == [("a", "stop", ())]
    lower = simulation(converged, 1000.0)
    assert decide(MaterialState("a", (melted, lower))) == [("a", "spread", (800.0,))]


def test_what_runs_or_failed_is_left_alone(converged: DiffusionResult) -> None:
    assert decide(MaterialState("a", (simulation(converged, status="running"),))) == [("a", "wait", ())]
    assert decide(MaterialState("a", (simulation(converged, status="failed"),))) == [("a", "stop", ())]


def test_nothing_starts_that_the_budgets_do_not_cover(converged: DiffusionResult) -> None:
    material = MaterialState("a", (simulation(converged, core_hours=0.2),), other_core_hours=0.1)
    for budget, reason in (
        (replace(BUDGET, core_hours=0.6), "the campaign's budget is spent"),
        (replace(BUDGET, material_core_hours=0.6), "the material's budget is spent"),
    ):
        (decision,) = allocate([material], TEMPERATURES_K, 20.0, budget)
        assert (decision.step, decision.reason) == (Step.STOP, reason)
    assert decide(material, budget=replace(BUDGET, core_hours=0.71)) == [("a", "spread", (1000.0, 800.0))]
    # The leader's cost is set aside before the next one is considered.
    follower = MaterialState("b", (simulation(converged, D_cm2_per_s=1e-5, core_hours=0.2),))
    assert [step for _, step, _ in decide(material, follower, budget=replace(BUDGET, core_hours=1.2))] == [
        "spread",
        "stop",
    ]
