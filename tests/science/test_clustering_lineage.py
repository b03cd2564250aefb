"""What becomes of clusters: stable names and the events between two clusterings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.science.clustering import ClusteringResult, LineageEvent, Scaler, cluster, match_clusters


def clustering(*groups: str) -> ClusteringResult:
    """A clustering of one-letter materials; the capital of each group is its exemplar."""
    groups = tuple(sorted(groups, key=lambda g: next(c for c in g if c.isupper()).lower()))
    ids = tuple(sorted("".join(groups).lower()))
    label = {c.lower(): k for k, group in enumerate(groups) for c in group}
    return ClusteringResult(
        ids=ids,
        labels=np.array([label[i] for i in ids], dtype=np.intp),
        distances=np.zeros(len(ids)),
        exemplar_ids=tuple(next(c for c in group if c.isupper()).lower() for group in groups),
        exemplar_features=np.zeros((len(groups), 1)),
        sizes=tuple(len(group) for group in groups),
        silhouette=0.0,
        scaler=Scaler.identity(1),
        damping=0.5,
        n_iterations=20,
        twins=(),
        method="affinity_propagation",
    )


def follow(old: ClusteringResult, new: ClusteringResult, retired=()):
    first = match_clusters((), old)
    lineage = match_clusters(first.clusters, new, retired=retired)
    return {c.exemplar_id: c.name for c in lineage.clusters}, list(lineage.events)


def test_first_clustering_is_born_whole():
    lineage = match_clusters((), clustering("Abc", "Def", "Gh"))
    assert lineage.names == ("c001", "c002", "c003")
    assert [event.kind for event in lineage.events] == ["born"] * 3
    assert lineage.clusters[0].members == {"a", "b", "c"}


def test_the_same_partition_keeps_its_names():
    names, events = follow(clustering("Abc", "Def"), clustering("aBc", "dEf"))
    assert names == {"b": "c001", "e": "c002"}
    assert events == [LineageEvent("same", ("c001",), ("c001",)), LineageEvent("same", ("c002",), ("c002",))]


def test_one_deserter_changes_nothing():
    names, events = follow(clustering("Abcde", "Fghij"), clustering("Abcd", "eFghij"))
    assert names == {"a": "c001", "f": "c002"}
    assert [event.kind for event in events] == ["same", "same"]


def test_newcomers_and_losses_do_not_matter():
    names, events = follow(clustering("Abcd", "Efgh"), clustering("Axyz", "Efuv"))
    assert names == {"a": "c001", "e": "c002"}
    assert [event.kind for event in events] == ["same", "same"]


def test_split_leaves_the_name_with_the_larger_part():
    names, events = follow(clustering("Abcdef", "Gh"), clustering("Ab", "cdEf", "Gh"))
    assert names == {"a": "c003", "e": "c001", "g": "c002"}
    assert LineageEvent("split", ("c001",), ("c001", "c003")) in events
    assert LineageEvent("same", ("c002",), ("c002",)) in events
    assert len(events) == 2


def test_even_split_leaves_the_name_with_the_exemplar():
    names, _ = follow(clustering("abCd"), clustering("Ab", "Cd"))
    assert names == {"a": "c002", "c": "c001"}


def test_merger_takes_the_name_of_the_larger():
    names, events = follow(clustering("Ab", "Cdefg"), clustering("Abcdefg"))
    assert names == {"a": "c002"}
    assert events == [LineageEvent("merged", ("c001", "c002"), ("c002",))]


def test_a_cluster_without_survivors_dies_and_one_of_newcomers_is_born():
    names, events = follow(clustering("Ab", "Cd"), clustering("Ab", "Xy"))
    assert names == {"a": "c001", "x": "c003"}
    assert events == [
        LineageEvent("same", ("c001",), ("c001",)),
        LineageEvent("died", ("c002",), ()),
        LineageEvent("born", (), ("c003",)),
    ]


def test_a_cluster_torn_in_many_pieces_dies():
    old = clustering("Abcde", "Fghij", "Klmno", "Pqrst")
    names, events = follow(old, clustering("aFghij", "bKlmno", "cPqrst", "dXyzuv"))
    assert LineageEvent("died", ("c001",), ()) not in events  # all of d's known members come from it
    assert names["x"] == "c001"
    names, events = follow(old, clustering("aFghij", "bcKlmno", "dePqrst"))
    assert LineageEvent("died", ("c001",), ()) in events
    assert set(names.values()) == {"c002", "c003", "c004"}


def test_reshuffle_is_a_split_and_a_merger():
    names, events = follow(clustering("Abcd", "Efgh"), clustering("Ab", "cdEfgh"))
    assert names == {"a": "c001", "e": "c002"}
    assert events == [
        LineageEvent("split", ("c001",), ("c001", "c002")),
        LineageEvent("merged", ("c001", "c002"), ("c002",)),
    ]


def test_retired_names_do_not_come_back():
    names, _ = follow(clustering("Ab"), clustering("Ab", "Cd"), retired=["c009", "by hand"])
    assert names == {"a": "c001", "c": "c010"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.data())
def test_every_cluster_is_accounted_for(old_labels, data):
    letters = "abcdefghijklmnopqrst"[: len(old_labels)]
    new_labels = data.draw(st.lists(st.integers(0, 4), min_size=len(letters), max_size=len(letters)))

    def partition(labels):
        groups = ["".join(c for c, k in zip(letters, labels, strict=True) if k == j) for j in set(labels)]
        return clustering(*(group[0].upper() + group[1:] for group in groups))

    old, new = partition(old_labels), partition(new_labels)
    before = match_clusters((), old)
    after = match_clusters(before.clusters, new)
    assert len(set(after.names)) == new.n_clusters
    assert {n for e in after.events for n in e.old} == set(before.names)
    assert {n for e in after.events for n in e.new} == set(after.names)
    assert match_clusters(before.clusters, old).names == before.names
    # nothing depends on the order in which earlier clusters are given
    assert match_clusters(before.clusters[::-1], new) == after


def test_names_survive_growth_of_a_real_clustering():
    rng = np.random.default_rng(0)
    centres = 12 * np.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]])
    truth = rng.integers(0, 6, 90)
    features = centres[truth] + rng.standard_normal((90, 2))
    ids = [f"icsd-{i:03d}" for i in rng.permutation(90)]
    before = match_clusters((), cluster(features[:60], ids[:60]))
    after = match_clusters(before.clusters, cluster(features, ids))
    assert [event.kind for event in after.events] == ["same"] * 6
    for old in before.clusters:
        grown = next(new for new in after.clusters if new.name == old.name)
        assert old.members <= grown.members


@pytest.mark.parametrize("n", [999, 1000])
def test_names_go_on_after_c999(n):
    lineage = match_clusters((), clustering("Ab"), retired=[f"c{n}"])
    assert lineage.names == (f"c{n + 1}",)
