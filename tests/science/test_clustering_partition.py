"""Known partitions, the damping ladder and its checks, twins, small and large sets."""

import json
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import AffinityPropagation
from sklearn.metrics import adjusted_rand_score

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering import ClusteringParameters, Scaler, assess_stability, cluster


def blobs(n_blobs: int, size: int, *, spread: float = 0.05, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Well-separated groups in four dimensions, and which group each point belongs to."""
    rng = np.random.default_rng(seed)
    corners = 10.0 * np.array([bits for bits in product((0, 1), repeat=4) if sum(bits) % 2 == 0])[:n_blobs]
    truth = np.repeat(np.arange(n_blobs), size)
    return corners[truth] + spread * rng.standard_normal((n_blobs * size, 4)), truth


def cloud(n: int, *, seed: int = 0, n_features: int = 6) -> NDArray:
    return np.random.default_rng(seed).standard_normal((n, n_features))


def names(n: int) -> list[str]:
    return [f"icsd-{i:05d}" for i in range(n)]


@pytest.mark.parametrize("scaler", ["none", "standard"])
def test_separated_groups_are_found(scaler):
    features, truth = blobs(6, 10)
    result = cluster(features, names(60), ClusteringParameters(scaler=scaler))
    assert adjusted_rand_score(truth, result.labels) == 1.0
    assert result.sizes == (10,) * 6
    assert result.silhouette > 0.9
    assert result.method == "affinity_propagation"
    assert result.twins == ()
    assert {result.ids[i] for i in np.flatnonzero(result.distances == 0)} == set(result.exemplar_ids)


def test_agrees_with_scikit_learn_left_to_itself():
    features = cloud(120)
    ours = cluster(features, names(120))
    theirs = AffinityPropagation(random_state=0).fit(features)
    assert ours.exemplar_ids == tuple(names(120)[i] for i in theirs.cluster_centers_indices_)
    assert ours.labels.tolist() == theirs.labels_.tolist()
    assert ours.n_iterations == theirs.n_iter_


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(40)))
def test_order_of_the_rows_does_not_matter(order):
    features, ids = cloud(40), names(40)
    straight = cluster(features, ids)
    shuffled = cluster(features[order], [ids[i] for i in order])
    assert shuffled.exemplar_ids == straight.exemplar_ids
    assert dict(zip(shuffled.ids, shuffled.labels, strict=True)) == dict(
        zip(straight.ids, straight.labels, strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.lists(st.floats(-100, 100), min_size=5, max_size=5)
)
def test_standardising_cancels_units_and_offsets(log_scales, offsets):
    features, ids = cloud(50, n_features=5), names(50)
    parameters = ClusteringParameters(scaler="standard")
    moved = features * 10.0 ** np.array(log_scales) + np.array(offsets)
    assert (
        adjusted_rand_score(cluster(features, ids, parameters).labels, cluster(moved, ids, parameters).labels)
        == 1.0
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_raw_partition_does_not_depend_on_a_common_unit(unit):
    features, ids = cloud(50), names(50)
    assert cluster(features, ids).labels.tolist() == cluster(features * unit, ids).labels.tolist()


def test_unscaled_features_are_ruled_by_the_widest_column():
    rng = np.random.default_rng(3)
    sides = np.repeat([0.0, 1.0], 30)
    features = np.column_stack([sides + 0.01 * rng.standard_normal(60), 1000 * rng.standard_normal(60)])
    raw = cluster(features, names(60))
    scaled = cluster(features, names(60), ClusteringParameters(scaler="standard"))
    mixed = [len(set(sides[raw.labels == k])) == 2 for k in range(raw.n_clusters)]
    assert any(mixed)
    assert all(len(set(sides[scaled.labels == k])) == 1 for k in range(scaled.n_clusters))


def test_twins_are_clustered_once_and_share_the_label():
    features, _ = blobs(5, 8)
    doubled = np.vstack([features, features[[3, 3, 17]], features[[20]] * (1 + 1e-9)])
    ids = [*names(40), "twin-a", "twin-b", "twin-c", "almost"]
    result, alone = cluster(doubled, ids), cluster(features, names(40))
    assert set(result.twins) == {
        ("icsd-00003", "twin-a", "twin-b"),
        ("icsd-00017", "twin-c"),
        ("almost", "icsd-00020"),
    }
    assert adjusted_rand_score(result.labels[:40], alone.labels) == 1.0
    label = dict(zip(result.ids, result.labels, strict=True))
    assert all(len({label[i] for i in group}) == 1 for group in result.twins)
    assert sum(result.sizes) == 44


def test_many_copies_do_not_stop_convergence():
    features = np.repeat(cloud(60), 5, axis=0)
    result = cluster(features, names(300))
    assert len(result.twins) == 60
    assert all(len(group) == 5 for group in result.twins)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_up_to_three_materials_stay_apart(n):
    result = cluster(cloud(n), names(n))
    assert result.method == "singletons"
    assert result.labels.tolist() == list(range(n))
    assert result.exemplar_ids == tuple(names(n))
    assert (result.damping, result.n_iterations, result.silhouette) == (0.0, 0, 0.0)


def test_two_equal_materials_are_one_cluster():
    result = cluster(np.ones((2, 22)), ["b", "a"])
    assert (result.exemplar_ids, result.labels.tolist(), result.twins) == (("a",), [0, 0], (("a", "b"),))


@pytest.mark.parametrize("n", [4, 5, 7, 12, 20, 35, 60])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scaler", ["none", "standard"])
def test_demonstration_sizes_work(n, seed, scaler):
    result = cluster(cloud(n, seed=seed), names(n), ClusteringParameters(scaler=scaler))
    assert result.n_clusters >= ClusteringParameters().required_clusters(n)
    assert sorted(result.sizes) == sorted(np.bincount(result.labels).tolist())


def test_equidistant_materials_are_their_own_exemplars():
    result = cluster(np.eye(6), names(6))
    assert result.n_clusters == 6


def test_constant_columns_do_no_harm():
    features = cloud(30)
    features[:, 5] = 7.25
    result = cluster(features, names(30), ClusteringParameters(scaler="standard"))
    assert np.isfinite(result.distances).all()
    assert result.scaler.scale[5] == 1.0


@pytest.mark.parametrize(
    ("n", "required"), [(1, 1), (4, 1), (15, 1), (16, 2), (35, 2), (36, 3), (64, 4), (100, 5), (10_000, 5)]
)
def test_floor_on_the_number_of_clusters(n, required):
    assert ClusteringParameters().required_clusters(n) == required


@pytest.mark.parametrize("damping", [0.5, 0.7, 0.9, 0.95])
def test_heavy_damping_does_not_pass_a_transient_off_as_an_answer(damping):
    rng = np.random.default_rng(1)
    features = np.vstack(
        [rng.standard_normal((300, 22)) * np.linspace(0.2, 3, 22), 4 + cloud(20, n_features=22)]
    )
    result = cluster(features, names(320), ClusteringParameters(dampings=(damping,), scaler="standard"))
    assert result.n_clusters > 15


def test_ladder_goes_on_when_a_damping_does_not_converge():
    swinging = cloud(
        30, seed=56, n_features=2
    )  # of six hundred such sets one of the two whose messages swing
    with pytest.raises(ClusteringError, match=r"damping 0\.5: not converged"):
        cluster(swinging, names(30), ClusteringParameters(dampings=(0.5,)))
    assert cluster(swinging, names(30)).damping == 0.6


def test_no_convergence_is_an_error_that_says_what_was_tried():
    parameters = ClusteringParameters(max_iterations=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ClusteringError, match=r"damping 0\.5: not converged in 3 iterations; .*0\.9: not"
        ):
            cluster(cloud(50), names(50), parameters)


def test_too_few_clusters_is_an_error():
    features, _ = blobs(2, 60)
    with pytest.raises(ClusteringError, match=r"2 cluster\(s\) where at least 5 are expected.*min_clusters"):
        cluster(features, names(120))
    assert cluster(features, names(120), ClusteringParameters(min_clusters=2)).n_clusters == 2


def test_one_giant_cluster_is_an_error():
    features, _ = blobs(6, 10)
    with pytest.raises(ClusteringError, match=r"one cluster holds 17% of the points.*max_cluster_fraction"):
        cluster(features, names(60), ClusteringParameters(max_cluster_fraction=0.1))


def test_features_that_are_all_the_same_are_an_error():
    with pytest.raises(ClusteringError, match="all 30 materials have the same features"):
        cluster(np.zeros((30, 22)), names(30))


@pytest.mark.parametrize(
    ("features", "ids", "message"),
    [
        (np.empty((0, 22)), [], "nothing to cluster"),
        (np.ones((2, 3)), ["a"], r"shape \(2, 3\)"),
        (np.ones(3), ["a", "b", "c"], r"shape \(3,\)"),
        (np.ones((2, 3)), ["a", "a"], "^a: 1 id"),
        ([[1.0, np.nan], [1.0, 2.0]], ["bad", "good"], r"^bad: features of 1 material\(s\) are not finite"),
    ],
)
def test_unusable_input_is_an_error(features, ids, message):
    with pytest.raises(ClusteringError, match=message):
        cluster(features, ids)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scaler": "robust"},
        {"dampings": ()},
        {"dampings": (0.4,)},
        {"dampings": (1.0,)},
        {"max_iterations": 0},
        {"max_cluster_fraction": 0.0},
        {"n_aggregates": 20_000},
        {"twin_tolerance": -1.0},
    ],
)
def test_unusable_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClusteringParameters(**wrong)


def test_parameters_survive_json():
    parameters = ClusteringParameters.for_protocol("text")
    assert parameters.scaler == "standard"
    assert ClusteringParameters.for_protocol("published").scaler == "none"
    assert ClusteringParameters(**json.loads(json.dumps(parameters.as_dict()))) == parameters
    with pytest.raises(ValueError, match="protocol must be"):
        ClusteringParameters.for_protocol("article")


def test_scaler_survives_json():
    features = cloud(10)
    scaler = Scaler.standard(features)
    again = Scaler.from_dict(json.loads(json.dumps(scaler.as_dict())))
    assert np.array_equal(again.transform(features), scaler.transform(features))
    assert np.allclose(scaler.transform(features).std(axis=0), 1)


def test_large_sets_are_aggregated_first():
    features, truth = blobs(8, 250, spread=1.0)
    parameters = ClusteringParameters(preaggregate_above=1000, n_aggregates=200)
    result = cluster(features, names(2000), parameters)
    assert result.method == "preaggregated"
    assert all(
        np.count_nonzero(np.bincount(truth[result.labels == k])) == 1 for k in range(result.n_clusters)
    )
    assert set(result.exemplar_ids) <= set(result.ids)
    order = np.random.default_rng(0).permutation(2000)
    again = cluster(features[order], [names(2000)[i] for i in order], parameters)
    assert again.exemplar_ids == result.exemplar_ids


def test_granularity_of_an_aggregated_set_is_that_of_the_whole():
    features = cloud(1500, n_features=6)
    whole = cluster(features, names(1500))
    aggregated = cluster(
        features, names(1500), ClusteringParameters(preaggregate_above=1499, n_aggregates=300)
    )
    assert 0.6 < aggregated.n_clusters / whole.n_clusters < 1.6


def test_twins_of_a_large_set_agree():
    features = np.repeat(cloud(600), 2, axis=0)
    result = cluster(features, names(1200), ClusteringParameters(preaggregate_above=500, n_aggregates=100))
    assert result.method == "preaggregated"
    assert len(result.twins) == 600
    assert np.array_equal(result.labels[::2], result.labels[1::2])


def test_clear_groups_are_stable():
    features, _ = blobs(6, 10)
    stability = assess_stability(features, names(60), n_subsamples=5)
    assert stability.subsample_ari == (1.0,) * 5
    assert stability.mean_ari == 1.0
    assert stability.damping_ari == ((0.6, 1.0),)
    assert stability.n_failed_subsamples == 0
    assert stability.held_out_distances.shape == (5 * 6,)
    assert stability.held_out_distances.max() < 1.0


def test_a_structureless_cloud_is_less_stable_than_groups():
    stability = assess_stability(cloud(80), names(80), n_subsamples=5)
    assert stability.mean_ari < 0.95


def test_stability_does_not_depend_on_the_order_of_the_rows():
    features, ids = cloud(40), names(40)
    order = np.random.default_rng(1).permutation(40)
    straight = assess_stability(features, ids, n_subsamples=3)
    shuffled = assess_stability(features[order], [ids[i] for i in order], n_subsamples=3)
    assert shuffled.subsample_ari == straight.subsample_ari


def test_stability_counts_subsamples_that_fail(monkeypatch):
    from mtl_flows.science.clustering import stability

    calls = iter(range(100))

    def fails_at_every_third(features, ids, parameters):
        if next(calls) % 3 == 2:
            raise ClusteringError("degenerate")
        return cluster(features, ids, parameters)

    monkeypatch.setattr(stability, "cluster", fails_at_every_third)
    features, _ = blobs(6, 10)
    assessed = assess_stability(features, names(60), n_subsamples=5)
    assert (assessed.n_failed_subsamples, len(assessed.subsample_ari)) == (2, 3)


def test_stability_starts_at_the_damping_of_the_whole(monkeypatch):
    from mtl_flows.science.clustering import stability

    features, _ = blobs(6, 10)
    whole = cluster(features, names(60), ClusteringParameters(dampings=(0.7,)))
    tried: list[tuple[float, ...]] = []

    def remembers(features, ids, parameters):
        tried.append(parameters.dampings)
        return cluster(features, ids, parameters)

    monkeypatch.setattr(stability, "cluster", remembers)
    assessed = assess_stability(features, names(60), whole=whole, n_subsamples=2)
    assert tried == [(0.7, 0.8, 0.9), (0.7, 0.8, 0.9), (0.8,)]
    assert assessed.damping_ari == ((0.8, 1.0),)


def test_stability_of_one_material_is_refused():
    with pytest.raises(ClusteringError, match="leave nothing to compare"):
        assess_stability(cloud(1), names(1))
