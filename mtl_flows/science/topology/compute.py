"""Topology of one structure: from sites to barcodes, metrics, features and percolation descriptors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from pymatgen.core import Structure

from mtl_flows.science.sublattices import Sublattices, split_sublattices
from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.features import (
    OrbitBarcodes,
    StructureBarcodes,
    features_from_barcodes,
    metrics_from_barcodes,
)
from mtl_flows.science.topology.homology import rips_barcodes, rips_components
from mtl_flows.science.topology.hops import percolating_hops
from mtl_flows.science.topology.parameters import BarcodeParameters, TopologyParameters
from mtl_flows.science.topology.percolation import Thresholds
from mtl_flows.science.topology.symmetry import CrystalSymmetry, find_symmetry
from mtl_flows.science.topology.voids import channel_radii
from mtl_flows.vocabulary import Protocol

_DEFAULTS = TopologyParameters()


@dataclass(frozen=True, slots=True)
class TopologyResult:
    """Everything that the topology of one structure gives.

    Attributes
    ----------
    n_sites, n_mobile, n_framework
        Sites of the given cell.
    r_connected_A
        Mean over mobile sites of the edge length that connects their mobile surroundings.
    rho_cycles
        Loops of the unit cell at r_connected per mobile site, by protocol. A finite cloud is not periodic:
        this depends on the choice of cell and origin, nothing else here does.
    features
        The 22 named features of each protocol.
    d_A
        Shortest mobile–mobile hop whose periodic graph percolates in 1, 2 and 3 dimensions; None if not
        asked for.
    v_A
        Largest radius of a sphere that can travel through the framework in 1, 2 and 3 dimensions, measured
        to site centres; ``inf`` where there is no framework; None if not asked for.
    barcodes
        What all of it but the percolation was made from.
    timings_s
        Seconds spent in each step.
    """

    n_sites: int
    n_mobile: int
    n_framework: int
    r_connected_A: float
    rho_cycles: dict[Protocol, float]
    features: dict[Protocol, dict[str, float]] = field(repr=False)
    d_A: Thresholds | None
    v_A: Thresholds | None
    barcodes: StructureBarcodes = field(repr=False)
    timings_s: dict[str, float] = field(repr=False)

    @property
    def descriptors(self) -> dict[str, float | None]:
        """Every descriptor beyond the article's by its name; None if not asked for."""
        lengths = {"d": self.d_A, "v": self.v_A}
        return {
            f"{letter}{dimension}_A": found[dimension - 1] if found else None
            for letter, found in lengths.items()
            for dimension in (1, 2, 3)
        }


def compute_barcodes(
    structure: Structure, mobile_ion: str = "Li", parameters: BarcodeParameters = BarcodeParameters()
) -> StructureBarcodes:
    """Compute the persistent homology of the surroundings of every mobile site, and of the cell.

    Parameters
    ----------
    structure
        The conventional cell as given in its file; the barcodes of the cell depend on the choice of cell.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Cutoff and tolerance of the symmetry.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    sublattices = split_sublattices(structure, mobile_ion)
    symmetry = find_symmetry(structure, parameters.symprec_A, sublattices.mobile_indices)
    return _barcodes(structure, sublattices, symmetry, parameters)


def describe_topology(
    structure: Structure,
    barcodes: StructureBarcodes,
    mobile_ion: str = "Li",
    parameters: TopologyParameters = _DEFAULTS,
) -> TopologyResult:
    """Compute metrics, features and percolation descriptors from barcodes that are there: no homology.

    Parameters
    ----------
    structure
        The structure that the barcodes are of.
    barcodes
        As `compute_barcodes` gives them, under the same cutoff.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Tolerances, and whether to compute the percolation descriptors.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    clock = _Clock()
    sublattices = split_sublattices(structure, mobile_ion)
    symmetry = None
    if parameters.extended:
        with clock("symmetry"):
            symmetry = find_symmetry(structure, parameters.symprec_A, sublattices.mobile_indices)
    return _described(structure, barcodes, sublattices, symmetry, parameters, clock)


