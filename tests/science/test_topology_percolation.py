"""Percolation of hops and of channels: analytic lattices, invariance, and a grid as referee."""

from itertools import product
from math import inf, isnan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from topology_structures import STRUCTURES

from mtl_flows.science.sublattices import split_sublattices
from mtl_flows.science.topology.clouds import PeriodicPoints
from mtl_flows.science.topology.hops import percolating_hops
from mtl_flows.science.topology.percolation import percolation_weights
from mtl_flows.science.topology.voids import channel_radii

CUBIC = np.eye(3) * 4.0
HEXAGONAL = np.array([[3.0, 0, 0], [-1.5, 1.5 * sqrt(3), 0], [0, 0, 5.0]])
FCC = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
BCC = [[0, 0, 0], [0.5, 0.5, 0.5]]
DIAMOND = FCC + (np.array(FCC) + 0.25).tolist()

LATTICES = {
    # name: cell, sites, hops d1 d2 d3, channels v1 v2 v3
    "simple cubic": (CUBIC, [[0, 0, 0]], (4, 4, 4), (sqrt(8),) * 3),
    "body-centred": (CUBIC, BCC, (sqrt(12),) * 3, (1.5 * sqrt(2),) * 3),
    "face-centred": (CUBIC, FCC, (sqrt(8),) * 3, (4 / sqrt(6),) * 3),
    "diamond": (CUBIC, DIAMOND, (sqrt(3),) * 3, (4 / sqrt(6),) * 3),
    "hexagonal": (HEXAGONAL, [[0, 0, 0]], (3, 3, 5), (sqrt(34) / 2, sqrt(34) / 2, sqrt(3))),
    "layered": (
        np.diag([3.0, 3.0, 12.0]),
        [[0, 0, 0]],
        (3, 3, 12),
        (sqrt(153) / 2, sqrt(153) / 2, 3 / sqrt(2)),
    ),
    "chains": (np.diag([2.0, 7.0, 7.0]), [[0, 0, 0]], (2, 7, 7), (7 / sqrt(2), sqrt(53) / 2, sqrt(53) / 2)),
    "orthorhombic": (np.diag([3.0, 4.0, 6.0]), [[0, 0, 0]], (3, 4, 6), (sqrt(52) / 2, sqrt(45) / 2, 5 / 2)),
    "graphite-like": (HEXAGONAL, [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]], (3 / sqrt(3),) * 2 + (5,), None),
}


