"""How many disordered CIF files get an ordered approximant: ``python benchmarks/ordering_yield.py FOLDER [ELEMENT]``.

Counts the files in FOLDER that are disordered and hold the mobile ion, orders each once with the default
parameters, and prints the share with an approximant (neutral, close to the file's composition, no overlaps), the times
taken, and why the rest were refused.
"""

import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

from mtl_flows.errors import OrderingError
from mtl_flows.science.elements import element_amounts
from mtl_flows.science.ordering import order_structure


def disordered_structures(folder: Path, mobile_ion: str) -> dict[str, Structure]:
    """Read every CIF file that is disordered and holds the ion."""
    structures = {}
    for path in sorted(folder.glob("*.cif")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (structure,) = CifParser(path, occupancy_tolerance=1.1, site_tolerance=1e-2).parse_structures(
                primitive=False, on_error="ignore"
            )[:1]
        if not structure.is_ordered and mobile_ion in element_amounts(structure.composition):
            structures[path.stem] = structure
    return structures


def main(folder: Path, mobile_ion: str) -> None:
    """Print the yield."""
    structures = disordered_structures(folder, mobile_ion)
    times_s, refused, errors, closest = [], [], [], []
    for name, structure in structures.items():
        start = time.perf_counter()
        try:
            (approximant,) = order_structure(structure, mobile_ion)
        except OrderingError as error:
            refused.append(f"{name}: {error}")
        else:
            errors.append(approximant.composition_error)
            closest.append(approximant.min_distances_A.get(f"{mobile_ion}-{mobile_ion}", np.inf))
        times_s.append(time.perf_counter() - start)
    n_ordered = len(structures) - len(refused)
    print(
        f"{n_ordered} of {len(structures)} disordered files ordered ({100 * n_ordered / len(structures):.0f} %)"
    )
    print(f"time: median {np.median(times_s):.1f} s, longest {max(times_s):.1f} s")
    print(f"composition error: median {np.median(errors):.3f}, largest {max(errors):.3f}")
    print(f"{mobile_ion}–{mobile_ion} below 2 Å in {sum(distance < 2.0 for distance in closest)}")
    for reason, count in Counter(line.split(": ", 2)[-1] for line in refused).most_common():
        print(f"  {count} refused: {reason}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "Li")
