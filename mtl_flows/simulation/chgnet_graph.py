"""CHGNet's graph of a crystal, made of arrays; its own converter makes an object of every bond."""

from typing import Any

import numpy as np
import torch
from ase import Atoms
from chgnet.graph.crystalgraph import TORCH_DTYPE, CrystalGraph
from numpy.typing import NDArray
from pymatgen.optimization.neighbors import find_points_in_spheres

Indices = NDArray[np.int64]

_SAME_PLACE_A = 1e-8


def crystal_graph(atoms: Atoms, atom_cutoff_A: float, bond_cutoff_A: float) -> CrystalGraph:
    """Return what CHGNet evaluates: bonds up to one length, and angles between those up to another.

    Atoms are taken back into the cell, since single precision would blur those that have walked far. A bond that only
    one of its atoms sees, for rounding at the cutoff where bonds count for nothing, is left out.

    Parameters
    ----------
    atom_cutoff_A, bond_cutoff_A
        Longest bond, and longest bond that has angles.

    Returns
    -------
    CrystalGraph
        As the package's own converter gives it but for the order: `atom_graph` of shape (2 n_bonds, 2), a bond once
        from each of its ends; `neighbor_image` (2 n_bonds, 3); `bond_graph` (n_angles, 5), the atom, then each bond as
        undirected and as directed. Coordinates are fractional, the cell in Å, both in single precision.

    References
    ----------
    CHGNet, doi:10.1038/s42256-023-00716-3.
    """
    fractional = atoms.get_scaled_positions(wrap=True)
    cell = np.ascontiguousarray(atoms.cell.array)
    positions = np.ascontiguousarray(fractional @ cell)
    centre, neighbour, images, lengths_A = find_points_in_spheres(
        positions,
        positions,
        r=atom_cutoff_A,
        pbc=np.array(atoms.pbc, dtype=np.int64),
        lattice=cell,
        tol=_SAME_PLACE_A,
    )
    reverse = _reversed(centre, neighbour, images, len(atoms))
    bonds = (reverse >= 0) & ((centre != neighbour) | (lengths_A > _SAME_PLACE_A))
    centre, neighbour, images, lengths_A = centre[bonds], neighbour[bonds], images[bonds], lengths_A[bonds]
    reverse = (np.cumsum(bonds) - 1)[reverse[bonds]]

    first = np.arange(len(reverse)) < reverse
    number = np.cumsum(first) - 1
    undirected = np.where(first, number, number[reverse])
    one, other = _pairs_at_a_centre(centre, np.flatnonzero(lengths_A < bond_cutoff_A), len(atoms))
    angles = np.column_stack([centre[one], undirected[one], one, undirected[other], other])
    return CrystalGraph(
        atomic_number=_integers(atoms.numbers),
        atom_frac_coord=torch.tensor(fractional, dtype=TORCH_DTYPE, requires_grad=True),
        atom_graph=_integers(np.column_stack([centre, neighbour])),
        atom_graph_cutoff=atom_cutoff_A,
        neighbor_image=torch.tensor(images, dtype=TORCH_DTYPE),
        directed2undirected=_integers(undirected),
        undirected2directed=_integers(np.flatnonzero(first)),
        bond_graph=_integers(angles),
        bond_graph_cutoff=bond_cutoff_A,
        lattice=torch.tensor(cell, dtype=TORCH_DTYPE, requires_grad=True),
    )


def _integers(array: NDArray[np.integer[Any]]) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.int32))


def _reversed(centre: Indices, neighbour: Indices, images: NDArray[np.float64], n_atoms: int) -> Indices:
    """Where each bond stands as its neighbour sees it; −1 if it does not."""
    whole = images.astype(np.int64)
    reach = int(np.abs(whole).max(initial=0))

    def code(one: Indices, other: Indices, between: Indices) -> Indices:
        found = one * n_atoms + other
        for axis in range(3):
            found = found * (2 * reach + 1) + between[:, axis] + reach
        return found

    there, back = code(centre, neighbour, whole), code(neighbour, centre, -whole)
    order = np.argsort(there)
    place = np.searchsorted(there, back, sorter=order)
    found = order[np.minimum(place, len(order) - 1)] if len(order) else order
    return np.where(there[found] == back, found, -1)


def _pairs_at_a_centre(centre: Indices, bonds: Indices, n_atoms: int) -> tuple[Indices, Indices]:
    """Every bond with every other that starts at the same atom."""
    bonds = bonds[np.argsort(centre[bonds], kind="stable")]
    n_bonds = np.bincount(centre[bonds], minlength=n_atoms)
    begins = (np.cumsum(n_bonds) - n_bonds)[centre[bonds]]
    repeats = n_bonds[centre[bonds]]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    one, other = np.repeat(bonds, repeats), bonds[np.repeat(begins, repeats) + within]
    return one[one != other], other[one != other]
