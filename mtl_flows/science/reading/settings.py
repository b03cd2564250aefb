"""Settings of space groups by the names that files give them.

Names are looked up in gemmi's table, which knows the non-standard cells of International Tables B, and after that in
spglib's, which knows the full symbols; Hall symbols are read by gemmi.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gemmi

from mtl_flows.science.reading.operations import from_gemmi
from mtl_flows.science.symmetry import Operations, database_operations, settings

_SCREW = re.compile(
    r"(?<=[2346])\s*(?:[_~^]|\(|\[|\{|<sub>|sub)\s*([1-5])\s*(?:[~^]|\)|\]|\}|</sub>)?", re.IGNORECASE
)
_ORIGIN = re.compile(r"\s*\(?\s*origin(?:\s*choice)?\s*(?:no\.?\s*)?([12])\s*\)?\s*$", re.IGNORECASE)
_CHOICE = re.compile(r"\s*[:(]?\s*(RS|R|H|S|Z|1|2)\s*\)?\s*$")
_CHOICES = {"s": "1", "z": "2", "rs": "R"}
_CENTRED = {"C": "P", "F": "I"}


@dataclass(frozen=True, slots=True)
class NamedSetting:
    """One setting that a name may mean.

    Attributes
    ----------
    number
        Of its space group.
    name
        Hermann–Mauguin symbol, with the choice of origin or axes.
    """

    number: int
    name: str
    operations: Operations


@lru_cache(maxsize=512)
def by_hall(hall: str) -> tuple[NamedSetting, ...]:
    """The setting of a Hall symbol; empty if it is none."""
    text = re.sub(r"\s+(?=[\"'=])", "", hall.strip()).replace("=", '"').replace("''", '"')
    text = re.sub(r"_", " ", text)
    if not text:
        return ()
    squeezed = _squeeze(text)
    for kind in gemmi.spacegroup_table():
        if _squeeze(kind.hall) == squeezed:
            return (_named(kind),)
    try:
        group = gemmi.symops_from_hall(text)
    except (RuntimeError, ValueError, IndexError):
        return ()
    kind = gemmi.find_spacegroup_by_ops(group)
    return (NamedSetting(kind.number if kind else 0, kind.xhm() if kind else hall, from_gemmi(group)),)


@lru_cache(maxsize=512)
def by_symbol(symbol: str) -> tuple[NamedSetting, ...]:
    """Settings that a Hermann–Mauguin symbol may mean, the conventional one first; empty if it is none.

    Several remain where it leaves the origin, the axes of a rhombohedral group or the unique axis open.
    """
    text = _SCREW.sub(r"\1", symbol.strip().strip("'\""))
    text = re.sub(r"\s*\(?\s*no\.?\s*\d+\s*\)?\s*$", "", text, flags=re.IGNORECASE)
    choice = ""
    if origin := _ORIGIN.search(text):
        text, choice = text[: origin.start()], origin[1]
    whole = _table_settings(text, choice)
    if whole:
        return whole
    match = _CHOICE.search(text)
    if match and not choice and len(_squeeze(text[: match.start()])) > 1:
        choice = _CHOICES.get(match[1].lower(), match[1].upper())
        return _table_settings(text[: match.start()], choice)
    return ()


@lru_cache(maxsize=512)
def by_number(number: int, centring: str = "") -> tuple[NamedSetting, ...]:
    """Settings of a space group by its number, the conventional one first.

    Parameters
    ----------
    centring
        Letter that a symbol begins with which nobody knows: every setting of that centring. Without it the standard
        setting, in every choice of origin and of rhombohedral axes.
    """
    kinds = [kind for kind in gemmi.spacegroup_table() if kind.number == number]
    if not kinds:
        return ()
    if not centring:
        return _choices(kinds[0], kinds)
    found = [kind for kind in kinds if kind.hm[0].upper() == centring]
    named = tuple(_named(kind) for kind in sorted(found, key=_conventional))
    if not named and 75 <= number <= 142 and centring in _CENTRED:
        # Tetragonal groups in a cell turned by 45° and twice as large.
        plain = [kind for kind in kinds if kind.hm[0] == _CENTRED[centring]]
        named = tuple(_doubled(kind, centring) for kind in sorted(plain, key=_conventional))
    return named


def _table_settings(text: str, choice: str) -> tuple[NamedSetting, ...]:
    table = list(gemmi.spacegroup_table())
    kind = _find(text)
    if kind is None:
        return _full_symbols(text, choice)
    explicit = ":" in text or bool(re.search(r"\s[RH]$", text))
    if explicit:
        return (_named(kind),)
    alike = [other for other in table if other.number == kind.number]
    if choice:
        chosen = [other for other in alike if other.hm == kind.hm and other.ext == choice]
        if choice in "HR" and not chosen:
            return ()
        return tuple(_named(other) for other in chosen[:1]) or (_named(kind),)
    return _choices(kind, alike, short=_squeeze(text))


def _find(text: str) -> Any:
    """Gemmi's entry for a symbol, as it is written, without blanks or with a capital letter first."""
    tidy = " ".join(text.split())
    variants = (
        tidy,
        tidy[:1].upper() + tidy[1:].lower(),
        re.sub(r"\s*/\s*", "/", tidy),
        tidy.replace(" ", ""),
    )
    for variant in dict.fromkeys(variants):
        if len(variant) > 1 and (kind := gemmi.find_spacegroup_by_name(variant)) is not None:
            return kind
    return None


