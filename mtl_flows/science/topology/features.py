"""Metrics and features from barcodes alone: a stored barcode answers again without any homology."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.topology.barcodes import Barcodes
from mtl_flows.science.topology.parameters import (
    FEATURE_NAMES,
    H0_STATISTICS,
    H1_STATISTICS,
    PROTOCOLS,
    Protocol,
    TopologyParameters,
)

Values = NDArray[np.float64]

_DEFAULTS = TopologyParameters()


@dataclass(frozen=True, slots=True)
class OrbitBarcodes:
    """Barcodes of the surroundings of one set of symmetry-equivalent mobile sites.

    Attributes
    ----------
    site_index
        The site of the structure that represents the orbit.
    label
        Its label in the structure.
    multiplicity
        Number of sites of the orbit in the given cell.
    mobile
        H0 barcodes of the mobile sites within the cutoff, the central site included.
    framework
        H0 and H1 barcodes of the framework sites within the cutoff.
    n_mobile_in_sphere, n_framework_in_sphere
        Sizes of the two clouds.
    r_connected_A
        Edge length that connects the mobile cloud; the cutoff if there is no other mobile site in it.
    """

    site_index: int
    label: str
    multiplicity: int
    mobile: Barcodes
    framework: Barcodes
    n_mobile_in_sphere: int
    n_framework_in_sphere: int
    r_connected_A: float


@dataclass(frozen=True, slots=True)
class TopologyMetrics:
    """The two screening metrics.

    Attributes
    ----------
    r_connected_A
        Mean over mobile sites of the edge length that connects their mobile surroundings.
    rho_cycles
        Loops per mobile site, by protocol.
    """

    r_connected_A: float
    rho_cycles: dict[Protocol, float]


def metrics_from_barcodes(
    orbits: Sequence[OrbitBarcodes],
    cell_mobile: Barcodes,
    cell_framework: Barcodes,
    parameters: TopologyParameters = _DEFAULTS,
    *,
    distance_A: float | None = None,
) -> TopologyMetrics:
    """Compute r_connected and rho_cycles (doi:10.1021/jacs.5c04828, equations 1 and 2).

    Parameters
    ----------
    orbits
        Barcodes around the mobile sites.
    cell_mobile, cell_framework
        Barcodes of the mobile and of the framework sites of the unit cell, not repeated.
    parameters
        The parameters that the barcodes were computed with.
    distance_A
        Count loops at this edge length rather than at ``r_connected * (1 + tie_tolerance)``.
    """
    multiplicities = np.array([orbit.multiplicity for orbit in orbits], dtype=float)
    lengths = np.array([orbit.mobile.connection_length_A(parameters.cutoff_A) for orbit in orbits])
    r_connected = float(np.average(lengths, weights=multiplicities))
    distance = r_connected * (1.0 + parameters.tie_tolerance) if distance_A is None else distance_A
    n_mobile = int(multiplicities.sum())
    return TopologyMetrics(
        r_connected_A=r_connected,
        rho_cycles={
            "published": cell_mobile.betti(1, distance) / n_mobile,
            "text": cell_framework.betti(1, distance) / n_mobile,
        },
    )


def features_from_barcodes(
    orbits: Sequence[OrbitBarcodes], parameters: TopologyParameters = _DEFAULTS
) -> dict[Protocol, dict[str, float]]:
    """Compute the 22 named features of each protocol, averaged over the mobile sites.

    A statistic of an empty diagram is zero. Of the H0 classes that never die one stands for the cloud itself and is left
    out; any other, and every loop that stays open, counts as dying at the cutoff.

    Parameters
    ----------
    orbits
        Barcodes around the mobile sites.
    parameters
        The parameters that the barcodes were computed with.
    """
    weights = [orbit.multiplicity for orbit in orbits]
    rows = [_site_features(orbit, parameters) for orbit in orbits]
    means = {name: float(np.average([row[name] for row in rows], weights=weights)) for name in rows[0]}
    return {protocol: {name: means[name] for name in FEATURE_NAMES[protocol]} for protocol in PROTOCOLS}


def _site_features(orbit: OrbitBarcodes, parameters: TopologyParameters) -> dict[str, float]:
    mobile = _h0_deaths(orbit.mobile, parameters)
    framework = _h0_deaths(orbit.framework, parameters)
    births, deaths = np.minimum(orbit.framework.h1_A.astype(float), parameters.cutoff_A).T
    return {
        "r_connected_A": orbit.mobile.connection_length_A(parameters.cutoff_A),
        **_statistics("mobile_h0_death", H0_STATISTICS, mobile),
        "framework_h0_count": float(len(framework)),
        **_statistics("framework_h0_death", H0_STATISTICS, framework),
        **_statistics("framework_h1_birth", H1_STATISTICS, births),
        **_statistics("framework_h1_death", H1_STATISTICS, deaths),
        **_statistics("framework_h1_persistence", H1_STATISTICS, deaths - births),
    }


def _h0_deaths(barcodes: Barcodes, parameters: TopologyParameters) -> Values:
    deaths = np.minimum(barcodes.h0_deaths_A[:-1].astype(float), parameters.cutoff_A)
    return deaths[deaths > parameters.h0_floor_A]


def _statistics(prefix: str, names: Iterable[str], values: Values) -> dict[str, float]:
    return {f"{prefix}_{name}_A": float(getattr(np, name)(values)) if len(values) else 0.0 for name in names}
