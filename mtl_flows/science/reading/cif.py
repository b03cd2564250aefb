"""CIF 1.1 text into tags and loops.

Lenient where files in the wild are: any case of tags, stray quotes, unfinished text fields, loops without rows.
Syntax: S. R. Hall, J. D. Westbrook, International Tables G (2006), chapter 2.2.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    ^;(?P<text>.*?)^;(?=\s|\Z)              # text field between semicolons that start a line
    | (?:(?<=\s)|(?<=\A))\#[^\n]*           # comment
    | '(?P<single>[^\n]*?)'(?=\s|\Z)
    | "(?P<double>[^\n]*?)"(?=\s|\Z)
    | (?P<bare>\S+)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

UNKNOWN = frozenset({"", "?", "."})


@dataclass(slots=True)
class CifBlock:
    """One data block; tags in lower case, the dots of newer dictionaries written as underscores.

    Attributes
    ----------
    values
        Every tag with its values: one if it stands alone, as many as rows if it stands in a loop.
    ragged
        Tags of loops whose number of values is no multiple of the number of columns; their values are dropped.
    loops
        The loops one by one, tags with their columns.
    repeated
        Values of tags that were given before with others.
    """

    name: str
    values: dict[str, list[str]] = field(default_factory=dict)
    ragged: set[str] = field(default_factory=set)
    loops: list[dict[str, list[str]]] = field(default_factory=list)
    repeated: dict[str, list[str]] = field(default_factory=dict)

    def give(self, tag: str, values: list[str]) -> None:
        """Note the values of a tag; the first ones stay."""
        known = self.values.setdefault(tag, values)
        if known is not values and known != values:
            self.repeated.setdefault(tag, values)

    def first(self, *tags: str) -> str:
        """Value of the first of `tags` that is given and known; empty if none is."""
        for tag in tags:
            for value in self.values.get(tag, ()):
                if value not in UNKNOWN:
                    return value
        return ""

    def column(self, *tags: str) -> list[str]:
        """Values of the first of `tags` that is there; empty if none is."""
        return next((self.values[tag] for tag in tags if self.values.get(tag)), [])


def number(text: str) -> float:
    """Value of a CIF number, its standard uncertainty in brackets dropped.

    Raises
    ------
    ValueError
        If it is no finite number.
    """
    value = float(re.sub(r"\(.*", "", text))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def parse_cif(text: str) -> list[CifBlock]:
    """Split `text` into its data blocks, in order; equal names stay apart."""
    blocks: list[CifBlock] = []
    tokens = _Tokens(text)
    for value, bare in tokens:
        keyword = value.lower() if bare else ""
        if keyword.startswith("data_"):
            blocks.append(CifBlock(value[5:]))
        elif not blocks:
            continue
        elif keyword == "loop_":
            _read_loop(tokens, blocks[-1])
        elif keyword.startswith("_"):
            blocks[-1].give(keyword.replace(".", "_"), tokens.take_values(limit=1))
    return blocks


class _Tokens:
    """Stream of (value, whether it was bare) with one token of lookahead."""

    def __init__(self, text: str) -> None:
        self._stream = _tokenise(text)
        self._next = next(self._stream, None)

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        while (token := self._next) is not None:
            self._next = next(self._stream, None)
            yield token

    def take_tags(self) -> list[str]:
        tags = []
        while self._next is not None and self._next[1] and self._next[0].startswith("_"):
            tags.append(self._next[0].lower().replace(".", "_"))
            self._next = next(self._stream, None)
        return tags

    def take_values(self, limit: int = 0) -> list[str]:
        values: list[str] = []
        while self._next is not None and not (self._next[1] and _is_keyword(self._next[0])):
            values.append(self._next[0])
            self._next = next(self._stream, None)
            if len(values) == limit:
                break
        return values


def _tokenise(text: str) -> Iterator[tuple[str, bool]]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind is None:
            continue
        value = match[kind]
        if kind == "text":
            value = " ".join(value.split())
        yield value, kind == "bare"


def _is_keyword(value: str) -> bool:
    return value.startswith("_") or value.lower().startswith(("data_", "loop_", "save_"))


def _read_loop(tokens: _Tokens, block: CifBlock) -> None:
    tags = tokens.take_tags()
    values = tokens.take_values()
    if not tags or not values:
        return
    if len(values) % len(tags):
        block.ragged.update(tags)
        return
    columns = {tag: values[index :: len(tags)] for index, tag in enumerate(tags)}
    block.loops.append(columns)
    for tag, column in columns.items():
        block.give(tag, column)
