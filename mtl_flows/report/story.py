"""The story of one material: what was read, what every gate said and why, what was calculated, what is pending."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from mtl_flows.jobs.barrier import refined_barriers
from mtl_flows.jobs.labels import group_labels
from mtl_flows.jobs.results import results_in_table
from mtl_flows.jobs.stability import is_on_older_hull
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import CrystalResult, Provenance
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.ingest import RejectionDocument, StructureDocument
from mtl_flows.schemas.labels import LabelDocument, contradictions
from mtl_flows.science.curation import disorder
from mtl_flows.science.gates import STORED, stand
from mtl_flows.science.quantiles import Quantiles
from mtl_flows.stages import (
    BARRIER,
    CHEMISTRY,
    CRYSTAL_STAGES,
    RUN_STAGES,
    VERDICT,
    CrystalStage,
    ScreeningParameters,
)
from mtl_flows.stages.candidates import topology_part
from mtl_flows.stages.facts import gate_facts
from mtl_flows.stages.ordering import ORDERING
from mtl_flows.stages.runs import DFT_CHECK, DYNAMICS, RELAXATION, STABILITY, TRANSPORT
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import listed_conductors
from mtl_flows.vocabulary import PROTOCOLS, Protocol

Story = dict[str, Any]
R = TypeVar("R", bound=CrystalResult)

_RESULTS = {
    *("dynamics_status", "engine", "P_conducts_crystal", "window_low_V", "window_high_V", "window_width_V"),
    *(f"activation_energy_crystal{end}_eV" for end in ("", "_low", "_high")),
    *(f"conductivity_300K_crystal{end}_S_per_cm" for end in ("", "_low", "_high")),
}


def tell(store: MTLStore, subject: str, parameters: ScreeningParameters) -> Story:
    """Collect everything the store knows of a material, or of a file that was refused.

    Parameters
    ----------
    subject
        Material id, or the name of a file.

    Raises
    ------
    NotFoundError
        If the store knows neither.
    """
    store = store.under(parameters.screening)
    refused = store.rejections.about(subject)
    materials = store.structures.materials_named(subject)
    if not materials and refused:
        return {
            "subject": subject,
            "rejections": [_rejection(r) for r in refused],
            "provenance": [_origin(r.stage, r.provenance) for r in refused if r.provenance],
        }
    materials = materials or [store.structures.material_named(subject)]
    others = materials[1:]
    if subject != materials[0]:
        subject = materials[0]
        refused += [r for r in store.rejections.about(subject) if r.id not in {old.id for old in refused}]
    revisions = store.structures.by_material(subject)
    current = next((r for r in revisions if r.current), revisions[-1])
    story: Story = {
        "subject": subject,
        "structure": {
            "structure_id": current.id,
            "revisions": len(revisions),
            "formula": current.formula,
            "space_group": f"{current.space_group_symbol} ({current.space_group_number})",
            "n_sites": current.n_sites,
            "ordered": current.ordered,
            "file": current.file.name,
            "releases": current.releases,
            "withdrawn": current.withdrawn,
            "representative": current.representative_id,
            "flags": [name for name, on in _flags(store, current, parameters.mobile_ion).items() if on],
            "warnings": current.warnings,
        },
        "rejections": [_rejection(r) for r in refused],
        "gates": _gates(store, current, parameters) if parameters.mobile_ion in current.elements else [],
        "clusters": _clusters(store, current.crystal_id),
        "ranking": _ranking(store, current.id, parameters),
        "rules": _rules(store, current.id, parameters),
        "calculations": _calculations(store, subject, parameters.mobile_ion),
        "provenance": _provenance(store, current, parameters),
    }
    labels = group_labels(store, subject, parameters.mobile_ion)
    if found := contradictions(labels, listed_conductors(parameters.mobile_ion)):
        story["label_contradictions"] = found
    if others:
        story["other_materials"] = others
    if store.candidates.existing([subject]):
        candidate: CandidateDocument = store.candidates.get(subject)
        story["known_conductor"] = candidate.is_known_conductor
        story["measured_conductivity_S_per_cm"] = candidate.conductivity_measured_S_per_cm
        story["measured_source"] = _measured_source(labels, current)
        story["furthest_stage"] = candidate.furthest_stage
        story["pending"] = candidate.pending
        story["verdict"] = candidate.verdict
        story["what_would_decide"] = candidate.what_would_decide
        story["results"] = candidate.model_dump(include=_RESULTS)
    elif elsewhere := sorted(
        store.candidates.raw.distinct("screening", {"material_id": subject}),
    ):
        story["screened_in"] = elsewhere
    elif parameters.mobile_ion in current.elements:
        story["pending"] = ["topology", "chemistry"]
    return story


def _measured_source(labels: Mapping[str, LabelDocument | None], current: StructureDocument) -> str:
    """Where a measured conductivity comes from."""
    for name in current.names:
        label = labels.get(name)
        if label is not None and label.conductivity_S_per_cm is not None:
            return label.source or "a label without a source"
    return current.file.name


def _flags(store: MTLStore, revision: StructureDocument, mobile_ion: str) -> dict[str, bool]:
    """What a curator may want to sort out; where a crystal is disordered depends on the ion."""
    found = revision.flags.model_dump()
    if not revision.ordered and mobile_ion in revision.elements:
        structure = store.crystals.get(revision.crystal_id).to_structure()
        found |= asdict(disorder(structure, [mobile_ion]))
    return found


def _rejection(rejection: RejectionDocument) -> dict[str, Any]:
    told = {"stage", "subject", "reason", "message", "remedy", "file_sha256", "releases", "resolved", "lines"}
    return rejection.model_dump(include=told)


def _origin(stage: str, provenance: Provenance) -> dict[str, Any]:
    return {
        "stage": stage,
        "when": provenance.created_at.isoformat(timespec="seconds"),
        "code": provenance.code_version,
        "parameters": provenance.parameters.hash,
        "inputs": {name: digest[:12] for name, digest in provenance.inputs.items()},
        "libraries": provenance.libraries,
        "job": provenance.job,
    }


def _provenance(
    store: MTLStore, current: StructureDocument, parameters: ScreeningParameters
) -> list[dict[str, Any]]:
    told = [_origin("ingest", current.provenance)]
    results = {stage.noun: _result(store, stage, current.id, parameters) for stage in CRYSTAL_STAGES}
    told += [_origin(noun, d.provenance) for noun, found in results.items() for d in found]
    told += [
        _origin(f"clustering, {protocol}", store.clusterings.current(protocol).provenance)
        for protocol in PROTOCOLS
        if store.clusterings.has_current(protocol)
    ]
    wanted, _ = _simulated(store, current.material_id, parameters.mobile_ion)
    for stage in RUN_STAGES:
        told += [_origin(stage.noun, d.provenance) for d in store.results(stage).find(wanted[stage.noun])]
    verdicts = store.verdicts.find({"material_id": current.material_id})
    return told + [_origin(VERDICT.noun, d.provenance) for d in verdicts]


def _simulated(
    store: MTLStore, material: str, mobile_ion: str
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What to look for by stage, and whose each crystal is: nothing of its own and of those of other groups."""
    sources = store.groups.sources([material]).get(material, [])
    own = {source.crystal_id for source in sources if source.kin == "own" and source.current}
    whose = {
        s.crystal_id: "" if s.crystal_id in own else f" (of {s.structure_id})" for s in reversed(sources)
    }
    of_ion = {"provenance.parameters.mobile_ion": mobile_ion}
    ordered = {"crystal_id": {"$in": sorted(whose)}, **of_ion}
    cells = {"approximant_id": {"$in": store.orderings.raw.distinct("approximant_id", ordered)}}
    runs = {**cells, **of_ion}
    wanted: dict[str, dict[str, Any]] = {
        ORDERING.noun: ordered,
        RELAXATION.noun: cells,
        DYNAMICS.noun: runs,
        TRANSPORT.noun: runs,
        DFT_CHECK.noun: runs,
        STABILITY.noun: ordered,
    }
    return wanted, defaultdict(str, whose)


