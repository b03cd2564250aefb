"""One material of the benchmark: what was measured, and everything the screening says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from pymatgen.core import Structure

from mtl_flows.errors import InputError, UnsupportedIonError
from mtl_flows.evaluation.conductivity.families import family_name
from mtl_flows.evaluation.conductivity.table import MeasuredConductivity
from mtl_flows.evaluation.conductivity.trivial import TRIVIAL_NAMES, trivial_descriptors
from mtl_flows.science.barrier import ACCESSIBLE_EV, migration_barriers
from mtl_flows.science.chemistry import check_chemistry
from mtl_flows.science.gates import Criteria, Facts, gates_before, stand
from mtl_flows.science.occupancy import mobile_entropy_kB_per_nm3
from mtl_flows.science.priority import channel_ratio, priority
from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PROTOCOLS,
    PrescreenThresholds,
    Protocol,
    TopologyParameters,
    TopologyResult,
    compute_topology,
)

CHEMICAL_RULES: Final = "chemical rules"
"""Gate that no protocol leaves out."""

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
    "v3_over_d3": "high",
    "E_1D_eV": "low",
    "E_2D_eV": "low",
    "E_3D_eV": "low",
    "accessible_1eV": "high",
    "mobile_entropy_kB_per_nm3": "high",
    "priority": "high",
    "mobile_occupancy": "low",
}
"""Descriptors that are scored as they are, and the direction fixed in advance: the article's, or the physics'."""

LINEAR_NAMES: Final = (
    "v3_over_d3",
    "E_1D_eV",
    "E_2D_eV",
    "E_3D_eV",
    "accessible_1eV",
    "mobile_entropy_kB_per_nm3",
)
"""Descriptors that the linear model is fitted to, beside the features of both sublattices."""

# A material without a barrier comes after all others, by v3/d3.
_LAST = -1000.0


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
    descriptors = _descriptors(topology)
    return ScreenedMaterial(
        id=measured.id,
        family=family,
        measured=measured,
        refused="",
        gates=_gates(topology, thresholds) | {CHEMICAL_RULES: check_chemistry(structure, mobile_ion).passed},
        descriptors={
            **descriptors,
            **_landscape(structure, mobile_ion, descriptors["v3_over_d3"]),
            "mobile_occupancy": trivial["mobile_occupancy"],
        },
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
        "v3_over_d3": channel_ratio(channels[2], hops[2]),
    }


def _landscape(structure: Structure, mobile_ion: str, ratio: float) -> dict[str, float]:
    """Barriers, where the interactions of all ions are known, and what they make of the priority."""
    entropy = mobile_entropy_kB_per_nm3(structure, mobile_ion)
    try:
        found = migration_barriers(structure, mobile_ion)
    except UnsupportedIonError:
        none = dict.fromkeys(("E_1D_eV", "E_2D_eV", "E_3D_eV"), inf)
        return none | {"accessible_1eV": 0.0, "mobile_entropy_kB_per_nm3": entropy, "priority": _LAST + ratio}
    return {
        "E_1D_eV": found.E_1D_eV,
        "E_2D_eV": found.E_2D_eV,
        "E_3D_eV": found.E_3D_eV,
        "accessible_1eV": found.accessible[ACCESSIBLE_EV.index(1.0)],
        "mobile_entropy_kB_per_nm3": entropy,
        "priority": priority(ratio, found.E_3D_eV),
    }
