"""The gates of a screening in their order: what is known of a material → where it stands at each, and why.

This is the only place that knows which gates there are. A gate is one entry of `GATES`: what of the `Facts` it compares
with what. Gates are told apart by their keys, never by what is printed of them. They are those of
doi:10.1021/jacs.5c04828, section 2.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.standing import (
    PASSED,
    Check,
    Comparison,
    Criteria,
    Facts,
    Gate,
    GateStanding,
    Outcome,
    Standing,
    outcome_of,
    worse,
)
from mtl_flows.science.topology import BarLimit, PrescreenThresholds
from mtl_flows.vocabulary import GATE_FIELDS

__all__ = [
    "GATES",
    "MILESTONES",
    "PASSED",
    "STORED",
    "Check",
    "Comparison",
    "Criteria",
    "Facts",
    "Gate",
    "GateStanding",
    "Outcome",
    "Standing",
    "furthest",
    "gate",
    "gates_before",
    "stand",
]


def stand(
    facts: Facts, criteria: Criteria, gates: Iterable[Gate] | None = None, *, stop: bool = False
) -> Standing:
    """Judge a material at every gate.

    Parameters
    ----------
    gates
        Only these, from the first on; all if None.
    stop
        Leave out what comes after the first gate that is failed.
    """
    asked = (facts, criteria)
    standings = []
    before: Outcome = "pass"
    for known in GATES if gates is None else gates:
        if known.asks_survivors and before != "pass":
            standings.append(GateStanding(known, before, None))
            continue
        outcome: Outcome = "pass"
        for comparison in known.comparisons(criteria):
            passed = comparison.passed(facts, criteria)
            if not passed:
                outcome = worse(outcome, outcome_of(passed))
        standings.append(GateStanding(known, outcome, asked))
        if outcome != "pass":
            before = worse(before, outcome)
            if stop and outcome == "fail":
                break
    return Standing(tuple(standings), before)


def gate(key: str) -> Gate:
    """Return the gate of a key.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    for known in GATES:
        if known.key == key:
            return known
    raise ConfigurationError(f"no gate {key!r}", remedy=f"choose {', '.join(known.key for known in GATES)}")


def gates_before(key: str) -> tuple[Gate, ...]:
    """Return the gates that come before one."""
    return GATES[: GATES.index(gate(key))]


def furthest(standings: Collection[Standing]) -> str:
    """Return what the candidate table calls how far a material has come under any protocol; empty if nowhere yet."""
    return next(
        (
            known.reached
            for known in reversed(GATES)
            if known.reached and any(standing.through(known.key) == "pass" for standing in standings)
        ),
        "",
    )


def _below(
    name: str,
    value: Callable[[Facts], float | None],
    threshold: Callable[[PrescreenThresholds], float],
    unit: str = "",
) -> Comparison:
    def passed(facts: Facts, criteria: Criteria) -> bool | None:
        found = value(facts)
        return None if found is None else found < threshold(criteria.thresholds)

    return Comparison(
        name,
        passed,
        rule=lambda criteria: f"{name} < {threshold(criteria.thresholds):g}{unit}",
        value=value,
        threshold=lambda criteria: threshold(criteria.thresholds),
    )


@lru_cache(maxsize=16)
def _limits(limits: tuple[BarLimit, ...]) -> tuple[Comparison, ...]:
    def comparison(place: int, limit: BarLimit) -> Comparison:
        def value(facts: Facts) -> float | None:
            return facts.bars[place] if facts.bars else None

        def passed(facts: Facts, criteria: Criteria) -> bool | None:
            return limit.allows(facts.bars[place]) if facts.bars else None

        name = limit.statistic.name
        return Comparison(
            name, passed, lambda criteria: f"{limit.at_least:g} ≤ {name} ≤ {limit.at_most:g}", value
        )

    return tuple(comparison(place, limit) for place, limit in enumerate(limits))


_CONNECTED = _below("r_connected", lambda facts: facts.r_connected_A, lambda limit: limit.r_connected_A, " Å")
_FEW_LOOPS = _below("rho_cycles", lambda facts: facts.rho_cycles, lambda limit: limit.rho_cycles)
_SOME_LOOPS = Comparison(
    "has_cycles",
    lambda facts, criteria: None if facts.rho_cycles is None else facts.rho_cycles > 0.0,
    rule=lambda criteria: "rho_cycles > 0",
    value=lambda facts: facts.rho_cycles,
    threshold=lambda criteria: 0.0,
)
_SELECTED = Comparison(
    "cluster",
    lambda facts, criteria: False if facts.selected is None and facts.clustered else facts.selected,
    rule=lambda criteria: "in a cluster with a known conductor",
    detail=lambda facts: (
        f"cluster {facts.cluster} holds no known conductor" if facts.cluster else "in no such cluster"
    ),
)
_UNOBJECTED = Comparison(
    "chemistry",
    lambda facts, criteria: facts.passes_chemistry,
    rule=lambda criteria: "all chemical rules",
    detail=lambda facts: facts.objection or "a chemical rule objects",
)

GATES: Final[tuple[Gate, ...]] = (
    Gate(
        key="connectivity",
        stage="topology",
        label=lambda thresholds: f"r_connected below {thresholds.r_connected_A:g} Å",
        comparisons=lambda criteria: (_CONNECTED,),
        field=GATE_FIELDS["connectivity"],
    ),
    Gate(
        key="prescreen",
        stage="topology",
        label=lambda thresholds: f"rho_cycles below {thresholds.rho_cycles:g} (published: and above 0)",
        comparisons=lambda criteria: (
            (_FEW_LOOPS, _SOME_LOOPS) if criteria.protocol == "published" else (_FEW_LOOPS,)
        ),
        field=GATE_FIELDS["prescreen"],
        reached="prescreen",
    ),
    Gate(
        key="limits",
        stage="topology",
        label=lambda thresholds: "limits of the bars",
        comparisons=lambda criteria: _limits(criteria.limits) if criteria.limits else (),
    ),
    Gate(
        key="cluster",
        stage="clustering",
        label=lambda thresholds: "in a cluster with a known conductor",
        comparisons=lambda criteria: (_SELECTED,),
        field=GATE_FIELDS["cluster"],
        asks_survivors=True,
        reached="clustering",
    ),
    Gate(
        key="chemistry",
        stage="chemistry",
        label=lambda thresholds: "all chemical rules",
        comparisons=lambda criteria: (_UNOBJECTED,),
        field=GATE_FIELDS["chemistry"],
        reached="chemistry",
    ),
)
"""Every gate, in the order in which a material meets them."""

STORED: Final[tuple[Gate, ...]] = tuple(known for known in GATES if known.field)
"""Those that the candidate table tells of."""

WAITED_FOR: Final[tuple[str, ...]] = (*dict.fromkeys(known.stage for known in GATES), "dynamics", "stability")
"""Stages that a material may wait for."""

MILESTONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "simulated": "molecular dynamics begun",
        "fitted": "activation energy found",
        "window": "electrochemical window known",
        "verdict": "verdict: pass",
    }
)
"""What is counted of the survivors of all gates, by key and in order."""
