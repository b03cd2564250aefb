"""All entries in memory, property by property: filters, orders and pages by key, of which none becomes a query."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_flows.serve.optimade.properties import properties

Mask = NDArray[np.bool_]

_ARRAYS: Final = {"integer": np.int64, "float": np.float64, "boolean": np.bool_}


class Values:
    """Values of one property, each kept once and in order; entries refer to them, -1 where it is unknown."""

    def __init__(self, kind: str, values: Sequence[Any]) -> None:
        distinct = sorted({value for value in values if _is_known(value)})
        places = {value: number for number, value in enumerate(distinct)}
        self.kind = kind
        self.codes = np.array([places[v] if _is_known(v) else -1 for v in values], dtype=np.int32)
        if kind in _ARRAYS:
            self.values: NDArray[Any] = np.array(distinct, dtype=_ARRAYS[kind])
        else:
            self.values = np.fromiter(distinct, dtype=object, count=len(distinct))

    @property
    def known(self) -> Mask:
        """Entries of which it is known."""
        return np.asarray(self.codes >= 0)

    def spread(self, found: Iterable[bool]) -> Mask:
        """Entries whose value is among those found."""
        return np.append(np.fromiter(found, dtype=np.bool_), False)[self.codes]

    def at(self, entries: Sequence[int]) -> list[Any]:
        """Values of some entries, as JSON has them."""
        codes = self.codes[entries]
        known = iter(self.values[codes[codes >= 0]].tolist())
        return [None if code < 0 else _plain(next(known)) for code in codes.tolist()]

    def keys(self, falling: bool) -> NDArray[np.float64]:
        """What entries are sorted by, rising; infinite where it is unknown."""
        return np.where(self.codes < 0, np.inf, self.codes * (-1.0 if falling else 1.0))

    def place_of(self, value: Any, falling: bool) -> float:
        """Where a value stands among these keys, between two of them if it is not there any more.

        Raises
        ------
        TypeError
            If it is no value of this kind.
        """
        if value is None:
            return np.inf
        values = self.values.tolist()
        place: float = bisect_left(values, value)
        if not (place < len(values) and values[int(place)] == value):
            place -= 0.5
        return -place if falling else place


class Order(NamedTuple):
    """What entries are sorted by: properties, and whether the largest come first."""

    by: tuple[tuple[str, bool], ...] = ()

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The same until no two entries are level."""
        return (*self.by, ("id", False))


class EntryPage(NamedTuple):
    """Some entries, how many there are in all, and what the last is sorted by where more follow."""

    entries: list[int]
    total: int
    last: list[Any] | None


class Catalogue:
    """What there is.

    Parameters
    ----------
    entries
        Of each entry every property that filters may name.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        names = {one.name: one.kind for one in properties().values() if one.is_queried}
        values: dict[str, list[Any]] = {name: [] for name in names}
        for entry in entries:
            for name, column in values.items():
                column.append(entry[name])
        self.count = len(values["id"])
        self.columns = {name: Values(kind, values.pop(name)) for name, kind in names.items()}

    @property
    def everything(self) -> Mask:
        """Every entry."""
        return np.ones(self.count, dtype=np.bool_)

    def find(self, entry_id: str) -> int | None:
        """Return the place of an entry, None if there is none of that id."""
        ids = self.columns["id"]
        place = bisect_left(ids.values, entry_id)
        if place == len(ids.values) or ids.values[place] != entry_id:
            return None
        return int(np.flatnonzero(ids.codes == place)[0])

    def told(self, entries: Sequence[int], names: Iterable[str]) -> list[dict[str, Any]]:
        """Return some properties of some entries."""
        columns = {name: self.columns[name].at(entries) for name in names}
        return [{name: values[n] for name, values in columns.items()} for n in range(len(entries))]

    def page(self, chosen: Mask, order: Order, limit: int, after: Sequence[Any] = ()) -> EntryPage:
        """Return a page of the chosen entries, beginning after a place.

        Parameters
        ----------
        after
            `last` of the page before.

        Raises
        ------
        TypeError, ValueError
            If the place is of another order.
        """
        total = int(chosen.sum())
        keys = [self.columns[name].keys(falling) for name, falling in order.keys]
        if after:
            chosen = chosen & self._beyond(keys, order, after)
        entries = np.flatnonzero(chosen)
        found = entries[np.lexsort([key[entries] for key in reversed(keys)])]
        shown = found[:limit].tolist()
        last = None
        if len(found) > limit:
            last = [self.columns[name].at(shown[-1:])[0] for name, _ in order.keys]
        return EntryPage(shown, total, last)

    def _beyond(self, keys: Sequence[NDArray[np.float64]], order: Order, after: Sequence[Any]) -> Mask:
        beyond, level = ~self.everything, self.everything
        for key, (name, falling), value in zip(keys, order.keys, after, strict=True):
            column = self.columns[name]
            if column.kind == "timestamp" and value is not None:
                value = datetime.fromisoformat(value)
            end = column.place_of(value, falling)
            beyond |= level & (key > end)
            level &= key == end
        return beyond


def _is_known(value: Any) -> bool:
    return value is not None and value == value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}Z"
    return list(value) if isinstance(value, tuple) else value
