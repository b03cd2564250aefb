"""Windows, verdicts and the candidate table from the command line."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from cli_answers import Mtl
from monty.serialization import dumpfn
from pymatgen.core import Structure
from pymatgen.entries.computed_entries import ComputedEntry
from samples import SCREENED, fill_screened

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# Standard enthalpies of formation (kJ/mol); a formula unit in eV is the value over 96.485.
ENTHALPIES = {"Li2O": -597.9, "Li3PO4": -2095.8, "Li4P2O7": -3383.4, "Li3P": -349.0}


@pytest.fixture
def entries(project: Path) -> Path:
    path = project / "Li-O-P.json"
    elements = [ComputedEntry(symbol, 0.0, entry_id=symbol) for symbol in ("Li", "O2", "P")]
    dumpfn([*elements, *(ComputedEntry(f, h / 96.485, entry_id=f) for f, h in ENTHALPIES.items())], path)
    return path


def test_window_of_a_file_needs_no_database(mtl_here: Mtl, entries: Path, project: Path) -> None:
    answer = mtl_here("window", "Li3PO4", "Na3PO4", "LiCl", "x!", "--entries", entries, "--json")
    assert answer.code == 0
    phosphate, sodium, chloride, nonsense = json.loads(answer.out)
    # Reduction: 8 Li + Li3PO4 -> Li3P + 4 Li2O; oxidation: 2 Li3PO4 -> Li4P2O7 + O2/2 + 2 Li.
    low = -(ENTHALPIES["Li3P"] + 4 * ENTHALPIES["Li2O"] - ENTHALPIES["Li3PO4"]) / 96.485 / 8
    high = (ENTHALPIES["Li4P2O7"] - 2 * ENTHALPIES["Li3PO4"]) / 96.485 / 2
    assert (phosphate["low_V"], phosphate["high_V"]) == pytest.approx((low, high))
    assert (phosphate["stability"], phosphate["e_above_hull_eV_per_atom"]) == ("stable", 0.0)
    assert phosphate["reduction_products"] == pytest.approx({"Li3P": 1.0, "Li2O": 4.0})
    assert phosphate["oxidation_products"] == pytest.approx({"Li4P2O7": 0.5, "O2": 0.25})
    assert [step["voltage_V"] for step in phosphate["voltage_profile"]][:3] == pytest.approx([0.0, low, high])
    assert len(phosphate["origin"]["file_sha256"]) == 64
    assert (sodium["status"], sodium["reason"]) == ("refused", "no_mobile_ion")
    assert (chloride["status"], chloride["missing"], chloride["width_V"]) == ("unknown", ["Cl"], None)
    assert nonsense["reason"] == "unreadable"
    assert not (project / ".mtl").exists()
    told = mtl_here("window", "Li3PO4", "--entries", entries)
    assert "3.353 V wide" in told.out
    assert "hull: 3 of 3 elements, 2 binaries and 2 higher compounds of Li-O-P" in told.out
    assert mtl_here("window", "Na3PO4", "--entries", entries).code == 1


def test_two_origins_are_refused(mtl_here: Mtl, entries: Path, server: str) -> None:
    answer = mtl_here("window", "Li3PO4", "--entries", entries, "--provider", "potential")
    assert answer.code == 4
    assert "different origin do not share a hull" in answer.err
    assert mtl_here("window", "Li3PO4", "--entries", entries, "--corrections", "none").code == 2


def test_no_key_says_which_variable(mtl_here: Mtl, server: str) -> None:
    answer = mtl_here("window", "LiCl", "--provider", "materials_project", MP_API_KEY="")
    assert answer.code == 4
    assert "MP_API_KEY" in answer.err


def test_the_articles_table_selects_its_fourteen(mtl_here: Mtl, project: Path) -> None:
    rows = json.loads(mtl_here("verdict", "--published", "--json").out)
    passed = [row["id"] for row in rows if row["outcome"] == "pass"]
    assert len(passed) == 14
    assert all(row_id.startswith("icsd-") for row_id in passed)
    outcomes = {row["id"]: row["outcome"] for row in rows if not row["id"].startswith("icsd-")}
    assert [name for name, outcome in outcomes.items() if outcome == "fail"] == [
        *("li10gep2s12", "li7p3s11"),
        "li6ps5cl",
    ]
    # With 0.2 V to each window two straddle 0.5 V: K2Li14Pb3O14 (0.553) and Li10N3Br (0.530).
    doubted = json.loads(mtl_here("verdict", "--published", "--window-uncertainty", "0.2", "--json").out)
    assert sum(row["outcome"] == "pass" for row in doubted) == 12
    undecided = {r["id"] for r in doubted if r["outcome"] == "undecided" and r["id"].startswith("icsd-")}
    assert undecided == {"icsd-35250", "icsd-78819"}
    table = project / "t.csv"
    table.write_text(
        "icsd_id,composition,activation_energy_eV,activation_energy_eV_error,electrochemical_window_V\n"
        "1,LiA,0.5,0.1,2\n2,LiB,0.95,0.1,2\n3,LiC,,,0.2\n4,LiD,0.05,0.001,\n"
    )
    answer = mtl_here("verdict", "--table", table)
    assert "1 pass, 2 fail, 1 undecided" in answer.out
    assert "2 would be decided by activation_energy_eV" in answer.out
    assert "2 pass, 2 fail, 0 undecided" in mtl_here("verdict", "--table", table, "--max-ea", "2").out
    table.write_text("a,b\n1,2\n")
    assert mtl_here("verdict", "--table", table).code == 4


def test_candidates_are_ranked_filtered_and_exported(
    mtl_here: Mtl, server: str, address: Connection, entries: Path, project: Path
) -> None:
    with MTLStore.connect(address) as store:
        fill_screened(store)
    dumpfn([ComputedEntry("Li", 0), ComputedEntry("N2", 0), ComputedEntry("Li3N", -1.71)], project / "n.json")
    stored = mtl_here("stability", "icsd-34280", "licl", "--entries", "n.json")
    assert stored.code == 0, stored
    assert "0.00 … 0.57" in stored.out
    assert "hull of 2 of 2 elements" in stored.err
    launched = mtl_here("launch", "icsd-34280", "--entries", "n.json")
    assert launched.code == 0, launched
    with MTLStore.connect(address) as store:
        jobs = json.dumps(list(store.database["fireworks"].find()), default=str)
    assert '"provider": "file"' in jobs
    rows = json.loads(mtl_here("query", "--by", "window", "--json", "--with-dropped").out)
    assert len(rows) == len(SCREENED)
    assert rows[0]["material_id"] == "icsd-34280"
    assert rows[0]["evidence"] == "mtl explain icsd-34280"
    priorities = [row["priority"] for row in rows[1:] if row["window_width_V"] is None]
    assert priorities == sorted(priorities, reverse=True)
    survivors = mtl_here("query", "--survivors", "--csv").out
    listed = list(csv.DictReader(io.StringIO(survivors)))
    assert {row["survives_published"] for row in listed} | {row["survives_text"] for row in listed} >= {
        "True"
    }
    assert 0 < len(listed) < len(SCREENED)
    assert mtl_here("query", "--by", "beauty").code == 2
    assert mtl_here("query", "--cif", "-o", "all.zip", "--with-dropped", "--rebuild").code == 0
    first = (project / "all.zip").read_bytes()
    mtl_here("query", "--cif", "-o", "all.zip", "--with-dropped")
    assert (project / "all.zip").read_bytes() == first
    with zipfile.ZipFile(project / "all.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert len(manifest) == len(SCREENED) == len(archive.namelist()) - 2
        disordered = next(entry for entry in manifest if entry["material_id"] == "li10gep2s12")
        assert not disordered["ordered"]
        text = archive.read(disordered["file"]).decode()
    read = Structure.from_str(text, fmt="cif")
    with MTLStore.connect(address) as store:
        original = store.structure("li10gep2s12.r1")
    assert read.composition.almost_equals(original.composition, rtol=1e-3)
    assert len(read) == len(original)
