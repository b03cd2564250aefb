"""A surface within a crystal: where the bond-valence landscape is low, where the ions of a simulation were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.plotting.structure import CrystalDrawing, crystal_drawing, draw_crystal, viewing_axes
from mtl_flows.science.barrier import Surface, coarse_surface, landscape_of
from mtl_flows.science.dynamics import DiffusionParameters, Trajectory, ion_density
from mtl_flows.stages.base import StageInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as Chart

    from mtl_flows.schemas.dynamics import TrajectoryDocument
    from mtl_flows.stages import ScreeningParameters
    from mtl_flows.store.database import MTLStore

T = TypeVar("T", np.float64, np.bool_)
Floats = NDArray[np.float64]

SHARES: Final = (0.5, 0.7, 0.9)
"""Of the ions that a surface of their density may hold."""

_LANDSCAPE_HUE: Final = (0.20, 0.45, 0.70)
_DENSITY_HUE: Final = (0.10, 0.60, 0.40)
_LIGHT: Final = np.array([0.35, 0.45, 0.82])
_SLABS: Final = 60  # faces drawn together between atoms

_COARSEST_A: Final = 1.0
_MOST_VOXELS: Final = 14_000
_FINEST_A: Final = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class VolumeData:
    """A periodic grid over a cell, and the level whose surface is drawn.

    Attributes
    ----------
    drawing
        The crystal of which the framework is drawn.
    origin
        Fractional coordinates of the first point.
    values
        Shape ``(n_1, n_2, n_3)``, in the unit of `level`.
    below
        What is enclosed lies below the level, not above.
    """

    title: str
    drawing: CrystalDrawing
    origin: Floats
    values: Floats
    level: float
    below: bool


def landscape_surface(store: MTLStore, parameters: ScreeningParameters, material_id: str) -> Surface:
    """Compute the bond-valence landscape of a material's current crystal, coarse; nothing is stored.

    Raises
    ------
    NotFoundError
        If the material is unknown.
    UnsupportedIonError
        If there are no bond-valence parameters for its ions.
    """
    revisions = store.structures.by_material(material_id)
    revision = next((r for r in revisions if r.current), revisions[-1])
    (subject,) = store.structures.subjects([revision.id])
    crystal = store.crystals.get(revision.crystal_id).to_structure()
    charged = StageInput(subject, crystal, parameters.mobile_ion).charged_structure
    return coarse_surface(landscape_of(charged, parameters.mobile_ion, parameters.barrier))


def landscape_volume(surface: Surface, drawing: CrystalDrawing, level_eV: float = 0.0) -> VolumeData:
    """Return what lies below a level of a bond-valence landscape; that at which it first percolates if 0."""
    level_eV = level_eV or surface.level_eV
    title = f"bond-valence landscape below {level_eV:.2f} eV"
    return VolumeData(title, drawing, surface.origin, surface.energies_eV, level_eV, below=True)


def density_volume(
    trajectory: Trajectory, ion: str, temperature_K: float, discard_ps: float, share: float = 0.7
) -> VolumeData:
    """Return the region that held a share of the mobile ions, over the framework of the first frame; in ions per Å³.

    On a grid of at most 14 000 voxels, averaged over neighbours: short runs visit voxels by chance.

    Raises
    ------
    DynamicsError
        If the simulation does not outlast what is discarded.
    """
    volume_A3 = abs(float(np.linalg.det(trajectory.lattice_A)))
    spacing_A = min(_COARSEST_A, max(_FINEST_A, (volume_A3 / _MOST_VOXELS) ** (1 / 3)))
    found = ion_density(trajectory, ion, spacing_A=spacing_A, discard_ps=discard_ps)
    density = _smoothed(found.per_A3)
    return VolumeData(
        f"{100 * share:g} % of {ion} at {temperature_K:g} K",
        crystal_drawing(found.structure.as_dict(), ion),
        np.zeros(3),
        density,
        level_of_share(density, share),
        below=False,
    )


def simulation_density(
    store: MTLStore, simulation: TrajectoryDocument, ion: str, share: float = 0.7
) -> VolumeData:
    """Return the density of a simulation's ions, what its analysis left out left out.

    Raises
    ------
    DynamicsError
        If its frames cannot be read, or do not outlast what is left out.
    """
    trajectory = load_trajectory(store, simulation)
    discard_ps = simulation.discard_ps
    if discard_ps is None:  # it goes on
        discard_ps = min(DiffusionParameters().discard_ps, 0.5 * trajectory.duration_ps)
    return density_volume(trajectory, ion, simulation.temperature_K, discard_ps, share)


def level_of_share(density: Floats, share: float) -> float:
    """Density above which lie the voxels that hold this share of the ions."""
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling)
    return float(falling[np.searchsorted(held, share * held[-1])])


def surface_quads(data: VolumeData) -> Floats:
    """Corners of the faces of the surface, fractional, shape ``(n, 4, 3)``: surface nets within one cell.

    One vertex in each voxel that the surface crosses, in the mean of the crossings of its edges; a face across each
    edge between a point inside and one outside (S. F. Gibson, doi:10.1007/BFb0056277).
    """
    above = data.values - data.level
    inside = above <= 0.0 if data.below else above >= 0.0
    total = np.zeros((*above.shape, 3))
    crossings = np.zeros(above.shape, dtype=int)
    corners = [np.array([c & 1, c >> 1 & 1, c >> 2 & 1]) for c in range(8)]
    for corner in corners:
        for axis in np.flatnonzero(corner == 0):
            step = np.eye(3, dtype=int)[axis]
            a, b = _rolled(above, corner), _rolled(above, corner + step)
            crossed = _rolled(inside, corner) != _rolled(inside, corner + step)
            along = np.divide(a, a - b, out=np.full(a.shape, 0.5), where=a != b)
            total[crossed] += corner
            total[..., axis][crossed] += along[crossed]
            crossings += crossed
    shape = np.array(above.shape)
    vertices = np.indices(above.shape).transpose(1, 2, 3, 0) + total / np.maximum(crossings, 1)[..., None]
    faces = []
    for axis in range(3):
        one, other = (k for k in range(3) if k != axis)
        back, aside = np.eye(3, dtype=int)[one], np.eye(3, dtype=int)[other]
        edges = np.argwhere(inside != _rolled(inside, np.eye(3, dtype=int)[axis]))
        edges = edges[(edges[:, one] > 0) & (edges[:, other] > 0)]  # the others belong to the next cell
        around = [edges, edges - back, edges - back - aside, edges - aside]
        faces.append(np.stack([vertices[tuple(place.T)] for place in around], axis=1))
    quads: Floats = np.concatenate(faces) / shape + data.origin
    return quads


def plot_volume(data: VolumeData) -> Figure:
    """Draw the surface within the framework, seen from a little aside.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 4.6), layout="constrained")
    axes = figure.subplots()
    draw_crystal(axes, data.drawing, parts=(False,))
    _draw_faces(axes, data)
    axes.set_title(data.title, fontsize=9)
    return figure


