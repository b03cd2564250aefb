"""The funnel: how many materials stand after each gate, and how far the survivors have come."""

from collections.abc import Mapping, Sequence
from typing import Protocol as Interface

from mtl_flows.science.gates import MILESTONES, STORED
from mtl_flows.store.candidates import ANY, PASSED
from mtl_flows.vocabulary import PROTOCOLS, ChosenProtocol, Protocol

FunnelCounts = dict[str, dict[ChosenProtocol, int]]
"""Key of a gate or a milestone → count under each protocol asked for; ``materials`` is what there is at first."""

MATERIALS = "materials"

Conditions = tuple[tuple[str, str], ...]
"""Fields of a row and the values that they are to have, all of them."""

_REACHED: dict[str, tuple[str, str]] = {
    "simulated": ("dynamics_status", ANY),
    "fitted": ("activation_energy_eV", ANY),
    "window": ("window_status", "known"),
    "verdict": ("verdict", "pass"),
}


class Countable(Interface):
    """Rows of which the unique ones can be counted."""

    def count_met(self, conditions: Sequence[tuple[str, str]]) -> Mapping[tuple[bool, ...], int]:
        """Count the unique materials by which of some conditions hold for them."""


def funnel_counts(rows: Countable, protocol: ChosenProtocol = "any") -> FunnelCounts:
    """Count unique materials after each gate, in the order of the gates.

    Parameters
    ----------
    rows
        The table in the store, or its rows somewhere else.
    protocol
        Whose gates; both protocols side by side if ``any``. ``ranked`` has no gates but the chemical rules.
    """
    asked: dict[ChosenProtocol, dict[str, Conditions]] = {
        one: _conditions(one) for one in PROTOCOLS if protocol in (one, "any")
    }
    if protocol == "ranked":
        asked[protocol] = _ranked_conditions()
    conditions = sorted(
        {condition for by in asked.values() for several in by.values() for condition in several}
    )
    met = rows.count_met(conditions)
    counts: FunnelCounts = {}
    for one, by in asked.items():
        for key, several in by.items():
            places = [conditions.index(condition) for condition in several]
            counts.setdefault(key, {})[one] = sum(
                n for holds, n in met.items() if all(holds[place] for place in places)
            )
    return counts


def _ranked_conditions() -> dict[str, Conditions]:
    passed = ((STORED[-1].field_of(PROTOCOLS[0]), PASSED),)
    return {
        MATERIALS: (),
        STORED[-1].key: passed,
        **{key: (*passed, _REACHED[key]) for key in MILESTONES},
    }


def _conditions(protocol: Protocol) -> dict[str, Conditions]:
    found: dict[str, Conditions] = {MATERIALS: ()}
    passed: Conditions = ()
    for gate in STORED:
        passed = (*passed, (gate.field_of(protocol), PASSED))
        found[gate.key] = passed
    survivors = ((f"survives_{protocol}", PASSED),)
    found[STORED[-1].key] = survivors
    return found | {key: (*survivors, _REACHED[key]) for key in MILESTONES}
