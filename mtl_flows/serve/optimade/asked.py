"""What a client asks for beside the filter: fields, order, page; checked before anything is looked up."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode

from mtl_flows.errors import QueryError
from mtl_flows.serve.optimade.catalogue import Order
from mtl_flows.serve.optimade.properties import ALWAYS, PREFIX, is_foreign, properties, standard_names

MOST_ENTRIES: Final = 500
"""Of one page."""

_USUAL_ENTRIES: Final = 20
_LONGEST_PLACE: Final = 2000
_SHOWN: Final = 60
_EVERYWHERE: Final = ("api_hint", "response_format", "email_address")
_OF_ENTRIES: Final = (*_EVERYWHERE, "response_fields", "include")
_OF_LISTS: Final = (*_OF_ENTRIES, "filter", "sort", "page_limit", "page_cursor")

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fields:
    """Properties that an answer holds, and those that are asked for and unknown here."""

    known: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of what a filter chooses."""

    filter: str
    fields: Fields
    order: Order
    limit: int
    after: tuple[Any, ...]
    warnings: tuple[str, ...]
    parameters: Parameters

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Read the parameters of an address.

        Raises
        ------
        QueryError
            If one of them is not known, is there twice, or says what cannot be.
        """
        said, warnings = _checked(parameters, _OF_LISTS)
        return cls(
            said.get("filter", ""),
            _fields(said),
            _order(said.get("sort", "")),
            _limit(said.get("page_limit", "")),
            _place(said["page_cursor"]) if "page_cursor" in said else (),
            warnings,
            tuple(parameters),
        )

    def following(self, last: Sequence[Any]) -> str:
        """Return the query of the next page's address."""
        place = json.dumps(list(last), separators=(",", ":")).encode()
        kept = [(name, value) for name, value in self.parameters if name != "page_cursor"]
        return urlencode([*kept, ("page_cursor", urlsafe_b64encode(place).decode().rstrip("="))])


def fields_of_entry(parameters: Parameters) -> tuple[Fields, tuple[str, ...]]:
    """Read the parameters of one entry's address: fields, and what is to be said.

    Raises
    ------
    QueryError
        As `Listing.of`.
    """
    said, warnings = _checked(parameters, _OF_ENTRIES)
    return _fields(said), warnings


def check_plain(parameters: Parameters) -> tuple[str, ...]:
    """Check the parameters of an address that describes; returns what is to be said.

    Raises
    ------
    QueryError
        As `Listing.of`.
    """
    return _checked(parameters, _EVERYWHERE)[1]


def _checked(parameters: Parameters, allowed: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    said: dict[str, str] = {}
    warnings = []
    for name, value in parameters:
        if is_foreign(name):
            warnings.append(
                f"the parameter {name[:_SHOWN]} belongs to another provider, and says nothing here"
            )
        elif name not in allowed:
            remedy = "follow links.next" if name.startswith("page_") else f"there are {', '.join(allowed)}"
            raise QueryError("is not known", subject=name[:_SHOWN], remedy=remedy)
        elif name in said:
            raise QueryError("is there twice", subject=name)
        else:
            said[name] = value
    if said.get("response_format", "json") != "json":
        raise QueryError("there is json alone", subject="response_format")
    if said.get("include", "") not in ("", "references"):
        raise QueryError("there is nothing to include", subject="include")
    return said, tuple(warnings)


def _fields(said: dict[str, str]) -> Fields:
    asked = list(dict.fromkeys(name for name in said.get("response_fields", "").split(",") if name))
    if not asked:
        return Fields(tuple(name for name in properties() if name not in ALWAYS))
    for name in asked:
        if name not in properties() and name not in standard_names() and not is_foreign(name):
            raise QueryError(f"there is no property {name[:_SHOWN]!r}", subject="response_fields")
    known = tuple(name for name in asked if name in properties() and name not in ALWAYS)
    return Fields(known, tuple(name for name in asked if name not in properties()))


def _order(text: str) -> Order:
    by = []
    for word in filter(None, text.split(",")):
        name = word.removeprefix("-")
        if name not in properties() and is_foreign(name):
            continue
        if name not in properties() or not properties()[name].is_sortable:
            raise QueryError(f"entries are not sorted by {name[:_SHOWN]!r}", subject="sort")
        by.append((name, word.startswith("-")))
    if len(by) > len(properties()):
        raise QueryError("names more properties than there are", subject="sort")
    return Order(tuple(by))


def _limit(text: str) -> int:
    if not text:
        return _USUAL_ENTRIES
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise QueryError(f"{text[:_SHOWN]!r} is no number of entries", subject="page_limit")
    if int(text) > MOST_ENTRIES:
        raise QueryError.of_status(
            403, f"at most {MOST_ENTRIES} entries are given at once", subject="page_limit"
        )
    return int(text)


def _place(text: str) -> tuple[Any, ...]:
    wrong = QueryError(
        f"is no place in a list of _{PREFIX} entries", subject="page_cursor", remedy="follow links.next"
    )
    if len(text) > _LONGEST_PLACE:
        raise wrong
    try:
        found = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (NotBase64, ValueError, RecursionError):
        raise wrong from None
    plain = (
        isinstance(found, list)
        and found
        and all(isinstance(v, str | int | float) or v is None for v in found)
    )
    if not plain:
        raise wrong
    return tuple(found)
