"""Everything that the store holds of one material, read by a handful of requests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mtl_flows.jobs.barrier import refined_parameters
from mtl_flows.schemas.barrier import BarrierDocument
from mtl_flows.schemas.base import CrystalResult, Provenance
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.schemas.ingest import RejectionDocument, StructureDocument
from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.stages import BARRIER, CRYSTAL_STAGES, RUN_STAGES, VERDICT, ScreeningParameters
from mtl_flows.stages.ordering import ORDERING
from mtl_flows.stages.runs import RELAXATION, STABILITY
from mtl_flows.stages.subjects import RunSource
from mtl_flows.store.database import MTLStore
from mtl_flows.store.groups import run_sources
from mtl_flows.store.ingest import about
from mtl_flows.store.structures import StructureCollection
from mtl_flows.store.subjects import READ_OF_SUBJECT, Revision, subject_of
from mtl_flows.store.together import PartOfReading, together
from mtl_flows.vocabulary import Protocol

_READ_OF_GROUP: Final = (*READ_OF_SUBJECT, "revision", "current")


@dataclass(frozen=True)
class Dossier:
    """What is known of a material.

    Attributes
    ----------
    current
        The revision that is meant, of so many `revisions`.
    refused
        Refusals of the material, oldest first.
    sources
        Whose simulations are shown; see `mtl_flows.store.groups.GroupCollection.sources`.
    results, provenances
        Documents of stages that rows are made of, and the provenance of every stage, by noun; those that are there.
    refined
        Barriers on a fine grid; None where there are none.
    clusterings, assignments
        The current clusterings of the screening, and the crystal's place in them; those that are there.
    labels
        Label of each name in the group; None where a name has none.
    row, screened_in
        Its row in the screening, if any, and all screenings that have one.
    runs
        Documents of what was ordered, simulated and judged of its group, by noun.
    """

    current: StructureDocument
    revisions: int
    refused: list[RejectionDocument]
    sources: list[RunSource]
    crystal: CrystalDocument
    results: dict[str, CrystalResult]
    provenances: dict[str, Provenance]
    refined: BarrierDocument | None
    clusterings: dict[Protocol, ClusteringDocument]
    assignments: dict[Protocol, AssignmentDocument]
    labels: dict[str, LabelDocument | None]
    row: CandidateDocument | None
    screened_in: list[str]
    runs: dict[str, list[Any]]


def read(
    store: MTLStore,
    name: str,
    revisions: Sequence[StructureDocument],
    parameters: ScreeningParameters,
    current_clusterings: Mapping[Protocol, str],
) -> Dossier:
    """Read everything about a material.

    Parameters
    ----------
    name
        What it was called.
    revisions
        All of it, oldest first.
    current_clusterings
        Those of the screening, by protocol.
    """
    current = next((r for r in revisions if r.current), revisions[-1])
    subject = subject_of(current.to_mongo())
    keys = {stage.noun: stage.keys([subject], parameters.of(stage))[current.id] for stage in CRYSTAL_STAGES}
    refined = BARRIER.keys([subject], refined_parameters(parameters).of(BARRIER))[current.id]
    asked = {
        stage.noun: PartOfReading.matching(
            store.results(stage).name, {"_id": keys[stage.noun]}, () if stage.in_table else ("provenance",)
        )
        for stage in CRYSTAL_STAGES
    }
    chosen = list(current_clusterings.values())
    found = together(
        store.database,
        asked
        | {
            "refined": PartOfReading.matching(store.results(BARRIER).name, {"_id": refined}),
            "crystal": PartOfReading.matching(store.crystals.name, {"_id": current.crystal_id}),
            "group": _group(current),
            "refused": PartOfReading.matching(store.rejections.name, about([name, current.material_id])),
            "rows": PartOfReading.matching(store.candidates.name, {"material_id": current.material_id}),
            "clusterings": PartOfReading.matching(store.clusterings.name, {"_id": {"$in": chosen}}),
            "assignments": PartOfReading.matching(
                store.assignments.name, {"crystal_id": current.crystal_id, "clustering_id": {"$in": chosen}}
            ),
            VERDICT.noun: PartOfReading.matching(store.verdicts.name, {"material_id": current.material_id}),
        },
    )
    names, sources = _sources(current, found["group"])
    rows = store.candidates.loaded(found["rows"])
    runs, labels = _runs(store, sources, names, parameters.mobile_ion)
    return Dossier(
        current=current,
        revisions=len(revisions),
        refused=store.rejections.loaded(found["refused"]),
        sources=sources,
        crystal=store.crystals.loaded(found["crystal"])[0],
        results={
            stage.noun: document
            for stage in CRYSTAL_STAGES
            if stage.in_table
            for document in store.results(stage).loaded(found[stage.noun])
        },
        provenances={
            stage.noun: Provenance.model_validate(stored["provenance"])
            for stage in CRYSTAL_STAGES
            for stored in found[stage.noun]
        },
        refined=next(iter(store.results(BARRIER).loaded(found["refined"])), None),
        clusterings={run.protocol: run for run in store.clusterings.loaded(found["clusterings"])},
        assignments={place.protocol: place for place in store.assignments.loaded(found["assignments"])},
        labels=labels,
        row=next((row for row in rows if row.screening == parameters.screening), None),
        screened_in=sorted(row.screening for row in rows),
        runs=runs | {VERDICT.noun: store.verdicts.loaded(found[VERDICT.noun])},
    )


def _group(current: StructureDocument) -> PartOfReading:
    """Every revision of the members of its group, and its own."""
    member = {"representative_id": current.representative_id, "current": True}
    itself = {"material_id": current.material_id}
    revisions = {
        "from": StructureCollection.name,
        "localField": "_id",
        "foreignField": "material_id",
        "as": "revision",
        "pipeline": [{"$project": dict.fromkeys(_READ_OF_GROUP, 1)}],
    }
    return PartOfReading(
        StructureCollection.name,
        [
            {"$match": {"$or": [member, itself] if current.representative_id else [itself]}},
            {"$group": {"_id": "$material_id"}},
            {"$lookup": revisions},
            {"$unwind": "$revision"},
            {"$replaceRoot": {"newRoot": "$revision"}},
        ],
    )


def _sources(
    current: StructureDocument, group: Iterable[dict[str, Any]]
) -> tuple[list[str], list[RunSource]]:
    """Names of the current members of a group, and whose simulations are shown."""
    found = list(group)
    names = sorted({name for stored in found if stored["current"] for name in stored["names"]})
    revisions = [
        Revision(stored["material_id"], stored["revision"], stored["current"], subject_of(stored))
        for stored in found
    ]
    return names or [current.material_id], run_sources(
        current.material_id, current.representative_id, revisions
    )


def _runs(
    store: MTLStore, sources: Iterable[RunSource], names: Iterable[str], ion: str
) -> tuple[dict[str, list[Any]], dict[str, LabelDocument | None]]:
    """What was ordered, simulated and judged of some crystals, and the labels of some names."""
    of_ion = {"provenance.parameters.mobile_ion": ion}
    of_crystals = {"crystal_id": {"$in": sorted({source.crystal_id for source in sources})}, **of_ion}
    keys = {name: LabelDocument.key(name, ion) for name in names}
    found = together(
        store.database,
        {
            ORDERING.noun: PartOfReading.matching(store.orderings.name, of_crystals),
            STABILITY.noun: PartOfReading.matching(store.stability.name, of_crystals),
            "labels": PartOfReading.matching(store.labels.name, {"_id": {"$in": sorted(keys.values())}}),
        },
    )
    cells = {"approximant_id": {"$in": sorted({o["approximant_id"] for o in found[ORDERING.noun]})}}
    if found[ORDERING.noun]:
        found |= together(
            store.database,
            {
                stage.noun: PartOfReading.matching(
                    store.results(stage).name, cells if stage is RELAXATION else {**cells, **of_ion}
                )
                for stage in RUN_STAGES
                if stage.noun not in found
            },
        )
    labels = {label.id: label for label in store.labels.loaded(found["labels"])}
    return (
        {
            stage.noun: sorted(store.results(stage).loaded(found.get(stage.noun, ())), key=lambda d: d.id)
            for stage in RUN_STAGES
        },
        {name: labels.get(key) for name, key in keys.items()},
    )
