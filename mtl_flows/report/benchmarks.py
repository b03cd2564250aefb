"""From folders and tables on disk to the benchmarks of the science."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.jobs.labels import read_labels
from mtl_flows.report.examples import LABELS_FILE, shipped_table, write_examples
from mtl_flows.science.funnel import FunnelReport, read_conductivity_table, run_funnel_benchmark
from mtl_flows.science.known import canonical_id
from mtl_flows.science.reading import ParsedStructure, find_files, read_structures


def structures_in(folder: Path, wanted: Collection[str]) -> Iterator[tuple[str, Structure]]:
    """Read the structures of a folder under the ids by which a table calls them.

    A structure goes by its file's name if the table knows that, else by its database code. Files that cannot
    be read are left out; the benchmark lists them as lacking a structure.
    """
    known = {canonical_id(name) for name in wanted}
    for found in find_files([folder]):
        if not isinstance(found.content, bytes):
            continue
        for block in read_structures((found.name, found.content)):
            if isinstance(block.result, ParsedStructure):
                stem = Path(found.name).stem
                named = stem if canonical_id(stem) in known else block.result.source_id
                yield named, block.result.structure


def benchmark_folder(
    cifs: Path,
    conductivity_table: Path,
    *,
    mobile_ion: str,
    workers: int,
    on_refused: Callable[[InputError], None] | None = None,
) -> FunnelReport:
    """Judge the funnel by a folder of structures and a table of measured conductivities.

    Parameters
    ----------
    on_refused
        Called for each row of the table that cannot be read, which is left out; if None such a row is an error.

    Raises
    ------
    InputError
        If the folder or the table is unusable, or too few materials are on either side of the threshold.
    """
    table = read_conductivity_table(conductivity_table, on_refused)
    structures = structures_in(cifs, [row.id for row in table])
    return run_funnel_benchmark(structures, table, mobile_ion=mobile_ion, workers=workers)


def benchmark_examples(*, mobile_ion: str, workers: int) -> FunnelReport:
    """Judge the funnel by the example crystals; the known conductors are those of their table.

    Raises
    ------
    ConfigurationError
        If the table of examples is missing.
    """
    with TemporaryDirectory() as folder:
        write_examples(Path(folder), shipped_table())
        labels = Path(folder) / LABELS_FILE
        table = read_conductivity_table(labels)
        return run_funnel_benchmark(
            structures_in(Path(folder), [row.id for row in table]),
            table,
            mobile_ion=mobile_ion,
            known_ids=[label.id for label in read_labels(labels) if label.known_conductor],
            workers=workers,
        )
