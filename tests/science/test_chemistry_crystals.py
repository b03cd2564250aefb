"""The rules on crystals: known ones, water, shared sites and large cells."""

import numpy as np
import pytest
from chemistry_structures import (
    antiperovskite,
    bismuthide,
    failures,
    garnet,
    half_heusler,
    hydrate,
    hydroxide,
    nitride,
    olivine,
    on_grid,
    peroxide,
    scattered,
    spinel,
)
from pymatgen.core import Lattice, Structure

CRYSTALS = [
    (olivine, [6]),
    (spinel, [6]),
    (antiperovskite, [5]),
    (peroxide, [1]),
    (hydroxide, []),
    (half_heusler, [3]),
    (nitride, [1]),
    (bismuthide, [1, 3]),
    (garnet, [6]),
]


@pytest.mark.parametrize(("build", "expected"), CRYSTALS)
def test_well_known_crystals(build, expected: list[int]) -> None:  # type: ignore[no-untyped-def]
    assert failures(build()) == expected


HYDRATES = [
    (hydrate("Li2SO4", 1), [2]),
    (hydrate("LiCl", 1), [2]),
    (hydrate("LiClO4", 3), [2]),
    (hydrate("NaI", 2), [2]),
    (hydrate("LiAlCl4", 4, hydrogen="D"), [2]),
    (hydrate("Li3PO4", 1, oh_A=0.82), [2]),
    (hydrate("LiI", 1, hydrogen_positions=4), [2]),
    (hydrate("LiFePO4", 2), [2, 6]),
]


@pytest.mark.parametrize(("crystal", "expected"), HYDRATES, ids=lambda value: getattr(value, "formula", None))
def test_water_of_crystallisation_is_seen(crystal: Structure, expected: list[int]) -> None:
    assert failures(crystal, "Na" if "Na" in crystal.symbol_set else "Li") == expected


# Sites, mobile ion, every rule that must object.
SHARED = [
    ([{"Li": 0.5, "Na": 0.5}, {"Li": 0.5}, {"Ga": 1}, *[{"Cl": 1}] * 4, {"Na": 0.5}, {"Cl": 1}], "Li", [8]),
    ([{"Li": 0.9, "Mg": 0.05}, {"Al": 1}, *[{"Cl": 1}] * 4], "Li", [8]),
    ([{"Li": 0.5, "Al": 0.5}, {"Li": 1}, {"O": 1}, {"F": 0.5}, {"F": 0.5}], "Li", [8]),
    ([{"Zn": 0.5, "Ga": 0.5}, {"Zn": 0.5, "Ga": 0.5}, {"S": 1}, {"S": 1}, {"Cl": 1}], "Zn", [8]),
    ([{"Na": 0.8, "K": 0.2}, {"In": 1}, {"S": 1}, {"S": 1}], "Na", [8]),
    ([{"Ag": 0.5, "Cu": 0.5}, {"In": 1}, {"S": 1}, {"S": 1}], "Ag", [6, 8]),
    ([{"F": 0.5, "O": 0.5}, {"F": 0.5, "O": 0.5}, {"Bi": 1}], "F", [8]),
    ([{"Li": 0.5, "Fe": 0.5}, {"Li": 0.5}, {"Cl": 1}, {"Cl": 1}], "Li", [6, 8]),
    ([{"Li": 0.5, "Na": 0.5}, {"P": 0.2, "As": 0.8}, *[{"O": 1}] * 3], "Li", [8]),
]


@pytest.mark.parametrize(("sites", "mobile_ion", "expected"), SHARED)
def test_shared_mobile_sites(sites: list[dict[str, float]], mobile_ion: str, expected: list[int]) -> None:
    assert failures(on_grid(sites), mobile_ion) == expected


