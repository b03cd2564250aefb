"""How well duplicates are found: ``python benchmarks/duplicates_recall.py [SEED]``.

Takes the shipped table of lithium compounds, ordered and disordered, and adds copies of each as another author would
give them: sites moved by 0.01 and 0.03 Å, the cell strained by 1 % in volume, the origin shifted, axes permuted,
sites reordered, a primitive and a doubled cell, and all at once. Copies of one compound should be found,
compounds should stay apart. Prints recall for each kind of copy, precision over all pairs, and whether the order
matters.
"""

import random
import sys
import time
from collections import Counter
from itertools import combinations

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.report.examples import shipped_table
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.duplicates import composition_key, representatives

_MAX_SITES = 120


def copies(crystal: Structure, rng: np.random.Generator) -> dict[str, Structure]:
    """The same crystal in other words."""

    def perturbed(structure: Structure, distance_A: float) -> Structure:
        moved = structure.copy()
        for i in range(len(moved)):
            vector = rng.normal(size=3)
            moved.translate_sites(
                [i], distance_A * vector / np.linalg.norm(vector), frac_coords=False, to_unit_cell=True
            )
        return moved

    def strained(structure: Structure) -> Structure:
        scaled = structure.copy()
        scaled.scale_lattice(structure.volume * 1.01)
        return scaled

    def shifted(structure: Structure) -> Structure:
        moved = structure.copy()
        moved.translate_sites(range(len(moved)), rng.uniform(0, 1, 3))
        return moved

    def reset(structure: Structure) -> Structure:
        order = [2, 0, 1]
        lattice = Lattice(structure.lattice.matrix[order])
        return Structure(lattice, [site.species for site in structure], structure.frac_coords[:, order])

    def reordered(structure: Structure) -> Structure:
        return Structure.from_sites([structure[int(i)] for i in rng.permutation(len(structure))])

    made = {
        "moved 0.01 Å": perturbed(crystal, 0.01),
        "moved 0.03 Å": perturbed(crystal, 0.03),
        "strained 1 %": strained(crystal),
        "shifted origin": shifted(crystal),
        "permuted axes": reset(crystal),
        "reordered sites": reordered(crystal),
        "primitive cell": crystal.get_primitive_structure(),
        "all at once": reordered(reset(shifted(strained(perturbed(crystal, 0.02))))),
    }
    if len(crystal) <= _MAX_SITES // 2:
        made["doubled cell"] = crystal * (1, 2, 1)
    return made


def main(seed: int) -> None:
    """Print recall, precision and order-independence."""
    rng = np.random.default_rng(seed)
    structures: dict[str, Structure] = {}
    for compound in load_compounds(shipped_table()):
        crystal = build_structure(compound)
        if len(crystal) > _MAX_SITES:
            continue
        structures[f"{compound.id}|original"] = crystal
        structures |= {f"{compound.id}|{kind}": copy for kind, copy in copies(crystal, rng).items()}
    start = time.perf_counter()
    found = representatives(structures)
    seconds = time.perf_counter() - start

    hits, tried = Counter[str](), Counter[str]()
    for key in structures:
        name, _, kind = key.partition("|")
        if kind != "original":
            tried[kind] += 1
            hits[kind] += found[key] == found[f"{name}|original"]
    n_compounds = sum(key.endswith("|original") for key in structures)
    print(f"{n_compounds} compounds, {len(structures)} structures, {seconds:.0f} s, seed {seed}")
    for kind in tried:
        print(f"  recall, {kind}: {hits[kind]} of {tried[kind]} ({100 * hits[kind] / tried[kind]:.1f} %)")
    print(
        f"  recall, all copies: {hits.total()} of {tried.total()} ({100 * hits.total() / tried.total():.1f} %)"
    )

    groups: dict[str, list[str]] = {}
    for key, representative in found.items():
        groups.setdefault(representative, []).append(key.partition("|")[0])
    pairs = [one == other for names in groups.values() for one, other in combinations(names, 2)]
    print(f"  precision over {len(pairs)} pairs called the same: {100 * np.mean(pairs):.2f} %")
    for names in groups.values():
        if len(set(names)) > 1:
            print(f"    called the same: {', '.join(sorted(set(names)))}")
    shared = Counter(composition_key(s) for key, s in structures.items() if key.endswith("|original"))
    print(
        f"  compounds that share their composition with another: {sum(n for n in shared.values() if n > 1)}"
    )

    keys = list(structures)
    random.Random(seed).shuffle(keys)
    again = representatives({key: structures[key] for key in keys})
    print(f"  another order gives {'the same' if again == found else 'ANOTHER'} result")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
