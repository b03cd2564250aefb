"""One file, whatever its format, into its structures."""

import hashlib
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pymatgen.core import Structure
from pymatgen.core.structure import StructureError

from mtl_flows.errors import InputError, UnreadableStructureError
from mtl_flows.science.charges import (
    SiteCharges,
    bare_structure,
    has_several_states,
    ion_amounts,
    mean_states,
    site_charges,
)
from mtl_flows.science.naming import POSCAR_NAMES, file_slug
from mtl_flows.science.reading import limits
from mtl_flows.science.reading.cif import CifBlock, parse_cif
from mtl_flows.science.reading.crystal import build_crystal
from mtl_flows.science.reading.excerpts import excerpt
from mtl_flows.science.reading.extxyz import read_frame, spans_of_frames
from mtl_flows.science.reading.metadata import database_codes, formula_text, read_metadata
from mtl_flows.science.reading.model import Metadata, ParsedBlock, ParsedStructure, ReadingParameters
from mtl_flows.science.reading.numbers import check_numbers
from mtl_flows.science.reading.sources import read_path

# What pymatgen raises over malformed text, according to where it stumbles.
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, StructureError)
_POSCAR_SUFFIXES = (".vasp", ".poscar")
_XYZ_SUFFIXES = (".extxyz", ".xyz")
_CHECK = "check the file"
_NAME_LENGTH = 200  # CIF allows 75 characters
# Text fields, which are passed over, and beginnings of data blocks.
_ENTRY = re.compile(
    r"^;.*?^;(?=\s|\Z)|(?:(?<=\n)|\A)[ \t]*data_\S*", re.MULTILINE | re.DOTALL | re.IGNORECASE
)
_SITES = re.compile(r"^\s*_atom_site[_.]", re.MULTILINE | re.IGNORECASE)
_STRUCTURAL = re.compile(
    r"^\s*_cell[_.]length_a\s|^\s*_database_code_(?:icsd|depnum)", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Content:
    """What one data block holds, before it is known which file it came from."""

    structure: Structure
    codes: tuple[str, ...] = ()
    formula: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    oxidation_states: dict[str, float] = field(default_factory=dict)
    site_charges: SiteCharges = ()
    implicit_hydrogens: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive entries of one file, or a whole file of another format.

    Attributes
    ----------
    file_name
        With the path inside its archive.
    file_sha256, file_size
        Of the whole file.
    texts
        Text of each entry, with the number of its first line.
    labels
        Name of each entry, numbered where names repeat; empty for other formats.
    several
        The file holds several structures, so that its name alone does not tell them apart.
    """

    file_name: str
    file_sha256: str
    file_size: int
    texts: tuple[tuple[str, int], ...]
    labels: tuple[str, ...]
    several: bool

    @property
    def size_of_largest(self) -> int:
        """Characters of the longest entry."""
        return max((len(text) for text, _ in self.texts), default=0)

    def singly(self) -> list["Part"]:
        """The same entries one by one."""
        return [
            replace(self, texts=(text,), labels=(label,))
            for text, label in zip(self.texts, self.labels, strict=True)
        ]


def read_structures(
    source: str | Path | tuple[str, bytes], parameters: ReadingParameters | None = None
) -> list[ParsedBlock]:
    """Read every structure of a CIF, POSCAR, pymatgen JSON or extended XYZ file.

    Parameters
    ----------
    source
        A path, or the name and the bytes of a file.

    Returns
    -------
    list of ParsedBlock
        One for each data block that holds a structure or ought to, in the order of the file. A block or a
        file that cannot be read gives an `InputError` in its place: nothing is dropped, and nothing is raised
        for what a file holds.
    """
    path = Path(source[0] if isinstance(source, tuple) else source)
    try:
        content = source[1] if isinstance(source, tuple) else read_path(path)
        parts = split_file(str(path), content)
    except InputError as error:
        return [ParsedBlock("", error.with_context(str(path), _CHECK))]
    return [block for part in parts for block in read_part(part, parameters)]


def split_file(name: str, content: bytes, entries_each: int = 0) -> list[Part]:
    """Split a file into parts that can be read on their own, in order; all of it in one unless told otherwise.

    Raises
    ------
    InputError
        As `parts_of_file`.
    """
    return list(parts_of_file(name, content, entries_each))


def parts_of_file(name: str, content: bytes, entries_each: int) -> Iterator[Part]:
    """Parts of a file that can be read on their own, in order; each is made when it is asked for.

    Parameters
    ----------
    entries_each
        Most entries of one part; all of a file in one if 0.

    Raises
    ------
    InputError
        If the file is too large or empty, or of no known format.
    """
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.too_large(len(content))
    text = _decode(content)
    if not text.strip():
        raise UnreadableStructureError("the file is empty")
    digest, size = hashlib.sha256(content).hexdigest(), len(content)
    plain = PurePosixPath(name).name
    if _is_xyz(plain):
        entries = [_Entry(*span, str(number)) for number, span in enumerate(spans_of_frames(text), start=1)]
    else:
        entries = _entries(text) if _is_cif(plain, text) else []
    if len(entries) < 2:
        label = entries[0].name if entries and not _is_xyz(plain) else ""
        yield Part(name, digest, size, ((text, 1),), (label,), several=False)
        return
    holding = {e for e in entries if _is_xyz(plain) or _SITES.search(text, e.start, e.end)}
    # Entries without sites (global data, powder patterns) are no structures, unless they have a cell or a code.
    ought = [e for e in entries if e in holding or _STRUCTURAL.search(text, e.start, e.end)] or entries[:1]
    step = entries_each or len(ought)
    for start in range(0, len(ought), step):
        chosen = ought[start : start + step]
        yield Part(
            name,
            digest,
            size,
            tuple((text[entry.start : entry.end], entry.line) for entry in chosen),
            tuple(entry.name for entry in chosen),
            several=len(holding) > 1,
        )


def read_part(part: Part, parameters: ReadingParameters | None = None) -> list[ParsedBlock]:
    """Read the entries of a part; see `read_structures`."""
    chosen = parameters or ReadingParameters()
    blocks = []
    path = Path(part.file_name)
    for (text, line), label in zip(part.texts, part.labels, strict=True):
        for named, held in _read(path.name, text, line, chosen):
            name = label if _is_xyz(path.name) else named
            numbered = label if label.startswith(name) else name
            if isinstance(held, InputError):
                alone = not part.several and len(part.texts) == 1
                subject = part.file_name if alone else f"{part.file_name} [{numbered}]"
                blocks.append(ParsedBlock(name, held.with_context(subject, _CHECK), numbered))
                continue
            structure = ParsedStructure(
                stem=file_slug(path, name if part.several else ""),
                codes=held.codes,
                structure=held.structure,
                formula_text=held.formula or held.structure.composition.reduced_formula,
                file_name=part.file_name,
                file_sha256=part.file_sha256,
                file_size=part.file_size,
                block_name=name,
                metadata=held.metadata,
                oxidation_states=held.oxidation_states,
                site_charges=held.site_charges,
                implicit_hydrogens=held.implicit_hydrogens,
                warnings=held.warnings,
            )
            blocks.append(ParsedBlock(name, structure, numbered))
    return blocks


def _is_cif(name: str, text: str) -> bool:
    lower = name.lower()
    if lower.endswith((".cif", ".mcif")):
        return True
    if lower.endswith((".json", *_POSCAR_SUFFIXES, *_XYZ_SUFFIXES)) or name.upper().startswith(POSCAR_NAMES):
        return False
    return bool(re.search(r"^\s*data_", text, re.MULTILINE | re.IGNORECASE))


def _is_xyz(name: str) -> bool:
    return name.lower().endswith(_XYZ_SUFFIXES)


class _Entry(NamedTuple):
    """Where a data block is in its file, the number of its first line, and its name, numbered where names repeat."""

    start: int
    end: int
    line: int
    name: str


def _entries(text: str) -> list[_Entry]:
    spans = [m.span() for m in _ENTRY.finditer(text) if text[m.start()] != ";"]
    found, line, at = [], 1, 0
    seen: Counter[str] = Counter()
    for (start, named), (end, _) in pairwise([*spans, (len(text), 0)]):
        line += text.count("\n", at, start)
        at = start
        name = text[start:named].strip()[len("data_") :][:_NAME_LENGTH]
        seen[name] += 1
        found.append(_Entry(start, end, line, name if seen[name] == 1 else f"{name}#{seen[name]}"))
    return found


def _read(
    name: str, text: str, line: int, parameters: ReadingParameters
) -> Iterator[tuple[str, _Content | InputError]]:
    try:
        if len(text) > limits.MAX_ENTRY_BYTES:
            raise limits.too_large(len(text), limits.MAX_ENTRY_BYTES)
        if _is_cif(name, text):
            yield from _read_cif(text, line, parameters)
        elif name.lower().endswith(".json"):
            yield "", _read_json(text)
        elif name.lower().endswith(_POSCAR_SUFFIXES) or name.upper().startswith(POSCAR_NAMES):
            yield "", _read_poscar(text)
        elif _is_xyz(name):
            yield "", _plain_content(read_frame(text), ())
        else:
            raise UnreadableStructureError(
                "neither name nor content tell the format", remedy="name it .cif, .vasp, .json or .extxyz"
            )
    except InputError as error:
        yield "", error
    except Exception as error:  # noqa: BLE001 - what no library foresaw in one entry leaves the others
        yield (
            "",
            UnreadableStructureError(f"{type(error).__name__}: {error}", remedy="report it with the file"),
        )


def _decode(content: bytes) -> str:
    """Text of the file: UTF-8, UTF-16 with a byte-order mark, else Latin-1, which never fails."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _read_cif(
    text: str, line: int, parameters: ReadingParameters
) -> Iterator[tuple[str, _Content | InputError]]:
    blocks = parse_cif(text)
    if not blocks:
        raise UnreadableStructureError("no data block: this is no CIF")
    for block in [b for b in blocks if _has_sites(b)] or blocks[:1]:
        name = block.name[:_NAME_LENGTH]
        try:
            crystal = build_crystal(block, parameters)
        except InputError as error:
            yield name, error.with_context("", lines=excerpt(text, error.about, line))
            continue
        yield (
            name,
            _Content(
                crystal.structure,
                database_codes(block),
                formula_text(block),
                read_metadata(block),
                crystal.oxidation_states,
                crystal.site_charges,
                crystal.implicit_hydrogens,
                crystal.warnings,
            ),
        )


