"""The candidate table: every stage's headline numbers of each material in one flat document."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from jobflow import JobConfig, OnMissing, job

from mtl_flows.jobs.candidate_inputs import input_hashes
from mtl_flows.jobs.context import worker_store
from mtl_flows.jobs.ensembles import ensemble_fields
from mtl_flows.jobs.evidence import Evidence, Sources, gather, simulated_crystals
from mtl_flows.jobs.labels import known_groups
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.screening import register
from mtl_flows.jobs.verdict import (
    judge,
    verdict_document,
    verdict_stage,
    window_fields,
    write_verdicts,
)
from mtl_flows.schemas.candidates import CandidateDocument, DiffusivityRecord, Stage
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.schemas.labels import LabelDocument, label_of
from mtl_flows.schemas.topology import TopologyDocument
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.science.clustering import priority
from mtl_flows.science.gates import PASSED, STORED, Standing, furthest, stand
from mtl_flows.science.known import canonical_id
from mtl_flows.science.topology import PROTOCOLS, Protocol
from mtl_flows.science.verdict import Verdict
from mtl_flows.stages import CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.facts import gate_facts
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.store.structures import material_of

_BATCH = 1000


def rebuild_candidates(
    store: MTLStore,
    parameters: ScreeningParameters,
    structure_ids: Sequence[str] | None = None,
    *,
    full: bool = False,
) -> int:
    """Write the candidate document of each current structure whose stage documents changed, and its verdict.

    A rebuild of everything also discards materials that are no longer current.

    Parameters
    ----------
    structure_ids
        Only these; every current structure if not given.
    full
        Build every row, also those whose inputs are the same; the documents are too.

    Returns
    -------
    int
        How many documents were new, changed or discarded.
    """
    store = store.under(parameters.screening)
    register(store, parameters)
    with_ion = {"elements": parameters.mobile_ion}
    ids = list(structure_ids) if structure_ids is not None else store.structures.current_ids(with_ion)
    context = _Context.of(store, parameters, ids)
    hashes = input_hashes(
        store,
        parameters,
        ids,
        clusterings=context.clusterings,
        known=context.known,
        labels=context.labels,
        sources=context.sources,
        everything=structure_ids is None,
    )
    standing = {} if full else store.candidates.input_hashes(structure_ids)
    stale = [structure_id for structure_id in ids if standing.get(structure_id) != hashes[structure_id]]
    changed = 0
    for batch in batched(stale, _BATCH):
        candidates, verdicts = _build_batch(store, context, batch, hashes)
        # Verdicts first: a row that stands has its verdict.
        write_verdicts(store, verdicts)
        written = store.candidates.put(candidates)
        changed += written.inserted + written.replaced
    if structure_ids is None:
        changed += store.candidates.keep(map(material_of, ids))
    return changed


@dataclass(frozen=True)
class _Context:
    """What all rows share."""

    parameters: ScreeningParameters
    clusterings: dict[Protocol, str]
    known: frozenset[str]
    labels: Mapping[str, LabelDocument]
    sources: Mapping[str, Sources]

    @classmethod
    def of(cls, store: MTLStore, parameters: ScreeningParameters, ids: Sequence[str]) -> "_Context":
        clusterings = {
            protocol: store.clusterings.current(protocol).id
            for protocol in PROTOCOLS
            if store.clusterings.has_current(protocol)
        }
        ion = parameters.mobile_ion
        about = set(store.groups.rows_about(simulated_crystals(store, ion)))
        sources = store.groups.sources(material_of(key) for key in ids if key in about)
        return cls(parameters, clusterings, known_groups(store, ion), store.labels.by_material(ion), sources)


def _build_batch(
    store: MTLStore, context: _Context, ids: Sequence[str], hashes: Mapping[str, str]
) -> tuple[list[CandidateDocument], list[VerdictDocument]]:
    parameters, clusterings = context.parameters, context.clusterings
    subjects = store.structures.subjects(ids)
    topology = store.topology.found(TOPOLOGY.keys(subjects, parameters.of(TOPOLOGY)))
    chemistry = store.chemistry.found(CHEMISTRY.keys(subjects, parameters.of(CHEMISTRY)))
    crystals = sorted({subject.crystal_id for subject in subjects})
    assignments = {
        protocol: store.assignments.of(clustering_id, crystals)
        for protocol, clustering_id in clusterings.items()
    }
    structures = {s.id: s for s in store.structures.find({"_id": {"$in": list(ids)}})}
    sources = {s.material_id: context.sources.get(s.material_id, ()) for s in structures.values()}
    shown = gather(store, sources, parameters.mobile_ion)
    stage = verdict_stage(parameters.mobile_ion)
    built, verdicts = [], []
    for structure in structures.values():
        row, verdict = build_candidate(
            structure,
            parameters,
            topology=topology.get(structure.id),
            chemistry=chemistry.get(structure.id),
            assignments={
                protocol: found[structure.crystal_id]
                for protocol, found in assignments.items()
                if structure.crystal_id in found
            },
            clustered=frozenset(clusterings),
            evidence=shown[structure.material_id],
            is_known_conductor=canonical_id(structure.representative_id) in context.known,
            conductivity_S_per_cm=label_of(structure.names, context.labels).conductivity_S_per_cm,
        )
        built.append(row.model_copy(update={"inputs_hash": hashes[structure.id]}))
        if verdict is not None:
            verdicts.append(
                verdict_document(
                    verdict,
                    stage,
                    material_id=structure.material_id,
                    structure_id=structure.id,
                    formula=structure.reduced_formula,
                    inputs=shown[structure.material_id].ids(),
                )
            )
    return built, verdicts


def build_candidate(
    structure: StructureDocument,
    parameters: ScreeningParameters,
    *,
    topology: TopologyDocument | None,
    chemistry: ChemistryDocument | None,
    assignments: dict[Protocol, AssignmentDocument],
    clustered: frozenset[Protocol],
    evidence: Evidence,
    is_known_conductor: bool,
    conductivity_S_per_cm: float | None,
) -> tuple[CandidateDocument, Verdict | None]:
    """Flatten one material's documents, and judge it; no database.

    Parameters
    ----------
    clustered
        Protocols under which a clustering has run: without an assignment there, the material is not selected.
    evidence
        The run and the window that are shown: the material's own, or one of its group.

    Returns
    -------
    row, verdict
        The verdict is None where there is neither a fit nor a window to judge.
    """
    fields: dict[str, Any] = {
        "_id": CandidateDocument.key(parameters.screening, structure.material_id),
        "screening": parameters.screening,
        "material_id": structure.material_id,
        "structure_id": structure.id,
        "crystal_id": structure.crystal_id,
        "representative_id": structure.representative_id,
        "is_representative": structure.representative_id == structure.material_id,
        "formula": structure.formula,
        "reduced_formula": structure.reduced_formula,
        "chemical_system": structure.chemical_system,
        "elements": structure.elements,
        "n_elements": len(structure.elements),
        "n_sites": structure.n_sites,
        "space_group_number": structure.space_group_number,
        "ordered": structure.ordered,
        "mobile_ion": parameters.mobile_ion,
        "releases": structure.releases,
        "is_known_conductor": is_known_conductor,
        "conductivity_measured_S_per_cm": conductivity_S_per_cm,
    }
    if chemistry:
        fields["failed_rules"] = chemistry.failures
    if topology:
        fields |= _topology_fields(topology)
    standings = {
        protocol: stand(
            gate_facts(
                protocol, topology, assignments.get(protocol), chemistry, clustered=protocol in clustered
            ),
            parameters.criteria(protocol),
        )
        for protocol in PROTOCOLS
    }
    for protocol, standing in standings.items():
        fields |= _gate_fields(protocol, standing)
        if protocol in assignments:
            fields |= _cluster_fields(protocol, assignments[protocol])
    fields |= _dynamics_fields(evidence.trajectories)
    if evidence.source is not None:
        fields |= {
            "result_of": evidence.source.structure_id,
            "result_is_earlier": not evidence.source.current,
        }
    if evidence.fits:
        fields |= ensemble_fields(list(evidence.fits), evidence.every_fit)
    fields |= window_fields(evidence.window)
    verdict = None
    if evidence.window is not None or evidence.fits:
        verdict = judge(fields, evidence.window)
        fields |= {"verdict": verdict.outcome, "what_would_decide": list(verdict.what_would_decide)}
    fields["pending"], fields["furthest_stage"] = _progress(fields, standings.values())
    return CandidateDocument(**fields), verdict


def _topology_fields(topology: TopologyDocument) -> dict[str, Any]:
    walls = ("d1_A", "d2_A", "d3_A", "v1_A", "v2_A", "v3_A")
    v3, d3 = topology.v3_A, topology.d3_A
    return {
        "r_connected_A": topology.r_connected_A,
        **{f"rho_cycles_{protocol}": topology.rho_cycles[protocol] for protocol in PROTOCOLS},
        **{name: getattr(topology, name) for name in walls},
        "priority": None if v3 is None or d3 is None else priority(v3, d3),
    }


def _gate_fields(protocol: Protocol, standing: Standing) -> dict[str, Any]:
    """What the gates say; of the prescreen and the cluster together with those before."""
    fields = {
        gate.field_of(protocol): PASSED[standing.through(gate.key)] for gate in STORED if gate.by_protocol
    }
    fields |= {gate.field: PASSED[standing.at(gate.key).outcome] for gate in STORED if not gate.by_protocol}
    return fields | {f"survives_{protocol}": PASSED[standing.outcome]}


def _cluster_fields(protocol: Protocol, assignment: AssignmentDocument) -> dict[str, Any]:
    values = {
        "cluster": assignment.cluster,
        "provisional": assignment.provisional,
        "nearest_known": assignment.nearest_known or None,
        "nearest_known_distance": assignment.nearest_known_distance,
    }
    return {f"{name}_{protocol}": value for name, value in values.items()}


def _dynamics_fields(trajectories: Sequence[TrajectoryDocument]) -> dict[str, Any]:
    if not trajectories:
        return {}
    return {
        "engine": trajectories[0].engine_name,
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
            for t in sorted(trajectories, key=lambda t: (t.ordering, t.temperature_K))
        ],
    }


def _progress(fields: Mapping[str, Any], standings: Collection[Standing]) -> tuple[list[str], Stage]:
    """Stages still to run, and the furthest gate that was passed."""
    pending = dict.fromkeys(noun for standing in standings for noun in standing.pending_stages)
    survives = any(standing.outcome == "pass" for standing in standings)
    dynamics = fields.get("dynamics_status")
    if survives and fields.get("activation_energy_eV") is None and dynamics in (None, "running"):
        pending["dynamics"] = None
    if dynamics and fields.get("window_status") is None:
        pending["stability"] = None
    stage: str = furthest(standings) or ("ingested" if fields.get("r_connected_A") is None else "topology")
    if dynamics:
        stage = "dynamics"
    if fields.get("window_status"):
        stage = "stability"
    if fields.get("verdict") in ("pass", "fail"):
        stage = "verdict"
    return list(pending), cast("Stage", stage)


@dataclass
class CandidatesMaker(RecordMaker):
    """Job that rebuilds the candidate documents."""

    name: str = "candidates"
    parameters: ScreeningParameters = field(default_factory=ScreeningParameters)

    @job(config=JobConfig(on_missing_references=OnMissing.NONE))
    def make(self, after: list[Any], parents: list[str] | None = None) -> dict[str, Any]:
        """Rebuild, once the jobs whose outputs are listed in `after` have ended.

        Parameters
        ----------
        parents
            Only the rows of groups that hold something ordered under one of these keys.
        """
        with worker_store() as store:
            ids = None
            if parents is not None:
                ids = store.groups.rows_about(parent.partition(".")[0] for parent in parents)
            return {"changed": rebuild_candidates(store, self.parameters, ids)}
