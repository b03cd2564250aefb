"""Whether memory, or the time for a structure, grows with the number of structures.

    python benchmarks/topology_memory.py [--structures 2000] [--blocks 10]

All go through one process; no two are alike.
"""

import argparse
from itertools import islice
from pathlib import Path
from time import process_time

from made_structures import parents, variants

from mtl_flows.science.topology import compute_topology


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
    source = variants(parents(arguments.largest))
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
