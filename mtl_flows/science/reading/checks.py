"""Checks of a structure, and the hash that tells whether it is the same as before."""

import hashlib

import numpy as np
from pymatgen.core import Structure

from mtl_flows.errors import NoMobileIonError, OccupancyError, OverlappingSitesError
from mtl_flows.science.reading.distances import overlapping_pair
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.sublattices import is_mobile

_HASHED_DECIMALS = 5


def check_structure(
    structure: Structure,
    mobile_ion: str,
    *,
    subject: str = "",
    parameters: ReadingParameters | None = None,
) -> None:
    """Refuse what no later stage could make sense of.

    Raises
    ------
    NoMobileIonError
        If no site holds `mobile_ion`.
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    OverlappingSitesError
        If two fully occupied sites are closer than `parameters.min_distance_A`.
    """
    limits = parameters or ReadingParameters()
    if not is_mobile(structure.composition, mobile_ion):
        raise NoMobileIonError(
            f"no site holds {mobile_ion}; there are {', '.join(sorted(structure.chemical_system_set))}",
            subject=subject,
            remedy="check the file's list of atom sites, or choose another mobile ion",
        )
    for site in structure:
        if site.species.num_atoms > limits.occupancy_tolerance:
            raise OccupancyError(
                f"occupancies of site {site.label} add up to {site.species.num_atoms:g}",
                subject=subject,
                remedy="correct the occupancies",
            )
    overlap = overlapping_pair(structure, limits.min_distance_A)
    if overlap is not None:
        i, j, distance = overlap
        raise OverlappingSitesError(
            f"sites {structure[i].label} and {structure[j].label}, both fully occupied, are "
            f"{distance:.3f} Å apart",
            subject=subject,
            remedy="check coordinates, symmetry operations and occupancies",
        )


def structure_content_hash(structure: Structure) -> str:
    """SHA-256 of cell, species and coordinates, whatever the order and labels of the sites.

    Cell lengths, angles, fractional coordinates and occupancies are rounded to five decimals; coordinates are
    taken modulo one. Another choice of cell or origin gives another hash: finite clouds depend on both.
    """
    cell = np.round(structure.lattice.parameters, _HASHED_DECIMALS) + 0.0
    coords = np.round(structure.frac_coords % 1.0, _HASHED_DECIMALS) % 1.0 + 0.0
    rows = sorted(
        f"{_species_text(site)} {x:.5f} {y:.5f} {z:.5f}"
        for site, (x, y, z) in zip(structure.species_and_occu, coords, strict=True)
    )
    text = "\n".join([" ".join(f"{value:.5f}" for value in cell), *rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _species_text(species: object) -> str:
    items = sorted((str(s), amount) for s, amount in species.items())  # type: ignore[attr-defined]
    return ",".join(f"{symbol}:{amount:.5f}" for symbol, amount in items)
