"""Numbers of structures from formats that hold nothing else: what no crystal has is refused, whatever the format."""

import numpy as np
from pymatgen.core import DummySpecies, Element, Species, Structure

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.reading.cell import MIN_VOLUME_A3, check_lengths
from mtl_flows.science.reading.sites import MAX_FRACTION
from mtl_flows.science.reading.species import is_element

MAX_SITES = 100_000


def check_numbers(structure: Structure) -> None:
    """Refuse numbers that no crystal has.

    Raises
    ------
    UnreadableStructureError
        If a number is not finite, the cell too long, flat or empty, an occupancy negative, or a species no element.
    """
    if not len(structure):
        raise UnreadableStructureError("it holds no site")
    matrix = np.asarray(structure.lattice.matrix, dtype=float)
    if not np.isfinite(matrix).all():
        raise UnreadableStructureError(f"the cell {matrix.tolist()} is not finite")
    # Squares of numbers that are far too large would overflow.
    check_lengths(np.linalg.norm(np.clip(matrix, -1e6, 1e6), axis=1).tolist())
    volume = abs(float(np.linalg.det(matrix)))
    if volume < MIN_VOLUME_A3:
        raise UnreadableStructureError(f"the cell has a volume of {volume:g} Å³")
    coords = np.asarray(structure.frac_coords, dtype=float)
    far = ~np.isfinite(coords) | (np.abs(coords) > MAX_FRACTION)
    if far.any():
        index = int(np.argwhere(far)[0, 0])
        raise UnreadableStructureError(
            f"site {index + 1} has coordinates {coords[index].tolist()}, which no site has"
        )
    for index, site in enumerate(structure, start=1):
        for species, amount in site.species.items():
            if not np.isfinite(amount) or amount < 0:
                raise UnreadableStructureError(f"site {index} has the occupancy {amount} of {species}")
            if not _is_known(species):
                raise UnreadableStructureError(f"site {index} holds {species}, which is no element")


def _is_known(species: Element | Species | DummySpecies) -> bool:
    return not isinstance(species, DummySpecies) and is_element(species.symbol)
