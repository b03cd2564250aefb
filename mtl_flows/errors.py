"""The exception tree: each error says what was wrong, with what, and what to do.

``MTLError`` is the root. Input errors carry a *reason code*, the same code that a rejection document holds,
so a batch turns any of them into a record and goes on.

    MTLError
    ├── ConfigurationError        settings, connection string
    │   └── MissingExtraError     a package that an extra would bring is not installed
    ├── DatabaseUnavailableError  no server answers
    ├── BackupError               a file that is no backup, or a damaged one
    ├── DamagedFolderError        a job folder that is not as it was written
    ├── NodeError                 a calculation broke off on the machine that it was carried to
    ├── QueueError                a queueing system does not answer, or refuses a job
    ├── DocumentTooLargeError     would not fit MongoDB's 16 MB limit
    ├── NotFoundError             an id nobody knows
    ├── QueryError                what a client of a service asks cannot be answered
    ├── OwnershipLostError        the job was given to another worker meanwhile
    ├── InputError(reason)        something is wrong with one material or file
    │   ├── UnreadableStructureError
    │   ├── InconsistentFileError  what a file says of itself cannot all be true
    │   ├── NoMobileIonError
    │   ├── NoFrameworkError
    │   ├── OccupancyError
    │   ├── NegativeOccupancyError
    │   ├── OverlappingSitesError
    │   ├── ConflictingIdError    two files of one delivery claim one material
    │   ├── SetAsideError         dropped by a filter the user chose
    │   ├── LimitExceededError    time or memory of one structure
    │   ├── OrderingError         no sensible ordered approximant
    │   ├── UnsupportedIonError   nothing is known of how the mobile ion interacts with some other
    │   └── UnusableTrajectoryError  frames of another program that cannot be analysed, or are of another crystal
    ├── ClusteringError           not converged, degenerate
    ├── SourceError               a source of structures does not answer, or not as it should
    ├── DynamicsError             a trajectory that cannot be used
    │   └── CalculationError      an engine or external program failed beyond repair
    │       ├── UnsoundPotentialError   its forces are not the slope of its energy
    │       └── PotentialChangedError   its weights are others than those that were asked for
    └── StabilityError            entries missing or of mixed origin
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar, Self

_LISTED = 20


class MTLError(Exception):
    """Root of every error this package raises on purpose.

    Parameters
    ----------
    message
        What was wrong.
    subject
        The material, file, collection or setting concerned.
    remedy
        What the user can do about it.
    """

    reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, subject: str = "", remedy: str = "") -> None:
        super().__init__(message, subject, remedy)
        self.message = message
        self.subject = subject
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword-only context when the error crosses a process boundary."""
        return _rebuild, (type(self), self.message, self.subject, self.remedy, self.__dict__)

    def __str__(self) -> str:
        head = f"{self.subject}: {self.message}" if self.subject else self.message
        return f"{head} ({self.remedy})" if self.remedy else head


def there_are(name: str, known: Iterable[str], otherwise: str = "there is none yet") -> str:
    """Remedy for a name that nothing has: what there is, and the nearest of it.

    Parameters
    ----------
    known
        What there is.
    otherwise
        What to say where that is nothing.
    """
    names = list(known)
    if not names:
        return otherwise
    shown = ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
    folded = {one.casefold(): one for one in names}
    near = get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    guess = f"did you mean {' or '.join(folded[one] for one in near)}? " if near else ""
    return f"{guess}there {'is' if len(names) == 1 else 'are'} {shown}"


def _rebuild(
    cls: type[MTLError], message: str, subject: str, remedy: str, rest: dict[str, object]
) -> MTLError:
    error = cls(message, subject=subject, remedy=remedy)
    error.__dict__.update(rest)
    return error


class ConfigurationError(MTLError):
    """A setting, a connection string or an installation is unusable."""

    reason = "configuration"


class MissingExtraError(ConfigurationError):
    """A package that an extra would bring is not installed."""

    reason = "missing_extra"

    @classmethod
    def of(cls, extra: str, packages: Sequence[str]) -> Self:
        """Error of an extra of which these packages cannot be imported."""
        return cls(
            f"{', '.join(packages)} {'is' if len(packages) == 1 else 'are'} not installed",
            subject=f"extra '{extra}'",
            remedy=f"pip install 'mtl-flows[{extra}]', with the constraints file of the release",
        )


def unwritable(path: object, error: OSError) -> ConfigurationError:
    """Error of a file or folder that cannot be written."""
    return ConfigurationError(
        f"cannot be written: {error.strerror or error}", subject=str(path), remedy="choose another place"
    )


class DatabaseUnavailableError(MTLError):
    """No MongoDB server answers at the configured address."""

    reason = "database_unavailable"


class DocumentTooLargeError(MTLError):
    """A document would exceed MongoDB's 16 MB limit."""

    reason = "document_too_large"


class BackupError(MTLError):
    """A file is no backup, or a damaged one."""

    reason = "backup"


