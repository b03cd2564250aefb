"""Runs of the clustering on the terminal; labels of single materials; rules of the user's own."""

import json

import pytest
from cli_answers import Mtl
from samples import HERE, fill, fill_screened

from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.clustering import update_clustering
from mtl_flows.science.known import load_known_conductors
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()


@pytest.fixture
def grown(store: MTLStore, server: str) -> MTLStore:
    """A screened store and a second run of one protocol, with more materials."""
    fill_screened(store)
    more = fill(store, "li3obr", "li3ycl6", "li7tao6", "li3ps4-gamma", "li3ps4-beta")
    run_stages(store, more, P, limits=HERE)
    update_clustering(store, "text", P)
    return store


def test_runs_are_listed_shown_and_compared(mtl_here: Mtl, grown: MTLStore) -> None:
    listed = json.loads(mtl_here("cluster", "list", "--json").out)
    current = grown.clusterings.current("text")
    assert [run["id"] for run in listed if run["current"]] == [
        grown.clusterings.current("published").id,
        current.id,
    ]
    assert len(listed) == 3
    assert "(current)" in mtl_here("cluster", "list").out

    shown = json.loads(mtl_here("cluster", "show", "text", "--json").out)
    assert shown["_id"] == current.id
    told = mtl_here("cluster", "show", "text~1").out
    assert current.previous in told
    assert "ARI with 90 % subsamples" in told

    found = json.loads(mtl_here("cluster", "diff", "text~1", "text", "--json").out)
    assert found["materials"]["only_new"] == 5
    assert found["events"] == [event.model_dump() for event in current.lineage]
    assert -1 <= found["ari"] <= 1
    assert {m["material"] for m in found["moved"]} <= set(
        grown.assignments.clustered(current.previous).values()
    )
    answer = mtl_here("cluster", "diff", current.previous, current.id)
    assert answer.code == 0
    assert "5 are new" in answer.out
    same = json.loads(mtl_here("cluster", "diff", "text", "text", "--json").out)
    assert (same["ari"], same["moved"], {e["kind"] for e in same["events"]}) == (1.0, [], {"same"})


def test_a_run_that_is_not_there(mtl_here: Mtl, grown: MTLStore) -> None:
    for name in ("text~2", "nonsense"):
        answer = mtl_here("cluster", "show", name)
        assert (answer.code, name in answer.err) == (5, True)


def test_nothing_clustered_yet(mtl_here: Mtl, store: MTLStore, server: str) -> None:
    assert "mtl screen" in mtl_here("cluster", "list").err
    assert mtl_here("cluster", "show").code == 5


def test_one_material_is_labelled(mtl_here: Mtl, store: MTLStore, server: str) -> None:
    told = mtl_here(
        "label", "Li3OCl", "--known", "--conductivity", "1e-4", "--family", "antiperovskite", "--source", "me"
    )
    assert (told.code, "1 new" in told.out) == (0, True)
    label = store.labels.get("li3ocl:Li")
    assert (label.known_conductor, label.conductivity_S_per_cm, label.source) == (True, 1e-4, "me")
    listed = min(load_known_conductors())
    mtl_here("label", listed, "--conductivity", "5.8e-4")
    assert listed in store.labels.known_conductors("Li")
    told = mtl_here("label", listed, "--unknown")
    assert listed not in store.labels.known_conductors("Li")
    assert "on the list of known conductors, and its label says that it is none" in told.err
    # One fact is added and the others stay, until they are to be replaced.
    assert "1 changed" in mtl_here("label", "Li3OCl", "--family", "perovskite").out
    label = store.labels.get("li3ocl:Li")
    assert (label.known_conductor, label.conductivity_S_per_cm, label.family) == (
        True,
        1e-4,
        "perovskite",
    )
    mtl_here("label", "li3ocl", "--unknown", "--replace")
    label = store.labels.get("li3ocl:Li")
    assert (label.known_conductor, label.conductivity_S_per_cm, label.family) == (False, None, "")
    mtl_here("label", "li3ocl", "--known", "-m", "Na")
    assert store.labels.known_conductors("Na") == {"li3ocl"}
    for wrong in (["--conductivity", "12"], ["--below-detection"], ["--known", "-m", "Xx"]):
        assert mtl_here("label", "li3ocl", *wrong).code == 4
    assert mtl_here("label", "nowhere.csv").code == 4
