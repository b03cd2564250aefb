"""What the page of one material shows, gathered for many at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from mtl_flows.jobs.results import results_in_table
from mtl_flows.pages.origins import origin
from mtl_flows.pages.runs import run_records
from mtl_flows.plotting.barcodes import BarcodeData, barcode_data
from mtl_flows.plotting.structure import CrystalDrawing, crystal_drawing
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import CrystalResult
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.barrier import Surface
from mtl_flows.science.gates import STORED, stand
from mtl_flows.stages import BARCODES, BARRIER, LANDSCAPE, ScreeningParameters, Subject
from mtl_flows.stages.facts import chemistry_of, gate_facts
from mtl_flows.stages.verdict import verdict_key
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import PROTOCOLS, Protocol

Record = dict[str, Any]

_BATCH: Final = 250
_MOST_NAMED = 12  # conductors of a cluster, members of a group


@dataclass
class _Clusters:
    """The current clusterings and the places of some crystals in them, by protocol."""

    runs: Mapping[Protocol, ClusteringDocument]
    places: dict[Protocol, dict[str, AssignmentDocument]] = field(default_factory=dict)


def material_records(
    store: MTLStore,
    parameters: ScreeningParameters,
    rows: Sequence[CandidateDocument],
    groups: Mapping[str, Sequence[str]],
    densities: int,
) -> Iterator[Record]:
    """Gather one record for each row, in their order.

    Parameters
    ----------
    groups
        Members of a group by the material that stands for it.
    densities
        Of so many simulated materials, the first in the order of `rows`, frames are read for the density of their ions.
    """
    runs = {p: store.clusterings.current(p) for p in PROTOCOLS if store.clusterings.has_current(p)}
    simulated = [row.material_id for row in rows if row.dynamics_status is not None]
    with_density = frozenset(simulated[:densities])
    for batch in batched(rows, _BATCH):
        crystals = [row.crystal_id for row in batch]
        clusters = _Clusters(runs)
        for protocol, run in runs.items():
            clusters.places[protocol] = store.assignments.of(run.id, crystals)
        yield from _batch(store, parameters, batch, clusters, groups, with_density)


def groups_of(rows: Sequence[CandidateDocument]) -> dict[str, list[str]]:
    """Members of each group, by the material that stands for it."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row.representative_id, []).append(row.material_id)
    return groups


def _batch(
    store: MTLStore,
    parameters: ScreeningParameters,
    rows: Sequence[CandidateDocument],
    clusters: _Clusters,
    groups: Mapping[str, Sequence[str]],
    with_density: frozenset[str],
) -> Iterator[Record]:
    ids = [row.structure_id for row in rows]
    subjects = store.structures.subjects(ids)
    structures = {s.id: s for s in store.structures.find({"_id": {"$in": ids}})}
    crystals = store.crystals.drawn(row.crystal_id for row in rows)
    results = results_in_table(store, subjects, parameters)
    bars = _bars(store, parameters, rows, subjects)
    surfaces = _surfaces(store, parameters, subjects)
    runs = run_records(store, parameters, rows, with_density)
    verdicts = _verdicts(store, parameters, rows)
    for row in rows:
        found = results[row.structure_id]
        structure = structures[row.structure_id]
        drawing = crystal_drawing(crystals[row.crystal_id], parameters.mobile_ion)
        yield {
            "id": row.material_id,
            "about": _about(structure, row, groups.get(row.representative_id, ())),
            "drawing": drawing_record(drawing),
            "bars": bars.get(row.structure_id),
            "gates": _gates(parameters, found, clusters, row.crystal_id),
            "clusters": _clusters_of(clusters, row.crystal_id),
            "ranking": _ranking(row, found),
            "landscape": surfaces.get(row.structure_id),
            "rules": _rules(found),
            **runs.get(row.material_id, {}),
            "verdict": verdicts.get(row.material_id),
            "provenance": [*_provenance(structure, found), *runs.get(row.material_id, {}).get("origins", ())],
        }


def _about(structure: StructureDocument, row: CandidateDocument, group: Sequence[str]) -> Record:
    said = structure.metadata
    flags = [name for name, on in structure.flags.model_dump().items() if on and name != "ordered"]
    return {
        "formula": structure.formula,
        "space_group": structure.space_group_symbol,
        "source": structure.source,
        "file": structure.file.name,
        "block": structure.file.block,
        "revision": structure.revision,
        "volume_A3": structure.volume_A3,
        "density_g_cm3": structure.density_g_cm3,
        "n_atoms": structure.n_atoms,
        "doi": said.doi,
        "title": said.title,
        "temperature_K": said.temperature_K,
        "theoretical": said.theoretical,
        "flags": flags,
        "notes": structure.warnings,
        "representative": row.representative_id,
        "group": [material for material in group if material != row.material_id][:_MOST_NAMED],
        "others": max(0, len(group) - 1 - _MOST_NAMED),
        "result_of": row.result_of,
        "result_is_earlier": row.result_is_earlier,
    }


