"""Where the next core-hours go: a pure decision over every material of a campaign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mtl_flows.science.dynamics.convergence import Action, ActionKind, DynamicsBudget, next_action
from mtl_flows.science.dynamics.outlook import Outlook
from mtl_flows.science.dynamics.result import DiffusionResult, DiffusionStatus
from mtl_flows.vocabulary import RUNNING


@dataclass(frozen=True, slots=True)
class CampaignBudget:
    """What a campaign may spend.

    Attributes
    ----------
    core_hours
        Of all materials together.
    material_core_hours
        Of one material.
    simulation
        How far one temperature may be extended.
    at_once
        Materials under way at a time.
    """

    core_hours: float
    material_core_hours: float
    simulation: DynamicsBudget
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class SimulationState:
    """One simulation as it stands.

    Attributes
    ----------
    ordering, temperature_K
        Which.
    status
        ``running``, ``failed`` or a :class:`DiffusionStatus`.
    result
        Last analysis; absent before the first and after a failure.
    simulated_ps, core_hours
        Length so far and what it cost.
    """

    ordering: int
    temperature_K: float
    status: str
    result: DiffusionResult | None
    simulated_ps: float
    core_hours: float


@dataclass(frozen=True, slots=True)
class MaterialState:
    """One material as it stands.

    Attributes
    ----------
    material_id
        Which; materials come in the order of their promise.
    simulations
        Those that have begun.
    other_core_hours
        Spent outside them: the heating ramps.
    n_orderings
        Approximants that are simulated.
    """

    material_id: str
    simulations: tuple[SimulationState, ...] = ()
    other_core_hours: float = 0.0
    n_orderings: int = 1

    @property
    def core_hours(self) -> float:
        """Spent so far."""
        return self.other_core_hours + sum(s.core_hours for s in self.simulations)

    @property
    def core_hours_per_ps(self) -> float | None:
        """Cost of a picosecond; None before anything was simulated."""
        length_ps = sum(s.simulated_ps for s in self.simulations)
        return sum(s.core_hours for s in self.simulations) / length_ps if length_ps else None

    def outlook(self) -> Outlook | None:
        """What the simulations that were analysed let expect; None where they say nothing."""
        by_ordering: dict[int, list[DiffusionResult]] = {}
        for s in sorted(self.simulations, key=lambda s: (s.ordering, s.temperature_K)):
            if s.result is not None and s.status not in (RUNNING, "failed"):
                by_ordering.setdefault(s.ordering, []).append(s.result)
        return Outlook.of(list(by_ordering.values()))


class Step(StrEnum):
    """What happens to a material next."""

    PROBE = "probe"
    SPREAD = "spread"
    DEEPEN = "deepen"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one material next.

    Attributes
    ----------
    material_id
        Which.
    step
        ``probe``: simulate the hottest temperature. ``spread``: start the others. ``deepen``: extend those
        whose extension is expected to decide. ``wait``: jobs are under way, or it is not its turn. ``stop``: nothing
        more.
    reason
        In words.
    temperatures_K
        What runs; empty for ``wait`` and ``stop``.
    max_production_ps
        How far those runs may go in this round, equilibration not counted; 0 for their first length.
    core_hours
        What that is expected to cost; 0 where there is no experience yet.
    conducts
        P(σ(300 K) ≥ 10⁻⁴ S/cm) of the simulation as it stands; None where it says nothing yet.
    """

    material_id: str
    step: Step
    reason: str
    temperatures_K: tuple[float, ...] = ()
    max_production_ps: float = 0.0
    core_hours: float = 0.0
    conducts: float | None = None


