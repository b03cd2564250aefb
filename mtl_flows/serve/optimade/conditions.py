"""Values in a filter, and what they are compared with: each by its type, none taken for another."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from lark import Token

from mtl_flows.errors import QueryError

Value = str | int | float | bool
Compare = Callable[[Any, Any], bool]

SHOWN: Final = 60
"""Characters of a filter that a message repeats."""
COMPARE: Final[Mapping[str, Compare]] = MappingProxyType(
    {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "=": operator.eq,
        "!=": operator.ne,
    }
)


class Condition(NamedTuple):
    """What an item of a list is compared with, and how."""

    sign: str
    value: Value

    def met_by(self, item: Any) -> bool:
        """Whether an item meets it; items of another type cannot be asked."""
        if isinstance(item, str) != isinstance(self.value, str) or isinstance(self.value, bool):
            raise QueryError.not_offered(
                f"{self.value!r} is not of the type of the list's items", subject="filter"
            )
        return bool(COMPARE[self.sign](item, self.value))


def conditions_of(found: list[Any]) -> list[Condition]:
    """Join operators with the values that follow them."""
    conditions, sign = [], "="
    for one in found:
        if isinstance(one, Token):
            sign = str(one)
        else:
            conditions.append(Condition(sign, one))
            sign = "="
    return conditions


def have(how: str, wanted: Sequence[Sequence[Condition]], lists: Sequence[Sequence[Any]]) -> bool:
    """Whether lists with correlated positions have what is wanted."""
    if len({len(items) for items in lists}) > 1:
        return False
    met = [
        [all(c.met_by(item) for c, item in zip(each, items, strict=True)) for each in wanted]
        for items in zip(*lists, strict=True)
    ]
    if how == "ALL":
        return all(any(of_item[n] for of_item in met) for n in range(len(wanted)))
    if how == "ONLY":
        return all(any(of_item) for of_item in met)
    return any(any(of_item) for of_item in met)


def comparable(name: str, kind: str, value: Value, sign: str) -> Any:
    """Return a value as it is compared with those of a property.

    Raises
    ------
    QueryError
        If it is of another type, or no time where it has to be one.
    """
    fits = {
        "string": isinstance(value, str),
        "timestamp": isinstance(value, str),
        "boolean": isinstance(value, bool) and sign in ("=", "!="),
        "list": False,
    }
    if not fits.get(kind, isinstance(value, int | float) and not isinstance(value, bool)):
        raise QueryError.not_offered(
            f"{name} is of type {kind}: {sign} {value!r} is not offered", subject="filter"
        )
    if kind != "timestamp":
        return value
    try:
        when = datetime.fromisoformat(str(value).upper())
    except ValueError:
        raise QueryError(
            f"{str(value)[:SHOWN]!r} is no time as RFC 3339 writes it", subject="filter"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def number_of(text: str) -> int | float:
    """Read a number; one that this machine cannot hold is refused."""
    try:
        value = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        if not isfinite(value):
            raise OverflowError
    except (ValueError, OverflowError):
        raise QueryError.not_offered(f"{text[:SHOWN]} is beyond ±1.8e308", subject="filter") from None
    return value
