"""Homology against ripser.py, which builds the whole complex up to 10 Å."""

import warnings
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pymatgen.core import Structure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial.distance import pdist, squareform
from topology_structures import STRUCTURES

from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.homology import (
    longest_relative_neighbours,
    pair_lengths,
    rips_barcodes,
    rips_components,
)
from mtl_flows.science.topology.symmetry import find_symmetry

CUTOFF_A = 10.0
BOTTLENECK_A = 1e-5


def referee(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H0 deaths and H1 pairs from ripser.py."""
    from ripser import ripser

    if len(points) < 2:
        return np.full(len(points), np.inf), np.empty((0, 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The input (matrix is square|point cloud has more columns)")
        diagrams = ripser(squareform(pdist(points)), maxdim=1, thresh=CUTOFF_A, distance_matrix=True)["dgms"]
    deaths = np.zeros(len(points))
    deaths[len(points) - len(diagrams[0]) :] = np.sort(diagrams[0][:, 1])
    return deaths, diagrams[1]


def within_bottleneck(one: np.ndarray, other: np.ndarray, distance: float) -> bool:
    """Whether two diagrams are at most this far apart: a matching in which all pairs, or pair and diagonal, are."""
    n, m = len(one), len(other)
    finite_one, finite_other = np.nan_to_num(one, posinf=1e6), np.nan_to_num(other, posinf=1e6)
    near = np.zeros((n + m, n + m), dtype=bool)
    near[:n, :m] = (np.abs(finite_one[:, None] - finite_other[None]) <= distance).all(axis=2)
    near[:n, m:] = (np.diff(finite_one, axis=1) <= 2 * distance).reshape(n, 1) & np.eye(n, dtype=bool)
    near[n:, :m] = (np.diff(finite_other, axis=1) <= 2 * distance).reshape(1, m) & np.eye(m, dtype=bool)
    near[n:, m:] = True
    matching = maximum_bipartite_matching(coo_array(near).tocsr(), perm_type="column")
    return bool((matching >= 0).all())


def assert_agrees_with_referee(points: np.ndarray) -> None:
    deaths, loops = referee(points)
    barcodes = rips_barcodes(points, CUTOFF_A)
    components = rips_components(points, CUTOFF_A)
    assert barcodes.h0_deaths_A.dtype == barcodes.h1_A.dtype == np.float32
    np.testing.assert_allclose(barcodes.h0_deaths_A, deaths, atol=BOTTLENECK_A)
    np.testing.assert_allclose(components.h0_deaths_A, deaths, atol=BOTTLENECK_A)
    assert within_bottleneck(barcodes.h1_A, loops, BOTTLENECK_A)


EXAMPLES = Path(__file__).parents[2] / "examples" / "compounds.yaml"


def clouds_of(structure: Structure) -> list[np.ndarray]:
    """Every cloud that compute_topology looks at."""
    sublattices = split_sublattices(structure)
    cell = PeriodicPoints(structure.lattice.matrix, structure.frac_coords)
    parts = [cell.subset(sublattices.mobile_indices), cell.subset(sublattices.framework_indices)]
    representatives = np.unique(find_symmetry(structure, 1e-5).equivalent[sublattices.mobile_indices])
    spheres = [
        part.reduced().sphere(cell.reduced().fractional[site], CUTOFF_A)
        for site in representatives
        for part in parts
    ]
    return [part.cell_cloud() for part in parts] + spheres


@pytest.mark.parametrize("name", STRUCTURES)
def test_crystals(name):
    for cloud in clouds_of(STRUCTURES[name]):
        assert_agrees_with_referee(cloud)


@pytest.mark.parametrize("name", ["Li3BN2", "Li6PS5Cl"])
def test_giotto_tda_itself(name):
    """giotto-tda's own transform, with the empty classes that it pads diagrams with left out."""
    from gtda.homology import VietorisRipsPersistence

    transform = VietorisRipsPersistence(homology_dimensions=(0, 1), max_edge_length=CUTOFF_A)
    for cloud in clouds_of(STRUCTURES[name])[2:]:
        (diagram,) = transform.fit_transform([cloud])
        rows = diagram[diagram[:, 1] > diagram[:, 0]]
        barcodes = rips_barcodes(cloud, CUTOFF_A)
        deaths = np.sort(rows[rows[:, 2] == 0, 1])
        np.testing.assert_allclose(barcodes.h0_deaths_A[:-1], deaths, atol=BOTTLENECK_A)
        assert within_bottleneck(barcodes.h1_A, rows[rows[:, 2] == 1, :2], BOTTLENECK_A)


@pytest.mark.parametrize("compound", load_compounds(EXAMPLES), ids=attrgetter("id"))
def test_example_compounds(compound):
    for cloud in clouds_of(build_structure(compound)):
        assert_agrees_with_referee(cloud)


coordinates = st.floats(-7, 7, width=32)
grid = st.integers(-3, 3).map(lambda i: 2.5 * i)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(0, 60), st.just(3)), elements=coordinates))
def test_random_clouds(points):
    assert_agrees_with_referee(points)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(0, 70), st.just(3)), elements=grid))
