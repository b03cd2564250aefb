"""Images of the sites of a CIF under its symmetry operations."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Lattice

from mtl_flows.errors import OccupancyError, UnreadableStructureError
from mtl_flows.science.charges import species_name
from mtl_flows.science.reading.model import ReadingParameters
from mtl_flows.science.reading.sites import SiteRow
from mtl_flows.science.symmetry import Operations

_METRIC_TOLERANCE = 0.05


@dataclass(slots=True)
class Orbit:
    """Rows that share a site, and the images of that site.

    Attributes
    ----------
    coords
        Fractional coordinates of the images, shape (multiplicity, 3).
    """

    rows: list[SiteRow]
    coords: NDArray[np.float64]
    composition: Composition = field(default_factory=Composition)

    @property
    def charged_species(self) -> dict[str, float]:
        """Occupancy by species, with the oxidation states of the rows; those of `composition`, told apart by charge."""
        species: dict[str, float] = {}
        for row in self.rows:
            for ion, occupancy in row.ions.items():
                name = species_name(*ion)
                species[name] = species.get(name, 0.0) + occupancy
        scale = max(sum(species.values()), 1.0)
        return {name: amount / scale for name, amount in species.items()}

    @property
    def label(self) -> str:
        """Label of the first row."""
        return self.rows[0].label


def expand(
    rows: Sequence[SiteRow],
    operations: Operations,
    lattice: Lattice,
    parameters: ReadingParameters,
    notes: list[str],
) -> list[Orbit]:
    """Apply symmetry operations to the rows of the list of atom sites.

    Images closer than the first of `parameters.site_tolerances` are one site. If that leaves more atoms in one
    place than fit, or another multiplicity than the file gives, the coordinates have too few digits, and the
    first wider tolerance that mends it is taken for this orbit.

    Raises
    ------
    OccupancyError
        If the occupancies of a site add up to more than `parameters.occupancy_tolerance`.
    UnreadableStructureError
        If the operations do not fit the cell.
    """
    rotations, translations = operations
    _check_metric(rotations, lattice)
    tolerance = parameters.site_tolerances[0]
    orbits: list[Orbit] = []
    for row in rows:
        images = rotations @ row.coords + translations
        images -= np.floor(images)
        shared = next((o for o in orbits if _close(images, o.coords[0], tolerance).any()), None)
        if shared is None:
            orbits.append(Orbit([row], images))
        else:
            shared.rows.append(row)
    for orbit in orbits:
        orbit.composition = _composition(orbit, parameters.occupancy_tolerance, notes)
        orbit.coords = _settle(orbit, lattice, parameters, notes)
    return orbits


def _check_metric(rotations: NDArray[np.float64], lattice: Lattice) -> None:
    """Refuse operations that would change distances, such as hexagonal ones in a rhombohedral cell."""
    metric = lattice.matrix @ lattice.matrix.T
    size = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    moved = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    if np.max(np.abs(moved - metric) / size) > _METRIC_TOLERANCE:
        raise UnreadableStructureError(
            "the symmetry operations do not fit the cell: they would change its lengths or angles",
            remedy="check the setting of the space group",
        )


def _composition(orbit: Orbit, tolerance: float, notes: list[str]) -> Composition:
    species: dict[str, float] = {}
    for row in orbit.rows:
        for (element, _), occupancy in row.ions.items():
            species[element] = species.get(element, 0.0) + occupancy
    occupied = sum(species.values())
    if occupied > tolerance:
        shares = " + ".join(f"{amount:g} {element}" for element, amount in species.items())
        raise OccupancyError(f"occupancies of site {orbit.label} add up to {occupied:g} ({shares})")
    if occupied > 1 + 1e-6:
        notes.append(f"occupancies of site {orbit.label} scaled from {occupied:g} to 1")
    scale = max(occupied, 1.0)
    return Composition({element: amount / scale for element, amount in species.items()})


def _settle(
    orbit: Orbit, lattice: Lattice, parameters: ReadingParameters, notes: list[str]
) -> NDArray[np.float64]:
    """Distinct images under the first tolerance that makes sense; under the very first if none does."""
    declared = orbit.rows[0].multiplicity
    # Beyond half occupancy no two images fit into one place.
    solid = 2 * orbit.composition.num_atoms > parameters.occupancy_tolerance

    def crowded(coords: NDArray[np.float64]) -> bool:
        return solid and _nearest_A(coords, lattice) < parameters.min_distance_A

    tight, *wider = parameters.site_tolerances
    first = _distinct(orbit.coords, tight)
    if not crowded(first) and declared in (0, len(first)):
        return first
    merged = {tolerance: _merged(orbit.coords, tolerance) for tolerance in wider}
    uncrowded = [tolerance for tolerance in wider if not crowded(merged[tolerance])]
    as_declared = [tolerance for tolerance in uncrowded if len(merged[tolerance]) == declared]
    chosen = as_declared[:1] or (uncrowded[:1] if crowded(first) else [])
    if not chosen:
        return first
    notes.append(f"images of site {orbit.label} within {chosen[0]:g} of each other merged: too few digits")
    return merged[chosen[0]]


def _close(coords: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    difference = coords - other
    close: NDArray[np.bool_] = np.all(np.abs(difference - np.round(difference)) < tolerance, axis=-1)
    return close


def _distinct(images: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Images that no earlier one coincides with."""
    repeats = np.tril(_close(images[:, None], images[None, :], tolerance), -1).any(axis=1)
    distinct: NDArray[np.float64] = images[~repeats]
    return distinct


def _merged(images: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """As `_distinct`, each at the mean of the images it stands for: the special position they miss."""
    centres = []
    for image in _distinct(images, tolerance):
        difference = images[_close(images, image, tolerance)] - image
        centres.append((image + np.mean(difference - np.round(difference), axis=0)) % 1.0)
    return np.array(centres)


def _nearest_A(coords: NDArray[np.float64], lattice: Lattice) -> float:
    """Smallest distance between two of the images; infinite for a single one."""
    if len(coords) < 2:
        return float("inf")
    i, j = np.triu_indices(len(coords), 1)
    difference = coords[i] - coords[j]
    difference -= np.round(difference)
    return float(np.sqrt(np.min(np.sum((difference @ lattice.matrix) ** 2, axis=1))))
