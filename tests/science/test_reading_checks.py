"""Refusals and the content hash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, PeriodicSite, Structure

from mtl_flows.errors import NoMobileIonError, OccupancyError, OverlappingSitesError
from mtl_flows.science.crystals import crystal_hash
from mtl_flows.science.reading import ReadingParameters, check_structure
from mtl_flows.science.reading.distances import overlapping_pair

ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.13), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)


def test_good_structure_passes() -> None:
    check_structure(ROCK_SALT, "Li")
    check_structure(ROCK_SALT, "Cl")
    check_structure(ROCK_SALT, "Na", "Li")
    decorated = ROCK_SALT.copy()
    decorated.add_oxidation_state_by_element({"Li": 1, "Cl": -1})
    check_structure(decorated, "Li")


def test_deuterium_is_hydrogen() -> None:
    for isotope in ("H", "D"):
        hydride = Structure(ROCK_SALT.lattice, [isotope, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        for asked in ("H", "D"):
            check_structure(hydride, asked)


def test_no_mobile_ion() -> None:
    with pytest.raises(NoMobileIonError, match=r"some: no site holds Na; there are Cl, Li"):
        check_structure(ROCK_SALT, "Na", subject="some")


def test_occupancy_above_one() -> None:
    crowded = ROCK_SALT.copy()
    crowded[0] = PeriodicSite(
        Composition({"Li": 0.8, "Na": 0.4}), [0, 0, 0], crowded.lattice, skip_checks=True, label="Li0"
    )
    with pytest.raises(OccupancyError, match=r"Li0 add up to 1\.2"):
        check_structure(crowded, "Li")


@pytest.mark.parametrize("distance", [0.0, 0.3, 0.49])
def test_full_sites_must_not_overlap(distance: float) -> None:
    overlapping = ROCK_SALT.copy()
    overlapping.append("O", [distance / 5.13, 0, 1.0], validate_proximity=False)
    with pytest.raises(OverlappingSitesError, match=f"{distance:.3f} Å apart"):
        check_structure(overlapping, "Li")
    check_structure(overlapping, "Li", parameters=ReadingParameters(min_distance_A=distance * 0.99))


def test_split_sites_may_be_close() -> None:
    split = Structure(
        Lattice.cubic(4), [{"Li": 0.5}, {"Li": 0.5}, "O"], [[0, 0, 0], [0.05, 0, 0], [0.5, 0.5, 0.5]]
    )
    check_structure(split, "Li")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 2.0))
def test_overlaps_as_pymatgen_measures_them(seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*rng.uniform(5, 9, 3), *rng.uniform(70, 110, 3))
    structure = Structure(lattice, ["Li"] * 12, rng.uniform(-1, 2, (12, 3)))
    distances = structure.distance_matrix
    np.fill_diagonal(distances, np.inf)
    pair = overlapping_pair(structure, limit)
    assert (pair is None) == (distances.min() >= limit)
    if pair is not None:
        assert pair[2] == pytest.approx(distances[pair[0], pair[1]])


def test_large_cells_are_compared_in_pieces() -> None:
    rows = Structure(Lattice.orthorhombic(1200, 5, 5), ["Li"] * 600, [[i / 600, 0, 0] for i in range(600)])
    assert overlapping_pair(rows, 0.5) is None
    rows.append("O", [599.9 / 600, 0, 0])
    assert overlapping_pair(rows, 0.5) == (0, 600, pytest.approx(0.2))


@given(st.permutations(range(len(ROCK_SALT))), st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def test_hash_ignores_order_labels_and_lattice_translations(order: list[int], shift: list[int]) -> None:
    other = Structure(
        ROCK_SALT.lattice,
        [ROCK_SALT[i].species for i in order],
        [ROCK_SALT[i].frac_coords + shift for i in order],
        labels=[f"x{i}" for i in order],
    )
    assert crystal_hash(other) == crystal_hash(ROCK_SALT)


def test_hash_tells_contents_apart() -> None:
    moved, strained, doped, shifted = (ROCK_SALT.copy() for _ in range(4))
    moved.translate_sites([0], [0.001, 0, 0])
    strained.scale_lattice(ROCK_SALT.volume * 1.001)
    doped[0] = {"Li": 0.99}
    shifted.translate_sites(range(len(shifted)), [0.25, 0, 0])
    variants = [ROCK_SALT, moved, strained, doped, shifted, ROCK_SALT * (2, 1, 1)]
    assert len({crystal_hash(s) for s in variants}) == len(variants)


def test_hash_survives_a_document() -> None:
    assert crystal_hash(Structure.from_dict(ROCK_SALT.as_dict())) == crystal_hash(ROCK_SALT)


def test_hash_of_coordinates_just_below_one() -> None:
    a = Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]])
    b = Structure(Lattice.cubic(3), ["Li"], [[1 - 1e-9, -1e-9, 0]])
    assert crystal_hash(a) == crystal_hash(b)


@pytest.mark.parametrize(
    ("occupancies", "refused"), [((0.7, 0.7), True), ((0.5, 0.5), False), ((1.0, 0.3), True)]
)
def test_partly_occupied_sites_in_one_place(occupancies: tuple[float, float], refused: bool) -> None:
    one, other = occupancies
    structure = Structure(
        Lattice.cubic(4.0), [{"Li": one}, {"Na": other}, "O"], [[0, 0, 0], [0.001, 0, 0], [0.5, 0.5, 0.5]]
    )
    if refused:
        with pytest.raises(OverlappingSitesError, match="add up to"):
            check_structure(structure, "Li")
    else:
        check_structure(structure, "Li")
