"""How many materials stand at each gate."""

from typing import Any

from mtl_flows.science.topology import PROTOCOLS, Protocol
from mtl_flows.store.candidates import CandidateCollection

FunnelCounts = dict[str, dict[Protocol, int]]


def funnel_counts(candidates: CandidateCollection) -> FunnelCounts:
    """Count unique materials after each gate, under both protocols, in the order of the gates."""
    counts: FunnelCounts = {}
    for protocol in PROTOCOLS:
        for gate, query in _gates(protocol).items():
            counts.setdefault(gate, {})[protocol] = candidates.count({"is_representative": True, **query})
    return counts


def _gates(protocol: Protocol) -> dict[str, dict[str, Any]]:
    survivor = {f"survives_{protocol}": True}
    return {
        "unique materials": {},
        "r_connected below 5 Å": {"passes_connectivity": True},
        "rho_cycles gate": {f"passes_prescreen_{protocol}": True},
        "in a cluster with a known conductor": {f"selected_{protocol}": True},
        "all chemical rules": survivor,
        "molecular dynamics begun": {**survivor, "dynamics_status": {"$ne": None}},
        "activation energy found": {**survivor, "activation_energy_eV": {"$ne": None}},
        "electrochemical window known": {**survivor, "window_status": "known"},
        "verdict: pass": {**survivor, "verdict": "pass"},
    }
