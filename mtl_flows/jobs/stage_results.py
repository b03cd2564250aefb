"""What a batch lacks of one stage, and where its results go: documents, and rejections of what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtl_flows.jobs.context import job_id
from mtl_flows.records import Record
from mtl_flows.schemas.base import CrystalResult, Header
from mtl_flows.stages import CRYSTAL_STAGES, CrystalStage, ScreeningParameters, Subject
from mtl_flows.stages.work import refusal
from mtl_flows.store.database import MTLStore

WRITE_EVERY = 50


@dataclass
class BatchSummary(Record):
    """What became of a batch in one stage; the output of its job.

    Attributes
    ----------
    computed, already_there, rejected
        Documents: materials of one crystal share one.
    """

    stage: str
    computed: int = 0
    already_there: int = 0
    rejected: int = 0


class StageResults:
    """Results of a stage for some subjects.

    Documents are written every few structures, so a batch that is killed loses little, and run again does only what is
    left.

    Attributes
    ----------
    todo
        A subject for each document that is not there, by its id.
    """

    def __init__(
        self,
        store: MTLStore,
        stage: CrystalStage[Any],
        subjects: Sequence[Subject],
        parameters: ScreeningParameters,
    ) -> None:
        self.stage, self.parameters = stage, parameters.of(stage)
        self.keys = stage.keys(subjects, self.parameters)
        self._store, self._collection = store, store.results(stage)
        self._there = there = self._collection.existing(self.keys.values())
        self.todo = {key: s for s in subjects if (key := self.keys[s.structure_id]) not in there}
        self.summary = BatchSummary(stage.noun, already_there=len(there))
        self._ready: list[CrystalResult] = []
        self._done: list[str] = []

    def header(self, subject: Subject) -> Header:
        """What the document of a subject begins with."""
        return self.stage.header(subject, self.parameters, job_id())

    def take(self, document: CrystalResult) -> None:
        """Write a document, with the next few."""
        self._ready.append(document)
        self._done.append(document.id)
        self.summary.computed += 1
        if len(self._ready) >= WRITE_EVERY:
            self._write()

    def refuse(self, header: Header, error: Exception) -> None:
        """Record that the stage could not handle what it read."""
        subject = self.todo[header.id]
        self._store.rejections.record(
            refusal(error, subject),
            stage=self.stage.noun,
            subject=header.id,
            material_id=subject.material_id,
            mobile_ion=self.parameters.mobile_ion,
            provenance=header.provenance,
        )
        self.summary.rejected += 1

    def end(self) -> BatchSummary:
        """Write what is left; what was refused before and works now, after a fix or with wider limits, is no longer."""
        self._write()
        self._store.rejections.resolve(self.stage.noun, {"subject": {"$in": sorted(self._done)}})
        return self.summary

    def count_earlier(self) -> None:
        """Count what this job has written before, in parts, as computed."""
        if job := job_id():
            earlier = {"_id": {"$in": sorted(self._there)}, "provenance.job": job}
            n_earlier = self._collection.raw.count_documents(earlier)
            self.summary.computed += n_earlier
            self.summary.already_there -= n_earlier

    def _write(self) -> None:
        if self._ready:
            self._collection.add(self._ready)
            self._ready = []


def upstream_of(
    store: MTLStore, noun: str, subjects: Sequence[Subject], parameters: ScreeningParameters
) -> Mapping[str, CrystalResult]:
    """Documents of a stage that others need, by structure id; those that are there."""
    needed = next(stage for stage in CRYSTAL_STAGES if stage.noun == noun)
    found: Mapping[str, CrystalResult] = store.results(needed).found(
        needed.keys(subjects, parameters.of(needed))
    )
    return found
