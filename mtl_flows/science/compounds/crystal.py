"""From an entry to the filled cell, with the checks that catch a typing error."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from mtl_flows.errors import InputError, OverlappingSitesError
from mtl_flows.science.compounds.model import (
    AtomSite,
    Compound,
)

_SAME_POSITION_A = 0.01
_COLLISION_A = 0.5
_SHARED_OCCUPANCY = 0.6  # images of a split site may come close if no more than one of them is filled
_COMPOSITION_TOLERANCE = 0.01


def build_structure(compound: Compound) -> Structure:
    """Fill the conventional cell of a compound with the orbits of its sites.

    Returns
    -------
    Structure
        In the declared setting; every site carries the label of its orbit.

    Raises
    ------
    InputError
        If the cell lacks the metric of its space group, or its contents do not match the formula.
    OverlappingSitesError
        If a site lies just beside a special position, so that its filled images collide.
    """
    lattice = Lattice.from_parameters(*compound.lattice)
    operations = compound.space_group.operations
    _check_metric(compound, lattice, operations)
    orbits = [(site, _orbit(compound, site, lattice, operations)) for site in compound.sites]
    structure = Structure(
        lattice,
        [dict(site.species) for site, orbit in orbits for _ in orbit],
        [image for _, orbit in orbits for image in orbit],
        labels=[site.label for site, orbit in orbits for _ in orbit],
    )
    _check_composition(compound, structure.composition)
    return structure


def _orbit(
    compound: Compound, site: AtomSite, lattice: Lattice, operations: Iterable[SymmOp]
) -> list[npt.NDArray[np.float64]]:
    """Distinct images of a site, fractional coordinates of shape (3,) each."""
    images: list[npt.NDArray[np.float64]] = []
    for operation in operations:
        image = np.mod(operation.operate(site.position), 1.0)
        nearest_A = float(np.min(lattice.get_all_distances(images, [image]))) if images else math.inf
        if nearest_A < _SAME_POSITION_A:
            continue
        if nearest_A < _COLLISION_A and site.occupancy > _SHARED_OCCUPANCY:
            raise OverlappingSitesError(
                f"images of site {site.label} are {nearest_A:.2f} Å apart",
                subject=compound.id,
                remedy="write coordinates of special positions as exact fractions",
            )
        images.append(image)
    return images


def _check_metric(compound: Compound, lattice: Lattice, operations: Iterable[SymmOp]) -> None:
    metric = lattice.matrix @ lattice.matrix.T
    tolerance = 1e-4 * float(np.max(metric))
    for operation in operations:
        turned = operation.rotation_matrix.T @ metric @ operation.rotation_matrix
        if not np.allclose(turned, metric, rtol=0.0, atol=tolerance):
            raise InputError(
                f"the cell does not have the symmetry of {compound.space_group.symbol}", subject=compound.id
            )


def _check_composition(compound: Compound, found: Composition) -> None:
    expected = Composition(compound.formula) * compound.formula_units
    for element in {*expected, *found}:
        if abs(found[element] - expected[element]) > _COMPOSITION_TOLERANCE * max(expected[element], 1.0):
            raise InputError(
                f"the cell holds {found.formula}, the formula says {expected.formula}", subject=compound.id
            )
