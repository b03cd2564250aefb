"""Electrostatic energy of any charge assignment to fixed sites, from one matrix."""

import numpy as np
import scipy
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from scipy import constants

COULOMB_EV_A = constants.e / (4.0 * np.pi * constants.epsilon_0) * 1e10
_SPLITTING_PER_A = 0.45
_SOFT_CORE_A = 1.0  # split sites lie closer than any two atoms do; such pairs are excluded elsewhere


def ewald_matrix(
    lattice: Lattice, frac_coords: NDArray[np.float64], accuracy: float = 1e-8
) -> NDArray[np.float64]:
    """Return M with E = q · M · q, the Ewald energy in eV of point charges q in e.

    A neutralising background makes the energy finite for charged cells. Sites closer than 1 Å interact as if
    1 Å apart. P. P. Ewald, Ann. Phys. 369, 253 (1921), doi:10.1002/andp.19213690304.

    Parameters
    ----------
    lattice
        Cell.
    frac_coords
        Fractional coordinates, shape (n_sites, 3).
    accuracy
        Relative size of the terms left out.

    Returns
    -------
    numpy.ndarray
        Symmetric, shape (n_sites, n_sites), in eV/e².
    """
    alpha = _SPLITTING_PER_A
    reach = np.sqrt(-np.log(accuracy))
    n_sites = len(frac_coords)
    matrix = _reciprocal_part(lattice, frac_coords, alpha, 2.0 * alpha * reach)

    points = Structure(lattice, ["H"] * n_sites, frac_coords)
    first, second, _images, distance = points.get_neighbor_list(reach / alpha, exclude_self=True)
    softened = np.maximum(distance, 1e-6)
    pair = scipy.special.erfc(alpha * softened) / softened
    close = softened < _SOFT_CORE_A
    pair[close] += 1.0 / _SOFT_CORE_A - 1.0 / softened[close]
    np.add.at(matrix, (first, second), 0.5 * pair)

    matrix -= np.pi / (2.0 * lattice.volume * alpha**2)
    matrix[np.diag_indices(n_sites)] -= alpha / np.sqrt(np.pi)
    symmetric: NDArray[np.float64] = COULOMB_EV_A * 0.5 * (matrix + matrix.T)
    return symmetric


def _reciprocal_part(
    lattice: Lattice, frac_coords: NDArray[np.float64], alpha: float, cutoff: float
) -> NDArray[np.float64]:
    reciprocal = lattice.reciprocal_lattice
    limits = np.ceil(cutoff * np.array(lattice.abc) / (2.0 * np.pi)).astype(int)
    indices = np.stack(
        np.meshgrid(*(np.arange(-limit, limit + 1) for limit in limits), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    # ±G give the same cosine: keep the half after the origin in lexical order.
    indices = indices[len(indices) // 2 + 1 :]
    squared = ((indices @ reciprocal.matrix) ** 2).sum(axis=1)
    inside = squared <= cutoff**2
    indices, squared = indices[inside], squared[inside]
    weight = np.sqrt(4.0 * np.pi / lattice.volume * np.exp(-squared / (4.0 * alpha**2)) / squared)
    phase = 2.0 * np.pi * frac_coords @ indices.T
    waves = np.concatenate([np.cos(phase) * weight, np.sin(phase) * weight], axis=1)
    part: NDArray[np.float64] = waves @ waves.T
    return part
