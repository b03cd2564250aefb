"""New materials among old clusters, selection by known conductors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.errors import ClusteringError
from mtl_flows.science.clustering import (
    ClusteringParameters,
    Scaler,
    assess_stability,
    assign,
    cluster,
    measure_drift,
    nearest_known,
    select_clusters,
)
from mtl_flows.science.clustering.affinity import nearest


def names(n):
    return [f"icsd-{i:05d}" for i in range(n)]


@pytest.mark.parametrize("scaler", ["none", "standard"])
@pytest.mark.parametrize(("above", "aggregates"), [(10_000, 1000), (100, 50)])
def test_assigning_the_clustered_repeats_their_labels(scaler, above, aggregates):
    features = np.random.default_rng(0).standard_normal((200, 5)) * [1, 2, 5, 10, 100]
    parameters = ClusteringParameters(scaler=scaler, preaggregate_above=above, n_aggregates=aggregates)
    result = cluster(features, names(200), parameters)
    again = assign(features, result.exemplar_features, result.scaler)
    assert again.labels.tolist() == result.labels.tolist()
    assert np.allclose(again.distances, result.distances)


def test_assignment_by_hand():
    scaler = Scaler(mean=np.array([0.0, 0.0]), scale=np.array([1.0, 10.0]))
    exemplars = [[0.0, 0.0], [4.0, 0.0]]
    found = assign([[1.0, 0.0], [4.0, 30.0], [2.0, 0.0]], exemplars, scaler)
    assert found.labels.tolist() == [0, 1, 0]  # equally near: the first
    assert found.distances.tolist() == [1.0, 3.0, 2.0]


def test_assignment_in_chunks_is_the_same():
    rng = np.random.default_rng(0)
    points, exemplars = rng.random((50, 3)), rng.random((7, 3))
    for whole, parts in zip(
        nearest(points, exemplars), nearest(points, exemplars, chunk_bytes=160), strict=True
    ):
        assert np.array_equal(whole, parts)


def test_assigning_nothing_gives_nothing():
    assert assign(np.empty((0, 2)), [[0.0, 0.0]], Scaler.identity(2)).labels.shape == (0,)


@pytest.mark.parametrize(
    ("features", "exemplars", "message"),
    [
        (np.ones((2, 3)), np.ones((1, 2)), "do not fit"),
        (np.ones((2, 2)), np.empty((0, 2)), "do not fit"),
        (np.ones(2), np.ones((1, 2)), "do not fit"),
        (np.array([[np.inf, 0.0]]), np.ones((1, 2)), "not finite"),
    ],
)
def test_what_does_not_fit_is_not_assigned(features, exemplars, message):
    with pytest.raises(ClusteringError, match=message):
        assign(features, exemplars, Scaler.identity(2))


def test_more_of_the_same_is_no_drift():
    rng = np.random.default_rng(2)
    features = rng.standard_normal((150, 4))
    result = cluster(features, names(150))
    reference = assess_stability(features, names(150), n_subsamples=5).held_out_distances
    newcomers = assign(rng.standard_normal((30, 4)), result.exemplar_features, result.scaler)
    drift = measure_drift(reference, newcomers.distances, n_clustered=150)
    assert not drift.recluster
    assert drift.growth == 0.2
    assert (drift.n_reference, drift.n_new) == (75, 30)
    strangers = assign(rng.standard_normal((30, 4)) + 6, result.exemplar_features, result.scaler)
    drift = measure_drift(reference, strangers.distances, n_clustered=150)
    assert drift.recluster
    assert drift.outside_fraction > 0.9
    assert "lie outside the clusters" in drift.reason


def test_drift_by_hand():
    reference = np.arange(1, 101)  # 95 % quantile: 95.05
    calm = measure_drift(reference, [95, 96, 1, 2, 3, 4, 5, 6, 7, 8], n_clustered=100)
    assert (calm.outside_fraction, calm.recluster) == (0.1, False)
    assert calm.p_value == pytest.approx(1 - 0.95**10)
    assert calm.reason == "the new materials are like the old"
    grown = measure_drift(reference, np.ones(26), n_clustered=100)
    assert (grown.p_value, grown.recluster) == (1.0, True)
    assert grown.reason == "the set has grown by 26% since it was clustered"
    none = measure_drift(reference, [], n_clustered=100)
    assert (none.recluster, none.reason) == (False, "nothing new")


def test_drift_needs_a_reference():
    with pytest.raises(ClusteringError, match="no clustering to measure drift against"):
        measure_drift([], [1.0], n_clustered=10)


def test_clusters_with_a_known_conductor_are_kept_whole():
    ids = ["icsd-1", "ICSD-2", "icsd-3", "icsd-4", "icsd-5", "icsd-6"]
    selection = select_clusters([0, 0, 1, 1, 2, 2], ids, {" icsd-2", "ICSD-5", "icsd-99"})
    assert selection.clusters == (0, 2)
    assert selection.kept_ids == ("ICSD-2", "icsd-1", "icsd-5", "icsd-6")
    assert selection.known_by_cluster == {0: ("ICSD-2",), 2: ("icsd-5",)}


def test_nothing_known_selects_nothing():
    selection = select_clusters([0, 1], ["a", "b"], ["c"])
    assert (selection.clusters, selection.kept_ids, selection.known_by_cluster) == ((), (), {})


def test_selection_refuses_labels_of_another_set():
    with pytest.raises(ClusteringError, match="do not fit 3 ids"):
        select_clusters([0, 1], ["a", "b", "c"], [])


def test_nearest_known_by_hand():
    features = [[0.0], [1.0], [3.0], [10.0], [3.0]]
    found = nearest_known(features, ["a", "K1", "k2", "b", "twin"], ["k1", "K2"], Scaler.identity(1))
    assert found.known_ids == ("K1", "k2", "K1", "k2", "k2")
    assert found.distances.tolist() == [1.0, 2.0, 2.0, 7.0, 0.0]


def test_nearest_known_excludes_only_itself():
    found = nearest_known([[0.0], [5.0]], ["k", "b"], ["k"], Scaler.identity(1))
    assert found.known_ids == (None, "k")
    assert found.distances.tolist() == [np.inf, 5.0]
    twins = nearest_known([[0.0], [0.0]], ["k1", "k2"], ["k1", "k2"], Scaler.identity(1))
    assert twins.known_ids == ("k2", "k1")
    nobody = nearest_known([[0.0], [1.0]], ["a", "b"], ["c"], Scaler.identity(1))
    assert nobody.known_ids == (None, None)
    assert np.isinf(nobody.distances).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.integers(0, 2**32 - 1), st.booleans())
def test_nearest_known_agrees_with_a_search_by_hand(n, seed, coarse):
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 3, (n, 2)).astype(float) if coarse else rng.random((n, 2))
    ids = names(n)
    known = set(np.array(ids)[rng.random(n) < 0.4])
    found = nearest_known(features, ids, known, Scaler.identity(2))
    for i in range(n):
        others = [j for j in range(n) if ids[j] in known and j != i]
        lengths = [float(np.linalg.norm(features[i] - features[j])) for j in others]
        assert found.distances[i] == pytest.approx(min(lengths, default=np.inf))
        if others:
            chosen = others[[ids[j] for j in others].index(found.known_ids[i])]
            assert np.linalg.norm(features[i] - features[chosen]) == pytest.approx(min(lengths))
