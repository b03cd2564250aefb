"""The order of a budget: wide channels, short hops, low barriers."""

from math import log

import numpy as np
import pytest

from mtl_flows.science.priority import channel_ratio, priority, rank


@pytest.mark.parametrize(
    ("v3", "d3", "score"),
    [
        (2.0, 4.0, 0.5),
        (0.0, 3.0, 0.0),
        (2.0, np.inf, 0.0),
        (None, 3.0, 0.0),
        (2.0, None, 0.0),
        (None, None, 0.0),
        (np.inf, 3.0, 0.0),
        (np.inf, np.inf, 0.0),
    ],
)
def test_the_ratio_is_zero_where_there_is_no_way(v3, d3, score):
    assert channel_ratio(v3, d3) == score


@pytest.mark.parametrize(("v3", "d3"), [(-1.0, 3.0), (np.nan, 3.0), (2.0, 0.0), (2.0, -1.0), (2.0, np.nan)])
def test_impossible_lengths_have_no_ratio(v3, d3):
    with pytest.raises(ValueError, match="must be a"):
        channel_ratio(v3, d3)


def test_rank_spends_a_budget_from_the_top():
    ids, scores = ["d", "c", "b", "a"], [0.1, 0.7, 0.7, 0.0]
    assert rank(ids, scores) == ("b", "c", "d", "a")
    assert rank(ids, scores, budget=2) == ("b", "c")
    with pytest.raises(ValueError, match="zip"):
        rank(ids, [1.0])


@pytest.mark.parametrize(
    ("ratio", "E_3D_eV", "score"),
    [(0.5, 0.25, log(0.5) - 0.5), (0.0, 0.25, log(0.05) - 0.5), (0.5, 40.0, log(0.5) - 6.0), (1.0, 0.0, 0.0)],
)
def test_the_priority_has_a_floor_and_a_ceiling(ratio, E_3D_eV, score):
    assert priority(ratio, E_3D_eV) == pytest.approx(score)
