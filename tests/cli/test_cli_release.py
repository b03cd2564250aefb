"""`mtl release`: what a delivery changed, from its files to the candidates."""

import json
import re
from pathlib import Path

from cli_answers import Mtl
from samples import label_known, screen, write_cifs

from mtl_flows.store.database import MTLStore


def test_a_release_in_parts_from_the_command_line(
    mtl_here: Mtl, store: MTLStore, server: str, project: Path
) -> None:
    whole = write_cifs(project / "whole", "licl", "li2o", "li3ocl")
    assert mtl_here("ingest", whole, "-r", "one", "--source", "lab", "-j", 0).code == 0
    part = write_cifs(project / "part", "licl", "li3n")
    tried = mtl_here("ingest", part, "-r", "two", "--source", "lab", "--complete", "--dry-run", "-j", 0)
    assert "dry run of ingest: 2 files, 2 read, 1 new, 1 unchanged, 2 withdrawn" in tried.out
    assert store.releases.order() == ["one"]
    mtl_here("ingest", part, "-r", "two", "--source", "lab", "-j", 0)
    assert store.structures.count({"withdrawn": True}) == 0
    for _ in range(2):
        found = json.loads(mtl_here("release", "close", "two", "--dry-run", "--json").out)
        assert found["withdrawn"] == ["icsd-22402@lab", "li3ocl@lab"]
    assert "withdrawn" in mtl_here("release", "close", "two").out
    assert store.structures.count({"withdrawn": True}) == 2
    late = mtl_here("ingest", whole, "-r", "zero", "--source", "lab", "--date", "2020-01-01", "-j", 0)
    assert late.code == 0
    assert [r["name"] for r in json.loads(mtl_here("release", "list", "--json").out)] == [
        "zero",
        "one",
        "two",
    ]
    assert "2020-01-01" in mtl_here("release", "list").out
    for options, left in ((["--dry-run"], 3), ([], 2)):
        found = json.loads(mtl_here("release", "remove", "two", "--json", *options).out)
        assert found["back"] == ["icsd-22402@lab", "li3ocl@lab"]
        assert len(store.releases.order()) == left
    assert len(store.structures.current_ids()) == 3
    assert mtl_here("release", "remove", "two").code == 5
    assert mtl_here("ingest", whole, "-r", "one", "--source", "COD", "-j", 0).code == 4


