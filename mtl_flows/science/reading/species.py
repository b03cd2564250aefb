"""What one symbol of a list of atom sites stands for: an element, a shared site, hydrogens without sites, or nothing.

A symbol is never read as another element than the one its author can have meant: groups of atoms (``PO4``), sites
shared without amounts (``Li/Na``) and letters that no element bears are refused.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from pymatgen.core import Element

from mtl_flows.errors import InconsistentFileError, UnreadableStructureError
from mtl_flows.science.charges import Ion

VACANCIES = frozenset({"va", "vac", "vacancy", "vc", "void", "x", "xx", "dum", "du", "cg", "q", "□"})
# Names of water and hydroxyl that are no formula.
_NAMED_GROUPS = {"wat": ("O", 2), "watow": ("O", 2), "o-h": ("O", 1), "ow": ("O", 0), "hw": ("H", 0)}
# Nobody has grown crystals of heavier elements; their symbols are NO, NH, BH or CN in other letters.
_HEAVIEST = 99
# Elements of which several atoms in one place are an ion or a molecule: N3, O2, S2, I3.
_CHAINS = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "Te", "I"})
_ROUNDING = 0.05  # of amounts with two digits that add up to one
_HALOGENS = frozenset({"F", "Cl", "Br", "I"})
_HYDROGENS = frozenset({"H", "D"})

_CHARGE = re.compile(
    r"(?P<body>.*?)(?:(?P<size>\d(?:\.\d+)?|\.\d+|\d/\d)?(?P<sign>\++|-+)|(?P<lead>[+-])(?P<behind>\d(?:\.\d+)?))$"
)
_ISOTOPE = re.compile(r"\^?\(?(\d{1,3})\)?\^?([A-Z][a-z]?)(?![\d.]*[A-Z])")
_ISOTOPE_BEHIND = re.compile(r"([A-Z][a-z]?)-(\d{1,3})$")
_AMOUNT = r"\d*\.\d+|\d+\."
_PLUS_BEFORE_AMOUNT = re.compile(rf"\+\s*(?=(?:{_AMOUNT}|[01](?=[\sA-Z(]))\s*(?:\([^)]*\))?\s*[A-Z])")
_SEPARATOR = re.compile(r"\s*[/,;&|]\s*|\s+\+\s+|(?<=[A-Za-z\d])\+(?=[A-Z])")
_SHARE = re.compile(
    rf"\s*(?P<before>{_AMOUNT}|[01])?\s*(?:\(\d+\))?\s*(?P<symbol>[A-Z][a-z]{{0,2}}|□)(?P<behind>(?:{_AMOUNT})(?![\d.]*[+-]))?"
    r"(?P<charge>\d?(?:\.\d+)?[+-]|[+-]\d(?:\.\d+)?)?\d?\s*"
)
_SHARES_IN_A_ROW = re.compile(rf"(?:[A-Z][a-z]{{0,2}}(?:{_AMOUNT}|[01](?![.\d]))){{2,}}[+-]?$")
_PART = re.compile(r"([A-Z][a-z]?)(\d*)")
_ONE_SHARE = re.compile(rf"[A-Z][a-z]?(?:{_AMOUNT})")
_THIRDS = re.compile(r"[A-Z][a-z]?\d/\d[+-]")
# Labels that are anions rather than the fourth polonium.
_ANIONS = frozenset({"PO4", "SO4", "NO3"})


@dataclass(frozen=True, slots=True)
class Occupants:
    """What one symbol stands for.

    Attributes
    ----------
    shares
        Amount of each ion; 1 for a single element, whatever its occupancy; empty for a vacancy.
    hydrogens
        Atoms that come with it and have no site of their own.
    shared
        Amounts are written into the symbol.
    notes
        What was assumed.
    """

    shares: dict[Ion, float] = field(default_factory=dict)
    hydrogens: int = 0
    shared: bool = False
    notes: tuple[str, ...] = ()


def read_type_symbol(symbol: str, label: str, declared: Collection[str]) -> Occupants:
    """Read the type symbol of a site.

    Parameters
    ----------
    label
        Of the site: where it begins with the symbol, digits behind an element are a running number.
    declared
        Elements of the formula; empty if the file gives none.

    Raises
    ------
    UnreadableStructureError
        If it is no element.
    InconsistentFileError
        If it stands for atoms that one site cannot hold, or for several elements without amounts.
    """
    text = symbol.strip().strip("\"'").strip()
    named = _named(text)
    if named is not None:
        return named
    if _is_shared(text):
        return _shared(text)
    body, mass = _split_isotope(text)
    body, charge = _split_charge(body)
    if not mass:
        body, mass = _split_isotope(body)
    if len(body) == 2 and body.isalpha() and (body.isupper() or body.islower()):
        one = _two_letters(body, declared)
        if one is not None:
            return _element(one, charge)
    body = body.title() if body.islower() else body
    parts = _PART.findall(body)
    if not parts or "".join(a + n for a, n in parts) != body:
        # Anything behind the element is part of a label.
        return read_label(text, declared, charge)
    atoms = [(name, int(count or 1)) for name, count in parts]
    if len(atoms) == 1:
        name, count = atoms[0]
        _known(name, symbol)
        if count > 1 and name in _CHAINS and not label.startswith(body) and not mass:
            raise _group(symbol, label)
        if name in _HALOGENS and charge is not None and charge < -1:
            raise _group(symbol, label)
        return _element(name, charge)
    return _hydride(atoms, charge, symbol, label)


def read_label(label: str, declared: Collection[str], charge: float | None = None) -> Occupants:
    """Read a label such as ``Li1``, ``CO2``, ``Wat1`` or ``O-H2`` where there is no type symbol.

    Two letters are one element if written like one (``Co``); else (``CO1``) the declared formula decides.

    Raises
    ------
    UnreadableStructureError
        If it begins with no element.
    InconsistentFileError
        If it names a group of atoms or several elements.
    """
    text = re.sub(r"^\^?\(?\d{1,3}\)?\^?(?=[A-Z][a-z]?\d*$)", "", label.strip().strip("\"'"))
    # The letter behind the charge of Fe2+A belongs to the label.
    if _is_shared(text) and re.search(r"[/,;&|]|\d\.\d|\s\+\s|\+[A-Z][a-z]", text):
        return _shared(text)
    letters = re.match(r"[A-Za-z]+(?:-H)?\d*", text)
    name = letters[0] if letters else ""
    bare = name.rstrip("0123456789")
    named = _named(name) or _named(bare)
    if named is not None:
        return named
    two, one = bare[:2].title(), bare[:1].upper()
    readings = [s for s in dict.fromkeys((two, one)) if s and is_element(s)]
    if charge is None:
        charge = _split_charge(text)[1] if _charge_ends(text) else None
    group = text if _is_formula(text) else _split_charge(text)[0]
    if not declared and _is_formula(group) and _names_a_group(group, two in readings):
        atoms = [(part, int(count or 1)) for part, count in _PART.findall(group)]
        return _hydride(atoms, charge, label, label)
    if not readings:
        raise UnreadableStructureError(f"{label!r} is no element", about=(label,))
    reverse = len(readings) == 2 and not bare[1:2].islower() and two not in declared and one in declared
    return _element(readings[-1 if reverse else 0], charge)


def _named(text: str) -> Occupants | None:
    """Vacancies and names of water; None for anything else."""
    lower = text.lower()
    bare = lower.rstrip("0123456789")
    if lower in VACANCIES or bare in VACANCIES:
        return Occupants()
    for key in (lower, bare):
        if key in _NAMED_GROUPS:
            element, hydrogens = _NAMED_GROUPS[key]
            return Occupants({(element, None): 1.0}, hydrogens)
    return None


def _element(symbol: str, charge: float | None) -> Occupants:
    if symbol == "D":
        return Occupants({("H", charge): 1.0}, notes=("deuterium read as hydrogen",))
    return Occupants({(symbol, charge): 1.0})


def is_element(symbol: str) -> bool:
    """Whether crystals hold an element of this symbol; tritium is a tetrahedral site in all likelihood."""
    return symbol == "D" or (
        symbol != "T" and Element.is_valid_symbol(symbol) and Element(symbol).Z <= _HEAVIEST
    )


def _known(symbol: str, text: str) -> None:
    if not is_element(symbol):
        raise UnreadableStructureError(
            f"{text!r} is no element", remedy="write the element into the list of atom sites", about=(text,)
        )


def _split_charge(text: str) -> tuple[str, float | None]:
    match = _CHARGE.match(text)
    if match is None or not match["body"]:
        return text, None
    if match["lead"]:
        size = float(match["behind"])
        return match["body"], size if match["lead"] == "+" else -size
    body, said, sign = match["body"], match["size"], match["sign"]
    if said and said.isdecimal() and re.search(r"[A-Za-z][HD]$|^[HD]{1}[A-Z][a-z]?[HD]$", body):
        # The 4 of NH4+ counts hydrogens; that of NH41+ stands before the charge.
        body, said = body + said, None
    if said is None:
        size = float(len(sign))
    elif "/" in said:
        over, under = said.split("/")
        size = float(over) / float(under) if float(under) else 0.0
    else:
        size = float(said)
    return body, size if sign[0] == "+" else -size


def _charge_ends(text: str) -> bool:
    return text[-1:] in "+-" or bool(re.search(r"[A-Za-z][+-]\d(\.\d+)?$", text))


def _split_isotope(text: str) -> tuple[str, int]:
    """Element of ``7Li`` and ``Li-7``, with its mass number; 0 for anything else."""
    match = _ISOTOPE.fullmatch(text) or _ISOTOPE.match(text)
    if match and match.end() == len(text):
        mass, symbol = int(match[1]), match[2]
    elif behind := _ISOTOPE_BEHIND.match(text):
        symbol, mass = behind[1], int(behind[2])
    else:
        return text, 0
    if not Element.is_valid_symbol(symbol) or text == "H-1":
        return text, 0
    atomic_number = Element(symbol).Z
    return (symbol, mass) if atomic_number <= mass <= 3 * atomic_number else (text, 0)


def _two_letters(body: str, declared: Collection[str]) -> str | None:
    """Element of two letters of one case; None where they are a group of two elements."""
    two, one = body.title(), body[0].upper()
    if not is_element(two):
        return None
    if two not in declared and one in declared and not (one == "H" and "O" in declared and two == "Ho"):
        return one
    return two if two in declared or two != "Ho" or not declared else None


def _names_a_group(text: str, is_element: bool) -> bool:
    """Whether a label is a formula: ``NH3``, but not the hydrogen ``HC2`` or the cobalt ``CO3``."""
    if len(_PART.findall(text)) < 2:
        return False
    if text[0] == "H":
        return bool(re.fullmatch(r"H\d(O|N|S)", text))
    return text in _ANIONS or not is_element


def _is_formula(text: str) -> bool:
    return bool(text) and "".join(a + n for a, n in _PART.findall(text)) == text


def _hydride(atoms: list[tuple[str, int]], charge: float | None, symbol: str, label: str) -> Occupants:
    """One heavy atom with hydrogens: the atom, its hydrogens noted as missing."""
    for name, _ in atoms:
        _known(name, symbol)
    heavy = [(name, count) for name, count in atoms if name not in _HYDROGENS]
    if len(heavy) != 1 or heavy[0][1] != 1:
        raise _group(symbol, label)
    hydrogens = sum(count for name, count in atoms if name in _HYDROGENS)
    return Occupants(
        # The charge is that of the group.
        {(heavy[0][0], None): 1.0},
        hydrogens,
        notes=(f"{symbol} read as {heavy[0][0]} with {hydrogens} hydrogen atoms that have no site",),
    )


def _group(symbol: str, label: str) -> InconsistentFileError:
    return InconsistentFileError(
        f"site {label} is said to hold {symbol}, a group of atoms on one site",
        remedy="give every atom a site",
        about=(label, symbol),
    )


def _is_shared(text: str) -> bool:
    if _THIRDS.fullmatch(text):
        return False
    return bool(
        _ONE_SHARE.fullmatch(text)
        or _PLUS_BEFORE_AMOUNT.search(text)
        or _SHARES_IN_A_ROW.match(text.replace(" ", ""))
        or len([part for part in _SEPARATOR.split(text) if part.strip()]) > 1
        or re.match(rf"\s*(?:{_AMOUNT})\s*(?:\(\d+\))?\s*[A-Z]", text)
    )


def _shared(text: str) -> Occupants:
    """Elements that share a site, with the amounts that the symbol gives."""
    inner = text.strip("()[]{} ")
    if _SHARES_IN_A_ROW.match(inner.replace(" ", "")):
        terms = re.findall(rf"[A-Z][a-z]{{0,2}}(?:{_AMOUNT}|[01])", inner.replace(" ", ""))
    else:
        # The plus of 0.5Fe2+0.5Fe3+ is a charge and a separator.
        apart = re.sub(rf"(?<=[A-Za-z]\d)\+(?=(?:{_AMOUNT})\s*[A-Z])", "+&", inner)
        terms = [t for t in _SEPARATOR.split(_PLUS_BEFORE_AMOUNT.sub("&", apart)) if t.strip()]
    shares: dict[Ion, float] = {}
    without, ions = 0, []
    for term in terms:
        match = _SHARE.fullmatch(term)
        if match is None:
            raise UnreadableStructureError(
                f"{text!r} cannot be read as elements that share a site", about=(text,)
            )
        symbol, charge = match["symbol"], _charge_of(match["charge"])
        amount = match["before"] or match["behind"]
        without += amount is None
        if symbol.lower() in VACANCIES:
            continue
        _known(symbol, text)
        ion = ("H" if symbol == "D" else symbol), charge
        ions.append(ion)
        shares[ion] = shares.get(ion, 0.0) + (float(amount) if amount is not None else 0.0)
    if without:
        if len({symbol for symbol, _ in ions}) == 1 and without == len(terms) == len(ions):
            return Occupants(
                {(ions[0][0], None): 1.0}, notes=(f"{text} read as {ions[0][0]} of unknown charge",)
            )
        raise InconsistentFileError(
            f"{text!r} names several elements on one site and does not say how much of each",
            remedy="give each element a row with its occupancy",
            about=(text,),
        )
    if sum(shares.values()) > 1 + _ROUNDING:
        raise InconsistentFileError(
            f"the shares of {text!r} add up to {sum(shares.values()):g}",
            remedy="correct the occupancies",
            about=(text,),
        )
    return Occupants(shares, shared=True)


def _charge_of(text: str | None) -> float | None:
    return None if not text else _split_charge(f"X{text}")[1]
