"""How fast a folder of CIF files goes through reading and topology, compared with merely parsing it.

    python benchmarks/topology_throughput.py FOLDER [--workers 2] [--rounds 3]

Three jobs take turns on the same worker processes, so that whatever else the machine does falls on all alike: parsing
with pymatgen and nothing else, reading and topology, the same with the percolation descriptors. The best
round of each counts.
"""

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.parallel import guarded_map
from mtl_flows.science.reading import read_structures
from mtl_flows.science.topology import TopologyParameters, compute_topology


def parse_only(path: Path) -> int:
    """Parse a file with pymatgen; return its number of structures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Structure.from_file(path)
    return 1


def read_and_compute(path: Path, parameters: TopologyParameters) -> int:
    """Read a file and compute the topology of what it holds; return the number of structures."""
    blocks = [block.result for block in read_structures(path)]
    structures = [block.structure for block in blocks if not isinstance(block, InputError)]
    for structure in structures:
        compute_topology(structure, parameters=parameters)
    return len(structures)


def rate(job: Callable[[Path], int], paths: list[Path], workers: int) -> tuple[float, int]:
    """Files per second, the start of the processes not counted, and the number of files that failed."""
    # The first files only warm the workers up.
    outcomes = guarded_map(job, paths[: 8 * max(workers, 1)] + paths, workers=workers)
    for _ in paths[: 8 * max(workers, 1)]:
        next(outcomes)
    start = perf_counter()
    failed = sum(outcome.error is not None for outcome in outcomes)
    return len(paths) / (perf_counter() - start), failed


def main() -> None:
    """Print the rates and their ratio to that of parsing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.rglob("*.cif"))
    jobs: dict[str, Callable[[Path], int]] = {
        "parsing with pymatgen": parse_only,
        "reading and topology": partial(read_and_compute, parameters=TopologyParameters(extended=False)),
        "reading and topology with d, v": partial(read_and_compute, parameters=TopologyParameters()),
    }
    best = dict.fromkeys(jobs, 0.0)
    failures = dict.fromkeys(jobs, 0)
    for _ in range(arguments.rounds):
        for name, job in jobs.items():
            per_second, failures[name] = rate(job, paths, arguments.workers)
            best[name] = max(best[name], per_second)
    reference = best["parsing with pymatgen"]
    print(f"{len(paths)} files, {arguments.workers} workers")
    for name, per_second in best.items():
        ratio = per_second / reference
        print(
            f"{name:32} {per_second:7.1f} files/s {ratio:7.0%} of parsing, {failures[name]} without a result"
        )


if __name__ == "__main__":
    main()
