"""Reading files into the store: each content once, however often it is delivered."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from mtl_flows import __version__
from mtl_flows.errors import (
    ConfigurationError,
    ConflictingIdError,
    InputError,
    MTLError,
    UnreadableStructureError,
)
from mtl_flows.jobs.crystals import settle_crystals
from mtl_flows.jobs.groups import Guard, find_groups
from mtl_flows.jobs.reading import Documents, IngestParameters, Reading, read_file, rejection, stems
from mtl_flows.jobs.settling import Delivered, settle
from mtl_flows.parallel import Outcome, guarded_map
from mtl_flows.schemas.base import content_hash, utc_now
from mtl_flows.schemas.ingest import FileDocument, RejectionDocument, ReleaseDocument
from mtl_flows.science.curation import FILTERS, CurationLimits
from mtl_flows.science.reading import FoundFile, ReadingParameters, file_slug, find_files
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore
from mtl_flows.store.structures import material_of

_BATCH = 200


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest met, in structures (data blocks) but for `files`.

    Attributes
    ----------
    files
        Files found; archives count their members.
    read
        Structures met: the sum of `new`, `changed`, `unchanged` and `rejected`.
    duplicates
        Materials of the release that another material stands for.
    withdrawn
        Materials of the source that its latest complete release no longer holds.
    """

    files: int = 0
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    duplicates: int = 0
    withdrawn: int = 0

    def __add__(self, other: "IngestSummary") -> "IngestSummary":
        mine, theirs = asdict(self), asdict(other)
        return IngestSummary(**{name: mine[name] + theirs[name] for name in mine})


def ingest(
    store: MTLStore,
    sources: Iterable[str | Path],
    *,
    release: str,
    source: str = "",
    complete: bool = False,
    retry: bool = False,
    mobile_ion: str = "Li",
    reading: ReadingParameters | None = None,
    curation: CurationLimits | None = None,
    drop: Sequence[str] = (),
    workers: int | None = None,
    timeout_s: float = 120.0,
    memory_MB: int = 4000,
    progress: Callable[[IngestSummary], None] | None = None,
    on_refusals: Callable[[Sequence[RejectionDocument]], None] | None = None,
) -> IngestSummary:
    """Read structure files into `store` as a release.

    Safe to run again, to interrupt and to run several times at once: contents already there are left alone.

    Parameters
    ----------
    sources
        Files, folders, patterns and archives.
    release
        Name of the delivery, such as ``2025.2``.
    source
        Who delivers, such as ``ICSD``; releases of one source follow each other.
    complete
        The release holds everything its source has: what is missing from it is marked as withdrawn.
    retry
        Read files again that were refused, though their content is the same.
    reading, curation
        Tolerances of reading, and where a measurement counts as unusual.
    drop
        Names of `mtl_flows.science.curation.FILTERS`: what falls under one becomes a rejection. None by default.
    workers
        Processes that read; all processors unless given, 0 reads in this process.
    timeout_s, memory_MB
        What one file may cost.
    progress
        Called after every batch with the summary so far.
    on_refusals
        Called after every batch with what was refused in it, known refusals included.

    Raises
    ------
    InputError
        If a path does not exist or a folder holds no structure file.
    ConfigurationError
        If the release belongs to another source, or a filter is unknown.
    """
    if unknown := sorted(set(drop) - set(FILTERS)):
        raise ConfigurationError(
            f"no such filter: {', '.join(unknown)}",
            subject="drop",
            remedy=f"choose from {', '.join(FILTERS)}",
        )
    parameters = IngestParameters(
        mobile_ion, reading or ReadingParameters(), curation or CurationLimits(), tuple(drop)
    )
    guard: Guard = partial(
        guarded_map,
        workers=os.cpu_count() or 1 if workers is None else workers,
        timeout_s=timeout_s,
        memory_MB=memory_MB,
    )
    found = find_files(sources)
    entered = store.releases.begin(release, source)
    delivery = _Delivery(store, entered, parameters, progress, on_refusals, retry=retry)
    delivery.take(found, guard)
    settle(store, entered, delivery.delivered)
    if complete:
        store.releases.declare_complete(release)
    store.structures.refresh_withdrawn(store.releases.standing())
    find_groups(store, guard)
    summary = replace(
        delivery.summary,
        duplicates=len(store.structures.duplicate_ids({"releases": release})),
        withdrawn=store.structures.count({"source": entered.source, "current": True, "withdrawn": True}),
    )
    delivery.note(summary, ended=True)
    return summary


