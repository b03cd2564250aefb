"""The assessment of a clustering ends when the mean agreement is known, and not before."""

from math import inf, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from mtl_flows.science.clustering import ClusteringParameters, assess_stability, cluster
from mtl_flows.science.clustering.stability import _half_width


def groups(n: int, spread: float) -> tuple[NDArray, list[str]]:
    rng = np.random.default_rng(1)
    middles = 10 * rng.standard_normal((8, 5))
    return middles[np.arange(n) % 8] + spread * rng.standard_normal((n, 5)), [f"m{i:04d}" for i in range(n)]


def test_half_the_width_of_the_interval_of_a_mean():
    values = [0.8, 0.9, 0.85, 0.95]
    assert _half_width(values) == pytest.approx(3.18245 * np.std(values, ddof=1) / sqrt(4), rel=1e-5)
    assert _half_width(values[:3]) == inf
    assert _half_width([1.0] * 4) == 0.0


def test_a_clear_answer_takes_four_subsamples():
    features, ids = groups(560, 0.02)
    whole = cluster(features, ids)
    ended = assess_stability(features, ids, whole=whole)
    assert (ended.n_subsamples, ended.n_failed_subsamples) == (4, 0)
    assert ended.held_out_distances.shape == (4 * 56,)
    full = assess_stability(features, ids, whole=whole, precision=0.0)
    assert full.n_subsamples == 10
    # What was seen is the same as far as it goes.
    assert full.subsample_ari[:4] == ended.subsample_ari
    assert full.damping_ari == ended.damping_ari


def test_few_materials_are_assessed_in_full():
    """Ten subsamples of 60 leave out 60 materials together: too few to tell how far a newcomer lies."""
    features, ids = groups(60, 0.02)
    stability = assess_stability(features, ids, ClusteringParameters(min_clusters=2))
    assert stability.n_subsamples == 10


def test_an_unclear_answer_takes_all():
    features = np.random.default_rng(2).standard_normal((300, 6))
    ids = [f"m{i:04d}" for i in range(300)]
    assert assess_stability(features, ids, n_subsamples=8, precision=1e-6).n_subsamples == 8
