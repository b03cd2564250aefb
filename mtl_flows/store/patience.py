"""Waiting for a database that is away: which errors mean that, how one waits, and who tries again.

A `Patience` that is in force in a thread makes every operation of every client of pymongo there wait, whoever opened
the client: the store, FireWorks' launchpad, the job store. So what was computed is written afterwards, and
FireWorks is not cut off between two writes that belong together. What cannot be tried again by itself, such as a cursor
that ended with its server, is repeated as a whole by `Patience.through`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)

from mtl_flows.errors import DatabaseUnavailableError, MTLError
from mtl_flows.whole_files import fills_disk

PATIENCE_S = 1800.0
RETRY_S = 1.0
TELL_EVERY_S = 60.0

_STEPPING_DOWN = {
    *(6, 7, 89, 9001, 10058, 10107, 11600, 11602, 13435, 13436),  # the driver's own list
    *(64, 91, 133, 134, 189, 262),  # a majority out of reach, shutdown, no server fit to read from, step-down
}
_AUTHENTICATION = {18, 391}
UNAUTHORIZED = 13
_DISK_FULL = 14031
_CURSOR_NOT_FOUND = 43
_DRIVER_S_BOTTLENECK = "_retry_internal"
NO_SPACE = "no space is left on a disk here"
_REVOKED = "the server refuses what it allowed before: a right was taken away"
_READS = {"find", "aggregate", "count", "distinct", "listCollections", "listIndexes", "getMore"}

T = TypeVar("T")


def why_away(error: BaseException) -> str:
    """Why the database cannot be used for now, if that is what an error says; empty if it is not.

    The text never repeats the error's own, which may hold the address.
    """
    if isinstance(error, DatabaseUnavailableError):
        return error.message
    if isinstance(error, ConnectionFailure):
        return "no server answers that takes writes"
    if isinstance(error, BulkWriteError):
        of_writes, of_concern = error.details["writeErrors"], error.details["writeConcernErrors"]
        reasons = [_why(fault.get("code", 0), fault.get("errmsg", "")) for fault in of_writes or of_concern]
        return reasons[0] if reasons and all(reasons) else ""
    if isinstance(error, OperationFailure):
        return _why(error.code or 0, str((error.details or {}).get("errmsg", "")))
    return ""


def why_cut_off(error: BaseException) -> str:
    """Why a piece of work broke off that nothing is wrong with: as `why_away`, a lost cursor, or a full disk here."""
    if isinstance(error, OperationFailure) and error.code == _CURSOR_NOT_FOUND:
        return "the server was changed or started anew"
    return NO_SPACE if fills_disk(error) else why_away(error)


def _why(code: int, message: str) -> str:
    if code in _STEPPING_DOWN:
        return "its primary is changing"
    if code in _AUTHENTICATION or (code == UNAUTHORIZED and "requires authentication" in message):
        return "the server refuses: authentication failed or has expired"
    return "the server's disk is full" if code == _DISK_FULL else ""


def _ignore(message: str) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


def _nothing() -> None:
    """Neither revives nor forbids anything."""


def _unnoted(away: bool) -> None:
    """Keep no note."""


@dataclass
class _Outage:
    """Something that has to be waited for: how that is said, since when, and when it was said last."""

    standing: str
    over: str
    began: float = field(default_factory=time.monotonic)
    told: float = float("-inf")

    @property
    def lasted_s(self) -> float:
        return time.monotonic() - self.began


class Patience:
    """How long to wait for the database, and what to do meanwhile.

    Parameters
    ----------
    limit_s
        Longest outage to wait for.
    say
        Told that the database is away, once a minute, and that it is back.
    interrupted
        Asked while waiting: true ends the wait.
    revive
        Called before each new attempt, for a server that one may start oneself.
    note
        Told true when an outage begins, false when it has ended.

    Attributes
    ----------
    allowed
        Kinds of operations, reading and writing, that the server has allowed. One that it refuses afterwards for want
        of a right was revoked: that is an outage. One that it never allowed is an error at once.
    exhausted
        Why an outage lasted longer than that; empty if none did.
    outages
        How many have ended.
    """

    def __init__(
        self,
        limit_s: float = PATIENCE_S,
        say: Callable[[str], None] = _ignore,
        *,
        interrupted: Callable[[], bool] = _never,
        revive: Callable[[], None] = _nothing,
        note: Callable[[bool], None] = _unnoted,
    ) -> None:
        self.limit_s = limit_s
        self.allowed: set[str] = set()
        self.exhausted = ""
        self.outages = 0
        self._say = say
        self._interrupted = interrupted
        self._revive = revive
        self._note = note
        self._guard: Callable[[], None] = _nothing
        self._away: _Outage | None = None

    def through(self, operation: Callable[[], T], why: Callable[[BaseException], str] = why_cut_off) -> T:
        """Do something, again and again while the database is away.

        Parameters
        ----------
        operation
            Safe to repeat.
        why
            Says why an error means that, or nothing if it does not.

        Raises
        ------
        OwnershipLostError
            If whoever does it lost its work meanwhile (see `guarded_by`).
        """
        full: _Outage | None = None
        while True:
            try:
                done = operation()
            except Exception as error:
                reason = why(error)
                if not reason:
                    raise
                if reason == NO_SPACE:
                    outage = full = full or self._begun(
                        "a disk here has been full", "the disk has room again"
                    )
                else:
                    outage = self._away = self._away or self._begun(
                        "the database is away", "the database is back"
                    )
                if not self._wait(outage, reason):
                    raise
                self._ask_guard()
            else:
                if (
                    self._away is not None
                ):  # any answer tells that it is back; a disk is asked by what needs it
                    outage, self._away = self._away, None
                    self._end(outage)
                if full is not None:
                    self._end(full)
                return done

    def why_revoked(self, kind: str, error: BaseException) -> str:
        """As `why_away`, of an error that says that a right is missing which was there before."""
        missing = isinstance(error, OperationFailure) and error.code == UNAUTHORIZED
        return _REVOKED if missing and kind in self.allowed else ""

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let every operation on a database wait, in this thread."""
        previous = _in_force.set(self)
        try:
            with _every_client_asks():
                yield
        finally:
            _in_force.reset(previous)

    @contextmanager
    def guarded_by(self, guard: Callable[[], None]) -> Iterator[None]:
        """Ask after each wait whether to go on; what `guard` raises ends the attempt."""
        previous, self._guard = self._guard, guard
        try:
            yield
        finally:
            self._guard = previous

    def _begun(self, standing: str, over: str) -> _Outage:
        self._note(True)
        return _Outage(standing, over)

    def _wait(self, outage: _Outage, reason: str) -> bool:
        waited_s = outage.lasted_s
        if self.exhausted or self._interrupted():
            return False
        if waited_s > self.limit_s:
            self.exhausted = reason
            return False
        if waited_s - outage.told >= TELL_EVERY_S:
            outage.told = waited_s
            self._say(
                f"{outage.standing} for {waited_s:.0f} s ({reason}); waiting up to {self.limit_s / 60:g} min"
            )
        with suppress(MTLError, OSError):
            self._revive()
        time.sleep(RETRY_S)
        return True

    def _end(self, outage: _Outage) -> None:
        self._say(f"{outage.over} after {outage.lasted_s:.0f} s")
        self.outages += 1
        self._note(False)

    def _ask_guard(self) -> None:
        guard, self._guard = self._guard, _nothing  # it asks the database itself, and waits for it
        try:
            guard()
        finally:
            self._guard = guard


