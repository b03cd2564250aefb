"""What the benchmark is run on: a folder and a table, or compounds whose conductivity is known."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.evaluation.conductivity.benchmark import run_conductivity_benchmark
from mtl_flows.evaluation.conductivity.parameters import BenchmarkParameters
from mtl_flows.evaluation.conductivity.report import BenchmarkReport
from mtl_flows.evaluation.conductivity.table import MeasuredConductivity, read_conductivity_table
from mtl_flows.science.compounds import Compound, build_structure
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
    parameters: BenchmarkParameters = BenchmarkParameters(),
    on_refused: Callable[[InputError], None] | None = None,
) -> BenchmarkReport:
    """Judge the screening by a folder of structures and a table of measured conductivities.

    Parameters
    ----------
    parameters
        Threshold, resampling and seeds; whether rows count whose structure is a relative's.
    on_refused
        Called for each row of the table that cannot be read, which is left out; if None such a row is an error.

    Raises
    ------
    InputError
        If the folder or the table is unusable, or too few materials are on either side of the threshold.
    """
    table = read_conductivity_table(conductivity_table, on_refused)
    structures = structures_in(cifs, [row.id for row in table])
    return run_conductivity_benchmark(
        structures, table, mobile_ion=mobile_ion, parameters=parameters, workers=workers
    )


def benchmark_compounds(compounds: Sequence[Compound], *, mobile_ion: str, workers: int) -> BenchmarkReport:
    """Judge the screening by compounds of a table such as the examples; the known conductors are its own.

    Raises
    ------
    InputError
        If too few of them are on either side of the threshold.
    """
    return run_conductivity_benchmark(
        [(compound.id, build_structure(compound)) for compound in compounds],
        [
            MeasuredConductivity(compound.id, found.S_per_cm, "<" if found.below else "", compound.family)
            for compound in compounds
            if (found := compound.conductivity) is not None
        ],
        mobile_ion=mobile_ion,
        known_ids=[compound.id for compound in compounds if compound.known_conductor],
        workers=workers,
    )
