"""The tables of a store's screenings, read when they are first asked for, and again when something changed."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final, Generic, TypeVar

from pymongo.errors import PyMongoError

from mtl_flows.errors import MTLError
from mtl_flows.schemas.base import utc_now
from mtl_flows.serve.table import FIELDS, Table
from mtl_flows.store.database import MTLStore

_SHARE: Final = 20  # at most one part in so many of the time goes into looking for changes

_log = logging.getLogger(__name__)

T = TypeVar("T")


def read_table(store: MTLStore) -> Table:
    """Read the rows of a store's screening."""
    table = Table(store.candidates.fields(FIELDS))
    table.warm()
    return table


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """A table, the state of the rows it was made of, and when that was."""

    table: T
    state: str
    as_of: str


class Tables(Generic[T]):
    """Tables by screening; a reader never waits for a change to be read.

    Parameters
    ----------
    background
        Where changes are looked for while readers get what there is.
    read
        Makes the table of a store's screening.
    every_s
        Seconds after which what is asked for is looked at again; more where looking takes long.
    """

    def __init__(
        self, store: MTLStore, background: Executor, read: Callable[[MTLStore], T], every_s: float = 5.0
    ) -> None:
        self._store = store
        self._read = read
        self._background = background
        self._every_s = every_s
        self._made: dict[str, Snapshot[T]] = {}
        self._due: dict[str, float] = {}
        self._lock = Lock()

    def of(self, screening: str) -> Snapshot[T]:
        """Return the table of a screening; looks for changes behind the reader's back.

        Raises
        ------
        NotFoundError
            If there is no such screening.
        """
        made = self._made.get(screening)
        if made is None:
            with self._lock:
                return self._made.get(screening) or self._look(screening)
        if monotonic() >= self._due[screening]:
            self._due[screening] = float("inf")
            self._background.submit(self._again, screening)
        return made

    def _again(self, screening: str) -> None:
        try:
            self._look(screening)
        except (MTLError, PyMongoError) as error:
            _log.warning("the screening %r cannot be read again: %s", screening, type(error).__name__)
            self._due[screening] = monotonic() + self._every_s

    def _look(self, screening: str) -> Snapshot[T]:
        """Read a screening, if anything changed since it was read."""
        begun = monotonic()
        store = self._store.under(screening)
        if screening != self._store.screenings.default():
            self._store.screenings.named(screening)
        # The state first: what changes while rows are read is noticed the next time.
        state = store.candidates.state()
        made = self._made.get(screening)
        if made is None or made.state != state:
            made = Snapshot(self._read(store), state, f"{utc_now():%Y-%m-%d %H:%M:%S} UTC")
            self._made[screening] = made
        took = monotonic() - begun
        self._due[screening] = monotonic() + max(self._every_s, _SHARE * took)
        return made
