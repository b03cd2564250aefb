"""`mtl explain` asks a far server few questions, and misses nothing of what it holds."""

import json

import pytest
from cli_answers import Mtl
from round_trips import Commands
from samples import fill_screened
from simulated import simulate

from mtl_flows.report.dossier import read
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.together import PartOfReading, together


@pytest.fixture
def simulated(store: MTLStore, server: str) -> MTLStore:
    fill_screened(store)
    for temperature_K in (800.0, 1200.0):
        simulate(store, temperature_K, 0.3)
    return store


def test_few_requests(simulated: MTLStore, mtl_here: Mtl) -> None:
    mtl_here("explain", "licl")  # indexes are made, then noted
    mtl_here("explain", "licl")
    with Commands() as commands:
        answer = mtl_here("explain", "licl", "--json")
    assert commands.total <= 10, commands.counts
    runs = [found["what"] for found in json.loads(answer.out)["calculations"]]
    assert runs == [
        "ordered cell 0",
        "production at 800 K, toy_walk:ENGINE",
        "production at 1200 K, toy_walk:ENGINE",
    ]


def test_what_is_read_together_is_what_is_read_alone(simulated: MTLStore) -> None:
    parameters = ScreeningParameters()
    revisions = simulated.structures.by_material("licl")
    clusterings = simulated.screenings.current_clusterings("Li")
    known = read(simulated, "licl", revisions, parameters, clusterings)
    assert known.sources == simulated.groups.sources(["licl"])["licl"]
    assert known.row == simulated.candidates.get("licl")
    assert known.crystal == simulated.crystals.get(revisions[0].crystal_id)
    assert known.runs["dynamics"] == list(simulated.dynamics.find())
    assert known.results["topology"] == next(simulated.topology.find({"crystal_id": revisions[0].crystal_id}))
    for protocol, run in clusterings.items():
        assert known.clusterings[protocol] == simulated.clusterings.get(run)
        assert known.assignments.get(protocol) == (
            simulated.assignments.of(run, [revisions[0].crystal_id]).get(revisions[0].crystal_id)
        )


def test_collections_that_are_not_there_hold_nothing(store: MTLStore) -> None:
    store.labels.raw.insert_many([{"_id": 1, "a": 2, "b": 3}, {"_id": 2}])
    found = together(
        store.database,
        {
            "none": PartOfReading.matching("no such", {}),
            "some": PartOfReading.matching("labels", {"_id": 1}, ["a"]),
            "all": PartOfReading.matching("labels", {}),
        },
    )
    assert (found["none"], found["some"], len(found["all"])) == ([], [{"_id": 1, "a": 2}], 2)
    assert together(store.database, {}) == {}
