"""Whether memory, or the time for a structure, grows with the number of structures.

    python benchmarks/topology_memory.py [--structures 2000] [--blocks 10]

The structures are the compounds of examples/compounds.yaml, each strained at random and with some framework sites
given to another element, so that no two are alike. All go through one process.
"""

import argparse
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from time import process_time

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology import compute_topology

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
STRAIN = 0.03
SUBSTITUTED = 0.1


def variants(structures: list[Structure]) -> Iterator[Structure]:
    """Endless strained and substituted copies of the structures, in turn."""
    rng = np.random.default_rng(0)
    for parent in cycle(structures):
        lattice = Lattice(parent.lattice.matrix * (1.0 + STRAIN * rng.uniform(-1.0, 1.0, 3)))
        species = [site.species for site in parent]
        for index in split_sublattices(parent).framework_indices:
            if rng.random() < SUBSTITUTED:
                species[int(index)] = "Xe"
        yield Structure(lattice, species, parent.frac_coords)


def resident_MB() -> float:
    """Memory that this process holds now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def main() -> None:
    """Print memory and time block by block."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--largest", type=int, default=60, help="leave out parents with more sites")
    arguments = parser.parse_args()
    parents = [build_structure(compound) for compound in load_compounds(EXAMPLES)]
    source = variants([parent for parent in parents if len(parent) <= arguments.largest])
    size = arguments.structures // arguments.blocks
    print("structures  ms/structure  resident MB")
    for block in range(1, arguments.blocks + 1):
        start = process_time()
        for structure in islice(source, size):
            compute_topology(structure)
        print(
            f"{block * size:10} {1e3 * (process_time() - start) / size:13.1f} {resident_MB():12.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
