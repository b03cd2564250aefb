"""The clusters of affinity propagation: figures 2g and S1 of doi:10.1021/jacs.5c04828."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtl_flows.plotting.style import GREY, ORANGE, PALE, SERIES, YELLOW, new_figure
from mtl_flows.records import Record
from mtl_flows.science.clustering.scaling import Scaler

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mtl_flows.schemas.clustering import ClusteringDocument
    from mtl_flows.store.database import MTLStore
    from mtl_flows.vocabulary import Protocol


@dataclass(frozen=True, slots=True)
class ClusterBar(Record):
    """One cluster: its members, the known conductors among them, and whether it is kept for one."""

    name: str
    size: int
    known: int
    selected: bool


@dataclass(frozen=True, slots=True)
class ClustersData(Record):
    """The clusters of a run, the largest first."""

    protocol: str
    clusters: list[ClusterBar]
    n_materials: int


@dataclass(frozen=True, slots=True)
class FeatureMap(Record):
    """The members of a clustering in the plane that holds most of the variance of their features.

    Attributes
    ----------
    x, y
        First and second principal component of the scaled features.
    materials, clusters, known
        What each point is.
    explained
        Share of the variance that each component holds.
    """

    protocol: str
    materials: list[str]
    clusters: list[str]
    known: list[bool]
    x: list[float]
    y: list[float]
    explained: tuple[float, float]


def clusters_data(run: ClusteringDocument) -> ClustersData:
    """Count the members of each cluster of a run, and the known conductors among them: figure 2g."""
    bars = [ClusterBar(c.name, c.size, len(c.known_conductors), c.selected) for c in run.clusters]
    bars.sort(key=lambda bar: (-bar.known, -bar.size, bar.name))
    return ClustersData(run.protocol, bars, run.n_materials)


def feature_map(store: MTLStore, protocol: Protocol) -> FeatureMap:
    """Project the features of what is clustered onto their first two principal components: figure S1 in kind.

    Raises
    ------
    NotFoundError
        If nothing was clustered under this protocol yet.
    """
    run = store.clusterings.current(protocol)
    found = list(store.assignments.find({"clustering_id": run.id}))
    crystals = [assignment.crystal_id for assignment in found]
    features = store.topology.features(crystals, run.topology_parameters_hash, protocol)
    scaled = Scaler(np.array(run.scaler_mean), np.array(run.scaler_scale)).transform(features)
    points, explained = principal_components(scaled)
    return FeatureMap(
        protocol,
        [assignment.material_id for assignment in found],
        [assignment.cluster for assignment in found],
        [assignment.is_known_conductor for assignment in found],
        [float(x) for x in points[:, 0]],
        [float(y) for y in points[:, 1]],
        explained,
    )


def principal_components(
    features: NDArray[np.float64],
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the first two principal components of rows, shape (n, 2), and the share of the variance in each.

    The sign of a component is that which makes its largest weight positive.
    """
    centred = features - features.mean(axis=0) if len(features) else features
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(features), 2))
    shares = [0.0, 0.0]
    total = float((singular**2).sum())
    for number in range(min(2, len(singular))):
        sign = 1.0 if axes[number][np.abs(axes[number]).argmax()] > 0 else -1.0
        points[:, number] = sign * (centred @ axes[number])
        shares[number] = float(singular[number] ** 2) / total if total else 0.0
    return points, (shares[0], shares[1])


def plot_clusters(data: ClustersData) -> Figure:
    """Draw the members of each cluster, the known conductors among them dark.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(5.5, max(3.0, 0.2 * len(data.clusters) + 1.0))
    places = range(len(data.clusters))
    colours = [YELLOW if c.selected else PALE for c in data.clusters]
    axes.barh(places, [c.size for c in data.clusters], color=colours, label="members")
    axes.barh(places, [c.known for c in data.clusters], color=ORANGE, label="known conductors")
    axes.set_yticks(places, [c.name for c in data.clusters], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("materials")
    axes.set_title(
        f"{sum(c.selected for c in data.clusters)} of {len(data.clusters)} clusters hold a known conductor "
        f"({data.protocol})",
        fontsize=9,
        loc="left",
    )
    if data.clusters:
        axes.legend(frameon=False, fontsize=8)
    return figure


def plot_feature_map(data: FeatureMap) -> Figure:
    """Draw the members of a clustering in the plane of their features, coloured by cluster, known conductors as stars.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    figure, axes = new_figure(6.0, 5.0)
    names = sorted(set(data.clusters))
    for number, name in enumerate(names):
        members = [k for k, cluster in enumerate(data.clusters) if cluster == name]
        axes.scatter(
            [data.x[k] for k in members],
            [data.y[k] for k in members],
            s=14,
            color=SERIES[number % len(SERIES)],
            marker="osD^vP"[number // len(SERIES) % 6],
            alpha=0.7,
            linewidth=0,
        )
    known = [k for k, is_known in enumerate(data.known) if is_known]
    axes.scatter(
        [data.x[k] for k in known],
        [data.y[k] for k in known],
        s=70,
        marker="*",
        facecolor="white",
        edgecolor="black",
        linewidth=0.8,
        label="known conductor",
    )
    axes.set_xlabel(f"component 1 ({100 * data.explained[0]:.0f} % of the variance)")
    axes.set_ylabel(f"component 2 ({100 * data.explained[1]:.0f} %)")
    axes.set_title(f"{len(names)} clusters, {data.protocol}", fontsize=9, loc="left")
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    axes.axvline(0.0, color=GREY, linewidth=0.4, zorder=0)
    if known:
        axes.legend(frameon=False, fontsize=8)
    return figure
