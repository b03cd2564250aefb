"""Clustering of a stored set: one run per set, current under its protocol, names that last."""

import pytest
from samples import HERE, KNOWN, SCREENED, fill, fill_screened, label_known

from mtl_flows.errors import ClusteringError
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.clustering import clustering_is_current, update_clustering
from mtl_flows.jobs.clustering_run import run_clustering
from mtl_flows.science.topology import FEATURE_NAMES, PROTOCOLS, PrescreenThresholds
from mtl_flows.stages import TOPOLOGY, ScreeningParameters
from mtl_flows.store.database import MTLStore

PARAMETERS = ScreeningParameters()


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    return fill_screened(store)


def dump(store: MTLStore) -> list[list[dict[str, object]]]:
    return [list(c.raw.find(sort=[("_id", 1)])) for c in (store.clusterings, store.assignments)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_run_holds_its_whole_origin(screened: MTLStore, protocol: str) -> None:
    run = screened.clusterings.current(protocol)
    assigned = list(screened.assignments.find({"clustering_id": run.id}))
    material = {s.crystal_id: s.material_id for s in screened.structures.find()}
    passed = {
        material[t.crystal_id]
        for t in screened.topology.find()
        if t.r_connected_A < 5.0
        and t.rho_cycles[protocol] < 0.6
        and (protocol == "text" or t.rho_cycles[protocol] > 0)
    }
    assert {a.material_id for a in assigned} == passed
    assert run.n_materials == len(passed) == sum(c.size for c in run.clusters)
    assert run.feature_names == list(FEATURE_NAMES[protocol])
    for record in run.clusters:
        members = {a.material_id for a in assigned if a.cluster == record.name}
        assert record.exemplar in members
        assert record.size == len(members)
        assert sorted(record.known_conductors) == sorted(members & set(KNOWN))
        assert record.selected == bool(members & set(KNOWN))
        exemplar = screened.topology.find(
            {"crystal_id": screened.structures.get(f"{record.exemplar}.r1").crystal_id}
        )
        assert record.exemplar_features == pytest.approx(list(next(exemplar).features[protocol].values()))
    selected = {record.name for record in run.clusters if record.selected}
    assert selected
    assert all(a.selected == (a.cluster in selected) for a in assigned)
    for a in assigned:
        assert a.is_known_conductor == (a.material_id in KNOWN)
        assert a.nearest_known in set(KNOWN) - {a.material_id}
        assert a.nearest_known_distance is not None
        assert a.nearest_known_distance >= 0


def test_the_same_set_is_the_same_run(screened: MTLStore) -> None:
    before = dump(screened)
    for protocol in PROTOCOLS:
        assert clustering_is_current(screened, protocol, PARAMETERS)
        run_clustering(screened, protocol, PARAMETERS)
    assert dump(screened) == before


def test_a_run_cut_off_before_its_assignments_is_made_whole(screened: MTLStore) -> None:
    first = screened.clusterings.current("text")
    label_known(screened, first.clusters[0].exemplar)
    second = run_clustering(screened, "text", PARAMETERS)
    whole = dump(screened)
    screened.assignments.raw.delete_one({"clustering_id": second.id})
    screened.clusterings.make_current(first.id, "text")
    assert not clustering_is_current(screened, "text", PARAMETERS)
    run_clustering(screened, "text", PARAMETERS)
    for found, expected in zip(dump(screened), whole, strict=True):
        for document, original in zip(found, expected, strict=True):
            assert {**document, "provenance": 0} == {**original, "provenance": 0}


def test_a_new_known_conductor_makes_a_new_run_with_the_old_names(screened: MTLStore) -> None:
    before = screened.clusterings.current("text")
    outsider = next(c for c in before.clusters if not c.selected)
    label_known(screened, outsider.exemplar)
    assert not clustering_is_current(screened, "text", PARAMETERS)
    after = run_clustering(screened, "text", PARAMETERS)
    assert after.id != before.id
    assert after.previous == before.id
    assert [c.name for c in after.clusters] == [c.name for c in before.clusters]
    assert screened.clusterings.current("text").id == after.id
    assert next(c for c in after.clusters if c.name == outsider.name).selected
    # Going back makes the old run current again, with nothing computed.
    screened.labels.raw.delete_one({"material_id": outsider.exemplar})
    assert run_clustering(screened, "text", PARAMETERS).id == before.id
    assert screened.clusterings.count({"protocol": "text"}) == 2


def test_members_that_leave_change_the_run(screened: MTLStore) -> None:
    gone = next(screened.assignments.find({"protocol": "text"})).crystal_id
    screened.structures.raw.update_one({"crystal_id": gone}, {"$set": {"withdrawn": True}})
    before = screened.clusterings.current("text")
    after = run_clustering(screened, "text", PARAMETERS)
    assert after.n_materials == before.n_materials - 1
    assert gone not in screened.assignments.of(after.id, [gone])


def test_nothing_to_cluster_is_said(store: MTLStore) -> None:
    with pytest.raises(ClusteringError, match="no structure passed") as caught:
        run_clustering(store, "published", PARAMETERS)
    assert caught.value.remedy
    assert clustering_is_current(store, "published", PARAMETERS)  # there is nothing to be done


def test_thresholds_decide_who_takes_part(screened: MTLStore) -> None:
    strict = ScreeningParameters(thresholds=PrescreenThresholds(r_connected_A=3.0))
    run = run_clustering(screened, "text", strict)
    names = {a.crystal_id for a in screened.assignments.find({"clustering_id": run.id})}
    assert names == {t.crystal_id for t in screened.topology.find() if t.r_connected_A < 3.0}
    assert clustering_is_current(screened, "text", strict)
    assert not clustering_is_current(screened, "text", PARAMETERS)


def come(store: MTLStore, *slugs: str) -> None:
    """Bring new crystals as far as their topology."""
    run_stages(store, fill(store, *slugs), PARAMETERS, limits=HERE)


def test_a_run_says_how_stable_it_is(screened: MTLStore) -> None:
    run = screened.clusterings.current("text")
    stability = run.stability
    assert len(stability.subsample_ari) + stability.n_failed_subsamples == 10
    assert all(-1 <= ari <= 1 for ari in stability.subsample_ari)
    assert stability.held_out_distances == sorted(stability.held_out_distances)
    assert len(stability.held_out_distances) == 10 * (run.n_materials - int(0.9 * run.n_materials))
    assert set(stability.damping_ari) <= {"0.5", "0.6", "0.7", "0.8", "0.9"} - {f"{run.damping:g}"}
    distances = {a.material_id: a.exemplar_distance for a in screened.assignments.find({"protocol": "text"})}
    assert all(distances[c.exemplar] == 0 for c in run.clusters)
    assert max(distances.values()) > 0


def test_a_newcomer_joins_the_nearest_cluster_for_the_time_being(screened: MTLStore) -> None:
    before = screened.clusterings.current("text")
    come(screened, "li3ps4-gamma")
    assert not clustering_is_current(screened, "text", PARAMETERS)
    after = update_clustering(screened, "text", PARAMETERS)
    assert after.id == before.id
    assert after.drift is not None
    assert (after.drift.n_new, after.drift.recluster) == (1, False)
    assert clustering_is_current(screened, "text", PARAMETERS)

    (placed,) = screened.assignments.find({"clustering_id": after.id, "provisional": True})
    assert placed.material_id == "li3ps4-gamma"
    features = screened.topology.features([placed.crystal_id], PARAMETERS.of(TOPOLOGY).hash, "text")[0]
    distances = {
        c.name: sum(
            ((x - e) / s) ** 2
            for x, e, s in zip(features, c.exemplar_features, after.scaler_scale, strict=True)
        )
        ** 0.5
        for c in after.clusters
    }
    assert placed.cluster == min(distances, key=lambda name: distances[name])
    assert placed.exemplar_distance == pytest.approx(min(distances.values()))
    assert placed.nearest_known in KNOWN
    rebuild_candidates(screened, PARAMETERS)
    row = screened.candidates.get("li3ps4-gamma")
    assert (row.cluster_text, row.provisional_text, row.selected_text) == (
        placed.cluster,
        True,
        placed.selected,
    )
    settled = dump(screened)
    update_clustering(screened, "text", PARAMETERS)
    assert dump(screened) == settled


def test_many_newcomers_are_clustered_with_the_others(screened: MTLStore) -> None:
    before = screened.clusterings.current("text")
    come(screened, "li3obr", "li3ycl6", "li7tao6", "li3ps4-gamma", "li3ps4-beta")
    after = update_clustering(screened, "text", PARAMETERS)
    assert (after.previous, after.n_materials) == (before.id, before.n_materials + 5)
    assert not screened.assignments.count({"clustering_id": after.id, "provisional": True})
    assert {name for event in after.lineage for name in event.old} == {c.name for c in before.clusters}
    assert {name for event in after.lineage for name in event.new} == {c.name for c in after.clusters}
    assert clustering_is_current(screened, "text", PARAMETERS)


@pytest.mark.parametrize("why", ["asked for", "a known conductor", "other parameters", "many have left"])
def test_reasons_to_cluster_anew(screened: MTLStore, why: str) -> None:
    before = screened.clusterings.current("text")
    parameters = PARAMETERS
    if why == "other parameters":
        parameters = ScreeningParameters(thresholds=PrescreenThresholds(rho_cycles=0.59))
    elif why == "many have left":
        gone = [f"{a.material_id}.r1" for a in screened.assignments.find({"protocol": "text"})][::3]
        gone = [key for key in gone if key.removesuffix(".r1") not in KNOWN]
        screened.structures.raw.update_many({"_id": {"$in": gone}}, {"$set": {"withdrawn": True}})
    else:
        come(screened, "li3ps4-gamma")
        if why == "a known conductor":
            label_known(screened, "li3ps4-gamma")
    after = update_clustering(screened, "text", parameters, recluster=why == "asked for")
    assert after.id != before.id
    assert after.previous == before.id
    assert clustering_is_current(screened, "text", parameters)


def test_so_few_materials_that_nothing_can_be_left_out(store: MTLStore) -> None:
    come(store, *SCREENED[:2])
    run = update_clustering(store, "text", PARAMETERS)
    assert (run.method, run.stability.held_out_distances) == ("singletons", [])
    come(store, "li3obr")
    assert update_clustering(store, "text", PARAMETERS).n_materials == 3  # nothing to measure drift with