def moved(points: PeriodicPoints, seed: int) -> PeriodicPoints:
    """The same crystal: rotated, in another cell, origin and order, sites moved by lattice vectors."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cell = np.eye(3, dtype=int)
    for _ in range(4):
        i, j = rng.choice(3, 2, replace=False)
        cell[i] += rng.integers(-1, 2) * cell[j]
    lattice = cell @ points.lattice @ rotation
    fractional = points.fractional @ np.linalg.inv(cell) + rng.random(3)
    fractional = fractional + rng.integers(-2, 3, fractional.shape)
    return PeriodicPoints(lattice, rng.permutation(fractional))


def supercell(points: PeriodicPoints, repeats: tuple[int, int, int]) -> PeriodicPoints:
    shifts = np.array(list(product(*map(range, repeats))))
    fractional = (points.fractional[:, None] + shifts[None]).reshape(-1, 3) / repeats
    return PeriodicPoints(np.array(repeats)[:, None] * points.lattice, fractional)


@pytest.mark.parametrize("name", LATTICES)
@pytest.mark.parametrize("seed", range(3))
def test_analytic_lattices(name, seed):
    lattice, sites, hops, channels = LATTICES[name]
    points = PeriodicPoints(lattice, np.array(sites, float))
    for same in (points, moved(points, seed), supercell(points, (1, 2, 3)), supercell(points, (2, 2, 2))):
        assert percolating_hops(same.reduced()) == pytest.approx(hops, abs=1e-6)
        if channels is not None:
            assert channel_radii(same.reduced()) == pytest.approx(channels, abs=1e-5)


@pytest.mark.parametrize(
    "name", ["Li3N", "LiTi2(PO4)3", "beta-Li3PS4", "Li6PS5Cl", "Li10GeP2S12", "Li7SbO6-like"]
)
def test_crystals_in_other_cells(name):
    structure = STRUCTURES[name]
    sublattices = split_sublattices(structure)
    cell = PeriodicPoints(structure.lattice.matrix, structure.frac_coords)
    mobile, framework = (
        cell.subset(indices) for indices in (sublattices.mobile_indices, sublattices.framework_indices)
    )
    hops, channels = percolating_hops(mobile.reduced()), channel_radii(framework.reduced())
    assert 0 < hops[0] <= hops[1] <= hops[2]
    assert channels[0] >= channels[1] >= channels[2] > 0
    for seed in range(2):
        assert percolating_hops(moved(mobile, seed).reduced()) == pytest.approx(hops, abs=1e-6)
        assert channel_radii(moved(framework, seed).reduced()) == pytest.approx(channels, abs=2e-5)
    assert percolating_hops(supercell(mobile, (1, 1, 2)).reduced()) == pytest.approx(hops, abs=1e-6)
    assert channel_radii(supercell(framework, (1, 2, 1)).reduced()) == pytest.approx(channels, abs=2e-5)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([name for name, row in LATTICES.items() if row[3] is not None]),
    st.floats(-13, -3),
    st.integers(0, 2**31),
)
def test_nearly_regular_lattices(name, exponent, seed):
    """Sites on one sphere but for a hair: the hardest case for a Voronoi network."""
    lattice, sites, _, channels = LATTICES[name]
    noise = 10.0**exponent
    coords = np.array(sites, float) + noise * np.random.default_rng(seed).normal(size=(len(sites), 3))
    points = moved(PeriodicPoints(lattice, coords), seed).reduced()
    assert channel_radii(points) == pytest.approx(channels, abs=1e-5 + 50 * noise)


random_crystals = st.builds(
    lambda seed, n, skew: PeriodicPoints(
        np.diag(np.random.default_rng(seed).uniform(3, 7, 3)) + np.tri(3, k=-1) * skew,
        np.random.default_rng(seed).random((n, 3)),
    ),
    st.integers(0, 2**31),
    st.integers(1, 6),
    st.floats(-12, 12),
)


@settings(max_examples=25, deadline=None)
@given(random_crystals, st.integers(0, 2**31))
def test_random_crystals_are_invariant(points, seed):
    hops, channels = percolating_hops(points.reduced()), channel_radii(points.reduced())
    assert not any(map(isnan, hops + channels))
    for same in (moved(points, seed), supercell(points, (2, 1, 1))):
        assert percolating_hops(same.reduced()) == pytest.approx(hops, abs=1e-6)
        assert channel_radii(same.reduced()) == pytest.approx(channels, abs=2e-5)


@settings(max_examples=10, deadline=None)
@given(random_crystals)
def test_channels_agree_with_a_walk_on_a_grid(points):
    """On a grid of step h the way of a sphere is found to about h, and never wider than it is."""
    n = 20
    index = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points.reduced()
    sites = (
        PeriodicPoints(points.lattice, points.fractional)
        .images(float(np.linalg.norm(points.lattice)))
        .positions
    )
    free = cKDTree(sites).query(index / n @ points.lattice)[0]
    ends, steps, widths = [], [], []
    for direction in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)]:
        target = index + direction
        other = np.ravel_multi_index((target % n).T, (n, n, n))
        ends.append(np.stack([np.arange(n**3), other], axis=1))
        steps.append(target // n)
        widths.append(np.minimum(free, free[other]))
    width = np.concatenate(widths)
    order = np.argsort(-width)
    walked = percolation_weights(
        n**3, np.concatenate(ends)[order], np.concatenate(steps)[order], width[order]
    )
    step = float(np.linalg.norm(points.lattice / n, axis=1).sum())
    for exact, rough in zip(channel_radii(points), walked, strict=True):
        assert exact - step <= rough <= exact + step


def test_hops_over_shared_positions_and_past_the_first_guess():
    twice = PeriodicPoints(CUBIC, np.array([[0.2, 0.2, 0.2], [0.2, 0.2, 0.2]]))
    assert percolating_hops(twice) == pytest.approx((4, 4, 4))
    pairs = PeriodicPoints(np.diag([30.0, 30.0, 3.0]), np.array([[0, 0, 0], [0.02, 0, 0]]))
    assert percolating_hops(pairs) == pytest.approx((3, 29.4, 30))


def test_no_framework_stops_no_sphere():
    assert channel_radii(PeriodicPoints(CUBIC, np.empty((0, 3)))) == (inf, inf, inf)


def test_a_slab_in_a_vacuum():
    """The widest way is in the middle of the vacuum, far beyond the usual padding."""
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0.02], [0, 0, 0.04]])
    slab = PeriodicPoints(np.diag([3.0, 3.0, 60.0]), sites)
    # Between the layers above and below: 57.6 Å, the sites of which face each other.
    vacuum = sqrt((0.96 * 60 / 2) ** 2 + 1.5**2)
    assert channel_radii(slab)[:2] == pytest.approx((vacuum, vacuum))


def test_a_single_site_in_a_large_and_in_a_skewed_cell():
    large = PeriodicPoints(np.eye(3) * 25.0, np.array([[0.3, 0.1, 0.7]]))
    assert channel_radii(large) == pytest.approx((25 / sqrt(2),) * 3)
    skewed = PeriodicPoints(CUBIC + np.array([[0, 0, 0], [40, 0, 0], [-20, 36, 0]]), np.zeros((1, 3)))
    assert channel_radii(skewed.reduced()) == pytest.approx((sqrt(8),) * 3)


@pytest.mark.parametrize(
    ("loops", "dimensions"),
    [
        ([(1, 0, 0)], 1),
        ([(1, 2, -3), (-2, -4, 6)], 1),
        ([(1, 0, 0), (0, 0, 5)], 2),
        ([(1, 1, 0), (1, -1, 0), (3, 7, 0)], 2),
        ([(1, 0, 0), (0, 1, 0), (5, -3, 2)], 3),
        ([(0, 0, 0)], 0),
    ],
)
def test_rank_of_the_loops_through_one_node(loops, dimensions):
    n = len(loops)
    reached = percolation_weights(1, np.zeros((n, 2), int), np.array(loops), np.arange(n, dtype=float))
    assert sum(not isnan(weight) for weight in reached) == dimensions


def test_components_that_percolate_apart_do_not_add_up():
    # Two chains along x and along y: two-dimensional only once they are joined.
    ends = np.array([[0, 0], [1, 1], [0, 1]])
    translations = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    reached = percolation_weights(2, ends, translations, np.array([1.0, 2.0, 3.0]))
    assert reached[:2] == (1.0, 3.0)
    assert isnan(reached[2])


def test_a_walk_through_many_nodes_closes_with_its_translation():
    # A ring of five nodes whose edges add up to (1, -1, 2): one dimension, with its last edge.
    ends = np.array([[0, 1], [2, 1], [2, 3], [4, 3], [4, 0]])
    translations = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [0, 0, 0]])
    reached = percolation_weights(5, ends, translations, np.arange(5.0))
    assert reached[0] == 4.0
    assert all(map(isnan, reached[1:]))