def _gates(
    store: MTLStore, current: StructureDocument, parameters: ScreeningParameters
) -> list[dict[str, Any]]:
    """Where the material stands at every gate, one entry for each comparison."""
    results = _results(store, current.id, parameters)
    told = []
    for protocol in PROTOCOLS:
        assignment = _assignment(store, protocol, current.crystal_id)
        clustered = store.clusterings.has_current(protocol)
        facts = gate_facts(protocol, results, assignment, clustered=clustered)
        for standing in stand(facts, parameters.criteria(protocol), STORED).gates:
            asked = {"protocol": protocol, "gate": standing.gate.key}
            told += [
                {
                    **asked,
                    "check": check.name,
                    "value": check.value,
                    "threshold": check.threshold,
                    "rule": check.rule,
                    "outcome": check.outcome,
                }
                for check in standing.checks
            ] or [
                {
                    **asked,
                    "check": standing.gate.key,
                    "value": None,
                    "threshold": None,
                    "rule": standing.reason,
                    "outcome": standing.outcome,
                }
            ]
    return told


def _assignment(store: MTLStore, protocol: Protocol, crystal_id: str) -> AssignmentDocument | None:
    """Place of a crystal in the current clustering; None without one."""
    if not store.clusterings.has_current(protocol):
        return None
    return store.assignments.of(store.clusterings.current(protocol).id, [crystal_id]).get(crystal_id)


def _clusters(store: MTLStore, crystal_id: str) -> list[dict[str, Any]]:
    told = []
    for protocol in PROTOCOLS:
        assignment = _assignment(store, protocol, crystal_id)
        if assignment is None:
            continue
        run = store.clusterings.current(protocol)
        cluster = next(c for c in run.clusters if c.name == assignment.cluster)
        told.append(
            {
                "protocol": protocol,
                "cluster": cluster.name,
                "size": cluster.size,
                "exemplar": cluster.exemplar,
                "known_conductors": cluster.known_conductors,
                "selected": assignment.selected,
                "nearest_known": assignment.nearest_known,
                "nearest_known_distance": assignment.nearest_known_distance,
            }
        )
    return told


