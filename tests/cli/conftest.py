"""Running `mtl`, in a process of its own or, where only the answer counts, in this one."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_answers import Answer, Mtl, environment
from samples import write_cifs

from mtl_flows.cli import app
from mtl_flows.store.connection import Connection


@pytest.fixture
def mtl(project: Path) -> Mtl:
    """Run a command as a user does, in the project folder."""

    def run(*arguments: object, **variables: str) -> Answer:
        ended = subprocess.run(
            [sys.executable, "-m", "mtl_flows", *map(str, arguments)],
            cwd=project,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def mtl_here(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mtl:
    """Run a command in this process: quicker, and the same but for the start."""

    def run(*arguments: object, **variables: str) -> Answer:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["mtl", *map(str, arguments)])
        capsys.readouterr()
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def server(address: Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    """Connection string of that database, in the environment as well."""
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    return address.uri


@pytest.fixture
def bad(project: Path) -> Path:
    """A folder with one file for each way of being bad."""
    folder = project / "bad"
    text = (write_cifs(folder, "licl") / "licl.cif").read_text()
    (folder / "licl.cif").unlink()
    lithium, chlorine = text.splitlines()[-2:]
    (folder / "broken[b].cif").write_text("no crystal at all")  # brackets are no markup
    (folder / "no-lithium.cif").write_text(text.replace("Li1 Li", "Na1 Na"))
    (folder / "overfull.cif").write_text(text.replace(lithium, lithium[:-1] + "1.3"))
    (folder / "overlapping.cif").write_text(text.replace(chlorine, "Cl1 Cl 96 0.02 0.0 0.0 1"))
    return folder
