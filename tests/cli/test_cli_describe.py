"""`mtl describe`: numbers of good files, reasons for bad ones, no database."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_answers import REASONS, Mtl
from samples import crystal, write_cifs

from mtl_flows.science.topology import FEATURE_NAMES, TopologyParameters, compute_topology


@pytest.fixture
def good(project: Path) -> Path:
    return write_cifs(project / "good", "li3n", "li2o")


def test_good_and_bad_files_side_by_side(mtl: Mtl, good: Path, bad: Path) -> None:
    files = [good / "li3n.cif", *sorted(bad.iterdir()), bad / "missing.cif", good / "li2o.cif"]
    answer = mtl("describe", *files, "--json")
    assert answer.code == 1, answer
    entries: list[dict[str, Any]] = json.loads(answer.out)
    assert [entry["file"] for entry in entries] == [str(file) for file in files]
    refused = {Path(entry["file"]).name: entry for entry in entries[1:-1]}
    assert {name: entry["reason"] for name, entry in refused.items()} == {
        **REASONS,
        "missing.cif": "unreadable",
    }
    assert all(entry["message"] and entry["remedy"] for entry in refused.values())
    for entry, slug in ((entries[0], "li3n"), (entries[-1], "li2o")):
        expected = compute_topology(crystal(slug), "Li", TopologyParameters())
        assert entry["r_connected_A"] == pytest.approx(expected.r_connected_A, abs=1e-4)
        assert entry["rho_cycles"] == pytest.approx(dict(expected.rho_cycles))
        assert entry["v3_A"] == pytest.approx(expected.v_A[2], abs=1e-3)
        assert {p: list(f) for p, f in entry["features"].items()} == {
            p: list(names) for p, names in FEATURE_NAMES.items()
        }
        assert sum(orbit["multiplicity"] for orbit in entry["orbits"]) == entry["n_mobile"]
    assert not (good.parent / ".mtl").exists()


def test_people_get_tables_and_refusals_apart(mtl_here: Mtl, good: Path, bad: Path) -> None:
    answer = mtl_here("describe", good / "li3n.cif", bad / "broken[b].cif", "-j", 0)
    assert answer.code == 1
    assert "Li3N" in answer.out
    assert "framework_h1_persistence_mean_A" in answer.out
    assert "broken" not in answer.out
    assert f"refused {bad}/broken[b].cif: no data block: this is no CIF (check the file)" in answer.err
    several = mtl_here("describe", *sorted(good.iterdir()), "-j", 0, "--no-extended")
    assert (several.code, "--json" in several.out) == (0, True)


def test_a_folder_is_no_file(mtl_here: Mtl, good: Path) -> None:
    answer = mtl_here("describe", good, "-j", 0)
    assert answer.code == 1
    assert f"name the files in it, such as {good}/*.cif" in answer.err


def test_values_that_do_not_exist_are_null(mtl_here: Mtl, project: Path) -> None:
    """Without a framework any sphere passes: JSON has no infinity."""
    metal = write_cifs(project, "licl") / "licl.cif"
    text = metal.read_text().replace("Cl1 Cl", "Li2 Li").replace("'Li1 Cl1'", "'Li2'")
    metal.write_text(text.replace("'Li4 Cl4'", "'Li8'"))
    answer = mtl_here("describe", metal, "-j", 0, "--json")
    (entry,) = json.loads(answer.out)
    assert entry["v3_A"] is None
    assert entry["d3_A"] > 0


@pytest.mark.parametrize(
    "arguments", [(), ("x.cif", "--cutoff", "-1"), ("x.cif", "--workers", "many"), ("x.cif", "--unknown")]
)
def test_wrong_usage_has_its_own_exit_code(mtl_here: Mtl, arguments: tuple[str, ...]) -> None:
    answer = mtl_here("describe", *arguments)
    assert answer.code == 2
    assert "Usage" in answer.out + answer.err