def test_clouds_on_a_grid_full_of_ties_and_duplicates(points):
    assert_agrees_with_referee(points)


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(0, 5), st.just(3)), elements=grid | coordinates))
def test_clouds_of_few_points(points):
    assert_agrees_with_referee(points)


@pytest.mark.parametrize("side", [3.0, 8.0, 10.0, 11.0])
def test_a_square_at_and_beyond_the_cutoff(side):
    square = side * np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]])
    assert_agrees_with_referee(square)
    assert len(rips_barcodes(square, CUTOFF_A).h1_A) == (side <= CUTOFF_A)


@settings(max_examples=30, deadline=None)
@given(st.integers(42, 120), st.integers(0, 2**31), st.sampled_from([1.0, 4.0, 9.0, 30.0]))
def test_clouds_large_enough_for_the_bound(n, seed, size):
    assert_agrees_with_referee(np.random.default_rng(seed).uniform(-size, size, (n, 3)))


@pytest.mark.parametrize("n", [3, 45, 90])
def test_flat_straight_and_single_point_clouds(n):
    rng = np.random.default_rng(n)
    flat = rng.uniform(-8, 8, (n, 3)) * [1, 1, 0]
    tilted = flat @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    line = np.linspace(0, 40, n)[:, None] * [[0.6, 0.0, 0.8]]
    ring = 6 * np.c_[np.cos(2 * np.pi * np.arange(n) / n), np.sin(2 * np.pi * np.arange(n) / n), np.zeros(n)]
    for cloud in (flat, tilted, line, ring, np.zeros((n, 3)), np.repeat(flat, 2, axis=0)):
        assert_agrees_with_referee(cloud)


def test_clouds_beyond_the_cutoff_stay_apart():
    rng = np.random.default_rng(1)
    far = np.concatenate([rng.uniform(0, 6, (30, 3)), rng.uniform(0, 6, (30, 3)) + 50])
    assert_agrees_with_referee(far)
    assert np.isinf(rips_barcodes(far, CUTOFF_A).h0_deaths_A).sum() == 2


def test_loop_open_at_the_cutoff_has_no_death():
    angles = 2 * np.pi * np.arange(50) / 50
    ring = 12 * np.c_[np.cos(angles), np.sin(angles), np.zeros(50)]
    barcodes = rips_barcodes(ring, CUTOFF_A)
    assert_agrees_with_referee(ring)
    assert np.isinf(barcodes.h1_A[:, 1]).sum() == 1
    assert barcodes.betti(1, CUTOFF_A) == 1


@pytest.mark.parametrize("side", [3, 4, 5])
def test_ties_of_a_lattice_leave_no_loops_of_rounding(side):
    """Rotated, the equal lengths of a lattice differ in their last bits; no loop may live on that."""
    cube = 3.1 * np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
    for seed in range(5):
        rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        barcodes = rips_barcodes(cube @ rotation, CUTOFF_A)
        # A square closes at its diagonal. Of the squares of a cube one is the sum of the others.
        squares, cubes = 3 * side * (side - 1) ** 2, (side - 1) ** 3
        assert len(barcodes.h1_A) == squares - cubes
        np.testing.assert_allclose(
            barcodes.h1_A, np.tile([3.1, 3.1 * np.sqrt(2)], (squares - cubes, 1)), atol=2e-6
        )


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(2, 40), st.just(3)), elements=grid | coordinates))
def test_longest_relative_neighbours(points):
    lengths = pair_lengths(points)
    distances = squareform(lengths)
    edges = [
        distances[i, j]
        for i in range(len(points))
        for j in range(i)
        if distances[i, j] <= CUTOFF_A
        and not (np.maximum(distances[i], distances[j]) < distances[i, j]).any()
    ]
    for at_least in (0.5, 2.0, 5.0):
        found = longest_relative_neighbours(lengths, distances, at_least, CUTOFF_A)
        assert found == max([at_least, *edges])
