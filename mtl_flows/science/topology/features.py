"""Metrics and features from barcodes alone: a stored barcode answers again without any homology."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.topology.barcodes import Barcodes
from mtl_flows.science.topology.parameters import (
    FEATURE_NAMES,
    SITE_FEATURES,
    TopologyParameters,
)
from mtl_flows.vocabulary import PROTOCOLS, Protocol

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


@dataclass(frozen=True, slots=True, eq=False)
class StructureBarcodes:
    """Every barcode of one structure.

    Attributes
    ----------
    orbits
        Those of the surroundings of each symmetry-distinct mobile site.
    cell_mobile, cell_framework
        Those of the mobile and of the framework sites of the unit cell, not repeated.
    """

    orbits: tuple[OrbitBarcodes, ...]
    cell_mobile: Barcodes
    cell_framework: Barcodes


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
    barcodes: StructureBarcodes,
    parameters: TopologyParameters = _DEFAULTS,
    *,
    distance_A: float | None = None,
) -> TopologyMetrics:
    """Compute r_connected and rho_cycles (doi:10.1021/jacs.5c04828, equations 1 and 2).

    Parameters
    ----------
    barcodes
        Every barcode of the structure.
    parameters
        The parameters that the barcodes were computed with.
    distance_A
        Count loops at this edge length rather than at ``r_connected * (1 + tie_tolerance)``.
    """
    orbits = barcodes.orbits
    lengths = [[orbit.mobile.connection_length_A(parameters.cutoff_A)] for orbit in orbits]
    r_connected = float(_mean_over_sites(orbits, lengths)[0])
    distance = r_connected * (1.0 + parameters.tie_tolerance) if distance_A is None else distance_A
    n_mobile = sum(orbit.multiplicity for orbit in orbits)
    return TopologyMetrics(
        r_connected_A=r_connected,
        rho_cycles={
            "published": barcodes.cell_mobile.betti(1, distance) / n_mobile,
            "text": barcodes.cell_framework.betti(1, distance) / n_mobile,
        },
    )


def features_from_barcodes(
    orbits: Sequence[OrbitBarcodes], parameters: TopologyParameters = _DEFAULTS
) -> dict[Protocol, dict[str, float]]:
    """Compute the 22 named features of each protocol, averaged over the mobile sites.

    A statistic of an empty diagram is zero. Of the H0 classes that never die one stands for the cloud itself
    and is left out; any other, and every loop that stays open, counts as dying at the cutoff.

    Parameters
    ----------
    orbits
        Barcodes around the mobile sites.
    parameters
        The parameters that the barcodes were computed with.
    """
    means = _mean_over_sites(orbits, [_site_features(orbit, parameters) for orbit in orbits])
    by_name = dict(zip(SITE_FEATURES, means.tolist(), strict=True))
    return {protocol: {name: by_name[name] for name in FEATURE_NAMES[protocol]} for protocol in PROTOCOLS}


def _mean_over_sites(orbits: Sequence[OrbitBarcodes], values: list[list[float]]) -> Values:
    """Mean over the mobile sites of what each orbit gives, shape ``(n_values,)``."""
    multiplicities = np.array([orbit.multiplicity for orbit in orbits], dtype=float)
    means: Values = multiplicities @ np.array(values) / multiplicities.sum()
    return means


def _site_features(orbit: OrbitBarcodes, parameters: TopologyParameters) -> list[float]:
    """Every feature of one site, in the order of ``SITE_FEATURES``."""
    mobile = _h0_deaths(orbit.mobile, parameters)
    framework = _h0_deaths(orbit.framework, parameters)
    loops = np.empty((3, len(orbit.framework.h1_A)))
    loops[:2] = np.minimum(orbit.framework.h1_A, parameters.cutoff_A).T
    np.subtract(loops[1], loops[0], out=loops[2])
    return [
        orbit.mobile.connection_length_A(parameters.cutoff_A),
        *_statistics(mobile[None]),
        _median(mobile),
        float(len(framework)),
        *_statistics(framework[None]),
        _median(framework),
        *_statistics(loops),
    ]


def _h0_deaths(barcodes: Barcodes, parameters: TopologyParameters) -> Values:
    deaths = np.minimum(barcodes.h0_deaths_A[:-1].astype(float), parameters.cutoff_A)
    return deaths[deaths > parameters.h0_floor_A]


def _statistics(rows: Values) -> list[float]:
    """Minimum, maximum, mean, standard deviation and sum of each row, row after row; zeros if they are empty."""
    n = rows.shape[1]
    if n == 0:
        return [0.0] * (5 * len(rows))
    sums = rows.sum(1)
    means = sums / n
    deviations = rows - means[:, None]
    spreads = np.sqrt(np.einsum("ij,ij->i", deviations, deviations) / n)
    columns = np.stack([rows.min(1), rows.max(1), means, spreads, sums], axis=1)
    values: list[float] = columns.ravel().tolist()
    return values


def _median(ascending: Values) -> float:
    n = len(ascending)
    return float(ascending[(n - 1) // 2] + ascending[n // 2]) / 2.0 if n else 0.0
