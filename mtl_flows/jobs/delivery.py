"""The files of one delivery, in their order: read or known, taken or refused, written in batches."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from mtl_flows import __version__
from mtl_flows.errors import (
    ConflictingIdError,
    InputError,
    MTLError,
    NoMobileIonError,
    SetAsideError,
    UnreadableStructureError,
)
from mtl_flows.jobs.claims import Claims, Conflict, Offer
from mtl_flows.jobs.comparison import Guard
from mtl_flows.jobs.crystals import settle_crystals
from mtl_flows.jobs.ingest_summary import IngestSummary
from mtl_flows.jobs.names import as_before
from mtl_flows.jobs.queued_files import QueuedFile, ReadPart, by_size, with_last
from mtl_flows.jobs.reading import (
    STAGE,
    Documents,
    IngestParameters,
    Reading,
    parts_of,
    read_file,
    rejection,
    singly,
    stems,
)
from mtl_flows.jobs.settling import Delivered
from mtl_flows.parallel import GuardedOutcome
from mtl_flows.schemas.base import content_hash, utc_now
from mtl_flows.schemas.ingest import FileDocument, RejectionDocument, ReleaseDocument
from mtl_flows.science.naming import file_slug, source_key
from mtl_flows.science.reading import FoundFile, FoundFiles, Part
from mtl_flows.store.database import MTLStore
from mtl_flows.store.structures import Change, Recorded, material_of

BATCH = 200


class Delivery:
    """Takes the files of one release in their order."""

    def __init__(
        self,
        store: MTLStore,
        release: ReleaseDocument,
        parameters: IngestParameters,
        progress: Callable[[IngestSummary, float], None] | None,
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
        self.set_aside: set[str] = set()
        self.record = store.releases.begin_ingest(
            release.name, self.parameters_hash, sorted(parameters.mobile_ions)
        )
        self._claims = Claims(store, release.name)
        # Files in their order: those being read, and behind them those that the ledger knows.
        self._queue: deque[QueuedFile] = deque()
        self._batch: list[ReadPart] = []

    def take(self, found: FoundFiles, guard: Guard) -> None:
        """Read what is new among `found`; write everything in batches."""
        self._found = found
        in_hand: deque[FoundFile | Part] = deque()

        def parts() -> Iterator[FoundFile | Part]:
            for part in self._unknown(found):
                in_hand.append(part)
                yield part

        for outcome in guard(self._read, parts()):
            pending, part = self._queue[0], in_hand.popleft()
            pending.parts -= 1
            read = ReadPart(pending, last=pending.handed_out and not pending.parts)
            for documents, error, of in self._one_by_one(part, outcome, guard):
                self._sort_fresh(read, documents, error, of)
            if read.last:
                self._queue.popleft()
            self._take(read)
            self._take_known()
        self._flush()

    @property
    def _read(self) -> Callable[[FoundFile | Part], Documents]:
        return partial(read_file, parameters=self.parameters, source=self.release.source)

    def _one_by_one(
        self, part: FoundFile | Part, outcome: GuardedOutcome[Documents], guard: Guard
    ) -> Iterator[tuple[Documents, Exception | None, FoundFile | Part]]:
        """What a part gave; if it failed as a whole, what its entries give one by one, each within its limits."""
        entries = singly(part) if outcome.error is not None else []
        if len(entries) < 2:
            yield outcome.result or [], outcome.error, part
            return
        for entry, single in zip(entries, guard(self._read, entries), strict=True):
            yield single.result or [], single.error, entry

    def note(self, summary: IngestSummary, *, ended: bool = False) -> None:
        """Write what was met so far into the history of the release."""
        self.store.releases.note_ingest(self.release.name, self.record, asdict(summary), ended=ended)

    def _unknown(self, found: Iterable[FoundFile]) -> Iterator[FoundFile | Part]:
        """Queue every file, and hand out those that have to be read; a file with many entries in parts."""
        for files in by_size(found, BATCH):
            entries = [self._entry(file) for file in files]
            ledger = self.store.files.look_up(entry.id for entry in entries)
            ledger = {key: known for key, known in ledger.items() if not self._to_read_again(known)}
            for file, entry in zip(files, entries, strict=True):
                known = ledger.get(entry.id)
                pending = QueuedFile(known or entry, known is not None)
                self._queue.append(pending)
                if known is None:
                    for part, pending.handed_out in with_last(parts_of(file)):
                        pending.parts += 1
                        yield part
                else:
                    self._take_known()

    def _to_read_again(self, known: FileDocument) -> bool:
        """Whether a file that was refused may be taken now."""
        another_ion = known.lacks and not set(self.parameters.mobile_ions) <= set(known.lacks)
        return bool(another_ion or (self.retry and known.rejections))

    def _take_known(self) -> None:
        while self._queue and self._queue[0].known:
            self._take(ReadPart(self._queue.popleft(), last=True))

    def _entry(self, file: FoundFile) -> FileDocument:
        """Blank ledger entry; its key holds all that reading the file depends on."""
        if isinstance(file.content, InputError):
            digest, name = "", file.name
        else:
            digest, name = sha256(file.content).hexdigest(), file_slug(Path(file.name))
        source = source_key(self.release.source)
        return FileDocument(
            id=content_hash([digest, name, self.parameters_hash, *([source] if source else [])])[:32],
            name=file.name,
            stem=file_slug(Path(file.name)),
            sha256=digest,
            parameters_hash=self.parameters_hash,
            code_version=__version__,
            read_at=utc_now(),
        )

    def _sort_fresh(
        self, read: ReadPart, documents: Documents, error: Exception | None, of: FoundFile | Part
    ) -> None:
        read.readings.extend(document for document in documents if isinstance(document, Reading))
        read.refused.extend(document for document in documents if isinstance(document, RejectionDocument))
        if error is not None:
            label = of.labels[0] if isinstance(of, Part) and (of.several or len(of.texts) > 1) else ""
            read.refused.append(self._rejection(as_known(error), read.entry, block=label))

    def _rejection(
        self, error: MTLError, entry: FileDocument, material: str = "", block: str = ""
    ) -> RejectionDocument:
        return rejection(
            error, entry.name, entry.sha256, self.parameters, self.release.source, material, block=block
        )

    def _conflict(self, conflict: Conflict) -> RejectionDocument:
        entry, material = conflict.offer.entry, conflict.offer.material_id
        error = ConflictingIdError(
            f"is {material}, and so is {conflict.file_name}, which differs",
            subject=entry.name,
            remedy="rename one of the files or correct its database code",
        )
        return self._rejection(error, entry, material, conflict.offer.block)

    def _take(self, read: ReadPart) -> None:
        self._batch.append(read)
        if sum(max(1, len(one.readings) + len(one.refused)) for one in self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        """Write the batch; the ledger comes last, so that a crash costs one batch and loses nothing."""
        store, batch, self._batch = self.store, self._named(self._batch), []
        held, conflicts = self._claims.decide([offer for file in batch for offer in file.offers()])
        taken = {(offer.material_id, offer.fingerprint) for offer in held}
        recorded = self._record(
            [
                reading
                for file in batch
                for reading in file.readings
                if (reading.revision.material_id, reading.revision.fingerprint) in taken
            ]
        )
        ids = {key: revision.id for key, revision in recorded.items()}
        for file in batch:
            if file.known:
                pairs = zip(file.entry.structures, file.entry.fingerprints, strict=True)
                ids |= {(material_of(i), fingerprint): i for i, fingerprint in pairs}
        overtaken = self._claims.enter([(offer, ids[offer.content]) for offer in held])
        late = {conflict.offer.material_id for conflict in overtaken}
        held = [offer for offer in held if offer.material_id not in late]
        beaten = [*conflicts, *overtaken]
        refused = [*(r for file in batch for r in file.refused), *map(self._conflict, beaten)]
        known_refusals = [key for file in batch if file.known for key in file.entry.rejections]
        store.structures.assign_release(
            sorted({ids[offer.content] for offer in held}), self.release.name, store.releases.order()
        )
        aside = self._set_aside(batch)
        self.set_aside |= aside.keys()
        self._claims.leave((material, stem) for material, (stem, _) in aside.items())
        again = [r for _, r in aside.values() if r.ended_in(self.release.name)]
        store.rejections.record_many([*refused, *(r.met_again() for r in again)], self.release.name)
        store.rejections.assign_release(known_refusals, self.release.name)
        self._end_lack_of_ions(refused)
        self._note_delivered(batch, held, [*(r.id for r in refused), *known_refusals])
        self._write_ledger(batch, ids, {conflict.offer.entry.id for conflict in beaten})
        outcomes = Counter(r.outcome for r in recorded.values() if material_of(r.id) not in late)
        self._sum_up(
            sum(file.last for file in batch), len(held), outcomes, len(refused) + len(known_refusals)
        )
        if self.on_refusals is not None and (refused or known_refusals):
            self.on_refusals([*refused, *store.rejections.find({"_id": {"$in": known_refusals}})])

    def _end_lack_of_ions(self, refused: Sequence[RejectionDocument]) -> None:
        """What was refused for lack of an ion that is looked for now, and is refused for something else, lacks none."""
        others = [r for r in refused if r.reason != NoMobileIonError.reason]
        if others:
            over = {
                "_id": {"$in": [r.of_reason(NoMobileIonError.reason) for r in others]},
                "file_sha256": {"$in": [r.file_sha256 for r in others]},
            }
            self.store.rejections.resolve(STAGE, over, self.release.name)

    def _set_aside(self, batch: Sequence[ReadPart]) -> dict[str, tuple[str, RejectionDocument]]:
        """Refusals by a filter, fresh and known ones, by material, each with the stem of its file."""
        refused = [(file.entry.stem, r) for file in batch for r in file.refused]
        known = {key: file.entry.stem for file in batch if file.known for key in file.entry.rejections}
        refused += [(known[r.id], r) for r in self.store.rejections.find({"_id": {"$in": list(known)}})]
        return {r.material_id: (stem, r) for stem, r in refused if r.reason == SetAsideError.reason}

    def _sum_up(self, n_files: int, n_held: int, outcomes: Counter[Change], n_refused: int) -> None:
        new, changed = outcomes["new"], outcomes["changed"]
        self.summary += IngestSummary(
            files=n_files,
            read=n_held + n_refused,
            new=new,
            changed=changed,
            unchanged=n_held - new - changed,
            rejected=n_refused,
        )
        self.note(self.summary)
        if self.progress is not None:
            self.progress(self.summary, self._found.share)

    def _named(self, batch: Sequence[ReadPart]) -> list[ReadPart]:
        """The same files, their materials under the names that the store has for them."""
        readings, refused = as_before(
            self.store,
            self.release.source,
            [reading for file in batch for reading in file.readings],
            [refusal for file in batch for refusal in file.refused],
        )
        left, told = iter(readings), iter(refused)
        return [
            replace(
                file,
                readings=list(islice(left, len(file.readings))),
                refused=list(islice(told, len(file.refused))),
            )
            for file in batch
        ]

    def _record(self, fresh: Sequence[Reading]) -> dict[tuple[str, str], Recorded]:
        """Write what was read, by material and fingerprint."""
        distinct = {
            (r.revision.material_id, r.revision.fingerprint): r.revision
            for r in settle_crystals(self.store, fresh)
        }
        found = self.store.structures.add_revisions(list(distinct.values()))
        recorded = dict(zip(distinct, found, strict=True))
        self.store.structures.reflag(
            {r.id: distinct[key] for key, r in recorded.items() if r.outcome == "unchanged"}
        )
        return recorded

    def _note_delivered(
        self, batch: Sequence[ReadPart], held: Sequence[Offer], refusals: Iterable[str]
    ) -> None:
        """Remember what was met, for the refusals that end with it."""
        accepted = {(offer.entry.id, offer.material_id) for offer in held}
        self.delivered.materials.update(offer.material_id for offer in held)
        self.delivered.stems.update(offer.entry.stem for offer in held)
        for file in batch:
            for revision in (reading.revision for reading in file.readings):
                if (file.entry.id, revision.material_id) in accepted:
                    self.delivered.stems |= stems(revision.file.name, revision.file.block)
        self.delivered.refusals.update(refusals)

    def _write_ledger(
        self, batch: Sequence[ReadPart], ids: Mapping[tuple[str, str], str], beaten: Set[str]
    ) -> None:
        """Note what files gave; what is read of a file is kept until all of it is."""
        ions = sorted(self.parameters.mobile_ions)
        for read in batch:
            read.note(ids, read.entry.id in beaten)
        self.store.files.put(read.file.ledger_entry(ions) for read in batch if read.last and read.file.counts)


def as_known(error: Exception) -> MTLError:
    """An unforeseen failure of one file is a refusal like any other."""
    if isinstance(error, MTLError):
        return error
    return UnreadableStructureError(f"{type(error).__name__}: {error}", remedy="report it with the file")
