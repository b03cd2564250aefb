"""One material of the benchmark: what was measured, and everything the screening says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.evaluation.conductivity.families import family_name
from mtl_flows.evaluation.conductivity.table import MeasuredConductivity
from mtl_flows.evaluation.conductivity.trivial import TRIVIAL_NAMES, trivial_descriptors
from mtl_flows.science.gates import Criteria, Facts, gates_before, stand
from mtl_flows.science.priority import channel_ratio
from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PROTOCOLS,
    PrescreenThresholds,
    Protocol,
    TopologyParameters,
    TopologyResult,
    compute_topology,
)

PROMISING_IF: Final[Mapping[str, Literal["low", "high"]]] = {
    "r_connected_A": "low",
    "rho_cycles_published": "low",
    "rho_cycles_text": "low",
    "d1_A": "low",
    "d2_A": "low",
    "d3_A": "low",
    "v1_A": "high",
    "v2_A": "high",
    "v3_A": "high",
    "priority_v3_over_d3": "high",
    "mobile_occupancy": "low",
}
"""Descriptors that are scored as they are, and the direction fixed in advance: the article's, or the physics'."""


@dataclass(frozen=True, slots=True)
class ScreenedMaterial:
    """One measured material and what the screening makes of it.

    Attributes
    ----------
    id
        As the table of conductivities writes it.
    family
        Name under which it is grouped; see ``family_name``.
    measured
        Its row of that table.
    refused
        Reason code if the structure cannot be screened: every gate refuses it and it has no descriptors. Else
        empty.
    gates
        Verdict of each gate, by name.
    descriptors
        The numbers of ``PROMISING_IF``; hop lengths may be infinite.
    trivial
        The numbers of ``TRIVIAL_NAMES``.
    features
        The 22 features of each protocol, in the order of ``FEATURE_NAMES``.
    """

    id: str
    family: str
    measured: MeasuredConductivity
    refused: str
    gates: Mapping[str, bool]
    descriptors: Mapping[str, float]
    trivial: Mapping[str, float]
    features: Mapping[Protocol, tuple[float, ...]]


def screen_material(
    structure: Structure,
    measured: MeasuredConductivity,
    mobile_ion: str = "Li",
    parameters: TopologyParameters = TopologyParameters(),
    thresholds: PrescreenThresholds = PrescreenThresholds(),
) -> ScreenedMaterial:
    """Screen one structure under both protocols and collect its descriptors.

    Parameters
    ----------
    structure
        The conventional cell of its file.
    measured
        Its row of the table of conductivities.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Of the topology; percolation must not be switched off.
    thresholds
        Of the prescreen.
    """
    family = family_name(measured.family, structure.composition.chemical_system)
    try:
        topology = compute_topology(structure, mobile_ion, parameters)
        trivial = trivial_descriptors(structure, mobile_ion)
    except InputError as error:
        return ScreenedMaterial(measured.id, family, measured, error.reason, {}, {}, {}, {})
    return ScreenedMaterial(
        id=measured.id,
        family=family,
        measured=measured,
        refused="",
        gates=_gates(topology, thresholds),
        descriptors={**_descriptors(topology), "mobile_occupancy": trivial["mobile_occupancy"]},
        trivial={name: trivial[name] for name in TRIVIAL_NAMES},
        features={
            protocol: tuple(topology.features[protocol][name] for name in FEATURE_NAMES[protocol])
            for protocol in PROTOCOLS
        },
    )


def _gates(topology: TopologyResult, thresholds: PrescreenThresholds) -> dict[str, bool]:
    """Return each comparison of each protocol alone, and all that comes before the clusters together."""
    gates: dict[str, bool] = {}
    for protocol in PROTOCOLS:
        facts = Facts(topology.r_connected_A, topology.rho_cycles[protocol])
        standing = stand(facts, Criteria(protocol, thresholds), gates_before("cluster"))
        for at_gate in standing.gates:
            for check in at_gate.checks:
                name = f"{protocol}: {check.name}" if at_gate.gate.by_protocol else check.name
                gates[name] = check.outcome == "pass"
        gates[f"{protocol}: prescreen"] = standing.outcome == "pass"
    return gates


def _descriptors(topology: TopologyResult) -> dict[str, float]:
    if topology.d_A is None or topology.v_A is None:
        raise ValueError("the benchmark needs the extended descriptors: set TopologyParameters.extended")
    hops, channels = topology.d_A, topology.v_A
    return {
        "r_connected_A": topology.r_connected_A,
        **{f"rho_cycles_{protocol}": topology.rho_cycles[protocol] for protocol in PROTOCOLS},
        **{f"d{k}_A": hop for k, hop in enumerate(hops, start=1)},
        **{f"v{k}_A": channel for k, channel in enumerate(channels, start=1)},
        "priority_v3_over_d3": channel_ratio(channels[2], hops[2]),
    }
