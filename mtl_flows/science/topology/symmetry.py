"""Symmetry that saves work: equivalent sites have isometric surroundings, a primitive cell fewer sites."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure
from spglib import SpglibDataset

from mtl_flows.science.spglib_calls import quiet_spglib
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


def free_coordinates(structure: Structure, symprec_A: float) -> NDArray[np.intp]:
    """Count the coordinates of each site that the symmetry of the crystal leaves free, shape ``(n_sites,)``."""
    dataset = _dataset(structure, symprec_A)
    if dataset is None:
        return np.full(len(structure), 3)
    coords = np.asarray(structure.frac_coords)
    moved = np.einsum("oij,sj->osi", dataset.rotations, coords) + dataset.translations[:, None, :] - coords
    distances = np.linalg.norm((moved - np.round(moved)) @ structure.lattice.matrix, axis=2)
    # The mean of the operations that keep a site in place projects on the directions it may move in.
    traces = np.trace(dataset.rotations, axis1=1, axis2=2)
    keeps = distances <= 10 * symprec_A
    return np.asarray(np.rint(traces @ keeps / keeps.sum(axis=0)), dtype=np.intp)


def find_symmetry(structure: Structure, symprec_A: float) -> CrystalSymmetry:
    """Find the symmetry of the decorated crystal with spglib.

    Species with their occupancies tell sites apart, so whatever is found holds for the point pattern too. If
    nothing is found every site stands for itself, which is slower but never wrong.
    """
    dataset = _dataset(structure, symprec_A)
    if dataset is None:
        every = np.arange(len(structure))
        return CrystalSymmetry(every, np.asarray(structure.lattice.matrix, dtype=float), every)
    _, primitive_sites = np.unique(dataset.mapping_to_primitive, return_index=True)
    return CrystalSymmetry(
        np.asarray(dataset.equivalent_atoms, dtype=np.intp),
        np.asarray(dataset.primitive_lattice, dtype=float),
        np.asarray(primitive_sites, dtype=np.intp),
    )


def _dataset(structure: Structure, symprec_A: float) -> SpglibDataset | None:
    kinds: dict[Hashable, int] = {}
    numbers = [kinds.setdefault(frozenset(site.species.items()), len(kinds)) for site in structure]
    cell = (structure.lattice.matrix, structure.frac_coords, numbers)
    with quiet_spglib():
        return spglib.get_symmetry_dataset(cell, symprec=symprec_A)