def allocate(
    materials: Sequence[MaterialState],
    temperatures_K: Sequence[float],
    production_ps: float,
    budget: CampaignBudget,
) -> list[Decision]:
    """Decide for every material what happens next.

    First each material is probed at the highest temperature, in the order given. Those whose ions do not move
    there stop with an upper bound; the others' remaining temperatures are run, the fastest first. From then on the
    posterior of the simulation decides: a material of which it is decided whether σ(300 K) reaches 10⁻⁴ S/cm is
    dropped, converged or not (a probe alone may decide that it does not), and so is one that no foreseeable extension
    decides; of the others those go on first whose decision is expected to cost least, at the temperatures that are
    expected to bring it. Nothing starts whose expected cost exceeds what is left of the material's or the campaign's
    budget; a round that has begun is finished.

    Parameters
    ----------
    materials
        Every material of the campaign.
    temperatures_K
        Of production, in any order.
    production_ps
        First length of a simulation.
    budget
        Limits.

    Returns
    -------
    list of Decision
        One for each material: those that go on first, the most promising at the head.
    """
    hottest_first = tuple(sorted(temperatures_K, reverse=True))
    spent = sum(m.core_hours for m in materials)
    length_ps = sum(s.simulated_ps for m in materials for s in m.simulations)
    usual = sum(s.core_hours for m in materials for s in m.simulations) / length_ps if length_ps else 0.0
    wanted = [
        (m, _wanted(m, hottest_first, production_ps, budget, m.core_hours_per_ps or usual)) for m in materials
    ]
    under_way = sum(_under_way(m) for m in materials)
    left = budget.core_hours - spent
    going: list[Decision] = []
    resting: list[Decision] = []
    # A stable sort: materials that nothing tells apart keep their order.
    for material, decision in sorted(wanted, key=lambda pair: _turn(pair[0], pair[1], hottest_first)):
        if not decision.temperatures_K:
            resting.append(decision)
        elif left <= 0 or decision.core_hours > left:
            resting.append(_rest(decision, Step.STOP, "the campaign's budget is spent"))
        elif material.core_hours + decision.core_hours > budget.material_core_hours:
            resting.append(_rest(decision, Step.STOP, "the material's budget is spent"))
        elif under_way >= budget.at_once:
            resting.append(_rest(decision, Step.WAIT, f"its turn comes later: {decision.step}"))
        else:
            going.append(decision)
            left -= decision.core_hours
            under_way += 1
    return going + resting


def _turn(
    material: MaterialState, decision: Decision, hottest_first: Sequence[float]
) -> tuple[int, float, float]:
    """By what decisions are ordered: the lower, the earlier."""
    order = {Step.PROBE: 0, Step.SPREAD: 1, Step.DEEPEN: 2, Step.WAIT: 3, Step.STOP: 4}
    cost = decision.core_hours if decision.step is Step.DEEPEN else 0.0
    return order[decision.step], cost, -promise_cm2_per_s(material, hottest_first)


def promise_cm2_per_s(material: MaterialState, hottest_first: Sequence[float]) -> float:
    """Return what a material is ranked by: the diffusivity at the hottest temperature that has one; 0 without."""
    for temperature_K in hottest_first:
        found = [
            s.result.D_cm2_per_s
            for s in material.simulations
            if s.temperature_K == temperature_K and s.result is not None and s.result.D_cm2_per_s is not None
        ]
        if found:
            return max(found)
    return 0.0


def _under_way(material: MaterialState) -> bool:
    return any(s.status == RUNNING for s in material.simulations)


def _rest(decision: Decision, step: Step, reason: str) -> Decision:
    return replace(
        decision, step=step, reason=reason, temperatures_K=(), max_production_ps=0.0, core_hours=0.0
    )


