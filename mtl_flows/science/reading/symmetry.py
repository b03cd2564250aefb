"""What a CIF says of its symmetry: operations, names and numbers, and the readings that they allow.

Operations that are given are taken if they are a group and the names do not ask for more or fewer; names stand in for
operations that are missing. Where statements contradict each other every reading is offered, and what the file says of
its contents decides (`mtl_flows.science.reading.consistency`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mtl_flows.errors import InconsistentFileError, UnreadableStructureError
from mtl_flows.science.reading.cif import UNKNOWN, CifBlock
from mtl_flows.science.reading.operations import (
    combine,
    completed,
    contains,
    distinct,
    group_of,
    is_group,
    n_centrings,
    parse_operations,
)
from mtl_flows.science.reading.settings import NamedSetting, by_hall, by_number, by_symbol
from mtl_flows.science.symmetry import Operations

OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC_TAGS = ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz")
SYMBOL_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_symmetry_space_group_name_h_m",
)
HALL_TAGS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number")
_SUPERSPACE = re.compile(r"^_(space_group_symop_ssg_|space_group_ssg_|space_group_symop_magn_ssg_)")
_LATTICES = frozenset("PABCFIR")
_P1 = "x,y,z"


@dataclass(frozen=True, slots=True)
class SymmetryReading:
    """Operations that a file may mean.

    Attributes
    ----------
    agrees
        Another statement on symmetry says the same.
    contradicts
        What of the file it goes against; empty where nothing does.
    unsure
        Operations nobody names: what the file says of its contents has to agree.
    open_choice
        One of several settings between which the file does not choose.
    magnetic
        Operations of a magnetic group: declared multiplicities may be those of another cell.
    """

    operations: Operations
    notes: tuple[str, ...] = ()
    agrees: bool = False
    contradicts: str = ""
    unsure: bool = False
    open_choice: bool = False
    magnetic: bool = False


@dataclass(frozen=True, slots=True)
class _Names:
    """Settings that names and number of a file stand for, each with the statement."""

    hall: tuple[NamedSetting, ...]
    symbol: tuple[NamedSetting, ...]
    number: tuple[NamedSetting, ...]
    text: str
    unknown: str = ""
    """A symbol nobody knows."""

    @property
    def all(self) -> tuple[NamedSetting, ...]:
        return (*self.hall, *self.symbol, *self.number)

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(named.number for named in self.all if named.number)


def symmetry_readings(block: CifBlock) -> tuple[SymmetryReading, ...]:
    """Every reading of the symmetry of a data block, the likeliest first.

    Raises
    ------
    UnreadableStructureError
        If operations cannot be read, or only a space group is given that nobody knows.
    InconsistentFileError
        If operations are no group and nothing completes them.
    """
    texts = _known(block.column(*OPERATION_TAGS))
    magnetic = _known(block.column(_MAGNETIC_TAGS[0]))
    modulated = any(_SUPERSPACE.match(tag) for tag in block.values)
    if any(re.search(r"x[1-9]", text) for text in texts) or (modulated and not texts and not magnetic):
        raise UnreadableStructureError(
            "symmetry operations of superspace: modulated structures are not read",
            remedy="give the structure in an approximating three-dimensional cell",
            about=OPERATION_TAGS,
        )
    try:
        if texts:
            return _given(texts, _names(block))
        if magnetic:
            centrings = _known(block.column(_MAGNETIC_TAGS[1])) or (_P1,)
            product = combine(parse_operations(centrings), parse_operations(magnetic))
            return (SymmetryReading(product, magnetic=True),)
    except (ValueError, ZeroDivisionError) as error:
        raise UnreadableStructureError(
            f"symmetry operations cannot be read: {error}", about=OPERATION_TAGS
        ) from None
    return _by_name(block, _names(block))


def _known(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in UNKNOWN)


def _names(block: CifBlock) -> _Names:
    hall, symbol = block.first(*HALL_TAGS), block.first(*SYMBOL_TAGS)
    text = re.sub(r"\.0*$", "", block.first(*NUMBER_TAGS).strip("'\" "))
    return _look_up(hall, symbol, int(text) if text.isdecimal() else 0, hall or symbol or text)


@lru_cache(maxsize=512)
def _look_up(hall: str, symbol: str, number: int, text: str) -> _Names:
    by_name = by_symbol(symbol) if symbol else ()
    unknown = symbol if symbol and not by_name else ""
    return _Names(by_hall(hall), by_name, by_number(number), text, unknown)


def _given(texts: tuple[str, ...], names: _Names) -> tuple[SymmetryReading, ...]:
    operations, group, (number, symbol) = _analysed(texts)
    if not group:
        return _no_group(operations, names)
    if not names.numbers:
        return (SymmetryReading(operations),)
    if number in names.numbers:
        return (SymmetryReading(operations, _differences(number, symbol, names), agrees=True),)
    same_size = [named for named in names.all if len(named.operations[0]) == len(operations[0])]
    if same_size and (not number or any(_centred_alike(named, operations) for named in same_size)):
        text = f"the symmetry operations are those of {symbol}, the file says {names.text}"
        return (SymmetryReading(operations, (text,) if number else ()),)
    size = len(names.all[0].operations[0])
    those = f", those of {symbol}" if symbol else ""
    told = f"{len(operations[0])} symmetry operations{those}, where {names.text} has {size}"
    return (
        SymmetryReading(operations, ("the listed symmetry operations taken",), contradicts=told),
        *(
            SymmetryReading(
                named.operations, (f"the symmetry operations of {named.name} taken",), contradicts=told
            )
            for named in _distinct_names(names.all)
        ),
    )


@lru_cache(maxsize=512)
def _analysed(texts: tuple[str, ...]) -> tuple[Operations, bool, tuple[int, str]]:
    """Distinct operations of a list, whether they are a group, and which."""
    operations = distinct(parse_operations(texts))
    group = is_group(operations)
    return operations, group, group_of(operations) if group else (0, "")


def _centred_alike(named: NamedSetting, operations: Operations) -> bool:
    return n_centrings(named.operations) == n_centrings(operations)


def _distinct_names(found: Sequence[NamedSetting]) -> list[NamedSetting]:
    return list({named.name: named for named in found}.values())


def _differences(number: int, symbol: str, names: _Names) -> tuple[str, ...]:
    """What names say that is not so though another of them agrees with the operations."""
    told = []
    for what, found in (("Hall symbol", names.hall), ("symbol", names.symbol), ("number", names.number)):
        if found and number not in {named.number for named in found}:
            told.append(
                f"the {what} of the space group is that of {found[0].name}, its operations are those of {symbol}"
            )
    settings = {named.name.partition(":")[0].replace(" ", "") for named in names.symbol}
    if symbol and names.symbol and not told and symbol.partition(":")[0].replace(" ", "") not in settings:
        plain = [named for named in names.symbol if " " in named.name]
        if plain:
            told.append(
                f"the symmetry operations are those of {symbol}, the symbol is that of {plain[0].name}"
            )
    return tuple(told)


def _no_group(operations: Operations, names: _Names) -> tuple[SymmetryReading, ...]:
    """Readings of a list that lacks operations of its group."""
    given = len(operations[0])
    gaps = f"the list of {given} symmetry operations is no group"
    readings: list[SymmetryReading] = []
    whole = completed(operations)
    if whole is not None:
        number, symbol = group_of(whole)
        known = number in names.numbers or any(
            len(n.operations[0]) == len(whole[0]) and contains(n.operations, whole) for n in names.all
        )
        told = f"{gaps}, completed to {len(whole[0])} ({symbol or 'no standard setting'})"
        if known or not names.numbers:
            readings.append(SymmetryReading(whole, (told,), agrees=known, unsure=not known))
    for named in _distinct_names(names.all):
        told = f"{gaps}, those of {named.name} used ({len(named.operations[0])})"
        if whole is not None and readings and contains(whole, named.operations):
            continue
        if contains(named.operations, operations):
            readings.append(SymmetryReading(named.operations, (told,), agrees=True))
        else:
            against = f"{given} symmetry operations that are no group, and not among those of {named.name}"
            readings.append(SymmetryReading(named.operations, (told,), contradicts=against))
    if not readings:
        raise InconsistentFileError(
            f"the {given} symmetry operations are no group: products of them are missing",
            remedy="complete the list of operations, or name the space group",
            about=OPERATION_TAGS,
        )
    return tuple(readings)


def _by_name(block: CifBlock, names: _Names) -> tuple[SymmetryReading, ...]:
    """Readings where no operations are given."""
    if not names.all or (names.unknown and not names.hall):
        if names.unknown and names.numbers:
            return _unknown_symbol(names)
        if names.text or block.ragged.intersection(OPERATION_TAGS):
            raise UnreadableStructureError(
                f"no readable symmetry operations, nor a known space group ({names.text or 'none'})",
                about=(*SYMBOL_TAGS, *OPERATION_TAGS),
            )
        return (SymmetryReading(parse_operations((_P1,)), ("no symmetry given, P 1 assumed",)),)
    told = f"no symmetry operations given, those of {names.text} used"
    sources = [
        (what, found)
        for what, found in (("Hall symbol", names.hall), ("symbol", names.symbol), ("number", names.number))
        if found
    ]
    _, first = sources[0]
    others = [
        (what, found)
        for what, found in sources[1:]
        if not {n.number for n in found} & {n.number for n in first}
    ]
    if not others:
        agrees = len(sources) > 1
        return tuple(
            SymmetryReading(named.operations, (told,), agrees=agrees, open_choice=len(first) > 1)
            for named in first
        )
    return tuple(
        SymmetryReading(
            named.operations,
            (f"no symmetry operations given, those of {named.name} used",),
            contradicts=f"the {sources[0][0]} of the space group is that of {first[0].name}, "
            f"the {others[0][0]} that of {others[0][1][0].name}",
        )
        for _, found in (sources[0], *others)
        for named in found
    )


def _unknown_symbol(names: _Names) -> tuple[SymmetryReading, ...]:
    """Settings of the number that have the centring which the unknown symbol names."""
    letter = names.unknown.strip("'\" ")[:1].upper()
    number = min(names.numbers)
    found = by_number(number, letter) if letter in _LATTICES else ()
    if not found:
        raise InconsistentFileError(
            f"nobody knows the space group {names.unknown!r}, and number {number} has no setting of its centring",
            remedy="give the symmetry operations",
            about=(*SYMBOL_TAGS, *NUMBER_TAGS),
        )
    return tuple(
        SymmetryReading(
            named.operations,
            (f"nobody knows the space group {names.unknown!r}, {named.name} of number {number} used",),
            open_choice=len(found) > 1,
            unsure=len(found) > 1,
        )
        for named in found
    )
