"""Structures for benchmarks: strained and substituted copies of the example compounds, so that no two are alike."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.sublattices import split_sublattices

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
STRAIN = 0.03
SUBSTITUTED = 0.1


def parents(largest: int) -> list[Structure]:
    """Return the example compounds of at most so many sites."""
    built = (build_structure(compound) for compound in load_compounds(EXAMPLES))
    return [structure for structure in built if len(structure) <= largest]


def variants(originals: Sequence[Structure], substitute: str = "Xe") -> Iterator[Structure]:
    """Endless copies of the structures, in turn: strained at random, some framework sites given to another element."""
    rng = np.random.default_rng(0)
    for parent in cycle(originals):
        lattice = Lattice(parent.lattice.matrix * (1.0 + STRAIN * rng.uniform(-1.0, 1.0, 3)))
        species = [site.species for site in parent]
        for index in split_sublattices(parent).framework_indices:
            if rng.random() < SUBSTITUTED:
                species[int(index)] = substitute
        yield Structure(lattice, species, parent.frac_coords)
