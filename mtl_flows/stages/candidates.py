"""The row of one material in the candidate table: every stage's headline numbers, and its verdict."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import shared
from mtl_flows.schemas.candidates import (
    CandidateDocument,
    ChemistryPart,
    ClusterPart,
    DiffusivityRecord,
    DynamicsPart,
    GatePart,
    KnownPart,
    MaterialPart,
    TopologyPart,
    VerdictPart,
    WindowPart,
)
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.descriptors import Descriptors
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.science.gates import PASSED, STORED, Standing, furthest, stand
from mtl_flows.science.priority import channel_ratio, priority
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.stages import BARRIER, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.base import Stage
from mtl_flows.stages.ensembles import Series, age, second_opinions, series_summaries
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.facts import Results, chemistry_of, gate_facts, topology_of
from mtl_flows.stages.posterior import posterior_fields
from mtl_flows.stages.verdict import judge, verdict_document, verdict_key
from mtl_flows.vocabulary import PROTOCOLS, Protocol, Reached

CANDIDATES = Stage(noun="candidates", version=8, document=CandidateDocument)
"""Its version is raised whenever the same documents would give another row."""


@dataclass(frozen=True)
class CandidateInputs:
    """All that a row is made of.

    Attributes
    ----------
    results
        Documents of the crystal by stage; those that are there.
    assignments
        Places in the current clusterings.
    clustered
        Protocols under which a clustering has run: without an assignment there, the material is not selected.
    evidence
        The run and the window that are shown: the material's own, or one of its group.
    """

    structure: StructureDocument
    results: Results = field(default_factory=dict)
    assignments: Mapping[Protocol, AssignmentDocument] = field(default_factory=dict)
    clustered: frozenset[Protocol] = frozenset()
    evidence: Evidence = field(default_factory=Evidence)
    is_known_conductor: bool = False
    conductivity_S_per_cm: float | None = None


def build(
    given: CandidateInputs, parameters: ScreeningParameters, *, inputs_hash: str = "", job: str = ""
) -> tuple[CandidateDocument, VerdictDocument | None]:
    """Flatten one material's documents, and judge it.

    Returns
    -------
    row, verdict
        The verdict is None where there is neither a fit nor a window to judge.
    """
    structure, chemistry = given.structure, chemistry_of(given.results)
    evidence = replace(given.evidence, formula=structure.reduced_formula)
    standings = {
        protocol: stand(
            gate_facts(
                protocol,
                given.results,
                given.assignments.get(protocol),
                clustered=protocol in given.clustered,
            ),
            parameters.criteria(protocol),
        )
        for protocol in PROTOCOLS
    }
    dynamics = dynamics_part(evidence, parameters.verdict)
    verdict = None
    if evidence.window is not None or evidence.fits:
        verdict = verdict_document(
            judge(dynamics, evidence.window, parameters.verdict),
            verdict_key(parameters.mobile_ion, parameters.verdict),
            material_id=structure.material_id,
            structure_id=structure.id,
            formula=structure.reduced_formula,
            inputs=evidence.ids(),
            job=job,
        )
    parts = (
        _material(structure),
        KnownPart(
            is_known_conductor=given.is_known_conductor,
            conductivity_measured_S_per_cm=given.conductivity_S_per_cm,
        ),
        topology_part(given.results),
        ChemistryPart(failed_rules=chemistry.failures if chemistry else None),
        _clusters(given.assignments),
        _gates(standings),
        dynamics,
        _window(evidence.window),
        _verdict(verdict),
    )
    pending, reached = _progress(given, standings.values(), dynamics, verdict)
    fields: dict[str, Any] = {}
    for part in parts:
        fields |= part.fields()
    row = CandidateDocument(
        id=CandidateDocument.key(parameters.screening, structure.material_id),
        screening=parameters.screening,
        mobile_ion=parameters.mobile_ion,
        pending=pending,
        furthest_stage=reached,
        inputs_hash=inputs_hash,
        **fields,
    )
    return row, verdict


def _material(structure: StructureDocument) -> MaterialPart:
    return MaterialPart(
        **shared(MaterialPart, structure)
        | {
            "structure_id": structure.id,
            "is_representative": structure.representative_id == structure.material_id,
            "n_elements": len(structure.elements),
        }
    )


def topology_part(results: Results) -> TopologyPart:
    """Return metrics, descriptors and what they make of the priority; null where a stage has not run."""
    topology, barrier = topology_of(results), results.get(BARRIER.noun)
    fields: dict[str, float | None] = {}
    ratio = E_3D_eV = None
    if topology is not None:
        fields["r_connected_A"] = topology.r_connected_A
        fields |= {f"rho_cycles_{protocol}": topology.rho_cycles[protocol] for protocol in PROTOCOLS}
        fields |= {name: getattr(topology, name) for name in Descriptors.model_fields}
        if topology.v3_A is not None and topology.d3_A is not None:
            ratio = channel_ratio(topology.v3_A, topology.d3_A)
    if isinstance(barrier, BarrierDocument):
        fields |= {name: getattr(barrier, name) for name in ("E_1D_eV", "E_2D_eV", "E_3D_eV")}
        E_3D_eV = barrier.E_3D_eV
    if ratio is not None and E_3D_eV is not None:
        fields["priority"] = priority(ratio, E_3D_eV)
    return TopologyPart(**fields, v3_over_d3=ratio)


def _gates(standings: Mapping[Protocol, Standing]) -> GatePart:
    """What the gates say; of the prescreen and the cluster together with those before."""
    fields: dict[str, bool | None] = {}
    for protocol, standing in standings.items():
        for gate in STORED:
            outcome = standing.through(gate.key) if gate.by_protocol else standing.at(gate.key).outcome
            fields[gate.field_of(protocol)] = PASSED[outcome]
        fields[f"survives_{protocol}"] = PASSED[standing.outcome]
    return GatePart(**fields)


def _clusters(assignments: Mapping[Protocol, AssignmentDocument]) -> ClusterPart:
    fields: dict[str, Any] = {}
    for protocol, assignment in assignments.items():
        fields |= {
            f"cluster_{protocol}": assignment.cluster,
            f"provisional_{protocol}": assignment.provisional,
            f"nearest_known_{protocol}": assignment.nearest_known or None,
            f"nearest_known_distance_{protocol}": assignment.nearest_known_distance,
        }
    return ClusterPart(**fields)


def dynamics_part(evidence: Evidence, thresholds: VerdictThresholds) -> DynamicsPart:
    """Return the run, its posterior, and the mean over the orderings that gave a line."""
    run, fits = evidence.trajectories, evidence.fits
    fields: dict[str, Any] = {}
    if evidence.source is not None:
        fields = {
            "result_of": evidence.source.structure_id,
            "result_is_earlier": not evidence.source.current,
        }
    if run:
        fields |= {
            "engine": run[0].engine_name,
            "dynamics_status": "running",
            "diffusivities": [
                DiffusivityRecord(
                    temperature_K=t.temperature_K,
                    ordering=t.ordering,
                    diffusivity_cm2_per_s=t.diffusivity_cm2_per_s,
                    low_cm2_per_s=t.diffusivity_low_cm2_per_s,
                    high_cm2_per_s=t.diffusivity_high_cm2_per_s,
                    status=t.status,
                )
                for t in sorted(run, key=lambda t: (t.ordering, t.temperature_K))
            ],
        }
    if fits:
        series = Series.of(fits[0])
        fields |= {
            "engine": series.engine,
            "dynamics_status": max(fits, key=age).status,
            "n_orderings": len(fits),
            "n_fits": 0,
        }
        if summary := series_summaries(fits).get(series):
            low_eV, high_eV = summary.activation_energy_interval_eV
            low, high = summary.conductivity_interval_S_per_cm
            others = second_opinions(summary, series.engine, evidence.every_fit)
            fields |= {
                "dynamics_status": "fitted",
                "n_fits": summary.n,
                "activation_energy_eV": summary.activation_energy_eV,
                "activation_energy_error_eV": summary.activation_energy_error_eV,
                "activation_energy_low_eV": low_eV,
                "activation_energy_high_eV": high_eV,
                "activation_energy_spread_eV": summary.activation_energy_spread_eV,
                "conductivity_300K_S_per_cm": summary.conductivity_S_per_cm,
                "conductivity_300K_low_S_per_cm": low,
                "conductivity_300K_high_S_per_cm": high,
                "conductivity_300K_spread_decades": summary.conductivity_spread_decades,
                "compared_engines": sorted(others),
                "potentials_agree": all(others.values()) if others else None,
            }
    return DynamicsPart(**fields, **posterior_fields(evidence, thresholds))


def _window(window: StabilityDocument | None) -> WindowPart:
    if window is None:
        return WindowPart()
    return WindowPart(
        window_status=window.status,
        window_low_V=window.low_V,
        window_high_V=window.high_V,
        window_width_V=window.width_V,
        e_above_hull_eV_per_atom=window.e_above_hull_eV_per_atom,
    )


def _verdict(verdict: VerdictDocument | None) -> VerdictPart:
    if verdict is None:
        return VerdictPart()
    return VerdictPart(verdict=verdict.outcome, what_would_decide=verdict.what_would_decide)


def _progress(
    given: CandidateInputs,
    standings: Collection[Standing],
    dynamics: DynamicsPart,
    verdict: VerdictDocument | None,
) -> tuple[list[str], Reached]:
    """Stages still to run, and the furthest gate that was passed."""
    pending = dict.fromkeys(noun for standing in standings for noun in standing.pending_stages)
    survives = any(standing.outcome == "pass" for standing in standings)
    status, window = dynamics.dynamics_status, given.evidence.window
    if survives and dynamics.activation_energy_eV is None and status in (None, "running"):
        pending["dynamics"] = None
    if status and window is None:
        pending["stability"] = None
    reached: str = furthest(standings) or ("topology" if TOPOLOGY.noun in given.results else "ingested")
    if status:
        reached = "dynamics"
    if window is not None:
        reached = "stability"
    if verdict is not None and verdict.outcome != "undecided":
        reached = "verdict"
    return list(pending), cast("Reached", reached)