def compute_topology(
    structure: Structure, mobile_ion: str = "Li", parameters: TopologyParameters = _DEFAULTS
) -> TopologyResult:
    """Compute barcodes and all that follows from them, both protocols in one pass, one search of the symmetry.

    Parameters
    ----------
    structure
        The conventional cell as given in its file; the choice of cell matters for ``rho_cycles`` only.
    mobile_ion
        Symbol of the mobile element.
    parameters
        Cutoff, tolerances, and whether to compute the percolation descriptors.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    clock = _Clock()
    sublattices = split_sublattices(structure, mobile_ion)
    with clock("symmetry"):
        symmetry = find_symmetry(structure, parameters.symprec_A, sublattices.mobile_indices)
    with clock("homology"):
        barcodes = _barcodes(structure, sublattices, symmetry, parameters.barcodes)
    return _described(structure, barcodes, sublattices, symmetry, parameters, clock)


def compute_percolation(
    structure: Structure, mobile_ion: str = "Li", symprec_A: float = _DEFAULTS.symprec_A
) -> tuple[Thresholds, Thresholds]:
    """Compute the percolation descriptors alone: no homology.

    Returns
    -------
    d_A, v_A
        As `TopologyResult` has them.

    Raises
    ------
    NoMobileIonError
        No site holds the mobile element.
    """
    sublattices = split_sublattices(structure, mobile_ion)
    symmetry = find_symmetry(structure, symprec_A, sublattices.mobile_indices)
    mobile, framework = _primitive_sublattices(structure, sublattices, symmetry)
    return percolating_hops(mobile), channel_radii(framework)


def _barcodes(
    structure: Structure,
    sublattices: Sublattices,
    symmetry: CrystalSymmetry,
    parameters: BarcodeParameters,
) -> StructureBarcodes:
    cell = PeriodicPoints(np.asarray(structure.lattice.matrix), np.asarray(structure.frac_coords))
    cell_mobile, cell_framework = (
        rips_barcodes(cell.subset(indices).cell_cloud(), parameters.cutoff_A)
        for indices in (sublattices.mobile_indices, sublattices.framework_indices)
    )
    spheres = _sphere_barcodes(structure, sublattices, symmetry, parameters)
    return StructureBarcodes(spheres, cell_mobile, cell_framework)


def _described(
    structure: Structure,
    barcodes: StructureBarcodes,
    sublattices: Sublattices,
    symmetry: CrystalSymmetry | None,
    parameters: TopologyParameters,
    clock: "_Clock",
) -> TopologyResult:
    with clock("features"):
        metrics = metrics_from_barcodes(barcodes, parameters)
        features = features_from_barcodes(barcodes.orbits, parameters)
    hops = channels = None
    if parameters.extended and symmetry is not None:
        mobile, framework = _primitive_sublattices(structure, sublattices, symmetry)
        with clock("hops"):
            hops = percolating_hops(mobile)
        with clock("channels"):
            channels = channel_radii(framework)
    return TopologyResult(
        n_sites=len(structure),
        n_mobile=len(sublattices.mobile_indices),
        n_framework=len(sublattices.framework_indices),
        r_connected_A=metrics.r_connected_A,
        rho_cycles=metrics.rho_cycles,
        features=features,
        d_A=hops,
        v_A=channels,
        barcodes=barcodes,
        timings_s=clock.seconds,
    )


def _sphere_barcodes(
    structure: Structure,
    sublattices: Sublattices,
    symmetry: CrystalSymmetry,
    parameters: BarcodeParameters,
) -> tuple[OrbitBarcodes, ...]:
    """Barcodes around one mobile site of each orbit, in order of the sites."""
    points = PeriodicPoints(np.asarray(structure.lattice.matrix), np.asarray(structure.frac_coords)).reduced()
    is_mobile = np.zeros(len(structure), dtype=bool)
    is_mobile[sublattices.mobile_indices] = True
    _, first, multiplicities = np.unique(
        symmetry.equivalent[sublattices.mobile_indices], return_index=True, return_counts=True
    )
    in_order = np.argsort(first)
    sites = sublattices.mobile_indices[first[in_order]]
    spheres = points.spheres(points.fractional[sites], parameters.cutoff_A)
    orbits = []
    for site, multiplicity, (positions, images_of) in zip(
        sites.tolist(), multiplicities[in_order].tolist(), spheres, strict=True
    ):
        mobile = is_mobile[images_of]
        mobile_cloud, framework_cloud = positions[mobile], positions[~mobile]
        mobile_barcodes = rips_components(mobile_cloud, parameters.cutoff_A)
        orbits.append(
            OrbitBarcodes(
                site_index=site,
                label=structure[site].label,
                multiplicity=multiplicity,
                mobile=mobile_barcodes,
                framework=rips_barcodes(framework_cloud, parameters.cutoff_A),
                n_mobile_in_sphere=len(mobile_cloud),
                n_framework_in_sphere=len(framework_cloud),
                r_connected_A=mobile_barcodes.connection_length_A(parameters.cutoff_A),
            )
        )
    return tuple(orbits)


def _primitive_sublattices(
    structure: Structure, sublattices: Sublattices, symmetry: CrystalSymmetry
) -> tuple[PeriodicPoints, PeriodicPoints]:
    """Mobile and framework sites of a reduced primitive cell."""
    fractional = structure.cart_coords @ np.linalg.inv(symmetry.primitive_lattice)
    primitive = PeriodicPoints(symmetry.primitive_lattice, np.asarray(fractional))
    mobile, framework = (
        primitive.subset(np.intersect1d(indices, symmetry.primitive_sites, assume_unique=True))
        for indices in (sublattices.mobile_indices, sublattices.framework_indices)
    )
    return mobile, framework


class _Clock:
    """Keeps the seconds that each named step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[step] = perf_counter() - start