def _ranking(store: MTLStore, structure_id: str, parameters: ScreeningParameters) -> dict[str, Any]:
    """What the priority is made of."""
    results = _results(store, structure_id, parameters)
    barrier = results.get(BARRIER.noun)
    made_of = topology_part(results).model_dump(
        include={"v3_A", "d3_A", "v3_over_d3", "E_1D_eV", "E_2D_eV", "E_3D_eV", "priority"}
    )
    refined = refined_barriers(store, [structure_id], parameters).get(structure_id)
    levels = {"E_1D_eV", "E_2D_eV", "E_3D_eV", "change_eV"}
    return {
        **made_of,
        "reason": barrier.reason if isinstance(barrier, BarrierDocument) else "no barrier yet",
        "refined": refined.model_dump(include=levels) if refined else None,
    }


def _rules(store: MTLStore, structure_id: str, parameters: ScreeningParameters) -> list[dict[str, Any]]:
    found = _result(store, CHEMISTRY, structure_id, parameters)
    return [rule.model_dump() for document in found for rule in document.rules]


def _results(store: MTLStore, structure_id: str, parameters: ScreeningParameters) -> dict[str, CrystalResult]:
    return results_in_table(store, store.structures.subjects([structure_id]), parameters)[structure_id]


def _result(
    store: MTLStore, stage: CrystalStage[R], structure_id: str, parameters: ScreeningParameters
) -> list[R]:
    """The document of one stage for a revision; none where the stage has not run."""
    keys = stage.keys(store.structures.subjects([structure_id]), parameters.of(stage))
    return list(store.results(stage).found(keys).values())


def _posterior(stored: Mapping[str, Any]) -> str:
    """What every temperature together says of the simulation, in a line."""
    said = stored["simulation"]
    low_eV, high_eV = Quantiles(tuple(said["activation_energy_quantiles_eV"])).interval
    return (
        f"posterior E_a {low_eV:.2f} … {high_eV:.2f} eV, P(σ(300 K) ≥ 10⁻⁴ S/cm) = {said['P_conducts']:.3f}"
    )


def _calculations(store: MTLStore, material: str, mobile_ion: str) -> list[dict[str, Any]]:
    wanted, whose = _simulated(store, material, mobile_ion)
    told: list[dict[str, Any]] = [
        {
            "what": f"ordered cell {o.ordering}{whose[o.crystal_id]}",
            "result": f"{o.n_atoms} atoms, {o.n_mobile} of them mobile",
            "status": f"the only one: {o.only_one}" if o.only_one else "one of many",
        }
        for o in store.orderings.find(wanted[ORDERING.noun])
    ]
    told += [
        {
            "what": f"relaxation, {r.engine_name}{whose[r.crystal_id]}",
            "result": f"{r.energy_eV_per_atom:.4f} eV/atom, volume {100 * r.volume_change:+.1f} %",
            "status": ("converged" if r.converged else "not converged")
            + (f"; the density is {r.density_ratio:.2f} of the file's" if r.density_off else ""),
        }
        for r in store.relaxations.find(wanted[RELAXATION.noun])
    ]
    for s in store.dynamics.find(wanted[DYNAMICS.noun], sort=[("trajectory_stage", 1), ("temperature_K", 1)]):
        D = s.diffusivity_cm2_per_s
        told.append(
            {
                "what": f"{s.trajectory_stage} at {s.temperature_K:g} K, {s.engine_name}{whose[s.crystal_id]}",
                "result": f"{s.steps_done * s.timestep_fs / 1000:.1f} ps"
                + (
                    f", D = {D:.2e} [{s.diffusivity_low_cm2_per_s:.1e}, {s.diffusivity_high_cm2_per_s:.1e}] cm²/s"
                    if D is not None
                    else ""
                ),
                "status": f"{s.status}: {s.reason}" if s.reason else s.status,
            }
        )
    for w in store.stability.find(wanted[STABILITY.noun]):
        edges = "" if w.low_V is None else f"{w.low_V:.2f} … {w.high_V:.2f} V, "
        hull = w.e_above_hull_eV_per_atom
        told.append(
            {
                "what": f"electrochemical window, {w.energies}{whose[w.crystal_id]}",
                "result": edges + ("" if hull is None else f"{1000 * hull:.0f} meV/atom above the hull"),
                "status": (f"{w.status}: {', '.join(w.missing)}" if w.missing else w.status)
                + ("; older hull: other phases compete now" if is_on_older_hull(store, w) else ""),
            }
        )
    for t in store.transport.find(wanted[TRANSPORT.noun]):
        E = t.activation_energy_eV
        told.append(
            {
                "what": f"Arrhenius fit over {', '.join(f'{T:g}' for T in t.temperatures_K) or 'no'} K"
                + whose[t.crystal_id],
                "result": "; ".join(
                    ([] if E is None else [f"E_a = {E:.3f} ± {t.activation_energy_error_eV:.3f} eV"])
                    + ([] if t.posterior is None else [_posterior(t.posterior)])
                ),
                "status": f"{t.status}: {t.reason}" if t.reason else t.status,
            }
        )
    return told
