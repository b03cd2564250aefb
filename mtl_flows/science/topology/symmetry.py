"""Symmetry that saves work: equivalent sites have isometric surroundings, a primitive cell fewer sites."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.science.topology.clouds import Array


@dataclass(frozen=True, slots=True, eq=False)
class CrystalSymmetry:
    """What the symmetry of a crystal says about its sites.

    Attributes
    ----------
    equivalent
        For each site of the given cell the first site equivalent to it, shape ``(n_sites,)``.
    primitive_lattice
        Lattice vectors of a primitive cell as rows in Å, in the frame of the given cell.
    primitive_sites
        Sites of the given cell that make up the primitive one.
    """

    equivalent: NDArray[np.intp]
    primitive_lattice: Array
    primitive_sites: NDArray[np.intp]


def find_symmetry(structure: Structure, symprec_A: float) -> CrystalSymmetry:
    """Find the symmetry of the decorated crystal with spglib.

    Species with their occupancies tell sites apart, so whatever is found holds for the point pattern too. If
    nothing is found every site stands for itself, which is slower but never wrong.
    """
    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    kinds: dict[Hashable, int] = {}
    numbers = [kinds.setdefault(frozenset(site.species.items()), len(kinds)) for site in structure]
    dataset = spglib.get_symmetry_dataset((lattice, structure.frac_coords, numbers), symprec=symprec_A)
    if dataset is None:
        every = np.arange(len(structure))
        return CrystalSymmetry(every, lattice, every)
    _, primitive_sites = np.unique(dataset.mapping_to_primitive, return_index=True)
    return CrystalSymmetry(
        np.asarray(dataset.equivalent_atoms, dtype=np.intp),
        np.asarray(dataset.primitive_lattice, dtype=float),
        np.asarray(primitive_sites, dtype=np.intp),
    )
