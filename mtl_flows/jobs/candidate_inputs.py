"""What each row of the candidate table was built from, as one hash: rows whose hash stands need no rebuild."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mtl_flows.schemas.base import Document
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.clustering import AssignmentDocument
from mtl_flows.schemas.dft_checks import DftCheckDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.schemas.labels import LabelDocument, label_of
from mtl_flows.science.known import canonical_id
from mtl_flows.stages import CRYSTAL_STAGES, CrystalStage, ScreeningParameters, Subject
from mtl_flows.stages.candidates import CANDIDATES
from mtl_flows.stages.evidence import Sources
from mtl_flows.stages.known_errors import by_potential, mark_of
from mtl_flows.stages.verdict import verdict_key
from mtl_flows.store.database import MTLStore
from mtl_flows.store.marks import marks_by
from mtl_flows.store.structures import material_of
from mtl_flows.vocabulary import Protocol

_STRUCTURE = ("crystal_id", "fingerprint", "representative_id", "releases")
_WRITTEN = ("provenance.created_at",)
_MARKS = json.JSONEncoder(default=str)


def _all_but(model: type[Document], *bulky: str) -> list[str]:
    """Fields of documents that change in place, so that whatever a row reads of them counts."""
    return sorted(set(model.model_fields) - {"id", "provenance", *bulky})


_ASSIGNMENT = _all_but(AssignmentDocument)
_TRAJECTORY = [*_WRITTEN, *_all_but(TrajectoryDocument, "chunks", "checkpoint", "diffusion", "engine")]
_CHECK = [*_WRITTEN, *_all_but(DftCheckDocument, "frames", "dft_potential")]
_FIT = [*_WRITTEN, *_all_but(TransportDocument, "fit", "posterior")]


def input_hashes(
    store: MTLStore,
    parameters: ScreeningParameters,
    ids: Collection[str],
    *,
    clusterings: Mapping[Protocol, str],
    known: frozenset[str],
    labels: Mapping[str, LabelDocument],
    sources: Mapping[str, Sources],
    everything: bool,
) -> dict[str, str]:
    """Hash what the row of each structure depends on.

    Parameters
    ----------
    everything
        `ids` are all current structures: collections are then read through once instead of by id.
    """
    subjects = store.structures.subjects(list(ids))
    crystals = {subject.structure_id: subject.crystal_id for subject in subjects}
    heads = {subject.structure_id: subject.representative_id for subject in subjects}
    names = {subject.structure_id: subject.names for subject in subjects}
    on_crystals: dict[str, Any] = (
        {} if everything else {"crystal_id": {"$in": sorted(set(crystals.values()))}}
    )
    by_stage = [
        marks_by(store.structures, _STRUCTURE, {} if everything else {"_id": {"$in": list(ids)}}, key="_id"),
        *(_of_stage(store, stage, subjects, parameters, on_crystals) for stage in CRYSTAL_STAGES),
        *(
            _spread(
                marks_by(
                    store.assignments,
                    _ASSIGNMENT,
                    {**on_crystals, "clustering_id": clustering_id},
                    key="crystal_id",
                ),
                crystals,
            )
            for _, clustering_id in sorted(clusterings.items())
        ),
    ]
    ion = {"provenance.parameters.mobile_ion": parameters.mobile_ion}
    shown = {s.crystal_id for found in sources.values() for s in found}
    of_crystals: dict[str, Any] = ion if everything else {**ion, "crystal_id": {"$in": sorted(shown)}}
    runs = [
        marks_by(
            store.dynamics, _TRAJECTORY, {**of_crystals, "trajectory_stage": "production"}, key="crystal_id"
        ),
        marks_by(store.transport, _FIT, of_crystals, key="crystal_id"),
        marks_by(store.stability, _WRITTEN, of_crystals, key="crystal_id"),
        marks_by(store.dft_checks, _CHECK, of_crystals, key="crystal_id"),
    ]
    errors = _errors(store) if any(runs) else []
    common = [
        CANDIDATES.version,
        CandidateDocument.model_fields["schema_version"].default,
        sorted(CandidateDocument.model_fields),
        parameters.screening,
        parameters.mobile_ion,
        asdict(parameters.thresholds),
        sorted(clusterings.items()),
        verdict_key(parameters.mobile_ion, parameters.verdict).hash,
    ]
    head = hashlib.sha256(json.dumps(common).encode())
    hashes = {}
    for structure_id in ids:
        label = label_of(names[structure_id], labels)
        own = [canonical_id(heads[structure_id]) in known, label.conductivity_S_per_cm]
        digest = head.copy()
        own_marks: list[Any] = [marks.get(structure_id, []) for marks in by_stage]
        own_marks += [
            [*source, *(marks.get(source.crystal_id, []) for marks in runs), *errors]
            for source in sources.get(material_of(structure_id), ())
            if any(source.crystal_id in marks for marks in runs)
        ]
        digest.update(_MARKS.encode([own, own_marks]).encode())
        hashes[structure_id] = digest.hexdigest()[:32]
    return hashes


def _errors(store: MTLStore) -> list[Any]:
    """What is known of the errors of potentials, on which all that is simulated rests; none where nothing is."""
    known = by_potential(store.potentials.find())
    return [[key, *mark_of(known[key])] for key in sorted(known)]


Marks = dict[str, list[list[Any]]]


def _of_stage(
    store: MTLStore,
    stage: CrystalStage[Any],
    subjects: Sequence[Subject],
    parameters: ScreeningParameters,
    on_crystals: Mapping[str, Any],
) -> Marks:
    keyed = parameters.of(stage)
    marks = marks_by(
        store.results(stage), _WRITTEN, {**on_crystals, "parameters_hash": keyed.hash}, key="_id"
    )
    return _spread(marks, stage.keys(subjects, keyed))


def _spread(marks: Marks, keys: Mapping[str, str]) -> Marks:
    """Marks by structure, given those by key and the key of each structure."""
    return {structure_id: marks[key] for structure_id, key in keys.items() if key in marks}