_in_force: ContextVar[Patience | None] = ContextVar("patience", default=None)
_users = threading.Lock()
_n_users = 0


def patience() -> Patience | None:
    """What is in force in this thread."""
    return _in_force.get()


def patiently(operation: Callable[[], T]) -> T:
    """Do something with the patience that is in force, if any is."""
    standing = _in_force.get()
    return operation() if standing is None else standing.through(operation, why_away)


@contextmanager
def _every_client_asks() -> Iterator[None]:
    """Let the place in the driver through which every operation goes ask for the patience that is in force."""
    global _n_users
    with _users:
        _n_users += 1
        if _n_users == 1:
            _plain.append(getattr(MongoClient, _DRIVER_S_BOTTLENECK))
            setattr(MongoClient, _DRIVER_S_BOTTLENECK, _retry_internal)
    try:
        yield
    finally:
        with _users:
            _n_users -= 1
            if _n_users == 0:
                setattr(MongoClient, _DRIVER_S_BOTTLENECK, _plain.pop())


_plain: list[Callable[..., Any]] = []


def _retry_internal(
    client: MongoClient[Any], func: Any, session: Any, bulk: Any, operation: str, **options: Any
) -> Any:
    """As the driver's, which tries twice at most."""
    plain = partial(_plain[0], client, func, session, bulk, operation, **options)
    standing = _in_force.get()
    if standing is None:
        return plain()
    kind = "reading" if operation in _READS else "writing"
    if options.get("address"):  # of a cursor that is pinned to one server
        try:
            return plain()
        except OperationFailure as error:
            if reason := standing.why_revoked(kind, error):
                raise DatabaseUnavailableError(reason, subject="MongoDB") from None
            raise
    tried = False

    def attempt() -> Any:
        nonlocal tried
        try:
            done = plain()
        except DuplicateKeyError as error:
            if tried and operation == "insert" and (error.details or {}).get("keyPattern") == {"_id": 1}:
                return None  # the first attempt had arrived, its answer had not
            raise
        except PyMongoError:
            tried = True
            if bulk is not None:
                bulk.retrying = False  # else the driver takes the next attempt for the second of this one
            raise
        standing.allowed.add(kind)
        return done

    def why(error: BaseException) -> str:
        reason = why_away(error) or standing.why_revoked(kind, error)
        if reason and isinstance(error, OperationFailure):
            _authenticate_anew(client)
        return reason

    return standing.through(attempt, why)


def _authenticate_anew(client: MongoClient[Any]) -> None:
    """Let go of connections, which keep the rights that they were opened with."""
    topology: Any = vars(client).get("_topology")
    for server in [] if topology is None else list(topology._servers.values()):
        server.pool.reset()
