"""OPTIMADE's filter language over a catalogue, all of it: which entries a filter chooses.

The grammar is that of optimade-python-tools (M. L. Evans et al., J. Open Source Softw. 6, 3458,
doi:10.21105/joss.03458), for version 1.2 of the standard; its answers are computed here, on columns in memory, so that
nothing of a filter is ever part of a query or a pattern. A comparison with an unknown value is neither true nor false,
and what is neither is not chosen, negated or not.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from mtl_flows.errors import QueryError
from mtl_flows.serve.optimade.catalogue import Catalogue, Mask, Values
from mtl_flows.serve.optimade.conditions import (
    COMPARE,
    SHOWN,
    Condition,
    Value,
    comparable,
    conditions_of,
    have,
    number_of,
)
from mtl_flows.serve.optimade.properties import is_foreign, properties

LONGEST_FILTER: Final = 6000
_DEEPEST: Final = 60
_MOST: Final = 200
_ASKED: Final = ("value", "constant", "known_op_rhs", "length_op_rhs")
_GRAMMAR: Final = "v1.2.0.lark"
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_FUZZY: Final[Mapping[str, Callable[[str, str], bool]]] = MappingProxyType(
    {"CONTAINS": operator.contains, "STARTS": str.startswith, "ENDS": str.endswith}
)
_RELATED: Final = frozenset({"structures", "references", "calculations"})
_ESCAPED: Final = re.compile(r'\\(["\\])')


class Chosen(NamedTuple):
    """Entries that a filter chooses, and what is to be said of it."""

    entries: Mask
    warnings: tuple[str, ...]


class _Truth(NamedTuple):
    """For each entry, whether something is true and whether it is false; neither if it is unknown."""

    yes: Mask
    no: Mask


@dataclass(frozen=True, slots=True)
class _Name:
    """A property in a filter; None where nothing is known of it here."""

    name: str
    column: Values | None


_Test = Callable[[_Name], _Truth]


def chosen_by(text: str, catalogue: Catalogue) -> Chosen:
    """Return the entries that a filter chooses; an empty one chooses all.

    Raises
    ------
    QueryError
        If it is no filter, names what is not there, or asks for what the standard leaves open and is not offered.
    """
    if len(text) > LONGEST_FILTER:
        raise QueryError(f"is longer than {LONGEST_FILTER} characters", subject="filter")
    if _depth(text) > _DEEPEST:
        raise QueryError(f"is nested more than {_DEEPEST} deep", subject="filter")
    try:
        tree = _parser().parse(text)
    except LarkError as error:
        place = getattr(error, "pos_in_stream", None)
        raise QueryError(
            "cannot be read" if place is None else f"cannot be read from {text[place : place + SHOWN]!r} on",
            subject="filter",
            remedy="see the section on filters of the OPTIMADE specification",
        ) from None
    if sum(1 for _ in tree.find_pred(lambda part: part.data in _ASKED)) > _MOST:
        raise QueryError(f"holds more than {_MOST} values", subject="filter")
    asked = _Evaluation(catalogue)
    try:
        truth: _Truth = asked.transform(tree)
    except VisitError as error:
        raise error.orig_exc from None
    return Chosen(truth.yes, tuple(asked.warnings))


@cache
def _parser() -> Lark:
    """Parser of the grammar: linear in the length of a filter, whatever it holds."""
    import optimade.grammar

    grammar = Path(optimade.grammar.__file__).with_name(_GRAMMAR).read_text()
    # Which of its two words a boolean was is dropped otherwise.
    return Lark(
        re.sub("^bool:", "!bool:", grammar, flags=re.MULTILINE), parser="lalr", maybe_placeholders=False
    )


def _depth(text: str) -> int:
    """How deeply parentheses are nested, those within strings counted as well."""
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


class _Evaluation(Transformer[Token, Any]):
    """Computes what each rule of the grammar says; methods are named by the rules."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue
        self.warnings: list[str] = []

    # Words

    def string(self, words: list[Token]) -> str:
        return _ESCAPED.sub(r"\1", words[0][1:-1])

    def number(self, words: list[Token]) -> int | float:
        return number_of(words[0])

    def signed_int(self, words: list[Token]) -> int:
        return int(number_of(words[0]))

    def property(self, words: list[Token]) -> _Name:
        name = ".".join(words)
        first = str(words[0])
        if is_foreign(first):
            warning = f"{name} belongs to another provider, and is unknown here"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return _Name(name, None)
        if first in _RELATED and len(words) > 1:
            return _Name(name, None)
        if first not in properties():
            raise QueryError(
                f"there is no property {first[:SHOWN]!r}", subject="filter", remedy="see info/structures"
            )
        if len(words) > 1 or not properties()[first].is_queried:
            raise QueryError.not_offered(f"nothing is looked for by {name[:SHOWN]!r}", subject="filter")
        return _Name(name, self._catalogue.columns[first])

    def value(self, found: list[Any]) -> Value:
        if isinstance(found[0], _Name):
            raise QueryError.not_offered("properties are compared with values alone", subject="filter")
        plain: Value = found[0]
        return plain

    def constant(self, found: list[Value]) -> Value:
        return found[0]

    def non_string_value(self, found: list[Any]) -> Any:
        return found[0]

    def not_implemented_string(self, found: list[str]) -> str:
        return found[0]

    # Boolean relations

    def filter(self, found: list[_Truth]) -> _Truth:
        if len(found) > 1:
            raise QueryError("has expressions with no AND or OR between", subject="filter")
        return found[0] if found else _Truth(self._catalogue.everything, ~self._catalogue.everything)

    def expression(self, found: list[_Truth]) -> _Truth:
        return _Truth(np.any([t.yes for t in found], axis=0), np.all([t.no for t in found], axis=0))

    def expression_clause(self, found: list[_Truth]) -> _Truth:
        return _Truth(np.all([t.yes for t in found], axis=0), np.any([t.no for t in found], axis=0))

    def expression_phrase(self, found: list[Any]) -> _Truth:
        truth: _Truth = found[-1]
        return _Truth(truth.no, truth.yes) if len(found) > 1 else truth

    def comparison(self, found: list[_Truth]) -> _Truth:
        return found[0]

    def property_first_comparison(self, found: list[Any]) -> _Truth:
        name, test = found
        truth: _Truth = test(name)
        return truth

    def constant_first_comparison(self, found: list[Any]) -> _Truth:
        value, sign, other = found
        if isinstance(other, _Name):
            return self.value_op_rhs([_MIRRORED[sign], value])(other)
        if isinstance(value, str) or isinstance(other, str):
            raise QueryError.not_offered("strings are not compared with each other", subject="filter")
        everything = self._catalogue.everything
        holds = COMPARE[sign](value, other)
        return _Truth(everything & holds, everything & (not holds))

    # What is asked of a property

    def value_op_rhs(self, found: list[Any]) -> _Test:
        sign, value = found

        def test(name: _Name) -> _Truth:
            if name.column is None:
                return self._unknown()
            compared = comparable(name.name, name.column.kind, value, sign)
            compare = COMPARE[sign]
            return _truth(name.column, (compare(one, compared) for one in name.column.values.tolist()))

        return test

    def known_op_rhs(self, found: list[Token]) -> _Test:
        def test(name: _Name) -> _Truth:
            known = ~self._catalogue.everything if name.column is None else name.column.known
            return _Truth(known, ~known) if found[1].type == "KNOWN" else _Truth(~known, known)

        return test

    def fuzzy_string_op_rhs(self, found: list[Any]) -> _Test:
        matches, part = _FUZZY[found[0].type], found[-1]

        def test(name: _Name) -> _Truth:
            if name.column is None:
                return self._unknown()
            if name.column.kind != "string" or not isinstance(part, str):
                raise QueryError.not_offered(
                    f"{name.name} and {part!r} are not both strings", subject="filter"
                )
            return _truth(name.column, (matches(one, part) for one in name.column.values.tolist()))

        return test

    def length_op_rhs(self, found: list[Any]) -> _Test:
        compare, length = COMPARE[found[1] if len(found) > 2 else "="], found[-1]

        def test(name: _Name) -> _Truth:
            if name.column is None:
                return self._unknown()
            return _truth(name.column, (compare(len(one), length) for one in _lists(name)))

        return test

    def set_op_rhs(self, found: list[Any]) -> _Test:
        how, rest = _quantifier(found)
        wanted = rest[0] if isinstance(rest[0], list) else conditions_of(rest)
        return self._set_test(how, [[one] for one in wanted], ())

    def set_zip_op_rhs(self, found: list[Any]) -> _Test:
        others: list[_Name] = found[0]
        how, rest = _quantifier(found[1:])
        wanted = rest[0] if how else [rest[0]]
        if any(len(each) != len(others) + 1 for each in wanted):
            raise QueryError("has other numbers of values than of properties", subject="filter")
        return self._set_test(how, wanted, others)

    def property_zip_addon(self, found: list[_Name]) -> list[_Name]:
        return found

    def value_list(self, found: list[Any]) -> list[Condition]:
        return conditions_of(found)

    def value_zip(self, found: list[Any]) -> list[Condition]:
        return conditions_of(found)

    def value_zip_list(self, found: list[list[Condition]]) -> list[list[Condition]]:
        return found

    def _set_test(self, how: str, wanted: Sequence[Sequence[Condition]], others: Sequence[_Name]) -> _Test:
        def test(name: _Name) -> _Truth:
            names = (name, *others)
            columns = [one.column for one in names if one.column is not None]
            if len(columns) < len(names):
                return self._unknown()
            lists = [_lists(one) for one in names]
            if len(columns) == 1:
                return _truth(columns[0], (have(how, wanted, [items]) for items in lists[0]))
            known = np.all([column.known for column in columns], axis=0)
            codes = np.stack([column.codes for column in columns], axis=1)[known]
            distinct, places = np.unique(codes, axis=0, return_inverse=True)
            held = [
                have(how, wanted, [values[code] for values, code in zip(lists, row, strict=True)])
                for row in distinct.tolist()
            ]
            yes = ~self._catalogue.everything
            yes[known] = np.array(held, dtype=np.bool_)[places.reshape(-1)]
            return _Truth(yes, known & ~yes)

        return test

    def _unknown(self) -> _Truth:
        nothing = ~self._catalogue.everything
        return _Truth(nothing, nothing)

    # Last, since it takes the name of the type.
    def bool(self, words: list[Token]) -> Value:
        return str(words[0]) == "TRUE"


def _truth(column: Values, found: Iterator[bool]) -> _Truth:
    yes = column.spread(found)
    return _Truth(yes, column.known & ~yes)


def _quantifier(found: list[Any]) -> tuple[str, list[Any]]:
    """Split the words after HAS into ALL, ANY, ONLY or nothing, and the rest."""
    rest = found[1:]
    if isinstance(rest[0], Token) and rest[0].type in ("ALL", "ANY", "ONLY"):
        return rest[0].type, rest[1:]
    return "", rest


def _lists(name: _Name) -> list[Sequence[Any]]:
    if name.column is None or name.column.kind != "list":
        raise QueryError.not_offered(f"{name.name} is no list", subject="filter")
    lists: list[Sequence[Any]] = name.column.values.tolist()
    return lists
