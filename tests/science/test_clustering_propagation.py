"""Affinity propagation by compiled passes against scikit-learn's: the same answer to the last bit."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import AffinityPropagation

from mtl_flows.science import compiled as compiling
from mtl_flows.science.clustering import ClusteringParameters, Scaler, cluster, messages
from mtl_flows.science.clustering.propagation import Settled, Similarities
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.topology import FEATURE_NAMES, PROTOCOLS, compute_topology

SETTINGS = [(0.5, 200, 15), (0.7, 333, 25), (0.9, 1000, 75), (0.8, 40, 15), (0.5, 3, 15)]


def similarities(points: NDArray) -> NDArray:
    return -cdist(points, points, "sqeuclidean")


def settled(
    matrix: NDArray, preference: float, setting, *, seed: int = 0, threads: int = 1, **blocks: int
) -> Settled:
    damping, most, still = setting
    return Similarities(matrix.copy(), preference, seed).settle(
        damping, max_iterations=most, convergence_iterations=still, threads=threads, **blocks
    )


def assert_as_scikit_learn(matrix: NDArray, preference: float, setting, *, seed: int = 0) -> Settled:
    damping, most, still = setting
    model = AffinityPropagation(
        affinity="precomputed",
        preference=preference,
        damping=damping,
        max_iter=most,
        convergence_iter=still,
        random_state=seed,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(matrix)
    converged = not any("did not converge" in str(warning.message) for warning in caught)
    ours = settled(matrix, preference, setting, seed=seed)
    assert ours.n_iterations == model.n_iter_
    assert ours.exemplars.tolist() == list(model.cluster_centers_indices_)
    assert ours.labels.tolist() == model.labels_.tolist()
    assert ours.converged is converged
    return ours


def scattered(n: int, rng: np.random.Generator) -> NDArray:
    return rng.standard_normal((n, 6))


def on_a_lattice(n: int, rng: np.random.Generator) -> NDArray:
    """Whole numbers: most distances are shared by many pairs, many points are the same."""
    return rng.integers(0, 4, (n, 3)).astype(float)


def twice(n: int, rng: np.random.Generator) -> NDArray:
    points = rng.standard_normal((n, 4))
    points[n // 2 :] = points[: n - n // 2]
    return points


def of_mixed_size(n: int, rng: np.random.Generator) -> NDArray:
    return rng.standard_normal((n, 22)) * 10.0 ** rng.uniform(-3, 4, 22)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("made", [scattered, on_a_lattice, twice, of_mixed_size])
def test_sets_of_every_kind_agree(made, setting):
    rng = np.random.default_rng(1)
    for n in (2, 3, 4, 7, 20, 65, 200):
        matrix = similarities(made(n, rng))
        assert_as_scikit_learn(matrix, float(np.median(matrix)), setting)


@pytest.mark.parametrize("share", [0.1, 1.0, 30.0])
def test_preferences_and_seeds_agree(share):
    matrix = similarities(on_a_lattice(90, np.random.default_rng(2)))
    for seed in range(4):
        assert_as_scikit_learn(matrix, share * float(np.median(matrix)), SETTINGS[0], seed=seed)


def test_exact_ties_of_a_ring_and_a_cube_agree():
    """Every point has the same surroundings: the noise alone decides, and with it the last bit of every message."""
    angles = 2 * np.pi * np.arange(24) / 24
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    cube = np.array(list(product((0.0, 1.0), repeat=5)))
    for points, setting in product((ring, cube), SETTINGS):
        matrix = similarities(points)
        assert_as_scikit_learn(matrix, float(np.median(matrix)), setting)


@pytest.mark.parametrize("preference", [-5.0, 0.0])
def test_equal_similarities_give_one_cluster_or_as_many_as_points(preference):
    matrix = similarities(np.eye(6))
    ours = assert_as_scikit_learn(matrix, preference, SETTINGS[0])
    assert (len(ours.exemplars), ours.n_iterations) == (1 if preference < -2 else 6, 0)
    assert_as_scikit_learn(np.zeros((1, 1)), 0.0, SETTINGS[0])


def test_messages_that_never_settle_are_told_and_labelled_as_there():
    matrix = similarities(scattered(80, np.random.default_rng(3)))
    ours = assert_as_scikit_learn(matrix, float(np.median(matrix)), (0.5, 20, 15))
    assert not ours.converged
    nobody = assert_as_scikit_learn(matrix, float(np.median(matrix)), (0.5, 1, 15))
    assert (nobody.exemplars.tolist(), set(nobody.labels.tolist())) == ([], {-1})


@pytest.fixture(scope="module")
def real_features():
    """Features of the example crystals, by protocol."""
    table = Path(__file__).parents[2] / "examples" / "compounds.yaml"
    found = [compute_topology(build_structure(compound)).features for compound in load_compounds(table)]
    return {
        protocol: np.array([[one[protocol][name] for name in FEATURE_NAMES[protocol]] for one in found])
        for protocol in PROTOCOLS
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_features_of_real_crystals_agree(protocol, real_features):
    table = real_features[protocol]
    points = (Scaler.standard(table) if protocol == "text" else Scaler.identity(22)).transform(table)
    matrix = similarities(points)
    for setting in SETTINGS:
        assert_as_scikit_learn(matrix, float(np.median(matrix)), setting)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_and_blocks_change_nothing(threads):
    matrix = similarities(scattered(150, np.random.default_rng(4)))
    preference = float(np.median(matrix))
    alone = settled(matrix, preference, SETTINGS[0])
    together = settled(matrix, preference, SETTINGS[0], threads=threads, block_bytes=8 * 150 * 11)
    assert together.n_iterations == alone.n_iterations
    assert together.exemplars.tolist() == alone.exemplars.tolist()


def test_columns_are_summed_as_numpy_does_from_the_top():
    messages_to = np.random.default_rng(5).standard_normal((301, 301))
    sums = np.zeros(301)
    for top, bottom in ((0, 100), (100, 301)):
        for first, last in ((0, 57), (57, 301)):
            messages.add_columns(messages_to, sums, top, bottom, first, last)
    positive = np.maximum(messages_to, 0)
    np.fill_diagonal(positive, messages_to.diagonal())
    assert np.array_equal(sums, positive.sum(axis=0))


@contextmanager
def uncompiled(monkeypatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name in ("update_rows", "add_columns"):
            patch.setattr(messages, name, getattr(messages, name).py_func)
        yield


def test_what_is_compiled_is_what_is_written(monkeypatch):
    matrix = similarities(scattered(25, np.random.default_rng(6)))
    preference = float(np.median(matrix))
    fast = settled(matrix, preference, SETTINGS[0])
    with uncompiled(monkeypatch):
        slow = settled(matrix, preference, SETTINGS[0])
    assert (slow.n_iterations, slow.exemplars.tolist()) == (fast.n_iterations, fast.exemplars.tolist())


def test_code_is_compiled_where_no_folder_takes_it(monkeypatch):
    genuine = numba.njit

    def nowhere(**options):
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return genuine(**options)

    monkeypatch.setattr(numba, "njit", nowhere)
    sums = np.zeros(3)
    compiling.compiled(messages.add_columns.py_func)(np.eye(3), sums, 0, 3, 0, 3)
    assert sums.tolist() == [1.0, 1.0, 1.0]


def test_memory_is_within_forty_bytes_a_pair():
    import tracemalloc

    n = 700
    points = scattered(n, np.random.default_rng(7))
    cluster(points[:30], [f"m{i}" for i in range(30)])  # compiled before
    tracemalloc.start()
    try:
        cluster(points, [f"m{i}" for i in range(n)], ClusteringParameters())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * n * n
