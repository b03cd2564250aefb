"""What the documents of the stages say to the gates."""

from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.science.gates import Facts
from mtl_flows.science.topology import Protocol


def gate_facts(
    protocol: Protocol,
    topology: TopologyDocument | None,
    assignment: AssignmentDocument | None,
    chemistry: ChemistryDocument | None,
    *,
    clustered: bool,
) -> Facts:
    """Gather what is known of one material under one protocol.

    Parameters
    ----------
    topology, assignment, chemistry
        None where the stage has not run, or the material is in no cluster.
    clustered
        A clustering has run in which it would have its place.
    """
    broken = next((rule for rule in chemistry.rules if not rule.passed), None) if chemistry else None
    return Facts(
        r_connected_A=topology.r_connected_A if topology else None,
        rho_cycles=topology.rho_cycles[protocol] if topology else None,
        clustered=clustered,
        cluster=assignment.cluster if assignment else "",
        selected=assignment.selected if assignment else None,
        passes_chemistry=chemistry.passed if chemistry else None,
        objection=f"rule {broken.rule}: {broken.reason}" if broken else "",
    )
