"""Checks of a structure: what no later stage could make sense of."""

from collections.abc import Collection, Sequence

from pymatgen.core import Structure

from mtl_flows.errors import (
    InconsistentFileError,
    InputError,
    NoMobileIonError,
    OccupancyError,
    OverlappingSitesError,
)
from mtl_flows.science.reading.distances import coinciding_pair, overlapping_pair
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.sublattices import is_mobile


def check_structure(
    structure: Structure,
    *mobile_ions: str,
    subject: str = "",
    parameters: ReadingParameters | None = None,
) -> None:
    """Refuse what no later stage could make sense of.

    Raises
    ------
    NoMobileIonError
        If no site holds any of `mobile_ions`.
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    OverlappingSitesError
        If two fully occupied sites are closer than `parameters.min_distance_A`, or two sites in one place hold more
        than one atom.
    """
    limits = parameters or ReadingParameters()
    if not any(is_mobile(structure.composition, ion) for ion in mobile_ions):
        raise _no_ion(mobile_ions, structure.chemical_system_set, subject)
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
    together = coinciding_pair(structure, limits.same_atom_A, limits.occupancy_tolerance)
    if together is not None:
        i, j, distance = together
        total = structure[i].species.num_atoms + structure[j].species.num_atoms
        raise OverlappingSitesError(
            f"sites {structure[i].label} and {structure[j].label}, whose occupancies add up to {total:g}, are "
            f"{distance:.3f} Å apart",
            subject=subject,
            remedy="check coordinates, symmetry operations and occupancies",
        )


def lacking_ion(error: InputError, *mobile_ions: str) -> InputError:
    """The error, or that no site holds any of `mobile_ions` where it came too late to say so."""
    elements = error.elements if isinstance(error, InconsistentFileError) else ()
    if not elements or set(elements) & set(mobile_ions):
        return error
    return _no_ion(mobile_ions, elements, error.subject)


def _no_ion(mobile_ions: Sequence[str], elements: Collection[str], subject: str) -> NoMobileIonError:
    return NoMobileIonError(
        f"no site holds {' or '.join(mobile_ions)}; there are {', '.join(sorted(elements))}",
        subject=subject,
        remedy="check the file's list of atom sites, or take its ion as well: mtl ingest -m ION",
    )
