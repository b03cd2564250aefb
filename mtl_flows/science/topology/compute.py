"""Topology of one structure: from sites to barcodes, metrics, features and percolation descriptors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from pymatgen.core import Structure

from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology.barcodes import Barcodes
from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.features import OrbitBarcodes, features_from_barcodes, metrics_from_barcodes
from mtl_flows.science.topology.homology import rips_barcodes, rips_components
from mtl_flows.science.topology.orbits import Orbit, find_orbits
from mtl_flows.science.topology.parameters import Protocol, TopologyParameters


@dataclass(frozen=True, slots=True)
class TopologyResult:
    """Everything that one structure's topology gives.

    Attributes
    ----------
    n_sites, n_mobile, n_framework
        Sites of the given cell.
    r_connected_A
        Mean length that connects the mobile surroundings of a mobile site.
    rho_cycles
        Loops of the unit cell at r_connected per mobile site, by protocol. Depends on the choice of cell and origin.
    features
        The 22 named features of each protocol.
    d_A
        Shortest mobile–mobile hop whose periodic graph percolates in 1, 2 and 3 dimensions; None if not asked for.
    v_A
        Largest radius of a sphere that can travel through the framework in 1, 2 and 3 dimensions, measured to site
        centres; ``inf`` where there is no framework; None if not asked for.
    orbits
        Barcodes around each symmetry-distinct mobile site.
    cell_mobile, cell_framework
        Barcodes of the mobile and framework sites of the unit cell, not repeated.
    timings_s
        Seconds spent in each step.
    """

    n_sites: int
    n_mobile: int
    n_framework: int
    r_connected_A: float
    rho_cycles: dict[Protocol, float]
    features: dict[Protocol, dict[str, float]]
    d_A: tuple[float, float, float] | None
    v_A: tuple[float, float, float] | None
    orbits: tuple[OrbitBarcodes, ...]
    cell_mobile: Barcodes
    cell_framework: Barcodes
    timings_s: dict[str, float]


def compute_topology(
    structure: Structure,
    mobile_ion: str = "Li",
    parameters: TopologyParameters = TopologyParameters(),
) -> TopologyResult:
    """Compute barcodes, metrics, features and percolation descriptors of a structure, both protocols in one pass.

    Parameters
    ----------
    structure
        The conventional cell as given in its file; the cell matters for ``rho_cycles`` only.
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
    with clock("symmetry"):
        sublattices = split_sublattices(structure, mobile_ion)
        orbits = find_orbits(structure, sublattices.mobile_indices, parameters.symprec_A)
    cell = PeriodicPoints(np.asarray(structure.lattice.matrix), np.asarray(structure.frac_coords))
    with clock("unit_cell"):
        cell_mobile = rips_barcodes(cell.subset(sublattices.mobile_indices).cell_cloud(), parameters.cutoff_A)
        cell_framework = rips_barcodes(
            cell.subset(sublattices.framework_indices).cell_cloud(), parameters.cutoff_A
        )
    reduced = cell.reduced()
    mobile = reduced.subset(sublattices.mobile_indices)
    framework = reduced.subset(sublattices.framework_indices)
    with clock("spheres"):
        spheres = tuple(
            _orbit_barcodes(structure, orbit, reduced, mobile, framework, parameters) for orbit in orbits
        )
    with clock("features"):
        metrics = metrics_from_barcodes(spheres, cell_mobile, cell_framework, parameters)
        features = features_from_barcodes(spheres, parameters)
    return TopologyResult(
        n_sites=len(structure),
        n_mobile=len(sublattices.mobile_indices),
        n_framework=len(sublattices.framework_indices),
        r_connected_A=metrics.r_connected_A,
        rho_cycles=metrics.rho_cycles,
        features=features,
        d_A=None,
        v_A=None,
        orbits=spheres,
        cell_mobile=cell_mobile,
        cell_framework=cell_framework,
        timings_s=clock.seconds,
    )


def _orbit_barcodes(
    structure: Structure,
    orbit: Orbit,
    points: PeriodicPoints,
    mobile: PeriodicPoints,
    framework: PeriodicPoints,
    parameters: TopologyParameters,
) -> OrbitBarcodes:
    centre = points.fractional[orbit.site_index]
    mobile_cloud = mobile.sphere(centre, parameters.cutoff_A)
    framework_cloud = framework.sphere(centre, parameters.cutoff_A)
    mobile_barcodes = rips_components(mobile_cloud, parameters.cutoff_A)
    return OrbitBarcodes(
        site_index=orbit.site_index,
        label=structure[orbit.site_index].label,
        multiplicity=orbit.multiplicity,
        mobile=mobile_barcodes,
        framework=rips_barcodes(framework_cloud, parameters.cutoff_A),
        n_mobile_in_sphere=len(mobile_cloud),
        n_framework_in_sphere=len(framework_cloud),
        r_connected_A=mobile_barcodes.connection_length_A(parameters.cutoff_A),
    )


class _Clock:
    """Adds up the seconds spent under each name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
