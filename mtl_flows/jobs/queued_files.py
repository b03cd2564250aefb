"""Files of a delivery on their way: in the queue, read part by part, and what the ledger will say of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mtl_flows.errors import InputError
from mtl_flows.jobs.claims import Offer
from mtl_flows.jobs.reading import Reading
from mtl_flows.schemas.ingest import FileDocument, RejectionDocument
from mtl_flows.science.reading import FoundFile
from mtl_flows.store.structures import material_of

_MOST_BYTES = 2**26

T = TypeVar("T")


@dataclass
class QueuedFile:
    """A file in the queue.

    Attributes
    ----------
    known
        The ledger knows it: it is not read.
    parts
        Parts of it that are being read.
    handed_out
        All of its parts are being read or were.
    structures, fingerprints, rejections, lacks_ions, beaten
        What was taken so far, for the ledger; whether an ion was lacking, and whether another file spoke first.
    """

    entry: FileDocument
    known: bool
    parts: int = 0
    handed_out: bool = False
    structures: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)
    lacks_ions: bool = False
    beaten: bool = False

    @property
    def counts(self) -> bool:
        """It goes into the ledger: one that could not be opened, or lost to another, is looked at again next time."""
        return bool(not self.known and self.entry.sha256 and not self.beaten)

    def ledger_entry(self, ions: list[str]) -> FileDocument:
        """What the ledger says of it, read for these ions."""
        told = {
            "lacks": ions if self.lacks_ions else [],
            "structures": self.structures,
            "fingerprints": self.fingerprints,
            "rejections": self.rejections,
        }
        return self.entry.model_copy(update=told)


@dataclass(frozen=True)
class ReadPart:
    """What was read of a part of a file; of one that the ledger knows nothing was.

    Attributes
    ----------
    last
        Nothing of the file is left.
    """

    file: QueuedFile
    last: bool
    readings: list[Reading] = field(default_factory=list)
    refused: list[RejectionDocument] = field(default_factory=list)

    @property
    def entry(self) -> FileDocument:
        """Ledger entry of the file."""
        return self.file.entry

    @property
    def known(self) -> bool:
        """The file was not read."""
        return self.file.known

    def offers(self) -> list[Offer]:
        """What is said of each material."""
        if self.known:
            pairs = zip(map(material_of, self.entry.structures), self.entry.fingerprints, strict=True)
            return [Offer(self.entry, material, fingerprint) for material, fingerprint in pairs]
        return [
            Offer(self.entry, reading.revision.material_id, reading.revision.fingerprint, reading.label)
            for reading in self.readings
        ]

    def note(self, ids: Mapping[tuple[str, str], str], beaten: bool) -> None:
        """Note for the ledger what was taken, by the revisions that it turned out to be."""
        if self.known:
            return
        file, offers = self.file, self.offers()
        file.beaten |= beaten
        file.lacks_ions |= any(refusal.elements for refusal in self.refused)
        file.rejections += [refusal.id for refusal in self.refused]
        if not file.beaten:
            file.structures += [ids[offer.content] for offer in offers]
            file.fingerprints += [offer.fingerprint for offer in offers]


def by_size(found: Iterable[FoundFile], n_files: int) -> Iterator[list[FoundFile]]:
    """Files in lists of so many, or of fewer that are large."""
    files: list[FoundFile] = []
    size = 0
    for file in found:
        files.append(file)
        size += 0 if isinstance(file.content, InputError) else len(file.content)
        if len(files) == n_files or size > _MOST_BYTES:
            yield files
            files, size = [], 0
    yield files


def with_last(items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Each item, and whether it is the last."""
    held: list[T] = []
    for item in items:
        if held:
            yield held.pop(), False
        held.append(item)
    if held:
        yield held.pop(), True
