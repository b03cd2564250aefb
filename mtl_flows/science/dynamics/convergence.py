"""Whether to run on: a pure decision from the last analysis and what may still be spent."""

from dataclasses import dataclass
from enum import StrEnum

from mtl_flows.science.dynamics.result import CM2_PER_S, DiffusionResult, DiffusionStatus


@dataclass(frozen=True, slots=True)
class DynamicsBudget:
    """Simulated time one temperature may use.

    Attributes
    ----------
    max_production_ps
        Longest production run.
    min_extension_ps
        Shortest extension worth starting.
    """

    max_production_ps: float = 200.0
    min_extension_ps: float = 5.0


class ActionKind(StrEnum):
    """What to do next."""

    EXTEND = "extend"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Action:
    """The decision.

    Attributes
    ----------
    kind
        Run on or stop.
    status
        Status as it stands.
    additional_ps
        Simulated time to add; zero when stopping.
    reason
        In words.
    """

    kind: ActionKind
    status: DiffusionStatus
    additional_ps: float
    reason: str


def next_action(result: DiffusionResult, budget: DynamicsBudget) -> Action:
    """Decide whether a run goes on.

    A converged or molten run stops. Otherwise the length at which it would converge is foreseen: errors
    shrink with the square root of time, jumps grow in proportion to it. The run at most doubles at a time;
    it stops when the budget is spent, and at once when ions are so slow that even the whole budget would
    not show enough jumps.
    """
    if result.status in (DiffusionStatus.CONVERGED, DiffusionStatus.FRAMEWORK_MELTED):
        return Action(ActionKind.STOP, result.status, 0.0, result.reason)
    remaining = budget.max_production_ps - result.production_ps
    if remaining < budget.min_extension_ps:
        return Action(ActionKind.STOP, result.status, 0.0, "the budget is spent")
    growth = _foreseen_growth(result)
    if (
        result.status is DiffusionStatus.UPPER_BOUND
        and growth * result.production_ps > budget.max_production_ps
    ):
        return Action(ActionKind.STOP, result.status, 0.0, "too slow to show enough jumps within the budget")
    wanted = (min(growth, 2.0) - 1.0) * result.production_ps
    additional = min(max(wanted, budget.min_extension_ps), remaining)
    return Action(ActionKind.EXTEND, result.status, additional, result.reason)


def _foreseen_growth(result: DiffusionResult) -> float:
    """Return by what factor the run must grow to converge; two where that cannot be told."""
    parameters = result.parameters
    if result.status is DiffusionStatus.UPPER_BOUND and result.interval_cm2_per_s is not None:
        # At the upper bound of D rather than its estimate: a slow start is not held against the ion.
        bound = result.interval_cm2_per_s[1] / CM2_PER_S
        hops = 6.0 * bound * result.production_ps * result.n_mobile / parameters.hop_distance_A**2
        return parameters.min_effective_hops / hops
    if result.relative_error is not None and result.relative_error > parameters.max_relative_error:
        return (result.relative_error / parameters.max_relative_error) ** 2
    return 2.0
