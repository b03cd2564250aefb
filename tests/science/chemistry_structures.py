"""Crystals for the tests of the chemical rules: well-known types with rounded coordinates, and built ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.science.chemistry import RULES, ChemistryReport, check_chemistry

SPACING_A = 4.5


def scattered(formula: str, multiple: int = 1, disorder_A: float = 0.0) -> Structure:
    """The atoms of a formula on a wide grid: a composition with a cell and no bonds."""
    symbols = [
        element.symbol
        for element, amount in Composition(formula).items()
        for _ in range(round(amount) * multiple)
    ]
    return on_grid([{symbol: 1.0} for symbol in symbols], disorder_A)


def on_grid(sites: Sequence[Mapping[str, float]], disorder_A: float = 0.0) -> Structure:
    """Sites, disordered ones among them, on a wide grid."""
    side = int(np.ceil(len(sites) ** (1 / 3)))
    places = np.array(
        [(i, j, k) for i in range(side) for j in range(side) for k in range(side)][: len(sites)]
    )
    shifts = np.random.default_rng(7).uniform(-disorder_A, disorder_A, places.shape)
    lattice = Lattice.cubic(side * SPACING_A)
    return Structure(lattice, list(sites), places * SPACING_A + shifts, coords_are_cartesian=True)


def hydrate(
    anhydrous: str,
    waters: int,
    *,
    hydrogen: str = "H",
    oh_A: float = 0.96,
    hydrogens: int = 2,
    hydrogen_positions: int = 2,
) -> Structure:
    """A scattered compound and, beside it, oxygens with hydrogens on them.

    With more hydrogen positions than hydrogens the positions are partly occupied, as in disordered ice.
    """
    base = scattered(anhydrous)
    side = base.lattice.a
    height = side + SPACING_A
    crystal = Structure(
        Lattice.orthorhombic(max(side, waters * SPACING_A), side, height),
        base.species,
        base.cart_coords,
        coords_are_cartesian=True,
    )
    tetrahedron = np.array([(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)]) / np.sqrt(3)
    occupancy = hydrogens / hydrogen_positions
    for number in range(waters):
        centre = np.array([number * SPACING_A, 0.0, side])
        crystal.append("O", centre, coords_are_cartesian=True)
        for direction in tetrahedron[:hydrogen_positions]:
            crystal.append({hydrogen: occupancy}, centre + oh_A * direction, coords_are_cartesian=True)
    return crystal


def linked(formula: str, first: str, second: str, distance_A: float) -> Structure:
    """A scattered compound with the second element's last atom moved next to the first's first atom."""
    crystal = scattered(formula)
    symbols = [site.specie.symbol for site in crystal]
    anchor = symbols.index(first)
    moved = len(symbols) - 1 - symbols[::-1].index(second)
    place = crystal[anchor].coords + np.array([distance_A, 0.0, 0.0])
    crystal.replace(moved, second, place, coords_are_cartesian=True)
    return crystal


def olivine() -> Structure:
    """LiFePO4 (doi:10.1149/1.1837571)."""
    return Structure.from_spacegroup(
        "Pnma",
        Lattice.orthorhombic(10.33, 6.01, 4.69),
        ["Li", "Fe", "P", "O", "O", "O"],
        [
            [0, 0, 0],
            [0.2822, 0.25, 0.9747],
            [0.0948, 0.25, 0.4182],
            [0.0968, 0.25, 0.7428],
            [0.4571, 0.25, 0.2060],
            [0.1656, 0.0465, 0.2848],
        ],
    )


def antiperovskite() -> Structure:
    """Li3OCl (doi:10.1021/ja305709z)."""
    return Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.907), ["Li", "O", "Cl"], [[0, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 0]]
    )


def peroxide() -> Structure:
    """Li2O2, O–O 1.55 Å."""
    return Structure.from_spacegroup(
        "P6_3/mmc",
        Lattice.hexagonal(3.142, 7.65),
        ["Li", "Li", "O"],
        [[0, 0, 0], [1 / 3, 2 / 3, 0.25], [1 / 3, 2 / 3, 0.6488]],
    )


def hydroxide() -> Structure:
    """LiOH, P4/nmm."""
    return Structure(
        Lattice.tetragonal(3.549, 4.334),
        ["Li", "Li", "O", "O", "H", "H"],
        [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.194], [0.5, 0, 0.806], [0, 0.5, 0.407], [0.5, 0, 0.593]],
    )


def spinel() -> Structure:
    """LiMn2O4."""
    return Structure.from_spacegroup(
        "Fd-3m:2",
        Lattice.cubic(8.245),
        ["Li", "Mn", "O"],
        [[0.125, 0.125, 0.125], [0.5, 0.5, 0.5], [0.2633, 0.2633, 0.2633]],
    )


def half_heusler() -> Structure:
    """LiAlSi."""
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(5.93), ["Li", "Al", "Si"], [[0.5, 0.5, 0.5], [0, 0, 0], [0.25, 0.25, 0.25]]
    )


def nitride() -> Structure:
    """Li3N, P6/mmm."""
    return Structure.from_spacegroup(
        "P6/mmm",
        Lattice.hexagonal(3.648, 3.875),
        ["Li", "Li", "N"],
        [[1 / 3, 2 / 3, 0], [0, 0, 0.5], [0, 0, 0]],
    )


def bismuthide() -> Structure:
    """Li3Bi, Fm-3m."""
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(6.722), ["Li", "Li", "Bi"], [[0.25, 0.25, 0.25], [0.5, 0.5, 0.5], [0, 0, 0]]
    )


def garnet() -> Structure:
    """Cubic Li6.4La3Zr1.4Ta0.6O12-like garnet with the split lithium sites of the literature."""
    return Structure.from_spacegroup(
        "Ia-3d",
        Lattice.cubic(12.94),
        [{"Li": 0.54}, {"Li": 0.398}, "La", {"Zr": 0.7, "Ta": 0.3}, "O"],
        [
            [0.375, 0, 0.25],
            [0.096, 0.686, 0.577],
            [0.125, 0, 0.25],
            [0, 0, 0],
            [0.1005, 0.1957, 0.2819],
        ],
    )


def failures(structure: Structure, mobile_ion: str = "Li", **options: object) -> list[int]:
    report = check_chemistry(structure, mobile_ion, **options)  # type: ignore[arg-type]
    assert [verdict.rule for verdict in report.rules] == [rule.id for rule in RULES]
    assert report.passed is (report.failures == [])
    return of_the_article(report)


def of_the_article(report: ChemistryReport) -> list[int]:
    """Which of the article's eight rules object, whatever other rules there are."""
    return [rule for rule in report.failures if rule <= 8]
