"""How much faster topology is than the procedure it replaces, on the same structures in the same run.

    python benchmarks/topology_speed.py [FOLDER_OR_TABLE] [--every N] [--all-sites]

The procedure is that of doi:10.1021/jacs.5c04828 as described and released: for each mobile site of the cell the mobile
and the framework sites within 10 Å, each the Rips complex up to 10 Å and homology up to dimension 2. Sites of one
orbit cost the same, so by default one of each is timed and counted with its multiplicity; ``--all-sites`` times all.
Without a folder of CIF files the structures are those of examples/compounds.yaml.
"""

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np
from pymatgen.core import Structure
from ripser import ripser

from mtl_flows.errors import InputError, NoMobileIonError
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.reading import read_structures
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology import TopologyParameters, TopologyResult, compute_topology

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
CUTOFF_A = 10.0


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


def replaced_procedure(structure: Structure, site: int, mobile: set[int]) -> None:
    """Homology around one site, without any of the savings."""
    neighbours = structure.get_sites_in_sphere(structure[site].coords, CUTOFF_A)
    for wanted in (True, False):
        cloud = [n.coords for n in neighbours if (n.index in mobile) is wanted]
        if len(cloud) > 1:
            ripser(np.array(cloud), maxdim=2, thresh=CUTOFF_A)


def time_replaced(structure: Structure, result: TopologyResult, *, all_sites: bool) -> float:
    """Seconds that the replaced procedure takes for a structure."""
    mobile = set(split_sublattices(structure).mobile_indices.tolist())
    sites = (
        [(site, 1) for site in mobile]
        if all_sites
        else [(o.site_index, o.multiplicity) for o in result.orbits]
    )
    seconds = 0.0
    for site, multiplicity in sites:
        start = process_time()
        replaced_procedure(structure, site, mobile)
        seconds += multiplicity * (process_time() - start)
    return seconds


def time_ours(structure: Structure, parameters: TopologyParameters) -> tuple[float, TopologyResult]:
    """Seconds that one pass takes, the best of three."""
    seconds = []
    for _ in range(3):
        start = process_time()
        result = compute_topology(structure, parameters=parameters)
        seconds.append(process_time() - start)
    return min(seconds), result


def main() -> None:
    """Print a table and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=EXAMPLES)
    parser.add_argument("--every", type=int, default=1, help="take every Nth structure")
    parser.add_argument("--all-sites", action="store_true", help="do not count one site for its whole orbit")
    arguments = parser.parse_args()
    screening, extended = TopologyParameters(extended=False), TopologyParameters()
    ratios, ratios_extended = [], []
    print(f"{'structure':28} sites mobile orbits  replaced s  ours ms   ratio  with d, v ms   ratio")
    for index, (name, structure) in enumerate(structures(arguments.source)):
        if index % arguments.every:
            continue
        try:
            ours, result = time_ours(structure, screening)
        except NoMobileIonError:
            continue
        ours_extended, _ = time_ours(structure, extended)
        replaced = time_replaced(structure, result, all_sites=arguments.all_sites)
        ratios.append(replaced / ours)
        ratios_extended.append(replaced / ours_extended)
        print(
            f"{name[:28]:28} {result.n_sites:5} {result.n_mobile:6} {len(result.orbits):6} {replaced:11.2f}"
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
