"""`mtl whatif`: against the stored screening, a screening really done otherwise, and without a trace."""

import json
from typing import Any

import pytest
from cli_answers import Mtl
from samples import SCREENED, contents, fill_screened, screen, structure_document

from mtl_flows.report.whatif import KEYS, what_if
from mtl_flows.science.topology import Alternative, BarLimit, BarStatistic, PrescreenThresholds, Protocol
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()


@pytest.fixture
def screened(store: MTLStore, server: str) -> MTLStore:
    return fill_screened(store)


def survivors(store: MTLStore, protocol: str) -> set[str]:
    return {c.material_id for c in store.candidates.find({f"survives_{protocol}": True})}


@pytest.mark.parametrize("protocol", ["published", "text"])
def test_the_stored_screening_is_met(screened: MTLStore, protocol: Protocol) -> None:
    """Counted from the barcodes again, everything is as stored."""
    everything = BarLimit(BarStatistic.parse("mobile_h0_death_count"), at_least=0)
    asked = Alternative(protocol, P.thresholds, distance_factor=1.0, limits=(everything,))
    found = what_if(screened, P, asked, before=protocol)
    assert found.before == found.after
    assert (found.gained, found.lost, found.placed, found.without_barcodes) == ([], [], 0, 0)
    assert found.n_materials == len(SCREENED)
    assert found.after["chemistry"] == len(survivors(screened, protocol)) > 0
    assert found.after["connectivity"] == screened.candidates.count({"passes_connectivity": True})


def test_the_other_protocol(screened: MTLStore) -> None:
    found = what_if(screened, P, Alternative("text"))
    published, text = survivors(screened, "published"), survivors(screened, "text")
    assert {m.material_id for m in found.gained} == text - published
    assert {m.material_id for m in found.lost} == published - text


@pytest.mark.parametrize("thresholds", [PrescreenThresholds(2.9, 0.6), PrescreenThresholds(5.0, 0.3)])
def test_stricter_thresholds_are_what_a_screening_would_do(
    screened: MTLStore, thresholds: PrescreenThresholds
) -> None:
    """Up to the clusters, which a real screening would make anew."""
    found = what_if(screened, P, Alternative("published", thresholds))
    before = contents(screened)
    assert {m.decided_by for m in found.lost} <= {"connectivity", "prescreen"}
    assert found.gained == []
    screen(screened, screened.structures.current_ids(), ScreeningParameters(thresholds=thresholds))
    assert contents(screened) != before
    assert found.after["prescreen"] == screened.candidates.count({"passes_prescreen_published": True})
    assert found.after["connectivity"] == screened.candidates.count({"passes_connectivity": True})


def test_wider_thresholds_place_newcomers(screened: MTLStore) -> None:
    found = what_if(screened, P, Alternative("published", PrescreenThresholds(float("inf"), float("inf"))))
    assert found.lost == []
    assert found.placed == found.after["prescreen"] - found.before["prescreen"] > 0
    assert found.after["connectivity"] == found.n_materials


def test_nothing_is_written(mtl_here: Mtl, screened: MTLStore) -> None:
    before = contents(screened)
    commands: list[list[str]] = [
        ["--r", "3"],
        ["--rho", "inf", "--r", "inf"],
        ["--protocol", "text", "--against", "published"],
        ["--at", "3.5"],
        ["--at-factor", "1.1", "--rho", "0.8"],
        ["--max", "framework_h1_persistence_p90=1.0", "--min", "mobile_h0_death_p10=1"],
    ]
    for command in commands:
        answer = mtl_here("whatif", *command, "--json")
        assert answer.code == 0, answer
        found: dict[str, Any] = json.loads(answer.out)
        assert found["gates"] == list(KEYS)
        counts = list(found["after"].values())
        assert counts == sorted(counts, reverse=True)
        gained_less_lost = len(found["gained"]) - len(found["lost"])
        assert found["after"]["chemistry"] - found["before"]["chemistry"] == gained_less_lost
        shown = mtl_here("whatif", *command)
        assert "unique materials" in shown.out
    assert contents(screened) == before


def test_a_protocol_is_compared_with_itself_unless_another_is_named(
    mtl_here: Mtl, screened: MTLStore
) -> None:
    same = json.loads(mtl_here("whatif", "--protocol", "text", "--json").out)
    assert same["asked"]["before"]["protocol"] == "text"
    assert (same["gained"], same["lost"]) == ([], [])
    other = json.loads(mtl_here("whatif", "--protocol", "text", "--against", "published", "--json").out)
    assert other["asked"]["before"]["protocol"] == "published"
    moved = {row["material_id"] for row in (*other["gained"], *other["lost"])}
    assert moved == survivors(screened, "published") ^ survivors(screened, "text")


def test_the_status_shows_the_funnel_of_the_protocol_that_is_asked_for(
    mtl_here: Mtl, screened: MTLStore
) -> None:
    def funnel(*options: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = json.loads(mtl_here("status", *options, "--json").out)["funnel"]
        return found

    published, text, both = (funnel(*o) for o in ((), ("--protocol", "text"), ("--protocol", "any")))
    assert both == {key: published[key] | text[key] for key in both}
    assert published["chemistry"] == {"published": len(survivors(screened, "published"))}
    ranked = funnel("--protocol", "ranked")
    passed = screened.candidates.count({"passes_chemistry": True, "is_representative": True})
    assert ranked["chemistry"] == {"ranked": passed}
    assert "prescreen" not in ranked
    shown = mtl_here("status", "--protocol", "ranked").out
    assert "ranked" in shown
    assert "published" not in shown


def test_another_gate_drops_what_is_beyond_it(mtl_here: Mtl, screened: MTLStore) -> None:
    found = json.loads(mtl_here("whatif", "--max", "mobile_h0_death_max=0", "--json").out)
    assert found["after"]["limits"] == 0
    assert {moved["decided_by"] for moved in found["lost"]} == {"limits"}
    assert {moved["material_id"] for moved in found["lost"]} == survivors(screened, "published")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (["--protocol", "both"], 2, "'both'"),
        (["--max", "mobile_h1_birth_max=1"], 4, "mobile_h1_birth_max"),
        (["--max", "mobile_h0_death_max"], 2, "FIELD=NUMBER"),
        (["--at", "3", "--at-factor", "2"], 4, "not both"),
        (["--at", "12"], 4, "10 Å"),
    ],
)
def test_wrong_questions(mtl_here: Mtl, screened: MTLStore, command: list[str], code: int, told: str) -> None:
    answer = mtl_here("whatif", *command)
    assert answer.code == code, answer
    assert told in answer.err


def test_materials_that_are_not_screened_are_said_to_be_left_out(mtl_here: Mtl, screened: MTLStore) -> None:
    screened.barcodes.raw.delete_one({"crystal_id": structure_document("li3ocl").crystal_id})
    screened.candidates.raw.update_one({"material_id": "licl"}, {"$set": {"r_connected_A": None}})
    found = json.loads(mtl_here("whatif", "--at", "3", "--json").out)
    assert (found["without_barcodes"], found["without_topology"]) == (1, 1)
    assert "1 materials have no barcodes" in mtl_here("whatif", "--at", "3").err