def _wanted(
    material: MaterialState,
    hottest_first: tuple[float, ...],
    production_ps: float,
    budget: CampaignBudget,
    core_hours_per_ps: float,
) -> Decision:
    """What a material would do next if budgets were no matter."""
    if _under_way(material):
        return Decision(material.material_id, Step.WAIT, "under way")
    begun = {s.temperature_K for s in material.simulations}
    # A temperature at which the framework melts says nothing about ions: the next lower one is the probe.
    for number, temperature_K in enumerate(hottest_first):
        if temperature_K not in begun:
            cost = production_ps * material.n_orderings * core_hours_per_ps
            reason = f"{temperature_K:g} K first"
            if number:
                reason = f"the framework melts at {hottest_first[number - 1]:g} K"
            return Decision(material.material_id, Step.PROBE, reason, (temperature_K,), 0.0, cost)
        if any(
            s.status != DiffusionStatus.FRAMEWORK_MELTED
            for s in material.simulations
            if s.temperature_K == temperature_K
        ):
            break
    else:
        return Decision(material.material_id, Step.STOP, "the framework melts at every temperature")
    probes = [s for s in material.simulations if s.temperature_K == temperature_K]
    extensions = {
        s.temperature_K: next_action(s.result, budget.simulation)
        for s in material.simulations
        if s.result is not None and s.status in (DiffusionStatus.UNCONVERGED, DiffusionStatus.UPPER_BOUND)
    }
    moving = [s for s in probes if s.status in (DiffusionStatus.CONVERGED, DiffusionStatus.UNCONVERGED)]
    if not moving:
        action = extensions.get(temperature_K)
        if action is None:
            return Decision(material.material_id, Step.STOP, "the simulation failed")
        if action.kind is ActionKind.STOP:
            return Decision(
                material.material_id, Step.STOP, f"upper bound at {temperature_K:g} K: {action.reason}"
            )
        extensions = {temperature_K: action}
    outlook = material.outlook()
    if outlook is not None and outlook.is_decided and (outlook.fails or outlook.n_temperatures > 1):
        return Decision(material.material_id, Step.STOP, outlook.told, conducts=outlook.conducts)
    missing = tuple(t for t in hottest_first if t not in begun) if moving else ()
    if missing:
        cost = production_ps * material.n_orderings * len(missing) * core_hours_per_ps
        conducts = None if outlook is None else outlook.conducts
        return Decision(material.material_id, Step.SPREAD, "ions move", missing, 0.0, cost, conducts)
    if outlook is None or not moving or outlook.is_decided:
        return _converge(material, extensions, hottest_first, core_hours_per_ps)
    return _decide(material, outlook, hottest_first, budget.simulation, core_hours_per_ps)


def _decide(
    material: MaterialState,
    outlook: Outlook,
    hottest_first: tuple[float, ...],
    limit: DynamicsBudget,
    core_hours_per_ps: float,
) -> Decision:
    """Run on where that is expected to decide, and no farther than the posterior says it will take."""
    stop = Decision(material.material_id, Step.STOP, outlook.told, conducts=outlook.conducts)
    if not outlook.temperatures_K:
        return stop
    lengths_ps = {
        t: max(
            (s.result.production_ps for s in material.simulations if s.temperature_K == t and s.result),
            default=0.0,
        )
        for t in outlook.temperatures_K
    }
    # At most doubled in a round: what comes of it is looked at before more is spent.
    more_ps = {
        t: min(
            outlook.additional_ps, max(length_ps, limit.min_extension_ps), limit.max_production_ps - length_ps
        )
        for t, length_ps in lengths_ps.items()
    }
    going = {
        t: more for t, more in more_ps.items() if more >= min(limit.min_extension_ps, outlook.additional_ps)
    }
    if not going:
        return replace(stop, reason=f"{outlook.told}; the budget of a temperature is spent")
    return Decision(
        material.material_id,
        Step.DEEPEN,
        outlook.told,
        tuple(t for t in hottest_first if t in going),
        max(lengths_ps[t] + more for t, more in going.items()),
        sum(going.values()) * material.n_orderings * core_hours_per_ps,
        outlook.conducts,
    )


def _converge(
    material: MaterialState,
    extensions: Mapping[float, Action],
    hottest_first: tuple[float, ...],
    core_hours_per_ps: float,
) -> Decision:
    """Run on what has not converged: all that can be said before there is a posterior."""
    going = {t: a for t, a in extensions.items() if a.kind is ActionKind.EXTEND}
    if not going:
        return Decision(
            material.material_id, Step.STOP, "converged, or as far as the budget of a temperature"
        )
    states = [s for s in material.simulations if s.temperature_K in going and s.result is not None]
    longest_ps = max(
        going[s.temperature_K].additional_ps + s.result.production_ps for s in states if s.result
    )
    cost = sum(a.additional_ps for a in going.values()) * material.n_orderings * core_hours_per_ps
    chosen = tuple(t for t in hottest_first if t in going)
    reason = "; ".join(f"{t:g} K: {going[t].reason}" for t in chosen)
    return Decision(material.material_id, Step.DEEPEN, reason, chosen, longest_ps, cost)