def volume_chart(data: VolumeData) -> Chart:
    """Draw the surface and the framework as a plotly figure that can be turned, for notebooks."""
    from plotly.graph_objects import Figure, Mesh3d, Scatter3d

    lattice = np.array(data.drawing.lattice_A)
    corners = (surface_quads(data) @ lattice).reshape(-1, 3)
    first = np.arange(0, len(corners), 4)
    i, j, k = (np.concatenate([first + a, first + b]) for a, b in ((0, 0), (1, 2), (2, 3)))
    x, y, z = corners.T
    surface = Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, opacity=0.6, color=_tint(data), name=data.title)
    framework = [(kind, place) for kind, *place in data.drawing.sites if not data.drawing.kinds[kind].mobile]
    places = np.array([place for _, place in framework]).reshape(-1, 3) @ lattice
    names = [" ".join(symbol for symbol, _ in data.drawing.kinds[kind].species) for kind, _ in framework]
    atoms = Scatter3d(
        x=places[:, 0], y=places[:, 1], z=places[:, 2], text=names, mode="markers", name="framework"
    )
    hidden = {"visible": False}
    scene = {"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden}
    return Figure(data=[surface, atoms], layout={"title": {"text": data.title}, "scene": scene})


def _draw_faces(axes: Axes, data: VolumeData) -> None:
    from matplotlib.collections import PolyCollection

    quads = surface_quads(data) @ np.array(data.drawing.lattice_A)
    if not len(quads):
        return
    seen = quads @ viewing_axes()
    normals = np.cross(seen[:, 2] - seen[:, 0], seen[:, 3] - seen[:, 1])
    lengths = np.linalg.norm(normals, axis=1)
    lit = 0.45 + 0.55 * np.abs(normals @ _LIGHT) / np.where(lengths > 0.0, lengths, 1.0)
    hue = np.array(_LANDSCAPE_HUE if data.below else _DENSITY_HUE)
    colours = np.clip(lit[:, None] * hue + 0.35 * (lit[:, None] - 0.45), 0.0, 1.0)
    depths = seen[..., 2].mean(axis=1)
    order = np.argsort(depths)
    for slab in np.array_split(order, min(_SLABS, len(order))):
        polygons = PolyCollection(
            list(seen[slab][..., :2]), facecolors=colours[slab], alpha=0.6, linewidths=0
        )
        polygons.set_zorder(float(depths[slab].mean()))
        axes.add_collection(polygons)


def _rolled(values: NDArray[T], by: NDArray[np.int_]) -> NDArray[T]:
    """Values of the neighbours that lie `by` further on, in the periodic cell."""
    return np.roll(values, tuple(int(-n) for n in by), axis=(0, 1, 2))


def _tint(data: VolumeData) -> str:
    red, green, blue = (round(255 * part) for part in (_LANDSCAPE_HUE if data.below else _DENSITY_HUE))
    return f"rgb({red},{green},{blue})"


def _smoothed(density: Floats) -> Floats:
    """Average over neighbouring voxels with weights 1, 2, 1 along each axis."""
    for axis in range(3):
        density = (np.roll(density, 1, axis) + 2.0 * density + np.roll(density, -1, axis)) / 4.0
    return density
