"""What a gate is, what it is told, and how a material stands at it; which gates there are, `gates` knows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from mtl_flows.science.topology import BarLimit, PrescreenThresholds, Protocol

Outcome = Literal["pass", "fail", "pending"]
"""``pending``: not known yet."""

PASSED: Final[Mapping[Outcome, bool | None]] = MappingProxyType(
    {"pass": True, "fail": False, "pending": None}
)
"""Outcomes as rows of the candidate table have them."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What the gates ask for.

    Attributes
    ----------
    protocol
        ``published`` asks for at least one loop (``rho_cycles > 0``), which the article does not mention but its
        released lists follow.
    thresholds
        Limits of the prescreen.
    limits
        Limits of statistics of the bars, asked by `mtl whatif` alone.
    """

    protocol: Protocol = "published"
    thresholds: PrescreenThresholds = field(default_factory=PrescreenThresholds)
    limits: tuple[BarLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one material under one protocol; None where a stage has not run.

    Attributes
    ----------
    r_connected_A, rho_cycles
        The metrics, rho_cycles that of the protocol.
    bars
        Values of the statistics of `Criteria.limits`, in their order.
    clustered
        A clustering has run, so that a material that has no cluster will not get one.
    cluster
        Name of its cluster; empty without one.
    selected
        Whether its cluster holds a known conductor.
    passes_chemistry
        Whether no chemical rule objects.
    objection
        What the first rule that objects says.
    told
        What further stages tell, by name.
    """

    r_connected_A: float | None = None
    rho_cycles: float | None = None
    bars: tuple[float, ...] = ()
    clustered: bool = False
    cluster: str = ""
    selected: bool | None = None
    passes_chemistry: bool | None = None
    objection: str = ""
    told: Mapping[str, float | bool | None] = field(default_factory=dict)


class Comparison(NamedTuple):
    """One thing that a gate compares.

    Attributes
    ----------
    passed
        Whether the facts meet the criteria; None where they are not known.
    rule
        What is asked for, with the limit that is used.
    value, threshold
        The two numbers; None, and `detail` of a failure instead, where it is not numbers that are compared.
    """

    name: str
    passed: Callable[[Facts, Criteria], bool | None]
    rule: Callable[[Criteria], str]
    value: Callable[[Facts], float | None] = lambda facts: None
    threshold: Callable[[Criteria], float | None] = lambda criteria: None
    detail: Callable[[Facts], str] = lambda facts: ""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate.

    Attributes
    ----------
    key
        By which it is known everywhere.
    stage
        Stage whose result decides; the gate waits for it.
    label
        What stands after it, in words, with the limits that were used.
    comparisons
        What it asks under some criteria, all of which has to be met; nothing asked is passed.
    field
        Field of the candidate table that says whether it was passed, ``{protocol}`` where it has one for each (which
        then speaks of the gates before it, too); empty if it is not stored.
    asks_survivors
        It is asked only of what passed all gates before it; anything else fails it.
    reached
        What the candidate table calls a material that passed it; empty if it has no name.
    """

    key: str
    stage: str
    label: Callable[[PrescreenThresholds], str]
    comparisons: Callable[[Criteria], tuple[Comparison, ...]]
    field: str = ""
    asks_survivors: bool = False
    reached: str = ""

    @property
    def by_protocol(self) -> bool:
        """Whether the protocols may differ in it."""
        return "{protocol}" in self.field

    def field_of(self, protocol: Protocol) -> str:
        """Its field of the candidate table under a protocol."""
        return self.field.format(protocol=protocol)


class Check(NamedTuple):
    """How one comparison went, with the numbers that were compared and the rule in words."""

    name: str
    outcome: Outcome
    rule: str
    value: float | None
    threshold: float | None
    detail: str

    @property
    def reason(self) -> str:
        """Why it failed."""
        return self.detail or f"{self.value:.4g}, must be {self.rule}"


class GateStanding(NamedTuple):
    """Where a material stands at one gate, and what was compared; None if it did not come so far."""

    gate: Gate
    outcome: Outcome
    asked: tuple[Facts, Criteria] | None

    @property
    def checks(self) -> tuple[Check, ...]:
        """How each comparison went."""
        if self.asked is None:
            return ()
        facts, criteria = self.asked
        return tuple(
            Check(
                one.name,
                outcome_of(one.passed(facts, criteria)),
                one.rule(criteria),
                one.value(facts),
                one.threshold(criteria),
                one.detail(facts),
            )
            for one in self.gate.comparisons(criteria)
        )

    @property
    def reason(self) -> str:
        """Why it does not pass, or does not yet; empty if it does."""
        if self.outcome == "pass":
            return ""
        if self.outcome == "pending":
            return f"{self.gate.stage} has not run"
        failed = next((check for check in self.checks if check.outcome == "fail"), None)
        return failed.reason if failed else "did not come so far"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a material stands at every gate, in their order.

    Attributes
    ----------
    outcome
        Of all together: one failed gate settles it, whatever is still pending.
    """

    gates: tuple[GateStanding, ...]
    outcome: Outcome

    @property
    def decided_by(self) -> GateStanding | None:
        """The first gate that is failed, else the first that is pending; None if all are passed."""
        if self.outcome == "pass":
            return None
        return next(standing for standing in self.gates if standing.outcome == self.outcome)

    @property
    def reason(self) -> str:
        """What decided."""
        decisive = self.decided_by
        return "every gate passed" if decisive is None else decisive.reason

    def at(self, key: str) -> GateStanding:
        """The standing at one gate."""
        return self.gates[self._place(key)]

    def before(self, key: str) -> Outcome:
        """The outcome of all gates before one together."""
        return together(self.gates[: self._place(key)])

    def through(self, key: str) -> Outcome:
        """The outcome of a gate and all before it together."""
        return together(self.gates[: self._place(key) + 1])

    @property
    def pending_stages(self) -> tuple[str, ...]:
        """Stages that the material waits for, each once."""
        waits: dict[str, None] = {}
        before: Outcome = "pass"
        for standing in self.gates:
            asked = before == "pass" or not standing.gate.asks_survivors
            if standing.outcome == "pending" and asked:
                waits[standing.gate.stage] = None
            before = worse(before, standing.outcome)
        return tuple(waits)

    def _place(self, key: str) -> int:
        return next(i for i, standing in enumerate(self.gates) if standing.gate.key == key)


def together(standings: Iterable[GateStanding]) -> Outcome:
    """Return the outcome of several gates: one that is failed settles it, whatever is still pending."""
    found: Outcome = "pass"
    for standing in standings:
        if standing.outcome != "pass":
            found = worse(found, standing.outcome)
    return found


def worse(one: Outcome, other: Outcome) -> Outcome:
    """Return the outcome of two together."""
    return other if one == "pass" or other == "fail" else one


def outcome_of(passed: bool | None) -> Outcome:
    """Return the outcome of a comparison; None is not known yet."""
    return "pending" if passed is None else "pass" if passed else "fail"
