"""The conventional cell, whatever cell a structure was given in."""

import math

import numpy as np
import spglib
from pymatgen.core import Structure

from mtl_flows.science.chemistry.bonding import site_elements
from mtl_flows.science.spglib_calls import quiet_spglib


def conventional_volume_factor(structure: Structure, symprec_A: float) -> float:
    """Return the volume of the conventional standard cell over that of the cell given.

    Oxidation states are ignored: they do not make sites different.

    Parameters
    ----------
    structure
        Ordered or disordered structure.
    symprec_A
        Distance tolerance of the symmetry search.

    Returns
    -------
    The factor, NaN if no symmetry was found (coinciding sites).
    """
    kinds: dict[tuple[tuple[str, float], ...], int] = {}
    numbers = []
    for site in structure:
        kind = tuple(sorted((symbol, round(x, 3)) for symbol, x in site_elements(site.species).items()))
        numbers.append(kinds.setdefault(kind, len(kinds) + 1))
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers)
    with quiet_spglib():
        try:
            dataset = spglib.get_symmetry_dataset(cell, symprec=symprec_A)
        except spglib.SpglibError:
            dataset = None
    if dataset is None:
        return math.nan
    return float(abs(np.linalg.det(dataset.std_lattice))) / float(structure.volume)
