"""Bond-valence barriers of a folder of structures: time, grids, and another program's numbers.

    python benchmarks/barrier.py FOLDER [--referee 19] [--refined 40]

Prints the time of a structure on one core; how far the grid that the space group maps onto itself departs from the
plain one (`ceil(a / 0.25 Å)` points from the corner of the cell), and from the refined one; and, where bvlain is there
(https://pypi.org/project/bvlain), its barriers of ordered cells at 0.12 Å: it takes no others.
"""

import argparse
import contextlib
import io
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from time import process_time

import numpy as np
from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.science.barrier import BarrierParameters, migration_barriers
from mtl_flows.science.barrier.framework import framework_of
from mtl_flows.science.barrier.grid import Grid
from mtl_flows.science.barrier.landscape import compute_landscape
from mtl_flows.science.reading import ParsedStructure, read_structures

P = BarrierParameters()
REFINED = BarrierParameters(refine_to_eV=0.01)
REFEREE_SPACING_A = 0.12


def structures(folder: Path) -> Iterator[tuple[str, Structure]]:
    """Read every structure of a folder."""
    for path in sorted(folder.glob("*.cif")):
        for block in read_structures(path):
            if isinstance(block.result, ParsedStructure):
                yield path.stem, block.result.structure


def plain_barrier(structure: Structure) -> float:
    """E_3D on the grid that begins in the corner of the cell and knows no symmetry."""
    framework = framework_of(structure, "Li", P)
    n = [ceil(length / P.spacing_A) for length in structure.lattice.abc]
    identity = np.eye(3, dtype=np.intp)[None], np.zeros((1, 3), dtype=np.intp)
    grid = Grid(framework.lattice, np.zeros(3), (n[0], n[1], n[2]), *identity)
    landscape = compute_landscape(framework, grid, P)
    return landscape.levels_eV()[2] - landscape.minimum_eV


def referee(structure: Structure) -> tuple[float, float, float]:
    """Barriers by bvlain, whose interactions reach 7 Å here."""
    from bvlain import Lain  # type: ignore[import-not-found]

    with contextlib.redirect_stdout(io.StringIO()):
        program = Lain(verbose=False)
        program.read_structure(structure)
        program.bvse_distribution(mobile_ion="Li1+", resolution=REFEREE_SPACING_A, r_cut=7.0)
        found = program.percolation_barriers(encut=6.0)
    return found["E_1D"], found["E_2D"], found["E_3D"]


def spread(name: str, differences: list[float]) -> None:
    """Print median and extremes of some differences."""
    values = np.abs(differences)
    print(
        f"{name}: {len(values)} structures, median {np.median(values):.3f}, 95 % below "
        f"{np.percentile(values, 95):.3f}, largest {values.max():.3f} eV"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--refined", type=int, default=40, help="structures to refine")
    parser.add_argument("--referee", type=int, default=0, help="ordered structures to give to bvlain")
    arguments = parser.parse_args()
    found = list(structures(arguments.folder))
    migration_barriers(found[0][1])  # compiled now, if it was not before
    seconds, plain, known, unknown = [], [], [], 0
    for name, structure in found:
        begun = process_time()
        try:
            result = migration_barriers(structure)
        except InputError:
            unknown += 1
            continue
        seconds.append(process_time() - begun)
        if result.E_3D_eV < 3.0:
            known.append((name, structure, result))
            plain.append(result.E_3D_eV - plain_barrier(structure))
    milliseconds = 1000 * np.array(seconds)
    print(
        f"{len(seconds)} structures, {unknown} without parameters; one core: median {np.median(milliseconds):.0f}, "
        f"95 % below {np.percentile(milliseconds, 95):.0f}, longest {milliseconds.max():.0f} ms"
    )
    spread("E_3D on the symmetric against the plain grid", plain)
    refined = [(r, migration_barriers(s, "Li", REFINED)) for _, s, r in known[: arguments.refined]]
    spread("E_3D on the symmetric against the refined grid", [a.E_3D_eV - b.E_3D_eV for a, b in refined])
    differences: list[float] = []
    for name, structure, _ in known:
        if len(differences) >= 3 * arguments.referee:
            break
        if not structure.is_ordered or len(structure) > 60:
            continue
        try:
            theirs = referee(structure)
        except (ValueError, KeyError) as error:
            print(f"{name}: bvlain: {type(error).__name__}: {error}")
            continue
        result = migration_barriers(structure, "Li", REFINED)
        ours = (result.E_1D_eV, result.E_2D_eV, result.E_3D_eV)
        differences += [a - b for a, b in zip(ours, theirs, strict=True) if np.isfinite(b)]
        print(name, structure.composition.reduced_formula, np.round(ours, 3), np.round(theirs, 3))
    if differences:
        spread("barriers, refined, against bvlain", differences)


if __name__ == "__main__":
    main()
