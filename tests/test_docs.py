"""The documentation says what is true: its examples run, its generated page is current, its links lead somewhere."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster
from samples import SCREENED, fill_screened
from toy_walk import simulate_walk

from mtl_flows.report.fields import fields_page
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

ROOT = Path(__file__).parent.parent
MADE = {"commands.md"}  # while the documentation is built, by docs/generated.py
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]
SESSION = ROOT / "docs" / "howto" / "notebook.md"
BLOCKS = [
    pytest.param(page, match.group(1), id=f"{page.name}-{number}")
    for page in PAGES
    if page != SESSION
    for number, match in enumerate(
        re.finditer(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.tutorial
@pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager
@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_python_examples_run(
    page: Path,
    code: str,
    address: Connection,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (project / ".mtl").mkdir()
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)  # an embedded server for each would be made of indexes
    exec(compile(code, str(page), "exec"), {"__name__": "example"})
    assert capsys.readouterr().err == ""


@pytest.mark.tutorial
@pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager
def test_the_notebook_runs_from_top_to_bottom(
    store: MTLStore, address: Connection, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session, on a project that was screened and whose LiCl was simulated."""
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    fill_screened(store)
    simulate_walk(store, "licl")
    session: dict[str, Any] = {"__name__": "notebook"}
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", SESSION.read_text(encoding="utf-8"), re.DOTALL)
    ):
        exec(compile(code, f"{SESSION.name}, block {number}", "exec"), session)
    made_eV = 0.3
    fitted = session["arrhenius"].fit
    assert abs(fitted.activation_energy_eV - made_eV) < 4 * fitted.activation_energy_error_eV
    assert sorted(session["D"]) == [800.0, 1000.0, 1200.0]
    assert len(session["displacement"]) > 10
    assert session["frames"].positions_A.shape[2] == 3
    assert session["best"] in SCREENED


def shortened(command: str) -> str:
    """The same command with simulations a fiftieth as long."""
    return re.sub(
        r"(--(?:heat|production|budget|discard|chunk)-ps) ([\d.]+)",
        lambda option: f"{option[1]} {float(option[2]) / 50:g}",
        command,
    )


TUTORIAL = ROOT / "docs" / "tutorial"
CONSOLES = {
    page: blocks
    for page in PAGES
    if (blocks := re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
}


@pytest.mark.tutorial
@pytest.mark.parametrize("page", CONSOLES, ids=lambda page: page.name)
def test_commands_answer_as_shown(
    page: Path, address: Connection, project: Path, cluster: FakeCluster
) -> None:
    """Of each command's answer every line that is shown has to be there, blanks and frames aside, in that order.

    What a page gives to a queue stays there: it shows what a node does itself.
    """
    lines = "".join(CONSOLES[page]).splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
    variables = cluster.variables() | {
        "MTL_MONGO_URI": address.uri,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    }
    for start, end in pairwise([*starts, len(lines)]):
        command = f'mtl() {{ "{sys.executable}" -m mtl_flows "$@"; }}; {shortened(lines[start][2:])}'
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=project,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        answer = " ".join(re.sub(r"[^\w\s.,:;@\"`()/'+-]", " ", ended.stdout).split())
        position = 0
        for shown in lines[start + 1 : end]:
            position = answer.find(" ".join(shown.split()), position)
            assert position >= 0, f"{lines[start]}\n{shown!r} is not in\n{ended.stdout}"
        assert ended.returncode == 0, f"{lines[start]}\n{ended.stdout}"


@pytest.mark.tutorial
@pytest.mark.filterwarnings("default")  # of what a kernel needs
def test_the_discovery_runs_from_top_to_bottom(tmp_path: Path) -> None:
    import nbclient  # slow to import, and of one test alone
    import nbformat

    told = nbformat.read(TUTORIAL / "one_discovery.ipynb", as_version=4)
    lengths = next(cell for cell in told.cells if "parameters" in cell.metadata.get("tags", []))
    lengths.source, changed = re.subn(
        r"^HEAT_PS.*$",
        "HEAT_PS, PRODUCTION_PS, DISCARD_PS, CHUNK_PS = 0.02, 0.04, 0.01, 0.02",
        lengths.source,
        flags=re.MULTILINE,
    )
    assert changed == 1
    nbclient.NotebookClient(told, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()


def test_the_discovery_keeps_its_outputs() -> None:
    told = json.loads((TUTORIAL / "one_discovery.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in told["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    shown = [output for cell in code for output in cell["outputs"]]
    assert not [
        output for output in shown if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 5


def test_the_page_of_fields_is_current() -> None:
    stored = (ROOT / "docs" / "reference" / "fields.md").read_text(encoding="utf-8")
    assert stored.rstrip() == fields_page().rstrip(), (
        "run python -m mtl_flows.report.fields > docs/reference/fields.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [
        target for target in targets if not (page.parent / target).exists() and Path(target).name not in MADE
    ]
    assert missing == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert {name for name in pages if f": {name}" not in navigation} == set()
