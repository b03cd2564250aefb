"""The funnel: how many materials stand after each gate, and how far the survivors have come."""

from typing import Any

from mtl_flows.science.gates import MILESTONES, STORED
from mtl_flows.store.candidates import CandidateCollection
from mtl_flows.vocabulary import PROTOCOLS, ChosenProtocol, Protocol

FunnelCounts = dict[str, dict[ChosenProtocol, int]]
"""Key of a gate or a milestone → count under each protocol asked for; ``materials`` is what there is at first."""

MATERIALS = "materials"

Conditions = tuple[tuple[str, str], ...]
"""Fields of a row and the values that they are to have, all of them."""

_PASSED, _ANY = "passed", "any"
_REACHED: dict[str, tuple[str, str]] = {
    "simulated": ("dynamics_status", _ANY),
    "fitted": ("activation_energy_eV", _ANY),
    "window": ("window_status", "known"),
    "verdict": ("verdict", "pass"),
}


def funnel_counts(candidates: CandidateCollection, protocol: ChosenProtocol = "any") -> FunnelCounts:
    """Count unique materials after each gate, in the order of the gates; the server goes through the rows once.

    Parameters
    ----------
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
    met = candidates.count_met({"is_representative": True}, [_expression(*one) for one in conditions])
    counts: FunnelCounts = {}
    for one, by in asked.items():
        for key, several in by.items():
            places = [conditions.index(condition) for condition in several]
            counts.setdefault(key, {})[one] = sum(
                n for holds, n in met.items() if all(holds[place] for place in places)
            )
    return counts


def _expression(field: str, value: str) -> dict[str, Any]:
    """Whether a field of a row has a value, as the server computes it."""
    if value == _ANY:
        return {"$ne": [{"$ifNull": [f"${field}", None]}, None]}
    return {"$eq": [f"${field}", True if value == _PASSED else value]}


def _ranked_conditions() -> dict[str, Conditions]:
    passed = ((STORED[-1].field_of(PROTOCOLS[0]), _PASSED),)
    return {
        MATERIALS: (),
        STORED[-1].key: passed,
        **{key: (*passed, _REACHED[key]) for key in MILESTONES},
    }


def _conditions(protocol: Protocol) -> dict[str, Conditions]:
    found: dict[str, Conditions] = {MATERIALS: ()}
    passed: Conditions = ()
    for gate in STORED:
        passed = (*passed, (gate.field_of(protocol), _PASSED))
        found[gate.key] = passed
    survivors = ((f"survives_{protocol}", _PASSED),)
    found[STORED[-1].key] = survivors
    return found | {key: (*survivors, _REACHED[key]) for key in MILESTONES}