class _Delivery:
    """Takes the files of one release in their order; remembers which file spoke for which material."""

    def __init__(
        self,
        store: MTLStore,
        release: ReleaseDocument,
        parameters: IngestParameters,
        progress: Callable[[IngestSummary], None] | None,
        on_refusals: Callable[[Sequence[RejectionDocument]], None] | None,
        *,
        retry: bool = False,
    ) -> None:
        self.retry = retry
        self.store = store
        self.release = release
        self.parameters = parameters
        self.parameters_hash = parameters.stage().hash
        self.progress = progress
        self.on_refusals = on_refusals
        self.summary = IngestSummary()
        self.delivered = Delivered()
        self.record = store.releases.begin_ingest(release.name, self.parameters_hash)
        self._claims: dict[str, tuple[str, str]] = {}
        # Files in their order: those being read, and behind them those that the ledger knows.
        self._queue: deque[tuple[FileDocument, bool]] = deque()
        self._batch = _Batch()

    def take(self, found: Iterable[FoundFile], guard: Guard) -> None:
        """Read what is new among `found`; write everything in batches."""
        for outcome in guard(partial(read_file, parameters=self.parameters), self._unknown(found)):
            entry, _ = self._queue.popleft()
            self._sort_fresh(entry, outcome)
            self._take_known()
        self._flush()

    def note(self, summary: IngestSummary, *, ended: bool = False) -> None:
        """Write what was met so far into the history of the release."""
        self.store.releases.note_ingest(self.release.name, self.record, asdict(summary), ended=ended)

    def _unknown(self, found: Iterable[FoundFile]) -> Iterator[FoundFile]:
        """Queue every file, and hand out those that have to be read."""
        for files in batched(found, _BATCH):
            entries = [self._entry(file) for file in files]
            ledger = self.store.files.look_up(entry.id for entry in entries)
            if self.retry:
                ledger = {key: known for key, known in ledger.items() if not known.rejections}
            for file, entry in zip(files, entries, strict=True):
                known = ledger.get(entry.id)
                self._queue.append((known or entry, known is not None))
                if known is None:
                    yield file
                else:
                    self._take_known()

    def _take_known(self) -> None:
        while self._queue and self._queue[0][1]:
            self._sort_known(self._queue.popleft()[0])

    def _entry(self, file: FoundFile) -> FileDocument:
        """Blank ledger entry; its key holds all that reading the file depends on."""
        if isinstance(file.content, InputError):
            digest, name = "", file.name
        else:
            digest, name = sha256(file.content).hexdigest(), file_slug(Path(file.name))
        return FileDocument(
            id=content_hash([digest, name, self.parameters_hash])[:32],
            name=file.name,
            stem=file_slug(Path(file.name)),
            sha256=digest,
            parameters_hash=self.parameters_hash,
            code_version=__version__,
            read_at=utc_now(),
        )

    def _sort_fresh(self, entry: FileDocument, outcome: Outcome[Documents]) -> None:
        held: list[Reading] = []
        refused: list[RejectionDocument] = []
        if outcome.error is not None:
            refused.append(self._rejection(_as_known(outcome.error), entry))
        for document in outcome.result or ():
            if isinstance(document, RejectionDocument):
                refused.append(document.delivered_by(self.release.source))
                continue
            revision = document.revision
            if conflict := self._conflict(entry, revision.material_id, revision.fingerprint):
                refused.append(conflict)
            else:
                ours = revision.model_copy(update={"source": self.release.source})
                held.append(replace(document, revision=ours))
        self._batch.fresh.append((entry, held, refused))
        self._file_taken()

    def _sort_known(self, known: FileDocument) -> None:
        self._batch.known_rejections += known.rejections
        for key, fingerprint in zip(known.structures, known.fingerprints, strict=True):
            if conflict := self._conflict(known, material_of(key), fingerprint):
                self._batch.conflicts.append(conflict)
            else:
                self._batch.known_structures.append(key)
                self.delivered.stems.add(known.stem)
        self._file_taken()

    def _conflict(self, entry: FileDocument, material_id: str, fingerprint: str) -> RejectionDocument | None:
        """Refusal of a file if one before it in this delivery gave the same material another content."""
        spoken_for, name = self._claims.setdefault(material_id, (fingerprint, entry.name))
        if spoken_for == fingerprint:
            return None
        error = ConflictingIdError(
            f"is {material_id}, and so is {name}, which differs",
            subject=entry.name,
            remedy="rename one of the files or correct its database code",
        )
        return self._rejection(error, entry, material_id)

    def _rejection(self, error: MTLError, entry: FileDocument, material_id: str = "") -> RejectionDocument:
        found = rejection(error, entry.name, entry.sha256, self.parameters, material_id)
        return found.delivered_by(self.release.source)

    def _file_taken(self) -> None:
        self._batch.n_files += 1
        if self._batch.n_files >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Write the batch; the ledger comes last, so that a crash costs one batch and loses nothing."""
        store, batch, self._batch = self.store, self._batch, _Batch()
        readings = settle_crystals(store, [reading for _, held, _ in batch.fresh for reading in held])
        distinct = {(r.revision.material_id, r.revision.fingerprint): r.revision for r in readings}
        recorded = dict(zip(distinct, store.structures.add_revisions(list(distinct.values())), strict=True))
        met_again = {r.id: distinct[key] for key, r in recorded.items() if r.outcome == "unchanged"}
        store.structures.reflag(met_again)
        ids = [*(r.id for r in recorded.values()), *batch.known_structures]
        refused = [*batch.conflicts, *(r for _, _, rejections in batch.fresh for r in rejections)]
        store.structures.assign_release(ids, self.release.name, store.releases.order())
        store.rejections.record_many(refused, self.release.name)
        store.rejections.assign_release(batch.known_rejections, self.release.name)
        self.delivered.materials.update(material_of(i) for i in ids)
        self.delivered.stems.update(
            stem for d in distinct.values() for stem in stems(d.file.name, d.file.block)
        )
        self.delivered.refusals.update(r.id for r in refused)
        self.delivered.refusals.update(batch.known_rejections)
        write = store.files.put if self.retry else store.files.add
        write(
            entry.model_copy(
                update={
                    "structures": [recorded[r.revision.material_id, r.revision.fingerprint].id for r in held],
                    "fingerprints": [r.revision.fingerprint for r in held],
                    "rejections": [r.id for r in rejections],
                }
            )
            for entry, held, rejections in batch.fresh
            # A file that could not be opened, or that lost to another one, is looked at again next time.
            if entry.sha256 and not any(r.reason == ConflictingIdError.reason for r in rejections)
        )
        outcomes = Counter(r.outcome for r in recorded.values())
        repeated = len(readings) - len(distinct)
        unchanged = outcomes["unchanged"] + repeated + len(batch.known_structures)
        n_refused = len(refused) + len(batch.known_rejections)
        self.summary += IngestSummary(
            files=batch.n_files,
            read=outcomes["new"] + outcomes["changed"] + unchanged + n_refused,
            new=outcomes["new"],
            changed=outcomes["changed"],
            unchanged=unchanged,
            rejected=n_refused,
        )
        self.note(self.summary)
        if self.progress is not None:
            self.progress(self.summary)
        if self.on_refusals is not None and n_refused:
            known = store.rejections.find({"_id": {"$in": batch.known_rejections}})
            self.on_refusals([*refused, *known])


@dataclass
class _Batch:
    """Files sorted by what is to be done."""

    n_files: int = 0
    fresh: list[tuple[FileDocument, list[Reading], list[RejectionDocument]]] = field(default_factory=list)
    known_structures: list[str] = field(default_factory=list)
    known_rejections: list[str] = field(default_factory=list)
    conflicts: list[RejectionDocument] = field(default_factory=list)


def _as_known(error: Exception) -> MTLError:
    """An unforeseen failure of one file is a refusal like any other."""
    if isinstance(error, MTLError):
        return error
    return UnreadableStructureError(f"{type(error).__name__}: {error}", remedy="report it with the file")
