"""From files to answers: ingest, label, screen, query, show, status, worker, recover."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_answers import REASONS, Mtl
from samples import KNOWN, SCREENED, contents, fill_screened, write_cifs

from mtl_flows.science.chemistry import RULES
from mtl_flows.science.gates import STORED
from mtl_flows.store.database import MTLStore


@pytest.fixture
def screened(store: MTLStore, server: str) -> MTLStore:
    return fill_screened(store)


def ids(answer: Any) -> list[str]:
    return [row["material_id"] for row in json.loads(answer.out)]


def test_a_delivery_with_bad_files(mtl_here: Mtl, store: MTLStore, server: str, bad: Path) -> None:
    write_cifs(bad, "li3n", "licl")
    first = mtl_here("ingest", bad, "-r", "one", "-j", 0)
    assert first.code == 0, first  # the rest went on
    assert "6 read, 2 new, 4 rejected" in first.out
    for name in REASONS:
        assert f"refused bad/{name}: " in first.err
    assert store.structures.current_ids() == ["icsd-34280.r1", "licl.r1"]
    before = contents(store)
    again = mtl_here("ingest", bad, "-r", "one", "-j", 0, "--json")
    assert json.loads(again.out)["unchanged"] == 2
    assert contents(store) == before

    listed = json.loads(mtl_here("rejection", "list", "--json").out)
    assert {Path(entry["subject"]).name: entry["reason"] for entry in listed} == REASONS
    table = mtl_here("rejection", "list").out
    assert "broken[b].cif" in table
    assert "occupancy_above_one" in table
    story = mtl_here("explain", "bad/overfull.cif")
    assert story.code == 0
    assert "add up to 1.3" in story.out
    by_base_name = json.loads(mtl_here("explain", "overfull.cif", "--json").out)["rejections"]
    assert [r["subject"] for r in by_base_name] == ["bad/overfull.cif"]
    assert json.loads(mtl_here("explain", "licl.cif", "--json").out)["structure"]["structure_id"] == "licl.r1"
    one_reason = json.loads(mtl_here("rejection", "list", "--reason", "unreadable", "--json").out)
    assert [Path(entry["subject"]).name for entry in one_reason] == ["broken[b].cif"]
    assert all(entry["provenance"]["parameters"]["stage"] == "ingest" for entry in listed)
    retried = json.loads(mtl_here("ingest", bad, "-r", "one", "-j", 0, "--retry", "--json").out)
    assert (retried["unchanged"], retried["rejected"]) == (2, 4)
    assert contents(store) == before

    # Another part of the release: what it refuses is told, and not what was refused before.
    (bad.parent / "more").mkdir()
    (bad.parent / "more" / "also-broken.cif").write_text("no crystal")
    more = mtl_here("ingest", bad.parent / "more", bad / "licl.cif", "-r", "one", "-j", 0)
    assert (more.code, more.err.count("refused ")) == (0, 1)
    assert "refused more/also-broken.cif: " in more.err
    (bad.parent / "more" / "also-broken.cif").unlink()

    (bad / "overfull.cif").write_text((bad / "licl.cif").read_text().replace("5.13", "5.23"))
    mtl_here("ingest", bad, "-r", "two", "-j", 0)
    assert len(json.loads(mtl_here("rejection", "list", "--json").out)) == 4
    everything = {
        r["file_stem"]: r for r in json.loads(mtl_here("rejection", "list", "--resolved", "--json").out)
    }
    assert len(everything) == 5
    assert everything["overfull"]["resolved_at"]
    assert everything["also-broken"]["releases"] == ["one"]
    assert "one, two" in mtl_here("rejection", "list").out


def test_filters_set_aside_and_take_back(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    crystals = write_cifs(project / "crystals", "li3n", "li10gep2s12")
    dropped = mtl_here(
        "ingest", crystals, "-r", "one", "-j", 0, "--drop", "disordered, theoretical", "--json"
    )
    assert (json.loads(dropped.out)["new"], json.loads(dropped.out)["rejected"]) == (1, 1)
    (aside,) = json.loads(mtl_here("rejection", "list", "--reason", "set_aside", "--json").out)
    assert aside["subject"].endswith("li10gep2s12.cif")
    assert "disordered" in aside["message"]
    kept = json.loads(mtl_here("ingest", crystals, "-r", "one", "-j", 0, "--json").out)
    assert (kept["new"], kept["rejected"]) == (1, 0)
    assert not list(store.rejections.outstanding())
    unknown = mtl_here("ingest", crystals, "-r", "one", "--drop", "ugly")
    assert (unknown.code, "ugly" in unknown.err) == (4, True)


def test_limits_of_the_flags(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    crystals = write_cifs(project / "crystals", "li3n", "licl")
    file = crystals / "licl.cif"
    file.write_text(file.read_text() + "_refine_ls_R_factor_all 0.07\n")
    limits = project / "limits.yaml"
    limits.write_text("max_r_factor: 0.05\n")

    def poor() -> list[str]:
        return [s.material_id for s in store.structures.find() if s.flags.poor_refinement]

    mtl_here("ingest", crystals, "-r", "one", "-j", 0)
    assert poor() == []
    strict = mtl_here("ingest", crystals, "-r", "one", "-j", 0, "--limits", limits, "--json")
    assert json.loads(strict.out)["unchanged"] == 2
    assert poor() == ["licl"]
    limits.write_text("max_rfactor: 0.05\n")
    wrong = mtl_here("ingest", crystals, "-r", "one", "--limits", limits)
    assert (wrong.code, "max_rfactor" in wrong.err) == (4, True)


def test_deliveries_of_nothing_usable(
    mtl_here: Mtl, store: MTLStore, server: str, bad: Path, project: Path
) -> None:
    refused = mtl_here("ingest", bad, "-r", "one", "-j", 0)
    assert (refused.code, store.structures.count()) == (1, 0)
    (project / "empty").mkdir()
    for wrong, told in (("empty", "no structure file"), ("nowhere", "no such file or folder")):
        answer = mtl_here("ingest", project / wrong, "-r", "two")
        assert answer.code == 1
        assert f"{wrong}: " in answer.err
        assert told in answer.err
    unnamed = mtl_here("ingest", bad, "-r", " ")
    assert (unnamed.code, "release" in unnamed.err) == (4, True)
    assert mtl_here("ingest", bad).code == 2  # without a release
    assert mtl_here("screen", "-j", 0).code == 0  # nothing to do is no failure


def test_screening_from_the_command_line(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    crystals = write_cifs(project / "crystals", "li3n", "li3ocl", "li3obr", "licl", "li7sbo6")
    mtl_here("ingest", crystals, "-r", "one", "-j", 0)
    (project / "labels.csv").write_text("id,known_conductor\nLi3OCl,true\n")
    assert "1 new" in mtl_here("label", "labels.csv").out
    answer = mtl_here("screen", "-j", 0, "--batch", 3)
    assert answer.code == 0, answer
    assert "5 structures to compute, 0 are there already" in answer.err
    assert "10/10 landscapes done" in answer.err
    assert "unique materials" in answer.out
    before = contents(store)
    again = mtl_here("screen", "-j", 0, "--json")
    assert "nothing to do, 5 structures are screened" in again.err
    assert json.loads(again.out)["materials"] == {"published": 5, "text": 5}
    assert contents(store) == before
    assert "li3obr" in ids(mtl_here("query", "--survivors", "--protocol", "any", "--json"))

    # A label of what no gate let through changes one row of the table and needs no job.
    (project / "labels.csv").write_text("id,known_conductor,conductivity_S_per_cm\nlicl,false,1e-9\n")
    mtl_here("label", "labels.csv")
    assert "candidate table: 1 rows brought up to date" in mtl_here("screen", "-j", 0).err
    assert store.candidates.get("licl").conductivity_measured_S_per_cm == 1e-9
    wrong = mtl_here("label", "nothing.csv")
    assert (wrong.code, "nothing.csv" in wrong.err) == (4, True)

    later = write_cifs(project / "later", "li2o")
    mtl_here("ingest", later, "-r", "two", "-j", 0)
    submitted = mtl_here("screen", "-j", 0, "--submit-only")
    assert "1 structures to compute, 5 are there already" in submitted.err
    assert store.topology.count() == 5
    worked = mtl_here("worker", "--max-jobs", 1)
    assert "1 jobs completed, 0 failed" in worked.out
    state = json.loads(mtl_here("status", "--json").out)
    assert state["workflows"][0]["states"] == {"COMPLETED": 1, "READY": 4, "WAITING": 2}
    assert mtl_here("worker").code == 0
    assert store.topology.count() == 6
    assert json.loads(mtl_here("recover", "--json").out)["returned"] == 0

    # What is drawn is left to workers, too.
    drawn = store.landscapes.count()
    store.landscapes.raw.delete_many({})
    assert "workflow 'landscapes' added" in mtl_here("screen", "--submit-only").err
    assert store.landscapes.count() == 0
    assert mtl_here("worker").code == 0
    assert store.landscapes.count() == drawn > 0
    assert "landscapes" not in mtl_here("screen", "--submit-only").err


def test_queries(mtl_here: Mtl, screened: MTLStore) -> None:
    everything = json.loads(mtl_here("query", "--json", "--with-dropped").out)
    assert len(everything) == len(SCREENED)
    assert everything == sorted(everything, key=lambda row: (-(row["priority"] or -99), row["_id"]))
    survivors = mtl_here("query", "--survivors", "--protocol", "published", "--json")
    assert "li10gep2s12" in ids(survivors)
    assert set(ids(mtl_here("query", "--known", "--json"))) == set(KNOWN)
    assert ids(mtl_here("query", "--system", "S-P-Li", "--json")) == ids(
        mtl_here("query", "--elements", "P,S", "--without", "Ge, Sn", "--json")
    )
    assert set(ids(mtl_here("query", "--max", "r_connected=2.6", "--json"))) == {
        c.material_id for c in screened.candidates.find() if c.r_connected_A <= 2.6
    }
    rows = list(csv.DictReader(io.StringIO(mtl_here("query", "--csv", "--with-dropped").out)))
    assert [row["material_id"] for row in rows] == [row["material_id"] for row in everything]
    assert rows[0]["elements"] == " ".join(everything[0]["elements"])
    some = mtl_here("query", "--limit", 2)
    assert f"2 of {len(SCREENED)} shown" in some.err
    assert everything[0]["material_id"] in some.out
    assert everything[2]["material_id"] not in some.out
    unknown = mtl_here("query", "--survivors", "--protocol", "both")
    assert (unknown.code, "'both'" in unknown.err) == (2, True)


def test_a_field_that_is_asked_for_has_its_column(mtl_here: Mtl, screened: MTLStore) -> None:
    table = mtl_here("query", "--min", "v2=0.5", "--min", "r_connected=0").out
    assert "v2_A" in table
    assert "r_connected_A" not in table  # it has one under its heading
    assert "v2_A" not in mtl_here("query").out


def test_exports_hold_all_that_is_asked(mtl_here: Mtl, screened: MTLStore, project: Path) -> None:
    plain = mtl_here("query", "--json")
    dropped = [c for c in screened.candidates.find() if not c.survives and not c.pending]
    assert 0 < len(dropped) < len(SCREENED)
    assert not set(ids(plain)) & {c.material_id for c in dropped}
    assert f"{len(dropped)} materials that a gate dropped are left out; --with-dropped" in plain.err
    assert set(ids(mtl_here("query", "--dropped", "--json"))) == {c.material_id for c in dropped}
    assert set(ids(mtl_here("query", "--kept", "--json"))) == set(ids(plain))
    assert len(ids(mtl_here("query", "--elements", "Li", "--json"))) == len(SCREENED)
    assert len(ids(mtl_here("query", "--elements", "Li", "--json", "-n", 3))) == 3
    written = mtl_here("query", "--elements", "Li", "--csv", "-o", "all.csv")
    assert (written.code, written.out) == (0, "")
    with (project / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SCREENED)
    assert {row["diffusivities"] for row in rows} == {""}
    assert mtl_here("query", "--csv", "-o", "nowhere/all.csv").code == 4
    assert mtl_here("query", "--csv", "--json").code == 4
    assert mtl_here("query", "--cif").code == 4


def test_an_empty_answer_says_why(mtl_here: Mtl, screened: MTLStore) -> None:
    none = mtl_here("query", "--elements", "Xe", "--known", "--json")
    assert (none.code, none.out.strip()) == (0, "[]")
    assert f"none of {len(SCREENED)} rows meets all" in none.err
    assert f"elements Xe: 0, is known conductor True: {len(KNOWN)}" in none.err
    screened.releases.begin("2025.1", "")
    for wrong, told in (
        (("--release", "2025.2"), "no release '2025.2' (did you mean 2025.1? there is 2025.1)"),
        (("--cluster", "c999"), "no cluster 'c999' in the screening 'Li' (there are c001"),
        (("--elements", "Li,Xx"), "no element 'Xx'"),
        (("--formula", "Li3+Q"), "no formula"),
        (("--passes", "chemsitry"), "no gate 'chemsitry' (did you mean chemistry?"),
    ):
        answer = mtl_here("query", *wrong)
        assert answer.code in (4, 5), answer
        assert told in answer.err
    assert mtl_here("query", "--status", "fited").code == 2
    for command in (
        ("cluster", "show", "texts"),
        ("release", "close", "x"),
        ("campaign", "status", "spring"),
    ):
        answer = mtl_here(*command)
        assert (answer.code, answer.err.count("(")) == (5, 2), answer
    assert "did you mean text" in mtl_here("cluster", "show", "texts").err
    assert "nothing was refused" in mtl_here("rejection", "list").err
    assert mtl_here("rejection", "list", "--reason", "unreadable").code == 5


def test_the_story_of_a_material(mtl_here: Mtl, screened: MTLStore) -> None:
    story = json.loads(mtl_here("explain", "li10gep2s12", "--json").out)
    assert {gate["outcome"] for gate in story["gates"]} == {"pass"}
    assert {gate["gate"] for gate in story["gates"]} == {gate.key for gate in STORED}
    assert [rule["rule"] for rule in story["rules"]] == [rule.id for rule in RULES]
    assert all(rule["passed"] and rule["reason"] for rule in story["rules"])
    assert {cluster["protocol"] for cluster in story["clusters"]} == {"published", "text"}
    assert story["pending"] == ["dynamics"]
    assert story["known_conductor"]
    assert all(rule["evidence"] for rule in story["rules"])
    assert {"value", "threshold", "rule", "outcome"} <= story["gates"][0].keys()
    made_of = story["ranking"]
    assert made_of["priority"] == pytest.approx(np.log(made_of["v3_over_d3"]) - made_of["E_3D_eV"] / 0.5)
    assert "= ln v3/d3" in mtl_here("explain", "li10gep2s12", "--full").out
    screen = mtl_here("explain", "li10gep2s12").out.splitlines()
    assert len(screen) <= 15
    assert "Next: mtl launch li10gep2s12" in screen
    assert sum("passed every gate" in line for line in screen) == 2
    stages = [origin["stage"] for origin in story["provenance"]]
    assert stages == [
        "ingest",
        "barcodes",
        "topology",
        "barrier",
        "chemistry",
        "clustering, published",
        "clustering, text",
    ]
    told = mtl_here("explain", "licoo2", "--full").out
    assert "transition_metal" in told
    assert "rho_cycles" in told
    assert "giotto-ph" not in told
    assert "giotto-ph" in mtl_here("explain", "licoo2", "--provenance").out
    dropped = mtl_here("explain", "licoo2").out
    assert "dropped at prescreen: 0, asked rho_cycles > 0" in dropped
    assert "Next: nothing, it was dropped" in dropped
    nobody = mtl_here("explain", "nobody")
    assert (nobody.code, "nobody" in nobody.err) == (5, True)
    bare = mtl_here("explain")
    assert bare.code == 2


def test_status_tells_what_failed(mtl_here: Mtl, screened: MTLStore) -> None:
    """An engine that breaks: the job is reported, the command fails, the status names the error."""
    launched = mtl_here("launch", "licl", "--engine", "toy_engines.NoSuchEngine")
    assert launched.code == 0, launched
    assert "workflow 'dynamics licl' added" in launched.err
    again = mtl_here("launch", "licl", "--engine", "toy_engines.NoSuchEngine")
    assert "existing" in again.err
    worked = mtl_here("worker", "--kind", "heavy")
    assert worked.code == 6
    assert "failed" in worked.err
    told = mtl_here("status", "--errors")
    assert "NoSuchEngine" in told.out
    state = json.loads(mtl_here("status", "--json").out)
    assert state["workflows"][0]["name"] == "dynamics licl"
    assert "NoSuchEngine" in state["failures"][0]["error"]
    assert mtl_here("launch", "nobody").code == 5
    for wrong in (("--engine", "nonsense"), ("--temperatures", "hot"), ("--production-ps", "1")):
        assert mtl_here("launch", "licl", *wrong).code == 4