def _bars(
    store: MTLStore,
    parameters: ScreeningParameters,
    rows: Sequence[CandidateDocument],
    subjects: Sequence[Subject],
) -> dict[str, Record]:
    keys = BARCODES.keys(subjects, parameters.of(BARCODES))
    r_connected = {row.structure_id: row.r_connected_A for row in rows}
    cutoff_A = parameters.topology.cutoff_A
    return {
        structure_id: _bars_record(
            barcode_data(barcodes, r_connected[structure_id], cutoff_A, parameters.mobile_ion)
        )
        for structure_id, barcodes in store.barcodes.unpacked(keys).items()
    }


# Thousands of them: field by field, where `as_dict` would look into every number.


def _bars_record(data: BarcodeData) -> Record:
    clouds = [
        {"cloud": c.cloud, "n_points": c.n_points, "components": c.components, "loops": c.loops}
        for c in data.clouds
    ]
    return {"clouds": clouds, "r_connected_A": data.r_connected_A, "cutoff_A": data.cutoff_A}


def drawing_record(drawing: CrystalDrawing) -> Record:
    """What the viewer draws of a crystal."""
    kinds = [{"species": kind.species, "mobile": kind.mobile} for kind in drawing.kinds]
    return {"lattice_A": drawing.lattice_A, "kinds": kinds, "sites": drawing.sites}


def _surfaces(
    store: MTLStore, parameters: ScreeningParameters, subjects: Sequence[Subject]
) -> dict[str, Record]:
    found = {}
    keys = LANDSCAPE.keys(subjects, parameters.of(LANDSCAPE))
    for structure_id, document in store.landscapes.found(keys).items():
        surface = document.surface()
        if surface is not None:
            found[structure_id] = surface_record(surface)
    return found


def surface_record(surface: Surface) -> Record:
    """What the viewer draws of a landscape, energies in steps."""
    return {
        "shape": list(surface.values.shape),
        "origin": surface.origin.tolist(),
        "values": surface.values.ravel().tolist(),
        "level": surface.level_eV / surface.step_eV,
        "level_eV": surface.level_eV,
    }


def _gates(
    parameters: ScreeningParameters,
    results: Mapping[str, CrystalResult],
    clusters: _Clusters,
    crystal_id: str,
) -> list[Record]:
    told = []
    for protocol in PROTOCOLS:
        place = clusters.places.get(protocol, {}).get(crystal_id)
        facts = gate_facts(protocol, results, place, clustered=protocol in clusters.runs)
        for standing in stand(facts, parameters.criteria(protocol), STORED).gates:
            checks = [[c.rule, c.value, c.threshold, c.outcome] for c in standing.checks]
            told.append(
                {
                    "protocol": protocol,
                    "gate": standing.gate.key,
                    "outcome": standing.outcome,
                    "reason": standing.reason,
                    "checks": checks,
                }
            )
    return told


def _clusters_of(clusters: _Clusters, crystal_id: str) -> list[Record]:
    told = []
    for protocol, run in clusters.runs.items():
        place = clusters.places[protocol].get(crystal_id)
        cluster = next((c for c in run.clusters if place and c.name == place.cluster), None)
        if place is None or cluster is None:
            continue
        told.append(
            {
                "protocol": protocol,
                "cluster": cluster.name,
                "size": cluster.size,
                "exemplar": cluster.exemplar,
                "known": cluster.known_conductors[:_MOST_NAMED],
                "n_known": len(cluster.known_conductors),
                "nearest_known": place.nearest_known,
                "distance": place.nearest_known_distance,
                "provisional": place.provisional,
            }
        )
    return told


def _ranking(row: CandidateDocument, results: Mapping[str, CrystalResult]) -> Record:
    barrier = results.get(BARRIER.noun)
    return {
        "E_eV": [_finite(level) for level in (row.E_1D_eV, row.E_2D_eV, row.E_3D_eV)],
        "d_A": [_finite(length) for length in (row.d1_A, row.d2_A, row.d3_A)],
        "v_A": [_finite(radius) for radius in (row.v1_A, row.v2_A, row.v3_A)],
        "v3_over_d3": row.v3_over_d3,
        "priority": row.priority,
        "reason": barrier.reason if isinstance(barrier, BarrierDocument) else "no barrier yet",
        "interpolated": barrier.interpolated if isinstance(barrier, BarrierDocument) else [],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _rules(results: Mapping[str, CrystalResult]) -> list[Record]:
    chemistry = chemistry_of(results)
    told = {"rule", "name", "passed", "reason", "confidence"}
    return [rule.model_dump(include=told) for rule in chemistry.rules] if chemistry else []


def _verdicts(
    store: MTLStore, parameters: ScreeningParameters, rows: Sequence[CandidateDocument]
) -> dict[str, Record]:
    judged = [row.material_id for row in rows if row.verdict is not None]
    if not judged:
        return {}
    hash_ = verdict_key(parameters.mobile_ion, parameters.verdict).hash
    query = {"material_id": {"$in": judged}, "parameters_hash": hash_}
    return {
        document.material_id: {
            "outcome": document.outcome,
            "criteria": [criterion.model_dump() for criterion in document.criteria],
            "what_would_decide": document.what_would_decide,
        }
        for document in store.verdicts.find(query)
    }


def _provenance(structure: StructureDocument, results: Mapping[str, CrystalResult]) -> list[Record]:
    ingest = structure.provenance
    told = [origin("ingest", ingest)]
    return told + [
        origin(noun, document.provenance, document.parameters_hash) for noun, document in results.items()
    ]
