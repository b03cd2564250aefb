"""The example crystals as files: a CIF each, and a table of labels for `mtl label`."""

import csv
from collections.abc import Sequence
from pathlib import Path

import mtl_flows
from mtl_flows.errors import ConfigurationError, unwritable
from mtl_flows.science.compounds import Compound, load_compounds, write_cif
from mtl_flows.science.reading import ParsedStructure, read_structures

LABELS_FILE = "labels.csv"


def shipped_table() -> Path:
    """Table of compounds that comes with the package: inside it when installed, beside it in a checkout.

    Raises
    ------
    ConfigurationError
        If it is in neither place.
    """
    package = Path(mtl_flows.__file__).parent
    for candidate in (package / "data" / "compounds.yaml", package.parent / "examples" / "compounds.yaml"):
        if candidate.is_file():
            return candidate
    raise ConfigurationError(
        "the table of example compounds is missing", subject=str(package), remedy="name one with --table"
    )


def write_examples(folder: Path, table: Path) -> Sequence[Compound]:
    """Write one CIF for each compound of a table, and what is known of them as a table of labels.

    Parameters
    ----------
    folder
        Created if need be.
    table
        As ``examples/compounds.yaml``.

    Raises
    ------
    ConfigurationError
        If the table is unreadable or `folder` cannot be written.
    InputError
        If an entry of the table is wrong.
    """
    compounds = load_compounds(table)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["id", "known_conductor", "conductivity_S_per_cm", "below_detection", "family", "source"]
            )
            for compound in compounds:
                path = folder / f"{compound.id}.cif"
                write_cif(compound, path)
                writer.writerow(_label(_material_id(path), compound))
    except OSError as error:
        raise unwritable(folder, error) from error
    return compounds


def _material_id(path: Path) -> str:
    """Id under which the store will know the crystal."""
    (block,) = read_structures(path)
    if not isinstance(block.result, ParsedStructure):
        raise block.result
    return block.result.source_id


def _label(material_id: str, compound: Compound) -> list[object]:
    measured = compound.conductivity
    return [
        material_id,
        str(compound.known_conductor).lower(),
        measured.S_per_cm if measured else "",
        str(measured.below).lower() if measured else "",
        compound.family,
        (measured.source.doi or measured.source.citation) if measured else "",
    ]
