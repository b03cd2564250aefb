"""Runs of the clustering: one per protocol is current; assignments belong to their run."""

import pytest

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.clustering import AssignmentDocument, ClusteringDocument, DriftRecord, StabilityRecord
from mtl_flows.science.topology import Protocol
from mtl_flows.store.database import MTLStore

STAGE = StageParameters(stage="clustering", algorithm_version=1, mobile_ion="Li", values={})


def run(key: str, protocol: Protocol = "published") -> ClusteringDocument:
    return ClusteringDocument(
        id=key,
        protocol=protocol,
        topology_parameters_hash="t",
        parameters_hash=STAGE.hash,
        members_hash="m",
        provenance=Provenance.record(STAGE, {}),
        feature_names=["x"],
        n_materials=1,
        clusters=[],
        method="affinity_propagation",
        damping=0.5,
        n_iterations=1,
        silhouette=0.0,
        scaler_mean=[0.0],
        scaler_scale=[1.0],
        stability=StabilityRecord(
            subsample_ari=[], n_failed_subsamples=0, damping_ari={}, held_out_distances=[]
        ),
        lineage=[],
    )


def assignment(run_id: str, crystal_id: str) -> AssignmentDocument:
    return AssignmentDocument(
        id=f"{run_id}:{crystal_id}",
        clustering_id=run_id,
        protocol="published",
        material_id=f"material of {crystal_id}",
        crystal_id=crystal_id,
        cluster="1",
        exemplar_distance=0.0,
        selected=True,
        provisional=False,
        is_known_conductor=False,
        nearest_known="",
        nearest_known_distance=None,
    )


def test_one_run_of_each_protocol_is_current(store: MTLStore) -> None:
    with pytest.raises(NotFoundError, match="no clustering yet") as caught:
        store.clusterings.current("published")
    assert "mtl screen" in caught.value.remedy
    store.clusterings.add([run("a"), run("b"), run("t", "text")])
    store.screenings.register("Li", "Li", {})
    store.screenings.register("tight", "Li", {"thresholds": {}})
    assert not store.clusterings.has_current("published")
    for key in ("a", "b", "a", "a"):
        store.clusterings.make_current(key, "published")
        store.clusterings.make_current("t", "text")
        assert store.clusterings.current("published").id == key
    store.clusterings.retire("published")
    assert not store.clusterings.has_current("published")
    assert store.clusterings.current("text").id == "t"
    assert [found.id for found in store.clusterings.runs("published")] == ["b", "a"]
    # What is current is the screening's history.
    tight = store.under("tight")
    assert not tight.clusterings.has_current("text")
    tight.clusterings.make_current("b", "published")
    assert tight.clusterings.current("published").id == "b"
    assert not store.clusterings.has_current("published")
    assert store.under("Li").screening == store.screening == "Li"


def test_assignments_belong_to_their_run(store: MTLStore) -> None:
    store.assignments.put([assignment("a", "x.r1"), assignment("a", "y.r1"), assignment("b", "x.r1")])
    found = store.assignments.of("a", ["x.r1", "z.r1"])
    assert found == {"x.r1": assignment("a", "x.r1")}
    assert store.assignments.of("c", ["x.r1"]) == {}


def test_what_came_since_is_noted_with_the_run(store: MTLStore) -> None:
    store.clusterings.add([run("published:a"), run("published:b")])
    store.screenings.register("Li", "Li", {})
    for key in ("published:a", "published:b"):
        store.clusterings.make_current(key, "published")
    drift = DriftRecord(
        n_new=3, n_departed=1, outside_fraction=0.0, p_value=1.0, growth=0.1, recluster=False, reason="alike"
    )
    store.clusterings.note_drift("published:a", drift)
    assert store.clusterings.get("published:a").drift == drift
    assert store.clusterings.get("published:b").drift is None
    assert [found.id for found in store.clusterings.runs("published")] == ["published:b", "published:a"]


def test_members_without_those_placed_later(store: MTLStore) -> None:
    late = assignment("published:a", "y").model_copy(update={"provisional": True})
    store.assignments.add([assignment("published:a", "x"), late])
    assert store.assignments.clustered("published:a") == {"x": "material of x"}
    assert list(store.assignments.members("published:a").values()) == [frozenset({"material of x"})]
