"""`mtl fetch`, and `mtl ingest` of what it wrote."""

import json
from pathlib import Path

import pytest
import yaml
from cli_answers import Mtl
from samples import write_cifs


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A copy of the COD with two of its numbers."""
    made = tmp_path / "a mirror"
    files = sorted(write_cifs(tmp_path / "cifs", "licl", "li3ocl").iterdir())
    made.mkdir()
    for number, file in zip(("1000001", "1000002"), files, strict=True):
        (made / f"{number}.cif").write_text(file.read_text())
    return made


def test_a_fetched_folder_knows_its_release(mtl_here: Mtl, server: str, project: Path, mirror: Path) -> None:
    fetched = mtl_here(
        "fetch",
        "cod",
        "--ids",
        "1000001,1000002,1000003",
        "--mirror",
        mirror,
        "-r",
        "COD 2026",
        "-o",
        "got it",
    )
    assert fetched.code == 0, fetched.err
    assert fetched.out.startswith("2 structures, 1 left out")
    assert "left out 1000003: the mirror has no such file" in fetched.err
    told = yaml.safe_load((project / "got it" / "manifest.yaml").read_text())
    assert (told["origin"]["source"], told["origin"]["licence"], told["complete"]) == ("cod", "CC0-1.0", True)

    taken = mtl_here("ingest", "got it", "--workers", 0)
    assert taken.code == 0, taken.err
    assert "2 files, 2 read, 2 new" in taken.out
    releases = json.loads(mtl_here("release", "list", "--json").out)
    assert [(one["name"], one["source"]) for one in releases] == [("COD 2026", "cod")]
    assert releases[0]["date"].startswith(str(told["fetched_on"]))


def test_a_folder_that_lacks_something_is_not_taken(
    mtl_here: Mtl, server: str, project: Path, mirror: Path
) -> None:
    mtl_here("fetch", "cod", "--ids", "1000001", "--mirror", mirror, "-r", "COD 2026", "-o", "part")
    manifest = project / "part" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("complete: true", "complete: false"))
    refused = mtl_here("ingest", "part", "--workers", 0)
    assert refused.code == 4
    assert "was not fetched to its end (run the same mtl fetch again" in refused.err
    other = mtl_here("fetch", "cod", "--ids", "1000002", "--mirror", mirror, "-r", "COD 2026", "-o", "part")
    assert (other.code, "another query" in other.err) == (4, True)
    assert (
        mtl_here("fetch", "cod", "--ids", "1000001", "--mirror", mirror, "-r", "COD 2026", "-o", "part").code
        == 0
    )
    assert mtl_here("ingest", "part", "--workers", 0).code == 0


def test_what_lacks_is_asked_for(mtl_here: Mtl, server: str, project: Path) -> None:
    assert mtl_here("ingest", project, "--workers", 0).code == 2
    assert mtl_here("fetch", "cod", "-r", "x", "-o", "x").code == 2
    assert mtl_here("fetch", "materials-project", "-r", "x", "-o", "x").code == 2
    keyless = mtl_here("fetch", "icsd", "composition : Li", "-r", "x", "-o", "x")
    assert (keyless.code, "MTL_ICSD_LOGIN" in keyless.err) == (4, True)
    (project / "mtl.yaml").write_text("materials_project_api_key: short\n")
    wrong = mtl_here("fetch", "materials-project", "--chemsys", "Li-Cl", "-r", "x", "-o", "mp")
    assert (wrong.code, "is not a valid API key" in wrong.err, "short" in wrong.err) == (4, True, False)
