"""A crystal whole, without its framework, and without its mobile ions.

Figures 2a–c and 3b–e of doi:10.1021/jacs.5c04828.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from mtl_flows.plotting.style import GREY
from mtl_flows.records import Record
from mtl_flows.science.elements import covalent_radius_A

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOND_TOLERANCE: Final = 1.15
"""Framework atoms nearer than this times the sum of their covalent radii are joined."""

_DIGITS = 4
_EDGE = 0.01  # fractional; atoms so near a face are repeated on the opposite one
_TURN, _TILT = np.radians(-25.0), np.radians(12.0)


@dataclass(frozen=True, slots=True)
class SiteKind(Record):
    """Sites of one occupancy: element symbols with their amounts, vacancies left out, and whether they are mobile."""

    species: list[tuple[str, float]]
    mobile: bool


@dataclass(frozen=True, slots=True)
class CrystalDrawing(Record):
    """What is drawn of a crystal.

    Attributes
    ----------
    lattice_A
        Rows are the lattice vectors.
    kinds
        Each occupancy once.
    sites
        Index of the kind, and fractional coordinates.
    """

    lattice_A: list[list[float]]
    kinds: list[SiteKind]
    sites: list[tuple[int, float, float, float]]


def crystal_drawing(structure: Mapping[str, Any], mobile_ion: str) -> CrystalDrawing:
    """Gather what is drawn of a crystal; a site is mobile if any of the ion is on it.

    Parameters
    ----------
    structure
        As pymatgen's ``Structure.as_dict`` and the documents of crystals have it.
    """
    kinds: dict[tuple[tuple[str, float], ...], int] = {}
    sites = []
    for site in structure["sites"]:
        amounts: dict[str, float] = {}
        for species in site["species"]:
            amounts[species["element"]] = amounts.get(species["element"], 0.0) + species["occu"]
        key = tuple(sorted((symbol, round(amount, 3)) for symbol, amount in amounts.items()))
        number = kinds.setdefault(key, len(kinds))
        a, b, c = (round(float(x) % 1.0, _DIGITS) for x in site["abc"])
        sites.append((number, a, b, c))
    return CrystalDrawing(
        [[round(float(x), _DIGITS) for x in vector] for vector in structure["lattice"]["matrix"]],
        [SiteKind(list(key), any(symbol == mobile_ion for symbol, _ in key)) for key in kinds],
        sites,
    )


@cache
def element_colours() -> dict[str, str]:
    """Colour of each element as VESTA draws it, as a hexadecimal triple."""
    text = files("pymatgen").joinpath("vis/ElementColorSchemes.yaml").read_text(encoding="utf-8")
    schemes = yaml.safe_load(text)
    return {symbol: "#{:02x}{:02x}{:02x}".format(*rgb[:3]) for symbol, rgb in schemes["VESTA"].items()}


def plot_structure(drawing: CrystalDrawing, ion: str = "Li") -> Figure:
    """Draw the crystal, its mobile sites and its framework side by side, seen from a little aside.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    for axes, (title, parts) in zip(
        figure.subplots(1, 3),
        (
            (f"crystal, {len(drawing.sites)} sites", (True, False)),
            (f"{ion}-only", (True,)),
            (f"{ion}-free", (False,)),
        ),
        strict=True,
    ):
        draw_crystal(axes, drawing, parts)
        axes.set_title(title, fontsize=9)
    symbols = sorted({symbol for kind in drawing.kinds for symbol, _ in kind.species})
    colours = element_colours()
    for symbol in symbols:
        axes.scatter(
            [], [], s=40, color=colours.get(symbol, GREY), edgecolor="black", linewidth=0.4, label=symbol
        )
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=max(len(symbols), 1))
    return figure


def draw_crystal(axes: Axes, drawing: CrystalDrawing, parts: tuple[bool, ...]) -> None:
    """Draw cell, atoms and bonds of the parts wanted (mobile or not), what is nearer to the eye above the rest."""
    lattice = np.array(drawing.lattice_A)
    view = viewing_axes()
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
    for first in range(8):
        for second in range(first + 1, 8):
            if np.abs(corners[first] - corners[second]).sum() == 1:
                ends = corners[[first, second]] @ lattice @ view
                axes.plot(ends[:, 0], ends[:, 1], color=GREY, linewidth=0.7, zorder=-1e6)
    atoms = _with_images(drawing, parts)
    points = np.array([place for _, place in atoms]).reshape(-1, 3) @ lattice
    seen = points @ view
    colours = element_colours()
    radii = np.array([_radius_A(drawing.kinds[kind]) for kind, _ in atoms])
    for one, other in _bonds(points, np.array([drawing.kinds[kind].mobile for kind, _ in atoms]), radii):
        depth = float(seen[[one, other], 2].mean())
        axes.plot(seen[[one, other], 0], seen[[one, other], 1], color="#999999", linewidth=1.6, zorder=depth)
    for (kind, _), place, radius in zip(atoms, seen, radii, strict=True):
        symbol = max(drawing.kinds[kind].species, key=lambda pair: pair[1])[0]
        axes.scatter(
            place[0],
            place[1],
            s=70 * radius**2,
            color=colours.get(symbol, GREY),
            edgecolor="black",
            linewidth=0.4,
            zorder=float(place[2]) + 1e-3,
            alpha=0.4 + 0.6 * min(1.0, sum(amount for _, amount in drawing.kinds[kind].species)),
        )
    axes.set_aspect("equal")
    axes.axis("off")


def _with_images(drawing: CrystalDrawing, parts: tuple[bool, ...]) -> list[tuple[int, NDArray[np.float64]]]:
    """Sites of the parts wanted, those on a face of the cell repeated on the other."""
    found = []
    for kind, *place in drawing.sites:
        if drawing.kinds[kind].mobile not in parts:
            continue
        shifts = [(0.0, 1.0) if x < _EDGE else (0.0, -1.0) if x > 1 - _EDGE else (0.0,) for x in place]
        found += [(kind, np.add(place, (i, j, k))) for i in shifts[0] for j in shifts[1] for k in shifts[2]]
    return found


def _bonds(
    points: NDArray[np.float64], mobile: NDArray[np.bool_], radii: NDArray[np.float64]
) -> list[tuple[int, int]]:
    if not len(points):
        return []
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = distances < BOND_TOLERANCE * (radii[:, None] + radii[None])
    near &= ~mobile[:, None] & ~mobile[None] & (distances > 0.4)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(near, 1))]


def _radius_A(kind: SiteKind) -> float:
    return max(covalent_radius_A(symbol) for symbol, _ in kind.species)


def viewing_axes() -> NDArray[np.float64]:
    """Columns are right, up and towards the eye, looking along the second lattice direction."""
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    turned = np.array([[cos, 0, -sin], [sin, 0, cos], [0, 1, 0]])
    up, down = np.cos(_TILT), np.sin(_TILT)
    view: NDArray[np.float64] = turned @ np.array([[1, 0, 0], [0, up, down], [0, -down, up]])
    return view
