"""The rows of a screening in memory, column by column: any sort and any filter within milliseconds, pages by key.

A database answers quickly what an index was made for, and it takes 64 of them at most. The table has forty-six columns,
each of which can be sorted and filtered; in memory that takes no index, and no question of a reader becomes a query.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_flows.pages.overview import ALSO, COLUMNS, WORDS
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.duplicates import natural_order
from mtl_flows.serve.question import Cursor, Question
from mtl_flows.store.candidates import ANY, PASSED

FIELDS: Final = (*(column.field for column in COLUMNS), *ALSO, "representative_id", "window_status")
"""What is read of a row."""

Record = dict[str, Any]
_Natural = tuple[tuple[tuple[int, int, str], ...], str]
_Keys = tuple[NDArray[np.float64], ...]

_SEARCHED: Final = (
    "material_id",
    "reduced_formula",
    "cluster_published",
    "cluster_text",
    "elements",
    "releases",
)
_BLOCK: Final = 1000  # rows made at once
_BEST_FIRST: Final = ("priority", "v3_over_d3")
_WHOLE: Final = {
    name for name, described in CandidateDocument.model_fields.items() if described.annotation is int
}


class Page(NamedTuple):
    """Some rows, how many meet what was asked, and where the next page begins; None after the last."""

    rows: list[Record]
    total: int
    after: Cursor | None


@dataclass(frozen=True)
class _Coded:
    """A column of few or many values: each kept once, in their natural order; -1 where there is none."""

    values: list[Any]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, values: Sequence[Any]) -> "_Coded":
        distinct = sorted({value for value in values if value is not None}, key=lambda v: _natural(_text(v)))
        places = {value: number for number, value in enumerate(distinct)}
        places[None] = -1
        return cls(distinct, np.array([places[value] for value in values], dtype=np.int32))

    @cached_property
    def natural(self) -> list[_Natural]:
        return [_natural(_text(value)) for value in self.values]

    def place_of(self, text: str) -> float:
        """Where the value of a text stands among those there are; between two of them if it is not there."""
        wanted = _natural(text)
        place = bisect_left(self.natural, wanted)
        return float(place) if place < len(self.values) and self.natural[place] == wanted else place - 0.5

    def at(self, row: int) -> Any:
        return self.at_all([row])[0]

    def at_all(self, rows: Sequence[int] | slice) -> list[Any]:
        """Values of some rows; lists as lists."""
        if self.values and isinstance(self.values[0], tuple):
            return [None if code < 0 else list(self.values[code]) for code in self.codes[rows].tolist()]
        return [None if code < 0 else self.values[code] for code in self.codes[rows].tolist()]


def _natural(text: str) -> _Natural:
    return natural_order(text), text


class Table:
    """What there is of a screening's rows.

    Parameters
    ----------
    rows
        Fields of each row as they are stored, `FIELDS` among them.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
        for row in rows:
            for name, column in columns.items():
                column.append(row.get(name))
        self.count = len(columns[FIELDS[0]])
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._flags: dict[str, NDArray[np.int8]] = {}
        self._coded: dict[str, _Coded] = {}
        kinds = {column.field: column.kind for column in COLUMNS}
        for name in FIELDS:
            values = columns.pop(name)
            kind = kinds.get(name, "text")
            if kind == "number":
                numbers = np.array(values, dtype=np.float64)
                numbers[~np.isfinite(numbers)] = np.nan
                self._numbers[name] = numbers
            elif kind == "flag":
                self._flags[name] = np.array([-1 if v is None else int(v) for v in values], dtype=np.int8)
            else:
                hashable = [tuple(v) if isinstance(v, list) else v for v in values]
                self._coded[name] = _Coded.of(hashable)
        self._ids = self._coded["material_id"]

    @cached_property
    def _places(self) -> dict[str, int]:
        """Row of each material."""
        return {self._ids.values[code]: row for row, code in enumerate(self._ids.codes.tolist())}

    @cached_property
    def _contains(self) -> dict[str, NDArray[np.bool_]]:
        """Which rows hold an element."""
        column = self._coded["elements"]
        symbols = sorted({symbol for system in column.values for symbol in system})
        return {
            symbol: np.array([symbol in system for system in column.values], dtype=bool)[column.codes]
            for symbol in symbols
        }

    @cached_property
    def _haystacks(self) -> list[str]:
        parts = []
        for name in _SEARCHED:
            column = self._coded[name]
            texts = [*map(_text, column.values), ""]  # the last for rows without a value
            parts.append([texts[code] for code in column.codes.tolist()])
        return [" ".join(found).casefold() for found in zip(*parts, strict=True)]

    @cached_property
    def _groups(self) -> dict[str, list[str]]:
        everything = slice(None)
        found: dict[str, list[str]] = {}
        heads = self._coded["representative_id"].at_all(everything)
        for head, member in zip(heads, self._ids.at_all(everything), strict=True):
            found.setdefault(head, []).append(member)
        return found

    def warm(self) -> None:
        """Make what questions look into, so that no reader waits for it."""
        _ = self._places, self._contains, self._haystacks, self._ids.natural
        self._order("", falling=False)

    @cached_property
    def elements(self) -> list[str]:
        """Symbols of all elements there are."""
        return list(self._contains)

    @property
    def filled(self) -> set[str]:
        """Columns in which any row has a value."""
        found = {name for name, column in self._numbers.items() if not np.isnan(column).all()}
        found |= {name for name, flags in self._flags.items() if (flags >= 0).any()}
        return found | {name for name, column in self._coded.items() if column.values}

    @property
    def words(self) -> dict[str, list[str]]:
        """Values of the fields of which a reader chooses one."""
        return {name: list(self._coded[name].values) for name in WORDS}

    @property
    def counts(self) -> dict[str, int]:
        """What the overview counts beside the funnel."""
        verdicts = self._coded["verdict"]
        passed = verdicts.values.index("pass") if "pass" in verdicts.values else -2
        return {
            "known": int((self._flags["is_known_conductor"] == 1).sum()),
            "simulated": int((self._coded["dynamics_status"].codes >= 0).sum()),
            "pass": int((verdicts.codes == passed).sum()),
        }

    def count_met(self, conditions: Sequence[tuple[str, str]]) -> dict[tuple[bool, ...], int]:
        """Count the unique materials by which of some conditions hold for them; see `mtl_flows.store.funnel`."""
        unique = self._flags["is_representative"] == 1
        holds = np.array([self._holds(*condition)[unique] for condition in conditions], dtype=bool)
        met, counts = np.unique(holds, axis=1, return_counts=True) if unique.any() else (holds[:, :0], ())
        return {tuple(column.tolist()): int(n) for column, n in zip(met.T, counts, strict=True)}

    def _holds(self, field: str, value: str) -> NDArray[np.bool_]:
        if field in self._flags:
            return np.asarray(self._flags[field] == int(value == PASSED))
        if field in self._numbers:
            return ~np.isnan(self._numbers[field])
        column = self._coded[field]
        wanted = column.values.index(value) if value in column.values else -2
        return np.asarray(column.codes >= 0 if value == ANY else column.codes == wanted)

    def __contains__(self, material_id: object) -> bool:
        return material_id in self._places

    def row(self, material_id: str, columns: Sequence[str] = ()) -> Record:
        """Return the row of a material that is there."""
        return self._records([self._places[material_id]], columns or FIELDS)[0]

    def group(self, material_id: str) -> dict[str, list[str]]:
        """Return the members of a material's group, by the one that stands for it; nothing where it has no row."""
        if material_id not in self:
            return {}
        head = self._coded["representative_id"].at(self._places[material_id])
        return {head: self._groups[head]}

    def page(
        self, asked: Question, limit: int, after: Cursor | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return the rows that meet a question, from a place on."""
        chosen = self._chosen(asked)
        total = int(chosen.sum())
        order = self._order(asked.sort, asked.falling)
        if after is not None:
            chosen = chosen & self._beyond(asked, after)
        found = order[chosen[order]][: limit + 1]
        rows = [int(row) for row in found[:limit]]
        more = len(found) > limit
        return Page(
            self._records(rows, columns or FIELDS),
            total,
            self._cursor(asked, rows[-1]) if more and rows else None,
        )

    def everything(self, asked: Question, columns: Sequence[str]) -> Iterator[Record]:
        """Stream all rows that meet a question."""
        chosen, order = self._chosen(asked), self._order(asked.sort, asked.falling)
        rows = order[chosen[order]].tolist()
        for first in range(0, len(rows), _BLOCK):
            yield from self._records(rows[first : first + _BLOCK], columns)

    def _chosen(self, asked: Question) -> NDArray[np.bool_]:
        chosen = np.ones(self.count, dtype=bool)
        nowhere = np.zeros(self.count, dtype=bool)
        for name, wanted in asked.flags.items():
            chosen &= self._flags[name] == int(wanted)
        for symbol in asked.elements:
            chosen &= self._contains.get(symbol, nowhere)
        for symbol in asked.without:
            chosen &= ~self._contains.get(symbol, nowhere)
        for name, value in asked.equal.items():
            column = self._coded[name]
            chosen &= column.codes == (column.values.index(value) if value in column.values else -2)
        for name, (low, high) in asked.ranges.items():
            column_ = self._numbers[name]
            chosen &= column_ >= (-np.inf if low is None else low)
            chosen &= column_ <= (np.inf if high is None else high)
        if asked.words:
            rows = np.flatnonzero(chosen)
            chosen[rows] = [all(word in self._haystacks[row] for word in asked.words) for row in rows]
        return chosen

    def _keys(self, sort: str, falling: bool) -> _Keys:
        """What rows are sorted by, rising, most significant first; infinite where there is no value."""
        if not sort:
            return (*(_last(-self._numbers[name]) for name in _BEST_FIRST), self._ids.codes.astype(float))
        sign = -1.0 if falling else 1.0
        if sort in self._numbers:
            column = self._numbers[sort]
        else:
            codes = self._flags[sort] if sort in self._flags else self._coded[sort].codes
            column = np.where(codes < 0, np.nan, codes.astype(float))
        return _last(sign * column), self._ids.codes.astype(float)

    @cached_property
    def _orders(self) -> dict[tuple[str, bool], NDArray[np.intp]]:
        return {}

    def _order(self, sort: str, falling: bool) -> NDArray[np.intp]:
        if (sort, falling) not in self._orders:
            self._orders[sort, falling] = np.lexsort(self._keys(sort, falling)[::-1])
        return self._orders[sort, falling]

    def _cursor(self, asked: Question, row: int) -> Cursor:
        names = (asked.sort,) if asked.sort else _BEST_FIRST
        (found,) = self._records([row], names)
        return Cursor(tuple(_key_value(found[name]) for name in names), self._ids.at(row))

    def _beyond(self, asked: Question, after: Cursor) -> NDArray[np.bool_]:
        """Rows that come after a place, which need not be one of theirs any more."""
        keys = self._keys(asked.sort, asked.falling)
        ends = [self._end(asked, place, value) for place, value in enumerate(after.values)]
        ends = ends[: len(keys) - 1] + [np.inf] * (len(keys) - 1 - len(ends))
        beyond = np.zeros(self.count, dtype=bool)
        level = np.ones(self.count, dtype=bool)
        for key, end in zip(keys, [*ends, self._ids.place_of(after.material_id)], strict=True):
            beyond |= level & (key > end)
            level &= key == end
        return beyond

    def _end(self, asked: Question, place: int, value: float | str | None) -> float:
        if value is None:
            return np.inf
        name = asked.sort or _BEST_FIRST[min(place, len(_BEST_FIRST) - 1)]
        sign = -1.0 if asked.falling or not asked.sort else 1.0
        if name in self._coded:
            return sign * self._coded[name].place_of(str(value))
        return sign * value if isinstance(value, float) and isfinite(value) else np.inf

    def _records(self, rows: Sequence[int], columns: Sequence[str]) -> list[Record]:
        values = [self._values(name, rows) for name in columns]
        return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]

    def _values(self, name: str, rows: Sequence[int]) -> list[Any]:
        if name in self._numbers:
            numbers = self._numbers[name][rows].tolist()
            make = int if name in _WHOLE else float
            return [None if number != number else make(number) for number in numbers]
        if name in self._flags:
            return [None if flag < 0 else bool(flag) for flag in self._flags[name][rows].tolist()]
        return self._coded[name].at_all(rows)


def _last(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put what has no value after everything else."""
    return np.where(np.isnan(column), np.inf, column)


def _text(value: Any) -> str:
    """A value in letters, as it is searched and sorted."""
    return (
        "" if value is None else " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    )


def _key_value(value: Any) -> float | str | None:
    """Value of a row as its cursor holds it."""
    return value if value is None else float(value) if isinstance(value, int | float) else _text(value)
