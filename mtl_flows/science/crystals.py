"""What a crystal is: cell, elements, occupancies and coordinates, whatever the order and labels of its sites."""

import hashlib
from collections.abc import Hashable
from math import inf
from typing import Final, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.util.coord import pbc_shortest_vectors

from mtl_flows.science.charges import without_charges
from mtl_flows.science.elements import element_amounts

SAME_CRYSTAL_A: Final = 1e-3
"""Readings of one material whose cell and sites all agree within this are one crystal."""

MOVED_A: Final = 0.05
"""An atom that moved further than this makes the results of the earlier reading doubtful."""

_HASHED_DECIMALS: Final = 5


class Difference(NamedTuple):
    """How far one reading of a crystal is from another.

    Attributes
    ----------
    cell_A
        Largest change of a lattice vector, the cells laid upon each other.
    atoms_A
        Largest distance between two sites of a kind, each paired with its own; ``inf`` where kinds or numbers differ.
    """

    cell_A: float
    atoms_A: float

    @property
    def negligible(self) -> bool:
        """Whether both are one crystal."""
        return max(self) <= SAME_CRYSTAL_A


def canonical(structure: Structure) -> tuple[Structure, NDArray[np.intp]]:
    """Return the crystal alone, sites in canonical order, and where each of them stood.

    Charges and labels are what a file says of a crystal; they are left out.

    Returns
    -------
    structure
        Sites sorted by species, then coordinates, which lie in [0, 1).
    order
        Index of each site in the structure given, shape ``(n_sites,)``.
    """
    bare = without_charges(structure)
    kinds, coords = _kinds(bare), _rounded(bare)
    order = np.array(sorted(range(len(bare)), key=lambda i: (kinds[i], *coords[i].tolist())), dtype=np.intp)
    species = bare.species_and_occu
    crystal = Structure(
        bare.lattice, [species[i] for i in order], np.asarray(bare.frac_coords)[order] % 1.0 % 1.0
    )
    return crystal, order


def crystal_hash(structure: Structure) -> str:
    """SHA-256 of cell, species and coordinates, whatever the order, labels and charges of the sites.

    Cell lengths, angles, fractional coordinates and occupancies are rounded to five decimals; coordinates are
    taken modulo one. Another choice of cell or origin gives another hash: finite clouds depend on both.
    """
    cell = np.round(structure.lattice.parameters, _HASHED_DECIMALS) + 0.0
    rows = sorted(
        f"{kind} {x:.5f} {y:.5f} {z:.5f}"
        for kind, (x, y, z) in zip(_kinds(structure), _rounded(structure), strict=True)
    )
    text = "\n".join([" ".join(f"{value:.5f}" for value in cell), *rows])
    return hashlib.sha256(text.encode()).hexdigest()


def difference(one: Structure, other: Structure) -> Difference:
    """Compare two readings in the same setting: how far the cell and the atoms moved."""
    cell_A = float(np.abs(np.array(one.lattice.matrix) - np.array(other.lattice.matrix)).max())
    kinds_of_one, kinds_of_other = _kinds(one), _kinds(other)
    if sorted(kinds_of_one) != sorted(kinds_of_other):
        return Difference(cell_A, inf)
    furthest = 0.0
    for kind in set(kinds_of_one):
        here = np.asarray(one.frac_coords)[[k == kind for k in kinds_of_one]]
        there = np.asarray(other.frac_coords)[[k == kind for k in kinds_of_other]]
        distances = np.linalg.norm(pbc_shortest_vectors(one.lattice, here, there), axis=2)
        paired = distances[scipy.optimize.linear_sum_assignment(distances**2)]
        furthest = max(furthest, float(paired.max()))
    return Difference(cell_A, furthest)


def _rounded(structure: Structure) -> NDArray[np.float64]:
    coords = np.asarray(structure.frac_coords, dtype=float)
    rounded: NDArray[np.float64] = np.round(coords % 1.0, _HASHED_DECIMALS) % 1.0 + 0.0
    return rounded


def _kinds(structure: Structure) -> list[str]:
    """Elements and occupancies of each site, as text."""
    known: dict[Hashable, str] = {}
    kinds = []
    for species in structure.species_and_occu:
        key = frozenset(species.items())
        if key not in known:
            amounts = sorted(element_amounts(species).items())
            known[key] = ",".join(f"{symbol}:{amount:.5f}" for symbol, amount in amounts)
        kinds.append(known[key])
    return kinds