def _choices(kind: Any, alike: list[Any], short: str = "") -> tuple[NamedSetting, ...]:
    """Settings between which a name does not choose."""
    found = [other for other in alike if other.hm == kind.hm]
    if short and len(found) == 1 and kind.crystal_system_str() == "monoclinic":
        # P 2/m without the place of its axis.
        found = [other for other in alike if _short(other) == short] or found
        return tuple(_named(other) for other in sorted(found, key=lambda other: other is not kind))
    return tuple(_named(other) for other in sorted(found, key=_conventional))


def _short(kind: Any) -> str:
    """Symbol without the axes that have no symmetry."""
    centring, *axes = kind.hm.split()
    return _squeeze(centring + "".join(axis for axis in axes if axis != "1"))


def _full_symbols(text: str, choice: str) -> tuple[NamedSetting, ...]:
    """Settings by the names that spglib has for them, full symbols among them."""
    name = _squeeze(text)
    found = [setting for setting in settings() if name and name in map(_squeeze, setting.names)]
    exact = [setting for setting in found if choice and setting.choice.upper() == choice]
    ordered = exact or sorted(found, key=lambda s: (s.choice not in ("2", "H"), s.hall_number))
    return tuple(
        NamedSetting(setting.number, setting.short, database_operations(setting.hall_number))
        for setting in ordered
    )


def _conventional(kind: Any) -> tuple[bool, int]:
    """Origin at the centre of inversion and hexagonal axes first."""
    return kind.ext not in ("2", "H"), 0


@lru_cache(maxsize=600)
def _operations(hall: str) -> Operations:
    return from_gemmi(gemmi.symops_from_hall(hall))


def _named(kind: Any) -> NamedSetting:
    return NamedSetting(kind.number, kind.xhm(), _operations(kind.hall))


def _doubled(kind: Any, centring: str) -> NamedSetting:
    group = gemmi.symops_from_hall(kind.hall)
    basis = gemmi.Op("x-y,x+y,z")
    group.change_basis_backward(basis)
    group.add_missing_elements()
    halves = gemmi.Op("x+1/2,y+1/2,z")
    group.cen_ops = [*group.cen_ops, *([halves.tran] if halves.tran not in group.cen_ops else [])]
    return NamedSetting(kind.number, f"{centring}{kind.hm[1:]}", from_gemmi(group))


def _squeeze(symbol: str) -> str:
    return re.sub(r"[\s_'()]", "", symbol).lower()
