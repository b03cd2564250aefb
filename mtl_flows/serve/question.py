"""What is asked of the table: checked field by field, before anything is looked up."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError
from mtl_flows.pages.overview import COLUMNS, WORDS

MOST_ROWS: Final = 500
"""Of one page."""

_KINDS: Final = {column.field: column.kind for column in COLUMNS}
_LONGEST: Final = 200
_LONGEST_PLACE: Final = 2000
_MOST: Final = 40  # conditions of one kind


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: what its last row is sorted by, most significant first, and its material."""

    values: tuple[float | str | None, ...]
    material_id: str

    def __str__(self) -> str:
        text = json.dumps([*self.values, self.material_id], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote.

        Raises
        ------
        ConfigurationError
            If it is something else.
        """
        if len(text) > _LONGEST_PLACE:
            raise _wrong("after", "is no place in the table")
        try:
            found = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        except (NotBase64, ValueError, RecursionError):
            raise _wrong("after", "is no place in the table") from None
        plain = isinstance(found, list) and 2 <= len(found) <= 3
        if not plain or not all(isinstance(v, str | int | float) or v is None for v in found[:-1]):
            raise _wrong("after", "is no place in the table")
        if not isinstance(found[-1], str):
            raise _wrong("after", "is no place in the table")
        try:
            values = tuple(float(v) if isinstance(v, int | float) else v for v in found[:-1])
        except OverflowError:
            raise _wrong("after", "is no place in the table") from None
        return cls(values, found[-1])


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader looks for, and in which order.

    Attributes
    ----------
    words
        All of these are in what is searched: ids, formula, clusters, elements, releases.
    elements, without
        Element symbols that are in it, and that are not.
    flags
        Fields that are to be true, or false.
    equal
        Fields of `WORDS` with their values.
    ranges
        Limits of numeric fields, both included; what has no value is outside.
    sort
        Field; the highest priority first if empty.
    """

    words: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    sort: str = ""
    falling: bool = False

    @classmethod
    def of(
        cls,
        *,
        search: str = "",
        elements: str = "",
        without: str = "",
        passes: str = "",
        fails: str = "",
        equal: Sequence[str] = (),
        at_least: Sequence[str] = (),
        at_most: Sequence[str] = (),
        sort: str = "",
    ) -> "Question":
        """Read a question as an address has it.

        Parameters
        ----------
        elements, without, passes, fails
            With commas between.
        equal, at_least, at_most
            Each ``field:value``.
        sort
            Name of a column, with a minus before it for the largest first.

        Raises
        ------
        ConfigurationError
            If there is no such field or element, or a value is none of its kind.
        """
        if len(search) > _LONGEST:
            raise _wrong("search", f"is longer than {_LONGEST} characters")
        flags = dict.fromkeys(_named(passes, "flag", "passes"), True)
        flags |= dict.fromkeys(_named(fails, "flag", "fails"), False)
        sorted_by = sort.removeprefix("-")
        if sorted_by and sorted_by not in _KINDS:
            raise _wrong("sort", f"there is no column {sorted_by[:40]!r}")
        return cls(
            tuple(search.casefold().split()),
            _elements(elements, "elements"),
            _elements(without, "without"),
            flags,
            dict(_pairs(equal, WORDS, "equal")),
            _ranges(at_least, at_most),
            sorted_by,
            sort.startswith("-"),
        )


def column_names(text: str) -> list[str]:
    """Return columns named with commas between; all of them if none is named.

    Raises
    ------
    ConfigurationError
        If there is no such column.
    """
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in _KINDS]:
        raise _wrong("columns", f"there is no column {unknown[0][:40]!r}")
    return list(dict.fromkeys(names)) or list(_KINDS)


def _named(text: str, kind: str, parameter: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if _KINDS.get(name) != kind:
            raise _wrong(parameter, f"there is no {kind} {name[:40]!r}")
    return names


def _elements(text: str, parameter: str) -> tuple[str, ...]:
    symbols = tuple(symbol for symbol in text.split(",") if symbol)
    for symbol in symbols:
        if not Element.is_valid_symbol(symbol):
            raise _wrong(parameter, f"there is no element {symbol[:10]!r}")
    return symbols


def _pairs(texts: Sequence[str], allowed: Iterable[str], parameter: str) -> list[tuple[str, str]]:
    if len(texts) > _MOST:
        raise _wrong(parameter, f"is there more than {_MOST} times")
    found = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or name not in allowed:
            raise _wrong(parameter, f"{text[:40]!r} is not field:value of a field that can be asked for")
        if len(value) > _LONGEST:
            raise _wrong(parameter, f"has a value of more than {_LONGEST} characters")
        found.append((name, value))
    return found


def _ranges(at_least: Sequence[str], at_most: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    numbers = {name for name, kind in _KINDS.items() if kind == "number"}
    ends: dict[str, list[float | None]] = {}
    for end, (parameter, texts) in enumerate((("at_least", at_least), ("at_most", at_most))):
        for name, value in _pairs(texts, numbers, parameter):
            ends.setdefault(name, [None, None])[end] = _number(value, parameter)
    return {name: (low, high) for name, (low, high) in ends.items()}


def _number(text: str, parameter: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _wrong(parameter, f"{text[:40]!r} is no number") from None
    if not isfinite(value):
        raise _wrong(parameter, f"{text[:40]!r} is not finite")
    return value


def _wrong(parameter: str, what: str) -> ConfigurationError:
    return ConfigurationError(what, subject=parameter, remedy="see api")