class DamagedFolderError(MTLError):
    """A folder that was carried to another machine is not as it was written."""

    reason = "damaged_folder"


class NodeError(MTLError):
    """A calculation broke off on the machine that it was carried to, for no reason of the material's."""

    reason = "node"


class QueueError(MTLError):
    """A queueing system does not answer, or refuses a job."""

    reason = "queue"


class NotFoundError(MTLError):
    """An id, name or release that the store does not hold."""

    reason = "not_found"


class QueryError(MTLError):
    """What a client of a service asks cannot be answered.

    Attributes
    ----------
    status
        What HTTP calls that; 400 for what is wrong, 501 for what is not offered.
    """

    reason = "query"
    status: int = 400

    @classmethod
    def not_offered(cls, message: str, *, subject: str = "") -> Self:
        """Error of a question that is right, and is not answered here."""
        return cls.of_status(501, message, subject=subject)

    @classmethod
    def of_status(cls, status: int, message: str, *, subject: str = "", remedy: str = "") -> Self:
        """Error of a status."""
        error = cls(message, subject=subject, remedy=remedy)
        error.status = status
        return error


class OwnershipLostError(MTLError):
    """A job was given to another worker while this one was away: it must not write any more."""

    reason = "ownership_lost"


class InputError(MTLError):
    """Something is wrong with one material or file; a batch records it and goes on.

    Parameters
    ----------
    about
        Words of the file that it is about: tags and labels.

    Attributes
    ----------
    lines
        Lines of the file that hold them, numbered; empty until the file is looked at.
    """

    reason = "input"

    def __init__(
        self, message: str, *, subject: str = "", remedy: str = "", about: Sequence[str] = ()
    ) -> None:
        super().__init__(message, subject=subject, remedy=remedy)
        self.about = tuple(about)
        self.lines: tuple[str, ...] = ()

    def with_context(self, subject: str, remedy: str = "", lines: Sequence[str] = ()) -> Self:
        """The same error, told of a file; what it says already stays."""
        told = type(self)(
            self.message, subject=self.subject or subject, remedy=self.remedy or remedy, about=self.about
        )
        told.__dict__.update(self.__dict__ | {"subject": told.subject, "remedy": told.remedy})
        told.lines = self.lines or tuple(lines)
        return told


class UnreadableStructureError(InputError):
    """The file cannot be read as a crystal structure."""

    reason = "unreadable"


class InconsistentFileError(InputError):
    """What a file says of itself cannot all be true, and nothing tells which of it is.

    Attributes
    ----------
    elements
        Of the sites, where they could be read.
    """

    reason = "inconsistent"
    elements: tuple[str, ...] = ()


class NoMobileIonError(InputError):
    """The structure holds no site with the mobile element."""

    reason = "no_mobile_ion"


class NoFrameworkError(InputError):
    """Every site of the structure is mobile: there is no framework to speak of."""

    reason = "no_framework"


class OccupancyError(InputError):
    """A site's occupancies add up to more than one."""

    reason = "occupancy_above_one"


class NegativeOccupancyError(InputError):
    """A site's occupancy is below zero."""

    reason = "negative_occupancy"


class OverlappingSitesError(InputError):
    """Two fully occupied sites are closer than any bond."""

    reason = "overlapping_sites"


class ConflictingIdError(InputError):
    """Two files of one delivery claim to be the same material and differ."""

    reason = "conflicting_id"


class SetAsideError(InputError):
    """Readable, but a filter of the user's keeps it out."""

    reason = "set_aside"


class LimitExceededError(InputError):
    """One structure took more time or memory than it is allowed."""

    reason = "limit_exceeded"


class OrderingError(InputError):
    """No charge-balanced, physically sensible ordered approximant was found."""

    reason = "ordering_failed"


class UnsupportedIonError(InputError):
    """Nothing is known of how the mobile ion interacts with some ion of the crystal."""

    reason = "unsupported_ion"


class UnusableTrajectoryError(InputError):
    """A trajectory of another program cannot be read or analysed, or is not one of the material."""

    reason = "unusable_trajectory"


class ClusteringError(MTLError):
    """Clustering did not converge or gave a degenerate result."""

    reason = "clustering"


class SourceError(MTLError):
    """A source of structures does not answer, or not as it should."""

    reason = "source"


class DynamicsError(MTLError):
    """A molecular-dynamics run cannot be used: not a number, runaway temperature, inconsistent frames."""

    reason = "dynamics"


class CalculationError(DynamicsError):
    """An engine raised or gave no numbers, or an external program failed beyond repair or left nothing to read."""

    reason = "calculation_failed"


class UnsoundPotentialError(CalculationError):
    """A potential whose forces or stress are not the slope of its energy."""

    reason = "unsound_potential"


class PotentialChangedError(CalculationError):
    """A worker's weights are others than those of the potential that was asked for."""

    reason = "potential_changed"


class StabilityError(MTLError):
    """Phase-diagram entries are missing or of mixed origin."""

    reason = "stability"
