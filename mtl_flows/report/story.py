"""The story of one material: what was read, what every gate said and why, what was calculated, what is pending."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mtl_flows.jobs.stability import is_on_older_hull
from mtl_flows.report.dossier import Dossier, read
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.schemas.labels import contradictions
from mtl_flows.science.curation import disorder
from mtl_flows.science.gates import STORED, stand
from mtl_flows.science.quantiles import Quantiles
from mtl_flows.stages import BARRIER, ScreeningParameters
from mtl_flows.stages.candidates import topology_part
from mtl_flows.stages.facts import chemistry_of, gate_facts
from mtl_flows.stages.ordering import ORDERING
from mtl_flows.stages.runs import DYNAMICS, RELAXATION, STABILITY, TRANSPORT
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import listed_conductors
from mtl_flows.vocabulary import PROTOCOLS, Protocol

Story = dict[str, Any]

_RESULTS = {
    *("dynamics_status", "engine", "P_conducts_crystal", "window_low_V", "window_high_V", "window_width_V"),
    *(f"activation_energy_crystal{end}_eV" for end in ("", "_low", "_high")),
    *(f"conductivity_300K_crystal{end}_S_per_cm" for end in ("", "_low", "_high")),
}


def tell(
    store: MTLStore,
    subject: str,
    parameters: ScreeningParameters,
    clusterings: Mapping[Protocol, str] | None = None,
) -> Story:
    """Collect everything the store knows of a material, or of a file that was refused.

    Parameters
    ----------
    subject
        Material id, or the name of a file.
    clusterings
        Those that are current in the screening, by protocol; asked for if None.

    Raises
    ------
    NotFoundError
        If the store knows neither.
    """
    store = store.under(parameters.screening)
    named = store.structures.revisions_named(subject)
    if not named:
        refused = store.rejections.about(subject)
        if refused:
            return {
                "subject": subject,
                "rejections": [_rejection(r) for r in refused],
                "provenance": [_origin(r.stage, r.provenance) for r in refused if r.provenance],
            }
        material = store.structures.material_named(subject)
        named = {material: store.structures.by_material(material)}
    if clusterings is None:
        clusterings = store.screenings.current_clusterings(parameters.screening)
    material, *others = named
    known = read(store, subject, named[material], parameters, clusterings)
    current = known.current
    has_ion = parameters.mobile_ion in current.elements
    story: Story = {
        "subject": material,
        "structure": {
            "structure_id": current.id,
            "revisions": known.revisions,
            "formula": current.formula,
            "space_group": f"{current.space_group_symbol} ({current.space_group_number})",
            "n_sites": current.n_sites,
            "ordered": current.ordered,
            "file": current.file.name,
            "releases": current.releases,
            "withdrawn": current.withdrawn,
            "representative": current.representative_id,
            "flags": [name for name, on in _flags(known, parameters.mobile_ion).items() if on],
            "warnings": current.warnings,
        },
        "rejections": [_rejection(r) for r in known.refused],
        "gates": _gates(known, parameters) if has_ion else [],
        "clusters": _clusters(known),
        "ranking": _ranking(known),
        "rules": _rules(known),
        "calculations": _calculations(store, known),
        "provenance": _provenance(known),
    }
    if found := contradictions(known.labels, listed_conductors(parameters.mobile_ion)):
        story["label_contradictions"] = found
    if others:
        story["other_materials"] = others
    if (row := known.row) is not None:
        story["known_conductor"] = row.is_known_conductor
        story["measured_conductivity_S_per_cm"] = row.conductivity_measured_S_per_cm
        story["measured_source"] = _measured_source(known)
        story["furthest_stage"] = row.furthest_stage
        story["pending"] = row.pending
        story["verdict"] = row.verdict
        story["what_would_decide"] = row.what_would_decide
        story["results"] = row.model_dump(include=_RESULTS)
    elif known.screened_in:
        story["screened_in"] = known.screened_in
    elif has_ion:
        story["pending"] = ["topology", "chemistry"]
    return story


def _measured_source(known: Dossier) -> str:
    """Where a measured conductivity comes from."""
    for name in known.current.names:
        label = known.labels.get(name)
        if label is not None and label.conductivity_S_per_cm is not None:
            return label.source or "a label without a source"
    return known.current.file.name


def _flags(known: Dossier, mobile_ion: str) -> dict[str, bool]:
    """What a curator may want to sort out; where a crystal is disordered depends on the ion."""
    found = known.current.flags.model_dump()
    if not known.current.ordered and mobile_ion in known.current.elements:
        found |= asdict(disorder(known.crystal.to_structure(), [mobile_ion]))
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


def _provenance(known: Dossier) -> list[dict[str, Any]]:
    told = [_origin("ingest", known.current.provenance)]
    told += [_origin(noun, provenance) for noun, provenance in known.provenances.items()]
    told += [
        _origin(f"clustering, {protocol}", known.clusterings[protocol].provenance)
        for protocol in PROTOCOLS
        if protocol in known.clusterings
    ]
    return told + [_origin(noun, document.provenance) for noun, run in known.runs.items() for document in run]


def _whose(known: Dossier) -> Mapping[str, str]:
    """Whose each crystal is: nothing of its own, the revision of those of other materials of its group."""
    own = {source.crystal_id for source in known.sources if source.kin == "own" and source.current}
    return defaultdict(
        str,
        {
            s.crystal_id: "" if s.crystal_id in own else f" (of {s.structure_id})"
            for s in reversed(known.sources)
        },
    )


def _gates(known: Dossier, parameters: ScreeningParameters) -> list[dict[str, Any]]:
    """Where the material stands at every gate, one entry for each comparison."""
    told = []
    for protocol in PROTOCOLS:
        facts = gate_facts(
            protocol,
            known.results,
            known.assignments.get(protocol),
            clustered=protocol in known.clusterings,
        )
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


def _clusters(known: Dossier) -> list[dict[str, Any]]:
    told = []
    for protocol in PROTOCOLS:
        if (place := known.assignments.get(protocol)) is None:
            continue
        cluster = next(c for c in known.clusterings[protocol].clusters if c.name == place.cluster)
        told.append(
            {
                "protocol": protocol,
                "cluster": cluster.name,
                "size": cluster.size,
                "exemplar": cluster.exemplar,
                "known_conductors": cluster.known_conductors,
                "selected": place.selected,
                "nearest_known": place.nearest_known,
                "nearest_known_distance": place.nearest_known_distance,
            }
        )
    return told


def _ranking(known: Dossier) -> dict[str, Any]:
    """What the priority is made of."""
    barrier = known.results.get(BARRIER.noun)
    made_of = topology_part(known.results).model_dump(
        include={"v3_A", "d3_A", "v3_over_d3", "E_1D_eV", "E_2D_eV", "E_3D_eV", "priority"}
    )
    levels = {"E_1D_eV", "E_2D_eV", "E_3D_eV", "change_eV"}
    return {
        **made_of,
        "reason": barrier.reason if isinstance(barrier, BarrierDocument) else "no barrier yet",
        "refined": known.refined.model_dump(include=levels) if known.refined else None,
    }


def _rules(known: Dossier) -> list[dict[str, Any]]:
    chemistry = chemistry_of(known.results)
    return [rule.model_dump() for rule in chemistry.rules] if chemistry else []


def _posterior(stored: Mapping[str, Any]) -> str:
    """What every temperature together says of the simulation, in a line."""
    said = stored["simulation"]
    low_eV, high_eV = Quantiles(tuple(said["activation_energy_quantiles_eV"])).interval
    return (
        f"posterior E_a {low_eV:.2f} … {high_eV:.2f} eV, P(σ(300 K) ≥ 10⁻⁴ S/cm) = {said['P_conducts']:.3f}"
    )


def _calculations(store: MTLStore, known: Dossier) -> list[dict[str, Any]]:
    runs, whose = known.runs, _whose(known)
    told: list[dict[str, Any]] = [
        {
            "what": f"ordered cell {o.ordering}{whose[o.crystal_id]}",
            "result": f"{o.n_atoms} atoms, {o.n_mobile} of them mobile",
            "status": f"the only one: {o.only_one}" if o.only_one else "one of many",
        }
        for o in runs[ORDERING.noun]
    ]
    told += [
        {
            "what": f"relaxation, {r.engine_name}{whose[r.crystal_id]}",
            "result": f"{r.energy_eV_per_atom:.4f} eV/atom, volume {100 * r.volume_change:+.1f} %",
            "status": ("converged" if r.converged else "not converged")
            + (f"; the density is {r.density_ratio:.2f} of the file's" if r.density_off else ""),
        }
        for r in runs[RELAXATION.noun]
    ]
    for s in sorted(runs[DYNAMICS.noun], key=lambda s: (s.trajectory_stage, s.temperature_K)):
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
    for w in runs[STABILITY.noun]:
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
    for t in runs[TRANSPORT.noun]:
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
