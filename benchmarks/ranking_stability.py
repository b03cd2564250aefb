"""How the order of the best materials moves when coordinates are shaken and the grid is refined.

    python benchmarks/ranking_stability.py FOLDER [--best 45] [--table conductivity.csv]

Every structure of a folder is ranked by priority: as it is, with Gaussian noise on the Cartesian coordinates of all
sites, and on a refined grid. With a table of conductivities also the area under the curve, as it is and with a further
dose of the noise that many published structures carry: 0.01 in fractional coordinates.
"""

import argparse
from collections.abc import Callable, Sequence
from math import inf
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from barrier import structures
from pymatgen.core import Structure
from scipy.stats import spearmanr

from mtl_flows.errors import InputError
from mtl_flows.evaluation.conductivity.statistics import roc_auc
from mtl_flows.evaluation.conductivity.table import read_conductivity_table
from mtl_flows.science.barrier import BarrierParameters, migration_barriers
from mtl_flows.science.known import canonical_id
from mtl_flows.science.priority import channel_ratio, priority
from mtl_flows.science.topology import compute_topology

SUPERIONIC_S_PER_CM = 1e-4
Change = Callable[[Structure, np.random.Generator], Structure]


def score(structure: Structure, parameters: BarrierParameters = BarrierParameters()) -> tuple[float, float]:
    """Priority and v3/d3 of one structure; without a barrier it comes last."""
    try:
        topology = compute_topology(structure)
    except InputError:
        return -inf, -inf
    assert topology.v_A is not None
    assert topology.d_A is not None
    ratio = channel_ratio(topology.v_A[2], topology.d_A[2])
    try:
        return priority(ratio, migration_barriers(structure, "Li", parameters).E_3D_eV), ratio
    except InputError:
        return -1000.0 + ratio, ratio


def shaken(structure: Structure, sigma_A: float, rng: np.random.Generator) -> Structure:
    """Displace every site at random along each axis."""
    moved = rng.normal(0.0, sigma_A, (len(structure), 3)) @ np.linalg.inv(structure.lattice.matrix)
    return Structure(structure.lattice, structure.species_and_occu, structure.frac_coords + moved)


def dosed(structure: Structure, rng: np.random.Generator) -> Structure:
    """Displace every site by 0.01 of the cell along each axis, as much published data is."""
    moved = rng.normal(0.0, 0.01, (len(structure), 3))
    return Structure(structure.lattice, structure.species_and_occu, structure.frac_coords + moved)


def scores_of(task: tuple[int, Structure]) -> list[tuple[float, float]]:
    """Scores of one structure under every change."""
    seed, structure = task
    rng = np.random.default_rng(seed)
    return [
        score(structure),
        score(shaken(structure, 0.01, rng)),
        score(shaken(structure, 0.05, rng)),
        score(structure, BarrierParameters(refine_to_eV=0.01)),
        score(dosed(structure, rng)),
    ]


CHANGES = (
    "as it is",
    "shaken by 0.01 Å",
    "shaken by 0.05 Å",
    "grid refined",
    "0.01 in fractional coordinates",
)


def compare(name: str, before: np.ndarray, after: np.ndarray, best: int) -> None:
    """Print how much of the best stays, and how far their order agrees."""
    first, second = np.argsort(-before, kind="stable"), np.argsort(-after, kind="stable")
    top = first[:best]
    places = np.empty(len(after), dtype=int)
    places[second] = np.arange(len(after))
    agreement = spearmanr(before[top], after[top]).statistic
    kept = np.count_nonzero(places[top] < best)
    moved = np.abs(places[top] - np.arange(best))
    print(f"| {name} | {kept} of {best} | {agreement:.2f} | {np.median(moved):.0f} | {moved.max()} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--best", type=int, default=45)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    found = list(structures(arguments.folder))
    with Pool(arguments.workers) as pool:
        scores = np.array(pool.map(scores_of, [(k, s) for k, (_, s) in enumerate(found)], chunksize=4))
    print(
        f"{len(found)} structures\n| change | still among the best | Spearman | places moved, median | most |"
    )
    print("|---|---|---|---|---|")
    for k, name in enumerate(CHANGES[1:], 1):
        compare(name, scores[:, 0, 0], scores[:, k, 0], arguments.best)
    if arguments.table is not None:
        areas(found, scores, arguments.table)


def areas(found: Sequence[tuple[str, Structure]], scores: np.ndarray, table: Path) -> None:
    """Print the area under the curve of both scores under every change."""
    rows = {canonical_id(row.id): row for row in read_conductivity_table(table, lambda error: None)}
    known = [rows.get(canonical_id(name)) for name, _ in found]
    verdicts = [None if row is None else row.is_superionic(SUPERIONIC_S_PER_CM) for row in known]
    kept = np.array([verdict is not None for verdict in verdicts])
    positive = np.array([bool(verdict) for verdict in verdicts])[kept]
    whole = np.ones((1, len(positive)))
    print("\n| coordinates | AUC of the priority | of v3/d3 |\n|---|---|---|")
    for k, name in enumerate(CHANGES):
        one, other = (float(roc_auc(scores[kept, k, j], positive, whole)[0]) for j in (0, 1))
        print(f"| {name} | {one:.3f} | {other:.3f} |")


if __name__ == "__main__":
    main()
