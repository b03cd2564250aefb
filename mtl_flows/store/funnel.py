"""The funnel: how many materials stand after each gate, and how far the survivors have come."""

from typing import Any

from mtl_flows.science.gates import MILESTONES, STORED
from mtl_flows.store.candidates import CandidateCollection
from mtl_flows.vocabulary import PROTOCOLS, ChosenProtocol, Protocol

FunnelCounts = dict[str, dict[ChosenProtocol, int]]
"""Key of a gate or a milestone → count under each protocol asked for; ``materials`` is what there is at first."""

MATERIALS = "materials"

_REACHED: dict[str, dict[str, Any]] = {
    "simulated": {"dynamics_status": {"$ne": None}},
    "fitted": {"activation_energy_eV": {"$ne": None}},
    "window": {"window_status": "known"},
    "verdict": {"verdict": "pass"},
}


def funnel_counts(candidates: CandidateCollection, protocol: ChosenProtocol = "any") -> FunnelCounts:
    """Count unique materials after each gate, in the order of the gates.

    Parameters
    ----------
    protocol
        Whose gates; both protocols side by side if ``any``. ``ranked`` has no gates but the chemical rules.
    """
    asked: dict[ChosenProtocol, dict[str, dict[str, Any]]] = {
        one: _queries(one) for one in PROTOCOLS if protocol in (one, "any")
    }
    if protocol == "ranked":
        asked[protocol] = _ranked_queries()
    counts: FunnelCounts = {}
    for one, queries in asked.items():
        for key, query in queries.items():
            counts.setdefault(key, {})[one] = candidates.count({"is_representative": True, **query})
    return counts


def _ranked_queries() -> dict[str, dict[str, Any]]:
    passed = {STORED[-1].field_of(PROTOCOLS[0]): True}
    return {
        MATERIALS: {},
        STORED[-1].key: passed,
        **{key: {**passed, **_REACHED[key]} for key in MILESTONES},
    }


def _queries(protocol: Protocol) -> dict[str, dict[str, Any]]:
    queries: dict[str, dict[str, Any]] = {MATERIALS: {}}
    passed: dict[str, Any] = {}
    for gate in STORED:
        passed = {**passed, gate.field_of(protocol): True}
        queries[gate.key] = passed
    survivors = {f"survives_{protocol}": True}
    queries[STORED[-1].key] = survivors
    return queries | {key: {**survivors, **_REACHED[key]} for key in MILESTONES}
