"""One file, whatever its format, into its structures."""

import hashlib
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pymatgen.core import Structure

from mtl_flows.errors import InputError, UnreadableStructureError
from mtl_flows.science.charges import (
    SiteCharges,
    bare_structure,
    has_several_states,
    ion_amounts,
    mean_states,
    site_charges,
)
from mtl_flows.science.reading import limits
from mtl_flows.science.reading.cif import CifBlock, parse_cif
from mtl_flows.science.reading.crystal import build_crystal
from mtl_flows.science.reading.metadata import database_codes, formula_text, read_metadata
from mtl_flows.science.reading.model import Metadata, ParsedBlock, ParsedStructure, ReadingParameters
from mtl_flows.science.reading.sources import read_path

# What pymatgen raises over malformed text, according to where it stumbles.
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError)
_POSCAR_NAMES = ("POSCAR", "CONTCAR")
_COLLECTION_CODE = re.compile(r"coll(?:ection)?[-_ ]?code[-_ ]?(\d+)|^icsd[-_ ]?(\d+)$", re.IGNORECASE)


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


def read_structures(
    source: str | Path | tuple[str, bytes], parameters: ReadingParameters | None = None
) -> list[ParsedBlock]:
    """Read every structure of a CIF, POSCAR or pymatgen JSON file.

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
        blocks = list(_read(path.name, content, parameters or ReadingParameters()))
    except InputError as error:
        return [ParsedBlock("", _about(str(path), error))]
    several = len(blocks) > 1
    sha256 = hashlib.sha256(content).hexdigest()
    parsed = []
    for name, held in blocks:
        if isinstance(held, InputError):
            parsed.append(ParsedBlock(name, _about(f"{path} [{name}]" if several else str(path), held)))
            continue
        structure = ParsedStructure(
            stem=file_slug(path, name if several else ""),
            codes=held.codes,
            structure=held.structure,
            formula_text=held.formula or held.structure.composition.reduced_formula,
            file_name=str(path),
            file_sha256=sha256,
            file_size=len(content),
            block_name=name,
            metadata=held.metadata,
            oxidation_states=held.oxidation_states,
            site_charges=held.site_charges,
            implicit_hydrogens=held.implicit_hydrogens,
            warnings=held.warnings,
        )
        parsed.append(ParsedBlock(name, structure))
    return parsed


def _read(
    name: str, content: bytes, parameters: ReadingParameters
) -> Iterator[tuple[str, _Content | InputError]]:
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.too_large(len(content))
    text = _decode(content)
    if not text.strip():
        raise UnreadableStructureError("the file is empty")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in (".cif", ".mcif"):
        yield from _read_cif(text, parameters)
    elif suffix == ".json":
        yield "", _read_json(text)
    elif suffix in (".vasp", ".poscar") or name.upper().startswith(_POSCAR_NAMES):
        yield "", _read_poscar(text)
    elif re.search(r"^\s*data_", text, re.MULTILINE | re.IGNORECASE):
        yield from _read_cif(text, parameters)
    else:
        raise UnreadableStructureError(
            "neither name nor content tell the format", remedy="name it .cif, .vasp or .json"
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


def _read_cif(text: str, parameters: ReadingParameters) -> Iterator[tuple[str, _Content | InputError]]:
    blocks = parse_cif(text)
    if not blocks:
        raise UnreadableStructureError("no data block: this is no CIF", remedy="check the file")
    # Blocks without sites (global data, powder patterns) are no structures, unless the file holds nothing else.
    for block in [b for b in blocks if _has_sites(b)] or blocks[:1]:
        try:
            crystal = build_crystal(block, parameters)
        except InputError as error:
            yield block.name, error
            continue
        yield (
            block.name,
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
        fields = json.loads(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = Structure.from_dict(fields)
    except _MALFORMED as error:
        raise UnreadableStructureError(
            f"not a pymatgen structure in JSON: {type(error).__name__}: {error}"
        ) from None
    return _plain_content(structure, ())


def _plain_content(structure: Structure, messages: tuple[str, ...]) -> _Content:
    """Content of a format that holds a structure and nothing else."""
    ions = ion_amounts(structure.composition)
    return _Content(
        bare_structure(structure),
        oxidation_states=mean_states(ions),
        site_charges=site_charges(structure) if has_several_states(ions) else (),
        warnings=messages,
    )


def _about(subject: str, error: InputError) -> InputError:
    return type(error)(
        error.message, subject=error.subject or subject, remedy=error.remedy or "check the file"
    )


def file_slug(path: Path, block: str = "") -> str:
    """Id from the name of a file: ``icsd-188887`` for its usual names in the ICSD, else the name itself.

    Files called no more than ``POSCAR`` take the name of their folder.
    """
    stem = re.sub(r"(\.(cif|mcif|vasp|poscar|json))+$", "", path.name, flags=re.IGNORECASE)
    for generic in _POSCAR_NAMES:
        if stem.upper().startswith(generic):
            stem = stem[len(generic) :].strip("._- ") or f"{path.parent.name}-{generic}".strip("-")
    code = _COLLECTION_CODE.search(stem)
    if code:
        stem = f"icsd-{code[1] or code[2]}"
    return "-".join(part for part in (_safe(stem), _safe(block)) if part) or "unnamed"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-")
