"""How much faster topology is than the procedure it replaces, on the same structures in the same run.

    python benchmarks/topology_speed.py [FOLDER_OR_TABLE] [--every N] [--only ID ...] [--all-sites]

The procedure is that of doi:10.1021/jacs.5c04828 as described and released: for each mobile site of the cell the mobile
and the framework sites within 10 Å, each the Rips complex up to 10 Å, homology up to dimension 2 and statistics of its
diagrams; and the loops of the unit cell. Sites of one orbit cost the same, so by default one of each is timed and
counted with its multiplicity; ``--all-sites`` times all. Both sides use one thread, and the shortest of
several times counts. Without a folder of CIF files the structures are those of examples/compounds.yaml.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from ripser import ripser
from threadpoolctl import threadpool_limits

from mtl_flows.errors import InputError, NoMobileIonError
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.reading import read_structures
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology import TopologyParameters, TopologyResult, compute_topology

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
CUTOFF_A = 10.0
ENOUGH_S = 0.3
AT_MOST = 30


def structures(source: Path) -> Iterator[tuple[str, Structure]]:
    """Structures of a folder of CIF files, or of a table of compounds."""
    if source.is_dir():
        for path in sorted(source.glob("*.cif")):
            for block in read_structures(path):
                if not isinstance(block.result, InputError):
                    yield path.stem, block.result.structure
    else:
        for compound in load_compounds(source):
            yield compound.id, build_structure(compound)


def homology(points: list[NDArray[np.float64]], dimension: int) -> list[NDArray[np.float64]]:
    """Diagrams of a cloud; none of fewer than two points."""
    if len(points) < 2:
        return []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The input (matrix is square|point cloud has more columns)")
        diagrams: list[NDArray[np.float64]] = ripser(np.array(points), maxdim=dimension, thresh=CUTOFF_A)[
            "dgms"
        ]
    return diagrams


def replaced_site(structure: Structure, site: int, mobile: set[int]) -> list[float]:
    """Homology and statistics around one site, without any of the savings."""
    neighbours = structure.get_sites_in_sphere(structure[site].coords, CUTOFF_A)
    values: list[float] = []
    for wanted in (True, False):
        cloud = [n.coords for n in neighbours if (n.index in mobile) is wanted]
        for diagram in homology(cloud, 2)[:2]:
            births, deaths = np.minimum(diagram, CUTOFF_A).T
            for column in (births, deaths, deaths - births):
                if len(column):
                    values += [column.min(), column.max(), column.mean(), column.std(), column.sum()]
    return values


def replaced_cell(structure: Structure, mobile: set[int]) -> list[int]:
    """Loops of the mobile and of the framework sites of the unit cell, at a distance that no one knows yet."""
    coords = structure.cart_coords
    return [
        sum(len(d) for d in homology([coords[i] for i in range(len(coords)) if (i in mobile) is wanted], 1))
        for wanted in (True, False)
    ]


def shortest(action: Callable[[], Any]) -> float:
    """Seconds of processor time that an action takes: the shortest of the times that fit into a moment."""
    times: list[float] = []
    while not times or (sum(times) < ENOUGH_S and len(times) < AT_MOST):
        start = process_time()
        action()
        times.append(process_time() - start)
    return min(times)


def time_replaced(structure: Structure, result: TopologyResult, *, all_sites: bool) -> float:
    """Seconds that the replaced procedure takes for a structure."""
    mobile = set(split_sublattices(structure).mobile_indices.tolist())
    sites = (
        [(site, 1) for site in mobile]
        if all_sites
        else [(o.site_index, o.multiplicity) for o in result.barcodes.orbits]
    )
    seconds = shortest(lambda: replaced_cell(structure, mobile))
    for site, multiplicity in sites:
        seconds += multiplicity * shortest(lambda site=site: replaced_site(structure, site, mobile))  # type: ignore[misc]
    return seconds


def time_ours(structure: Structure, parameters: TopologyParameters) -> float:
    """Seconds that one pass takes."""
    return shortest(lambda: compute_topology(structure, parameters=parameters))


def main() -> None:
    """Print a table and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=EXAMPLES)
    parser.add_argument("--every", type=int, default=1, help="take every Nth structure")
    parser.add_argument("--only", nargs="+", default=(), metavar="ID", help="take these structures")
    parser.add_argument("--all-sites", action="store_true", help="do not count one site for its whole orbit")
    arguments = parser.parse_args()
    screening, extended = TopologyParameters(extended=False), TopologyParameters()
    ratios: list[float] = []
    ratios_extended: list[float] = []
    print(f"{'structure':28} sites mobile orbits  replaced s  ours ms   ratio  with d, v ms   ratio")
    for index, (name, structure) in enumerate(structures(arguments.source)):
        if index % arguments.every or (arguments.only and name not in arguments.only):
            continue
        try:
            result = compute_topology(structure, parameters=screening)
        except NoMobileIonError:
            continue
        with threadpool_limits(1):
            ours, ours_extended = (time_ours(structure, p) for p in (screening, extended))
            replaced = time_replaced(structure, result, all_sites=arguments.all_sites)
        ratios.append(replaced / ours)
        ratios_extended.append(replaced / ours_extended)
        print(
            f"{name[:28]:28} {result.n_sites:5} {result.n_mobile:6} {len(result.barcodes.orbits):6} {replaced:11.2f}"
            f" {1e3 * ours:8.1f} {ratios[-1]:7.0f} {1e3 * ours_extended:13.1f} {ratios_extended[-1]:7.0f}",
            flush=True,
        )
    for label, values in (("metrics and features", ratios), ("with d and v", ratios_extended)):
        print(
            f"{label}: {len(values)} structures, ratio median {statistics.median(values):.0f},"
            f" lowest {min(values):.0f}, highest {max(values):.0f}"
        )


if __name__ == "__main__":
    main()