@pytest.mark.parametrize(
    ("sites", "mobile_ion"),
    [
        ([{"Li": 0.5}, {"Li": 0.5}, {"Ga": 1}, *[{"Cl": 1}] * 4], "Li"),  # shared with vacancies only
        ([{"Na": 0.5, "K": 0.5}, {"Li": 1}, {"Zn": 1}, *[{"Cl": 1}] * 4], "Li"),  # others share
        ([{"Li+": 1}, {"Sn2+": 0.5, "Sn4+": 0.5}, *[{"Cl-": 1}] * 4], "Sn"),  # one element, two states
    ],
)
def test_sites_that_are_not_shared(sites: list[dict[str, float]], mobile_ion: str) -> None:
    assert failures(on_grid(sites), mobile_ion) == []


@pytest.mark.parametrize(("distance_A", "expected"), [(0.05, [8]), (0.3, [8]), (0.45, [8]), (0.6, [])])
def test_split_positions_count_as_one_site(distance_A: float, expected: list[int]) -> None:
    crystal = on_grid([{"Li": 0.5}, {"Al": 0.5}, {"Li": 0.5}, {"Zn": 1}, *[{"Cl": 1}] * 4, {"Cl": 0.5}])
    place = np.add(crystal[0].coords, [0.0, distance_A, 0.0])
    crystal.replace(1, {"Al": 0.5}, place, coords_are_cartesian=True)
    assert failures(crystal) == expected


LARGE = [
    ("LiGaCl4", 84, [7]),
    ("NaLi2PO4", 63, [7]),
    ("Li3InCl6", 51, [7]),
    ("LiAlSiO4", 72, [7]),
    ("LiZnPS4", 72, [7]),
    ("Li2MgCl4", 72, [7]),
    ("Li3PO4", 63, [5, 7]),
    ("LiFePO4", 72, [6, 7]),
    ("Li3N", 126, [1, 7]),
    ("LiAlBr4", 83, []),
    ("Li2ZnGeO4", 62, []),
]


@pytest.mark.parametrize(("formula", "multiple", "expected"), LARGE)
def test_large_cells(formula: str, multiple: int, expected: list[int]) -> None:
    crystal = scattered(formula, multiple, disorder_A=0.4)
    assert (len(crystal) > 500) is (7 in expected)
    assert failures(crystal) == expected


def test_exactly_500_atoms_are_admitted() -> None:
    crystal = scattered("Li3InCl6", 50, disorder_A=0.4)
    assert len(crystal) == 500
    assert failures(crystal) == []


def test_partial_occupancies_count_as_parts_of_atoms() -> None:
    sites = [{"Li": 1 / 6}, {"Li": 1 / 6}, {"Ga": 1 / 3}, *[{"Cl": 1 / 3}] * 4]
    crystal = on_grid(sites * 90, disorder_A=0.4)
    assert len(crystal) > 600
    assert crystal.composition.num_atoms < 200
    assert 7 not in failures(crystal)


def test_a_supercell_is_no_larger_than_its_conventional_cell() -> None:
    crystal = antiperovskite() * (5, 5, 5)
    assert len(crystal) == 625
    assert failures(crystal) == [5]


def test_a_primitive_cell_counts_as_its_conventional_cell() -> None:
    host = Structure.from_spacegroup("F-43m", Lattice.cubic(34), ["Ga"], [[0.11, 0.27, 0.4]])
    assert len(host) == 96
    for symbol, place in zip(
        ["Li", "Cl", "Cl", "Cl", "Cl"],
        [[0.07, 0.18, 0.33], [0.03, 0.21, 0.44], [0.15, 0.23, 0.47], [0.02, 0.14, 0.49], [0.09, 0.29, 0.31]],
        strict=True,
    ):
        orbit = Structure.from_spacegroup("F-43m", Lattice.cubic(34), [symbol], [place])
        for site in orbit:
            host.append(symbol, site.frac_coords)
    primitive = host.get_primitive_structure()
    assert len(primitive) == 144
    assert failures(host) == failures(primitive) == [7]
