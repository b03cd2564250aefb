"""The candidate table: rows whose inputs changed are built again, with their verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import JobConfig, OnMissing, job

from mtl_flows.jobs.candidate_inputs import input_hashes
from mtl_flows.jobs.context import job_id, worker_store
from mtl_flows.jobs.evidence import gather, simulated_crystals
from mtl_flows.jobs.labels import known_groups
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.results import results_in_table
from mtl_flows.jobs.screening import register
from mtl_flows.jobs.verdict import write_verdicts
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.labels import LabelDocument, label_of
from mtl_flows.schemas.verdicts import VerdictDocument
from mtl_flows.science.known import canonical_id
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.candidates import CandidateInputs, build
from mtl_flows.stages.evidence import Sources
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.store.structures import material_of
from mtl_flows.vocabulary import PROTOCOLS, Protocol

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
        candidates, verdicts = build_batch(store, context, batch, hashes)
        # Verdicts first: a row that stands has its verdict.
        write_verdicts(store, verdicts)
        written = store.candidates.put(candidates)
        changed += written.inserted + written.replaced
    if structure_ids is None and (full or standing.keys() - hashes.keys()):
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


def build_batch(
    store: MTLStore, context: _Context, ids: Sequence[str], hashes: Mapping[str, str]
) -> tuple[list[CandidateDocument], list[VerdictDocument]]:
    """Build the rows of some structures, and the verdicts on those that have something to judge."""
    parameters, clusterings = context.parameters, context.clusterings
    subjects = store.structures.subjects(ids)
    results = results_in_table(store, subjects, parameters)
    crystals = sorted({subject.crystal_id for subject in subjects})
    assignments = {
        protocol: store.assignments.of(clustering_id, crystals)
        for protocol, clustering_id in clusterings.items()
    }
    structures = list(store.structures.find({"_id": {"$in": list(ids)}}))
    sources = {s.material_id: context.sources.get(s.material_id, ()) for s in structures}
    shown = gather(store, sources, parameters.mobile_ion)
    rows, verdicts = [], []
    for structure in structures:
        given = CandidateInputs(
            structure,
            results=results[structure.id],
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
        row, verdict = build(given, parameters, inputs_hash=hashes[structure.id], job=job_id())
        rows.append(row)
        if verdict is not None:
            verdicts.append(verdict)
    return rows, verdicts


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
