"""What finding duplicates costs: ``python benchmarks/duplicates.py [--structures 50000]``.

Five batches of 500 variants each of thirty random crystals of one composition are compared batch by batch, as ingest
does: newcomers with each other and with the nearest of what is known. The fifth batch should cost about what the first
did. Then structures of many compositions, most of them alone in theirs as in real releases, are compared in one go.
"""

import argparse
import time

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.science.duplicates import Known, Reduced, candidates, components, matches, reduce

N_KINDS = 30
ATOMS = ["Li"] * 4 + ["Fe"] * 2 + ["O"] * 6
ELEMENTS = (
    "Na",
    "K",
    "Mg",
    "Ca",
    "Ti",
    "V",
    "Mn",
    "Fe",
    "Co",
    "Ni",
    "Cu",
    "Zn",
    "Al",
    "Si",
    "P",
    "S",
    "Cl",
    "F",
    "O",
)


def crystal(rng: np.random.Generator, atoms: list[str], distance_A: float = 1.7) -> Structure:
    """Random crystal whose atoms keep their distance."""
    volume = 14.0 * len(atoms)
    while True:
        lengths = rng.uniform(0.7, 1.4, 3)
        lengths *= (volume / np.prod(lengths)) ** (1 / 3)
        lattice = Lattice.from_parameters(*lengths, *rng.uniform(75, 105, 3))
        coords: list[np.ndarray] = []
        for _ in range(400):
            point = rng.uniform(size=3)
            if all(lattice.get_distance_and_image(point, other)[0] > distance_A for other in coords):
                coords.append(point)
            if len(coords) == len(atoms):
                return Structure(lattice, atoms, coords)


def variant(rng: np.random.Generator, kind: Structure) -> Structure:
    """The crystal as another author gives it: moved, strained, from another origin, its sites in another order."""
    made = Structure.from_sites([kind[int(i)] for i in rng.permutation(len(kind))])
    made.translate_sites(range(len(made)), rng.uniform(size=3))
    made.perturb(0.02)
    made.scale_lattice(kind.volume * rng.uniform(0.98, 1.02))
    return made


def batches(n_batches: int, size: int, rng: np.random.Generator) -> None:
    """Compare batches of variants one after the other."""
    kinds = [crystal(rng, ATOMS) for _ in range(N_KINDS)]
    known: dict[str, Structure] = {}
    landmarks: dict[str, Reduced] = {}
    links: dict[str, list[str]] = {}
    groups: dict[str, str] = {}
    first = 0.0
    for number in range(n_batches):
        batch = {f"b{number}-{i}-k{i % N_KINDS}": variant(rng, kinds[i % N_KINDS]) for i in range(size)}
        start = time.process_time()
        fresh = {key: reduce(structure) for key, structure in batch.items()}
        near = candidates(
            (one.signature for one in fresh.values()),
            {key: (one.signature, groups[key]) for key, one in landmarks.items()},
        )
        found = matches(
            fresh, {key: Known(known[key], landmarks[key].signature, groups[key]) for key in near}
        )
        took = time.process_time() - start
        first = first or took
        known |= batch
        links |= found.links
        landmarks |= {key: fresh[key] for key in found.landmarks}
        groups = components(known, links)
        right = sum(groups[key].rpartition("-")[2] == key.rpartition("-")[2] for key in known)
        print(
            f"batch {number + 1}: {took:.1f} s of CPU ({took / first:.2f} x the first), {len(near)} of "
            f"{len(known) - size} known looked at, {len(landmarks)} landmarks, {len(set(groups.values()))} groups, "
            f"{right} of {len(known)} right",
            flush=True,
        )


def many(n_structures: int, rng: np.random.Generator) -> None:
    """Compare structures of many compositions at once."""
    reducing = matching = 0.0
    done = groups = compositions = 0
    while done < n_structures:
        size = min(int(rng.zipf(2.2)), 200, n_structures - done)
        atoms = list(rng.choice(ELEMENTS, size=int(rng.integers(2, 4)), replace=False)) * 2 + ["Li"]
        kinds = [crystal(rng, atoms) for _ in range(max(1, size // 3))]
        made = {str(i): variant(rng, kinds[i % len(kinds)]) for i in range(size)}
        compositions += 1
        done += size
        if size > 1:
            start = time.process_time()
            fresh = {key: reduce(structure) for key, structure in made.items()}
            middle = time.process_time()
            found = components(fresh, matches(fresh, {}).links)
            matching += time.process_time() - middle
            reducing += middle - start
            groups += len(set(found.values()))
        else:
            groups += 1
    print(
        f"{done} structures of {compositions} compositions: {reducing:.0f} s of CPU to reduce, {matching:.0f} s to "
        f"compare, {groups} groups"
    )


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--structures", type=int, default=50_000)
    arguments = parser.parse_args()
    batches(arguments.batches, arguments.size, np.random.default_rng(0))
    many(arguments.structures, np.random.default_rng(1))


if __name__ == "__main__":
    main()
