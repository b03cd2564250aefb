"""Gates, ranks and intervals against hand counts and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from mtl_flows.evaluation.conductivity.families import entry_halves, family_halves, family_name, has_both
from mtl_flows.evaluation.conductivity.report import Spread
from mtl_flows.evaluation.conductivity.statistics import (
    Resamples,
    gate_statistics,
    interval,
    roc_auc,
    top_enrichment,
)


def once(n):
    return np.ones((1, n))


def test_gate_by_hand():
    positive = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    kept = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    found = {name: value[0] for name, value in gate_statistics(kept, positive, once(10)).items()}
    assert found == pytest.approx({"kept": 0.5, "recall": 0.75, "precision": 0.6, "enrichment": 1.5})


def test_weights_count_materials_several_times():
    positive, kept = np.array([True, False, False]), np.array([True, True, False])
    weights = np.array([[2.0, 1.0, 3.0]])
    written_out = np.repeat([0, 1, 2], [2, 1, 3])
    for name, value in gate_statistics(kept, positive, weights).items():
        assert value == pytest.approx(
            gate_statistics(kept[written_out], positive[written_out], once(6))[name]
        )


def test_a_gate_that_keeps_nothing_has_no_precision():
    found = gate_statistics(np.zeros(3, dtype=bool), np.array([True, False, False]), once(3))
    assert np.isnan(found["precision"][0])
    assert np.isnan(found["enrichment"][0])
    assert (found["kept"][0], found["recall"][0]) == (0.0, 0.0)


def test_auc_by_hand():
    scores = np.array([3.0, 1.0, 2.0, 1.0])
    positive = np.array([True, True, False, False])
    # 3 beats both; 1 loses to 2 and ties with 1
    assert roc_auc(scores, positive, once(4))[0] == pytest.approx(2.5 / 4)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(2, 40))
def test_auc_agrees_with_scikit_learn(data, n):
    scores = data.draw(arrays(float, n, elements=st.integers(-3, 3).map(float)))
    positive = data.draw(arrays(bool, n))
    weights = data.draw(arrays(float, (3, n), elements=st.integers(0, 3).map(float)))
    positive[:2] = [True, False]
    weights[:, :2] += 1
    expected = [roc_auc_score(positive, scores, sample_weight=w) for w in weights]
    assert roc_auc(scores, positive, weights) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(12)))
def test_statistics_do_not_depend_on_the_order(order):
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 5, 12).astype(float), np.arange(12) % 3 == 0
    for statistic in (roc_auc, lambda s, p, w: top_enrichment(s, p, w, 0.25)):
        straight = statistic(scores, positive, once(12))
        assert statistic(scores[order], positive[order], once(12)) == pytest.approx(straight)


def test_infinite_scores_rank_last():
    scores = -np.array([1.0, 2.0, np.inf, np.inf])
    assert roc_auc(scores, np.array([True, True, False, False]), once(4))[0] == 1.0


def test_auc_of_one_class_is_undefined():
    assert np.isnan(roc_auc(np.arange(3.0), np.ones(3, dtype=bool), once(3))[0])


def test_top_enrichment_by_hand():
    scores = np.array([8, 7, 6, 5, 4, 3, 2, 1.0])
    positive = np.array([1, 1, 0, 0, 0, 0, 1, 1], dtype=bool)
    assert top_enrichment(scores, positive, once(8), 0.25)[0] == pytest.approx(1.0 / 0.5)
    assert top_enrichment(-scores, positive, once(8), 0.5)[0] == pytest.approx(0.5 / 0.5)
    assert top_enrichment(scores, positive, once(8), 0.5)[0] == pytest.approx(0.5 / 0.5)


def test_top_enrichment_shares_a_budget_among_equals():
    scores = np.array([2.0, 1.0, 1.0, 1.0])
    positive = np.array([True, True, False, False])
    # half of four: the first, and a third each of the other three
    assert top_enrichment(scores, positive, once(4), 0.5)[0] == pytest.approx((1 + 1 / 3) / 2 / 0.5)
    assert top_enrichment(np.zeros(4), positive, once(4), 0.25)[0] == pytest.approx(1.0)


def test_top_enrichment_of_a_draw_that_leaves_materials_out():
    scores, positive = np.array([3.0, 2.0, 1.0]), np.array([False, True, False])
    assert top_enrichment(scores, positive, np.array([[0.0, 1.0, 3.0]]), 0.25)[0] == pytest.approx(4.0)


def test_families_are_drawn_whole():
    families = ["a", "a", "b", "c", "c", "c"]
    draws = Resamples.draw(families, 200, seed=0)
    assert draws.entry.sum(axis=1).tolist() == [6.0] * 200
    assert np.array_equal(draws.family[:, 0], draws.family[:, 1])
    assert np.array_equal(draws.family[:, 3], draws.family[:, 5])
    assert (draws.family[:, 0] + draws.family[:, 2] + draws.family[:, 3] == 3).all()
    assert np.array_equal(
        draws.among(np.array([0, 1, 0, 0, 0, 1], dtype=bool)).family, draws.family[:, [1, 5]]
    )


def test_entry_interval_covers_the_truth():
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(150):
        positive = rng.random(120) < 0.4
        scores = rng.standard_normal(120) + positive  # AUC = Φ(1/√2) = 0.7602
        draws = Resamples.draw([str(i) for i in range(120)], 300, seed=trial)
        low, high = draws.estimate(lambda w, s=scores, p=positive: roc_auc(s, p, w)).by_entry
        hits += low <= 0.7602 <= high
    assert 0.89 <= hits / 150 <= 0.99


def test_family_interval_covers_the_truth_where_the_entry_interval_does_not():
    rng = np.random.default_rng(6)
    by_entry = by_family = 0
    for trial in range(150):
        # thirty families of eight materials that are all kept or not, with the chances of a coin
        kept = np.repeat(rng.random(30) < 0.5, 8)
        families = [str(i // 8) for i in range(240)]
        draws = Resamples.draw(families, 300, seed=trial)
        found = draws.estimate(lambda w, k=kept: gate_statistics(k, k, w)["kept"])
        by_entry += found.by_entry[0] <= 0.5 <= found.by_entry[1]
        by_family += found.by_family[0] <= 0.5 <= found.by_family[1]
    assert by_entry / 150 < 0.7
    assert 0.87 <= by_family / 150 <= 1.0


def test_interval_needs_most_draws_to_be_defined():
    assert interval(np.array([np.nan, np.nan, 1.0])) == pytest.approx((np.nan, np.nan), nan_ok=True)
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
    assert interval(np.array([])) == pytest.approx((np.nan, np.nan), nan_ok=True)
    assert interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_spread():
    spread = Spread.over([1.0, 2.0, float("nan"), 3.0])
    assert (spread.mean, spread.low, spread.high) == pytest.approx((2.0, 1.05, 2.95))
    assert np.isnan(Spread.over([]).mean)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Garnet", "garnet"),
        (" nitrides ", "nitride"),
        ("nitride", "nitride"),
        ("thio  LISICON", "thio lisicon"),
        ("", "Li-P-S"),
    ],
)
def test_family_names(label, name):
    assert family_name(label, "Li-P-S") == name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=4, max_size=30), st.integers(0, 100))
def test_halves_share_no_family(families, seed):
    for train, test in family_halves(families, 5, seed):
        assert np.array_equal(train, ~test)
        assert not {f for f, t in zip(families, train, strict=True) if t} & {
            f for f, t in zip(families, test, strict=True) if t
        }
        assert train.any()


def test_halves_of_entries():
    for train, test in entry_halves(9, 3, seed=0):
        assert np.array_equal(train, ~test)
        assert train.sum() == 4


def test_both_classes_are_asked_of_every_half():
    positive = np.array([True, False, True, True])
    assert has_both(positive, np.array([True, True, False, False]))
    assert not has_both(positive, np.array([True, True, False, False]), np.array([False, False, True, True]))
    assert not has_both(positive, np.zeros(4, dtype=bool))
