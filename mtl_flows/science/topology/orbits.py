"""Group symmetry-equivalent mobile sites: their surroundings are isometric, so one of each group is enough."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure


@dataclass(frozen=True, slots=True)
class Orbit:
    """A set of symmetry-equivalent sites.

    Attributes
    ----------
    site_index
        Its first site, which represents it.
    multiplicity
        Number of its sites in the given cell.
    """

    site_index: int
    multiplicity: int


def find_orbits(
    structure: Structure, mobile_indices: NDArray[np.intp], symprec_A: float
) -> tuple[Orbit, ...]:
    """Group mobile sites by the symmetry of the decorated crystal, in order of first appearance.

    Species with their occupancies distinguish sites, so the symmetry found is one of the point pattern too.
    A structure whose symmetry cannot be determined gives one orbit per site, which is slower but never wrong.
    """
    kinds: dict[Hashable, int] = {}
    numbers = [kinds.setdefault(_species_key(site.species.as_dict()), len(kinds)) for site in structure]
    dataset = spglib.get_symmetry_dataset(
        (structure.lattice.matrix, structure.frac_coords, numbers), symprec=symprec_A
    )
    equivalent = np.arange(len(structure)) if dataset is None else dataset.equivalent_atoms
    _, first, counts = np.unique(equivalent[mobile_indices], return_index=True, return_counts=True)
    orbits = [Orbit(int(mobile_indices[i]), int(n)) for i, n in zip(first, counts, strict=True)]
    return tuple(sorted(orbits, key=lambda orbit: orbit.site_index))


def _species_key(occupancies: dict[str, float]) -> Hashable:
    return tuple(sorted((symbol, round(amount, 6)) for symbol, amount in occupancies.items()))
