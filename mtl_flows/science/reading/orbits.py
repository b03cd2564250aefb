"""Images of the sites of a CIF under its symmetry operations."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Lattice
from scipy.spatial import cKDTree

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
    declared
        Multiplicity that the file states; 0 where it says nothing.
    joined
        Images that lie apart by less than atoms can were taken for one.
    """

    rows: list[SiteRow]
    coords: NDArray[np.float64]
    composition: Composition = field(default_factory=Composition)
    declared: int = 0
    joined: bool = False

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
    *,
    apart: bool = False,
) -> list[Orbit]:
    """Apply symmetry operations to the rows of the list of atom sites.

    Images that coincide, or are closer than `parameters.same_atom_A`, are one atom: they miss a special position for
    want of digits. If that leaves more atoms in one place than fit, or another multiplicity than the file gives, the
    first of the wider `parameters.site_tolerances` that mends it is taken for this orbit. Images of a sparse site that
    are as many as the file states stay apart.

    Parameters
    ----------
    apart
        Take images for one only where they coincide, or where more atoms would be in one place than fit.

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
    heads = np.empty((len(rows), 3))
    for row in rows:
        images = rotations @ row.coords + translations
        images -= np.floor(images)
        shares = _close(images[:, None], heads[None, : len(orbits)], tolerance).any(axis=0)
        if shares.any():
            orbits[int(shares.argmax())].rows.append(row)
        else:
            heads[len(orbits)] = images[0]
            orbits.append(Orbit([row], images))
    distinct = [_distinct(orbit.coords, tolerance) for orbit in orbits]
    sizes = [
        {len(first), len(rotations) // _n_alike(orbit.coords, lattice, parameters.same_atom_A)}
        for orbit, first in zip(orbits, distinct, strict=True)
    ]
    _declare(orbits, sizes, len(rotations))
    for orbit, images in zip(orbits, distinct, strict=True):
        orbit.composition = _composition(orbit, parameters.occupancy_tolerance, notes)
        _settle(orbit, images, lattice, parameters, notes, apart)
    return orbits


def _declare(orbits: Sequence[Orbit], sizes: Sequence[set[int]], n_operations: int) -> None:
    """Note the stated multiplicities; old SHELX files state the order of the site's symmetry in their place.

    Parameters
    ----------
    sizes
        Of each orbit, with images that are closer than atoms can be apart and as one.
    """
    stated = [orbit.rows[0].multiplicity for orbit in orbits]
    pairs = [(n, found) for n, found in zip(stated, sizes, strict=True) if n]
    as_orders = sum(n_operations in {n * size for size in found} for n, found in pairs)
    orders = as_orders > sum(n in found for n, found in pairs)
    for orbit, n in zip(orbits, stated, strict=True):
        order = n if orders else orbit.rows[0].order
        if order and (orders or not n):
            n = n_operations // order if n_operations % order == 0 else 0
        orbit.declared = n


def _n_alike(images: NDArray[np.float64], lattice: Lattice, distance_A: float) -> int:
    """Number of images that are one atom with the first."""
    return int(np.count_nonzero(_distances_A(images[0], images, lattice) < distance_A))


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
    orbit: Orbit,
    first: NDArray[np.float64],
    lattice: Lattice,
    parameters: ReadingParameters,
    notes: list[str],
    apart: bool,
) -> None:
    """Give an orbit its images: distinct under the first tolerance that makes sense, the very first if none does."""
    declared = orbit.declared
    # Beyond half occupancy no two images fit into one place.
    solid = 2 * orbit.composition.num_atoms > parameters.occupancy_tolerance
    images, orbit.coords = orbit.coords, first
    # Symmetry makes all images alike: the first one's neighbours tell those of every other.
    distances = _distances_A(images[0], images, lattice)
    same = distances < parameters.same_atom_A
    scattered = len(first) * np.count_nonzero(same) != len(images)
    crowded = solid and (scattered or _least(distances[~same]) < parameters.min_distance_A)
    if not crowded and (declared == len(first) or (not declared and (apart or not scattered))):
        return
    joined = [_joined(images, lattice, parameters.same_atom_A)] if scattered else []
    merged = [*joined, *(_merged(images, tolerance) for tolerance in parameters.site_tolerances[1:])]
    free = [c for c in merged if not (solid and _nearest_A(c, lattice) < parameters.min_distance_A)]
    as_declared = [coords for coords in free if len(coords) == declared]
    chosen = as_declared[:1] or ([] if apart and not crowded else joined[:1] if not solid else free[:1])
    if not chosen or (not crowded and not scattered and not as_declared) or len(chosen[0]) == len(first):
        return
    orbit.coords, orbit.joined = chosen[0], True
    nearest = _nearest_A(first, lattice)
    notes.append(
        f"{len(first)} images of site {orbit.label} taken for {len(chosen[0])}, the nearest are {nearest:.3f} Å apart: "
        "too few digits"
    )


def _distances_A(
    at: NDArray[np.float64], coords: NDArray[np.float64], lattice: Lattice
) -> NDArray[np.float64]:
    difference = coords - at
    difference -= np.round(difference)
    return np.asarray(np.linalg.norm(difference @ lattice.matrix, axis=1))


def _least(values: NDArray[np.float64]) -> float:
    return float(values.min()) if len(values) else float("inf")


def _joined(images: NDArray[np.float64], lattice: Lattice, distance_A: float) -> NDArray[np.float64]:
    """Images closer to each other than a distance as one, at their mean."""
    left = np.ones(len(images), dtype=bool)
    centres = []
    while left.any():
        at = images[int(np.argmax(left))]
        near = left & (_distances_A(at, images, lattice) < distance_A)
        difference = images[near] - at
        centres.append((at + np.mean(difference - np.round(difference), axis=0)) % 1.0)
        left &= ~near
    return np.array(centres)


def _close(coords: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    difference = coords - other
    close: NDArray[np.bool_] = np.all(np.abs(difference - np.round(difference)) < tolerance, axis=-1)
    return close


def _distinct(images: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Images that no earlier one coincides with."""
    inside = images - np.floor(images)
    inside[inside >= 1.0] = 0.0  # what lies below zero by rounding
    pairs = cKDTree(inside, boxsize=1.0).query_pairs(tolerance, p=np.inf, output_type="ndarray")
    repeats = np.zeros(len(images), dtype=bool)
    repeats[pairs.max(axis=1)] = True
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
    return min(
        (_least(_distances_A(at, coords[i + 1 :], lattice)) for i, at in enumerate(coords[:-1])),
        default=float("inf"),
    )