def _has_sites(block: CifBlock) -> bool:
    return any(tag.startswith("_atom_site_") for tag in (*block.values, *block.ragged))


def _read_poscar(text: str) -> _Content:
    # Takes a second to import, and most deliveries hold nothing but CIF.
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            poscar = Poscar.from_str(text)
            structure = poscar.structure
    # pymatgen raises one of its warnings, too.
    except (*_MALFORMED, BadPoscarWarning) as error:
        # What Python says of a line that ends early helps nobody.
        said = isinstance(error, ValueError | BadPoscarWarning)
        raise UnreadableStructureError(
            f"not a POSCAR: {error if said else 'a line is missing or ends early'}"
        ) from None
    messages = [str(w.message) for w in caught]
    if not poscar.true_names:
        raise UnreadableStructureError(
            "the POSCAR does not name its elements", remedy="write them in line 6, as VASP 5 does"
        )
    return _plain_content(structure, tuple(messages))


def _read_json(text: str) -> _Content:
    try:
        fields = json.loads(text, parse_constant=_no_number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = Structure.from_dict(fields)
    except (*_MALFORMED, RecursionError) as error:
        raise UnreadableStructureError(
            f"not a pymatgen structure in JSON: {type(error).__name__}: {error}"
        ) from None
    return _plain_content(structure, ())


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _plain_content(structure: Structure, messages: tuple[str, ...]) -> _Content:
    """Content of a format that holds a structure and nothing else."""
    check_numbers(structure)
    if not all(str(label).isprintable() for label in structure.labels):
        raise UnreadableStructureError("labels of its sites are no text")
    ions = ion_amounts(structure.composition)
    return _Content(
        bare_structure(structure),
        oxidation_states=mean_states(ions),
        site_charges=site_charges(structure) if has_several_states(ions) else (),
        warnings=messages,
    )
