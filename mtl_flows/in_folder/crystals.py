"""Crystals of files, as the dynamics take them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pymatgen.core import Structure

from mtl_flows.errors import InputError, OrderingError, UnreadableStructureError
from mtl_flows.schemas.crystals import crystal_id
from mtl_flows.science.crystals import canonical
from mtl_flows.science.reading import ParsedStructure, check_structure, lacking_ion, read_structures
from mtl_flows.stages.subjects import Subject


@dataclass(frozen=True)
class GivenCrystal:
    """A crystal of a file, or why there is none.

    Attributes
    ----------
    name
        Its database code, else the stem of its file; numbered where several have one.
    file, file_sha256
        Where it is from; no hash where the file could not be read.
    structure
        In canonical order, without charges; None if refused.
    subject
        What the stages read of it; None if refused.
    refused
        Why it cannot be simulated.
    """

    name: str
    file: Path
    file_sha256: str = ""
    structure: Structure | None = field(default=None, repr=False)
    subject: Subject | None = None
    refused: InputError | None = None


def read_crystals(paths: Sequence[Path], mobile_ion: str) -> list[GivenCrystal]:
    """Read every structure of every file; what cannot be read or simulated says why."""
    given = [crystal for path in paths for crystal in _of_file(path, mobile_ion)]
    seen: Counter[str] = Counter()
    named = []
    for crystal in given:
        seen[crystal.name] += 1
        number = seen[crystal.name]
        named.append(crystal if number == 1 else replace(crystal, name=f"{crystal.name}-{number}"))
    return named


def _of_file(path: Path, mobile_ion: str) -> Iterator[GivenCrystal]:
    if path.is_dir():
        error = UnreadableStructureError(
            "is a folder", subject=str(path), remedy=f"name the files in it, such as {path}/*.cif"
        )
        yield GivenCrystal(path.name, path, refused=error)
        return
    blocks = read_structures(path)
    if not blocks:
        error = UnreadableStructureError("holds no structure", subject=str(path), remedy="check the file")
        yield GivenCrystal(path.stem, path, refused=error)
    for block in blocks:
        parsed = block.result
        if isinstance(parsed, InputError):
            yield GivenCrystal(path.stem, path, refused=lacking_ion(parsed, mobile_ion))
            continue
        given = GivenCrystal(parsed.source_id, path, parsed.file_sha256)
        try:
            check_structure(parsed.structure, mobile_ion, subject=str(path))
            if parsed.implicit_hydrogens > 0:
                raise OrderingError(
                    "gives no sites to hydrogen atoms that its formula holds, so that there is no cell to simulate",
                    subject=str(path),
                    remedy="add the atoms to the file",
                )
        except InputError as error:
            yield replace(given, refused=error)
            continue
        yield _taken(given, parsed)


def _taken(given: GivenCrystal, parsed: ParsedStructure) -> GivenCrystal:
    structure, order = canonical(parsed.structure)
    charges = [dict(parsed.site_charges[int(i)]) for i in order] if parsed.site_charges else []
    subject = Subject(
        structure_id=given.name,
        material_id=given.name,
        names=[given.name],
        representative_id=given.name,
        crystal_id=crystal_id(structure),
        formula=parsed.formula_text,
        oxidation_states=parsed.oxidation_states,
        implicit_hydrogens=0.0,
        site_charges=charges,
    )
    return replace(given, structure=structure, subject=subject)
