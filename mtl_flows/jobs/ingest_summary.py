"""What an ingest met, in numbers."""

from dataclasses import asdict, dataclass


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
    regrouped
        Materials, of any source, that another one stands for than before.
    relabelled
        Groups that count as known conductors now and did not before, or the other way round.
    """

    files: int = 0
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    duplicates: int = 0
    withdrawn: int = 0
    regrouped: int = 0
    relabelled: int = 0

    def __add__(self, other: "IngestSummary") -> "IngestSummary":
        mine, theirs = asdict(self), asdict(other)
        return IngestSummary(**{name: mine[name] + theirs[name] for name in mine})
