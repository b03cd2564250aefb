"""Structures of candidates as CIF files with a manifest, in a folder or a zip archive."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from mtl_flows.errors import unwritable
from mtl_flows.report.tables import evidence
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

MANIFEST_COLUMNS = (
    *("material_id", "formula", "file", "sha256", "ordered", "structure_id", "source_file", "releases"),
    *("priority", "activation_energy_eV", "window_low_V", "window_high_V", "verdict", "evidence"),
)

_BATCH = 200
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_AS_IN_TABLE = ("priority", "activation_energy_eV", "window_low_V", "window_high_V", "verdict")


def write_bundle(
    store: MTLStore,
    candidates: Iterable[CandidateDocument],
    path: Path,
) -> int:
    """Write one CIF file for each material, partial occupancies included, and ``manifest.csv`` and ``.json``.

    The same materials give the same bytes.

    Parameters
    ----------
    path
        A zip archive if it ends in ``.zip``, else a folder that is made.

    Returns
    -------
    int
        Number of structures.

    Raises
    ------
    ConfigurationError
        If the place cannot be written to.
    """
    manifest: list[dict[str, Any]] = []

    def files() -> Iterator[tuple[str, str]]:
        for name, text, entry in _structures(store, candidates):
            manifest.append(entry)
            yield name, text
        yield "manifest.csv", _csv(manifest)
        yield "manifest.json", json.dumps(manifest, indent=2) + "\n"

    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in files():
                    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, text)
        else:
            path.mkdir(parents=True, exist_ok=True)
            for name, text in files():
                (path / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
    return len(manifest)


def _structures(
    store: MTLStore, candidates: Iterable[CandidateDocument]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for batch in batched(candidates, _BATCH):
        ids = [candidate.structure_id for candidate in batch]
        structures = {s.id: s for s in store.structures.find({"_id": {"$in": ids}})}
        crystals = store.crystals.structures(s.crystal_id for s in structures.values())
        for candidate in batch:
            structure = structures[candidate.structure_id]
            name = f"{_file_name(candidate.material_id)}.cif"
            text = _cif(crystals[structure.crystal_id])
            yield (
                name,
                text,
                {
                    "material_id": candidate.material_id,
                    "formula": candidate.reduced_formula,
                    "file": name,
                    "sha256": sha256(text.encode()).hexdigest(),
                    "ordered": candidate.ordered,
                    "structure_id": structure.id,
                    "source_file": structure.file.name,
                    "releases": candidate.releases,
                    **{field: getattr(candidate, field) for field in _AS_IN_TABLE},
                    "evidence": evidence(candidate.material_id),
                },
            )


def _cif(structure: Structure) -> str:
    """Every site of the cell with its occupancies; labels of the source name orbits and would repeat."""
    return str(CifWriter(Structure(structure.lattice, structure.species_and_occu, structure.frac_coords)))


def _csv(manifest: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MANIFEST_COLUMNS)
    for entry in manifest:
        writer.writerow(
            [
                " ".join(value) if isinstance(value, list) else value
                for value in (entry[column] for column in MANIFEST_COLUMNS)
            ]
        )
    return text.getvalue()


def _file_name(material_id: str) -> str:
    """Material ids come from file names of others: keep what every file system takes."""
    return "".join(c if c.isalnum() or c in "-_.+" else "_" for c in material_id).lstrip(".") or "_"
