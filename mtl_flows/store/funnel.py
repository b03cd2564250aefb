"""The funnel: how many materials stand after each gate, and how far the survivors have come."""

from typing import Any

from mtl_flows.science.gates import MILESTONES, STORED
from mtl_flows.store.candidates import CandidateCollection
from mtl_flows.vocabulary import PROTOCOLS, Protocol

FunnelCounts = dict[str, dict[Protocol, int]]
"""Key of a gate or a milestone → count under each protocol; ``materials`` is what there is before the first gate."""

MATERIALS = "materials"

_REACHED: dict[str, dict[str, Any]] = {
    "simulated": {"dynamics_status": {"$ne": None}},
    "fitted": {"activation_energy_eV": {"$ne": None}},
    "window": {"window_status": "known"},
    "verdict": {"verdict": "pass"},
}


def funnel_counts(candidates: CandidateCollection) -> FunnelCounts:
    """Count unique materials after each gate, under both protocols, in the order of the gates."""
    counts: FunnelCounts = {}
    for protocol in PROTOCOLS:
        for key, query in _queries(protocol).items():
            counts.setdefault(key, {})[protocol] = candidates.count({"is_representative": True, **query})
    return counts


def _queries(protocol: Protocol) -> dict[str, dict[str, Any]]:
    queries: dict[str, dict[str, Any]] = {MATERIALS: {}}
    passed: dict[str, Any] = {}
    for gate in STORED:
        passed = {**passed, gate.field_of(protocol): True}
        queries[gate.key] = passed
    survivors = {f"survives_{protocol}": True}
    queries[STORED[-1].key] = survivors
    return queries | {key: {**survivors, **_REACHED[key]} for key in MILESTONES}
