import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.science.dynamics.slope import (
    SlopeEstimate,
    block_contributions,
    estimate_slope,
    gaussian_walk_variance,
    slope_weights,
)


@given(
    st.floats(-5.0, 5.0),
    st.floats(-5.0, 5.0),
    st.lists(st.floats(0.5, 20.0), min_size=2, max_size=30, unique=True),
)
def test_weights_find_the_slope_of_any_line(D: float, offset: float, lags: list[float]) -> None:
    tau = np.sort(np.array(lags))
    if tau[-1] - tau[0] < 0.1:
        return
    assert slope_weights(tau) @ (6.0 * D * tau + offset) == pytest.approx(D, abs=1e-6)


def test_the_variance_of_a_gaussian_walk_equals_the_sum_over_all_pairs_of_windows() -> None:
    n_frames, lags, weights = 14, np.array([2, 3, 6]), np.array([0.3, -0.2, 0.4])
    expected = 0.0
    for a, w_a in zip(lags, weights, strict=True):
        for b, w_b in zip(lags, weights, strict=True):
            shared = [
                max(0, min(i + a, j + b) - max(i, j)) ** 2
                for i in range(n_frames - a)
                for j in range(n_frames - b)
            ]
            expected += w_a * w_b * 6.0 * np.mean(shared)
    assert gaussian_walk_variance(n_frames, lags, weights) == pytest.approx(expected, rel=1e-12)


def test_the_variance_of_a_gaussian_walk_is_the_scatter_of_many() -> None:
    rng = np.random.default_rng(0)
    n_frames, lags = 60, np.array([3, 6, 9, 12])
    weights = slope_weights(lags.astype(float))
    walks = np.cumsum(rng.normal(size=(4000, n_frames, 3)), axis=1)
    slopes = block_contributions(walks, lags, weights, 1)[:, 0]
    assert slopes.mean() == pytest.approx(0.5, rel=0.02)
    assert slopes.var() == pytest.approx(gaussian_walk_variance(n_frames, lags, weights), rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(0, 100))
def test_blocks_add_up_to_the_whole(n_blocks: int, seed: int) -> None:
    walk = np.cumsum(np.random.default_rng(seed).normal(size=(3, 50, 3)), axis=1)
    lags, weights = np.array([4, 7, 11]), np.array([0.5, -1.0, 0.25])
    whole = block_contributions(walk, lags, weights, 1)[:, 0]
    assert block_contributions(walk, lags, weights, n_blocks).sum(axis=1) == pytest.approx(whole)


def estimate(walk: np.ndarray) -> SlopeEstimate:
    return estimate_slope(walk, np.arange(5, 61, 5), 0.02, n_blocks=20, n_surrogates=100, seed=0)


def test_ions_that_move_as_one_count_as_one() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(size=(5, 400, 3)), axis=1)
    alone, together = estimate(walk), estimate(np.repeat(walk, 4, axis=0))
    assert np.isclose(together.D, alone.D)
    assert together.design_effect == pytest.approx(4.0 * alone.design_effect, rel=0.5)
    assert together.standard_error == pytest.approx(alone.standard_error, rel=0.35)
    assert together.degrees_of_freedom < alone.degrees_of_freedom + 8.0


def test_one_ion_is_enough_for_an_error() -> None:
    lone = estimate(np.cumsum(np.random.default_rng(4).normal(size=(1, 400, 3)), axis=1))
    assert lone.design_effect == 1.0
    assert 0.1 < lone.standard_error / lone.D < 1.0


def test_ions_at_rest_have_neither_slope_nor_error() -> None:
    rest = estimate(np.zeros((3, 400, 3)))
    assert (rest.D, rest.standard_error) == (0.0, 0.0)
    assert rest.interval(0.95) == (0.0, 0.0)


def test_intervals_are_log_normal_and_begin_at_zero_without_a_slope() -> None:
    low, high = SlopeEstimate(2.0, 0.2, 1e6, 1.0).interval(0.95)
    assert low * high == pytest.approx(4.0)
    assert high / 2.0 == pytest.approx(np.exp(1.96 * np.sqrt(np.log(1.01))), rel=1e-3)
    assert SlopeEstimate(-1.0, 1.0, 1e6, 1.0).interval(0.95) == pytest.approx((0.0, 0.96), abs=1e-3)
