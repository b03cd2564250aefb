from dataclasses import replace

import pytest

from mtl_flows.science.dynamics import (
    ActionKind,
    DiffusionResult,
    DiffusionStatus,
    DynamicsBudget,
    analyse_diffusion,
    next_action,
)
from mtl_flows.science.dynamics.synthetic import SyntheticWalk

BUDGET = DynamicsBudget(max_production_ps=200.0, min_extension_ps=5.0)


@pytest.fixture(scope="module")
def converged() -> DiffusionResult:
    return analyse_diffusion(SyntheticWalk(D_cm2_per_s=5e-5).trajectory(0), "Li", 1000.0)


def unconverged(
    result: DiffusionResult, relative_error: float, production_ps: float = 18.0
) -> DiffusionResult:
    return replace(
        result,
        status=DiffusionStatus.UNCONVERGED,
        relative_error=relative_error,
        production_ps=production_ps,
    )


@pytest.mark.parametrize("status", [DiffusionStatus.CONVERGED, DiffusionStatus.FRAMEWORK_MELTED])
def test_nothing_is_gained_by_going_on(converged: DiffusionResult, status: DiffusionStatus) -> None:
    action = next_action(replace(converged, status=status), BUDGET)
    assert (action.kind, action.status, action.additional_ps) == (ActionKind.STOP, status, 0.0)


def test_the_extension_is_what_the_error_asks_for(converged: DiffusionResult) -> None:
    # 0.36 against 0.30 needs 1.44 times the length.
    action = next_action(unconverged(converged, 0.36), BUDGET)
    assert action.kind is ActionKind.EXTEND
    assert action.additional_ps == pytest.approx(0.44 * 18.0)


def test_a_run_at_most_doubles(converged: DiffusionResult) -> None:
    assert next_action(unconverged(converged, 3.0), BUDGET).additional_ps == pytest.approx(18.0)


def test_a_bent_line_is_given_twice_the_time(converged: DiffusionResult) -> None:
    assert next_action(unconverged(converged, 0.1), BUDGET).additional_ps == pytest.approx(18.0)


def test_small_extensions_are_rounded_up(converged: DiffusionResult) -> None:
    assert next_action(unconverged(converged, 0.301), BUDGET).additional_ps == 5.0


def test_the_budget_is_never_exceeded(converged: DiffusionResult) -> None:
    assert next_action(unconverged(converged, 3.0, 190.0), BUDGET).additional_ps == pytest.approx(10.0)
    action = next_action(unconverged(converged, 3.0, 196.0), BUDGET)
    assert action.kind is ActionKind.STOP
    assert action.status is DiffusionStatus.UNCONVERGED
    assert "budget" in action.reason


def test_an_ion_at_rest_is_given_up_once_the_budget_could_not_help() -> None:
    rest = SyntheticWalk(D_cm2_per_s=0.0, n_ions=20)
    result = analyse_diffusion(rest.trajectory(0), "Li", 1000.0)
    # Fewer than 3.0 jumps in 18 ps: ten would take 60 ps or more.
    assert next_action(result, BUDGET).kind is ActionKind.EXTEND
    action = next_action(result, DynamicsBudget(max_production_ps=50.0))
    assert action.kind is ActionKind.STOP
    assert action.status is DiffusionStatus.UPPER_BOUND
    assert "too slow" in action.reason


def test_a_run_too_short_to_judge_is_doubled() -> None:
    short = analyse_diffusion(SyntheticWalk(duration_ps=5.0).trajectory(0), "Li", 1000.0)
    action = next_action(short, BUDGET)
    assert (action.kind, action.additional_ps) == (ActionKind.EXTEND, 5.0)