def test_what_a_release_changed(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    slugs = ("li10gep2s12", "li7p3s11", "li10snp2s12", "li3ocl", "licl", "li3n")
    crystals = write_cifs(project / "crystals", *slugs)
    label_known(store, "li10gep2s12", "li7p3s11")
    mtl_here("ingest", crystals, "-r", "one", "--complete", "-j", 0)
    screen(store, store.structures.current_ids())
    text = (crystals / "li10gep2s12.cif").read_text()
    swollen = re.sub(r"(?m)^(_cell_length_. +)([0-9.]+)", lambda m: f"{m[1]}{2.5 * float(m[2])}", text)
    (crystals / "li10gep2s12.cif").write_text(swollen)
    (crystals / "licl.cif").unlink()
    write_cifs(crystals, "li2o")
    mtl_here("ingest", crystals, "-r", "two", "--complete", "-j", 0)
    screen(store, store.structures.current_ids())

    listed = json.loads(mtl_here("release", "list", "--json").out)
    assert [(r["name"], r["complete"], r["materials"]) for r in listed] == [
        ("one", True, 6),
        ("two", True, 6),
    ]
    # Delivered again, nothing is new, and what was new the first time is still told.
    mtl_here("ingest", crystals, "-r", "two", "--complete", "-j", 0)
    listed = json.loads(mtl_here("release", "list", "--json").out)
    assert [[i["counts"]["new"] for i in r["ingests"]] for r in listed] == [[6], [1, 0]]
    assert " new " in mtl_here("release", "list").out
    found = json.loads(mtl_here("release", "diff", "one", "two", "--json").out)
    kinds = {change["material_id"]: change["kind"] for change in found["changes"]}
    assert kinds == {"li10gep2s12": "refined", "licl": "withdrawn", "icsd-22402": "new"}
    assert found["unchanged"] == 4
    swelling = next(c for c in found["changes"] if c["kind"] == "refined")
    assert swelling["cell_A"] > 10
    effects = {(e["material_id"], e["protocol"]): e for e in found["effects"]}
    lost = effects["li10gep2s12", "text"]
    assert (lost["before"], lost["after"], lost["change"]) == ("survives", "fails", "refined")
    assert "must be r_connected < 5 Å" in lost["reason"]
    assert effects["licl", "text"]["after"] == "absent"
    told = mtl_here("release", "diff", "one", "two").out
    assert "withdrawn" in told
    assert "refined: atoms moved" in told
    filtered = json.loads(mtl_here("release", "diff", "one", "two", "--moved-over", "1", "--json").out)
    assert [c["material_id"] for c in filtered["changes"]] == ["li10gep2s12"]
    assert {e["material_id"] for e in filtered["effects"]} == {"li10gep2s12"}
    limited = mtl_here("release", "diff", "one", "two", "--kind", "withdrawn", "--limit", "1")
    assert "refined" not in limited.out
    assert "1 of 2 shown" in limited.err
    assert mtl_here("release", "diff", "one", "two", "--kind", "else").code == 2
    reverse = json.loads(mtl_here("release", "diff", "two", "one", "--json").out)
    kinds = {change["material_id"]: change["kind"] for change in reverse["changes"]}
    assert kinds == {"li10gep2s12": "refined", "licl": "new", "icsd-22402": "withdrawn"}
    assert mtl_here("release", "diff", "one", "three").code == 5
    assert mtl_here("release", "diff", "one", "one").code == 4


def test_lithium_then_sodium_then_lithium(mtl_here: Mtl, store: MTLStore, server: str, project: Path) -> None:
    folder = write_cifs(project / "mixed", "licl", "li3ocl")
    (folder / "nacl.cif").write_text((folder / "licl.cif").read_text().replace("Li1 Li", "Na1 Na"))
    mtl_here("ingest", folder, "-r", "one", "-j", 0)
    mtl_here("screen", "-j", 1)
    rows = list(store.candidates.raw.find({"screening": "Li"}, sort=[("_id", 1)]))
    assert len(rows) == 2
    mtl_here("ingest", folder, "-r", "one", "-m", "Na", "-j", 0)
    assert sorted(d.material_id for d in store.structures.current()) == ["li3ocl", "licl", "nacl"]
    assert "refused at ingest" not in mtl_here("screen", "-m", "Na", "-j", 0).err
    assert [d["material_id"] for d in store.candidates.raw.find({"screening": "Na"})] == ["nacl"]
    assert mtl_here("ingest", folder, "-r", "one", "-m", "Li", "-j", 0).code == 0
    mtl_here("screen", "-j", 0)
    assert list(store.candidates.raw.find({"screening": "Li"}, sort=[("_id", 1)])) == rows


def test_what_was_refused_for_lack_of_another_ion_is_said(
    mtl_here: Mtl, store: MTLStore, server: str, project: Path
) -> None:
    folder = write_cifs(project / "mixed", "licl")
    text = (folder / "licl.cif").read_text()
    (folder / "both.cif").write_text(text.replace("Cl1 Cl", "Na1 Na"))
    (folder / "nacl.cif").write_text(text.replace("Li1 Li", "Na1 Na"))
    mtl_here("ingest", folder, "-r", "one", "-j", 0)
    assert "1 structures hold Na" in mtl_here("screen", "-m", "Na", "-j", 0).err
    (project / "mtl.yaml").write_text("mobile_ions: Li, Na\n")
    told = json.loads(mtl_here("ingest", folder, "-r", "one", "--json", "-j", 0).out)
    assert (told["new"], told["unchanged"], told["rejected"]) == (1, 2, 0)
    assert "structures hold Na" not in mtl_here("screen", "-m", "Na", "-j", 0).err
    assert mtl_here("ingest", folder, "-r", "one", "-m", "Xx", "-j", 0).code == 4
