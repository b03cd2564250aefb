"""What the documents of the stages say to the gates."""

from collections.abc import Iterable, Mapping

from mtl_flows.schemas.base import CrystalResult
from mtl_flows.schemas.chemistry import ChemistryDocument, RuleRecord
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.science.chemistry import RuleVerdict
from mtl_flows.science.gates import Facts
from mtl_flows.stages import CHEMISTRY, CRYSTAL_STAGES, TOPOLOGY
from mtl_flows.vocabulary import Protocol

Results = Mapping[str, CrystalResult]
"""Documents of one crystal by the noun of their stage; those that are there."""


def gate_facts(
    protocol: Protocol, results: Results, assignment: AssignmentDocument | None, *, clustered: bool
) -> Facts:
    """Gather what is known of one material under one protocol.

    Parameters
    ----------
    assignment
        None where the material is in no cluster.
    clustered
        A clustering has run in which it would have its place.
    """
    topology, chemistry = topology_of(results), chemistry_of(results)
    told: dict[str, float | bool | None] = {}
    for stage in CRYSTAL_STAGES:
        if stage.noun in results:
            told |= stage.told(results[stage.noun])
    return Facts(
        r_connected_A=topology.r_connected_A if topology else None,
        rho_cycles=topology.rho_cycles[protocol] if topology else None,
        clustered=clustered,
        cluster=assignment.cluster if assignment else "",
        selected=assignment.selected if assignment else None,
        passes_chemistry=chemistry.passed if chemistry else None,
        objection=objection(chemistry.rules) if chemistry else "",
        told=told,
    )


def objection(rules: Iterable[RuleRecord | RuleVerdict]) -> str:
    """Return what the first rule that objects says; empty if none does."""
    return next((f"rule {rule.rule}: {rule.reason}" for rule in rules if not rule.passed), "")


def topology_of(results: Results) -> TopologyDocument | None:
    """Return the topology; None where it has not run."""
    found = results.get(TOPOLOGY.noun)
    return found if isinstance(found, TopologyDocument) else None


def chemistry_of(results: Results) -> ChemistryDocument | None:
    """Return what the chemical rules said; None where they have not run."""
    found = results.get(CHEMISTRY.noun)
    return found if isinstance(found, ChemistryDocument) else None
