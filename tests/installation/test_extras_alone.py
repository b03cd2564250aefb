"""The wheel with each extra alone, from pinned versions, in environments of their own: minutes, `make installation`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installed import answers, environment, serving

from mtl_flows.extras import EXTRAS
from mtl_flows.store.connection import Connection
from mtl_flows.store.mongod import EmbeddedServer

pytestmark = pytest.mark.installation

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import importlib, json, pkgutil, mtl_flows
lacking = {}
for module in pkgutil.walk_packages(mtl_flows.__path__, "mtl_flows."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            lacking[module.name] = error.name
print(json.dumps(lacking))
"""
PARTS_WITH_EXTRAS = {"science", "simulation", "in_folder", "report", "plotting", "serve"}
LICL = "LiCl\n1.0\n2.57 2.57 0\n0 2.57 2.57\n2.57 0 2.57\nLi Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


class Installation:
    """An environment with the wheel and some extra in it.

    Parameters
    ----------
    upon
        Environment whose packages are there as well.
    """

    def __init__(self, folder: Path, upon: "Installation | None" = None) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        (self.packages,) = (folder / "lib").glob("python3.*/site-packages")
        if upon is not None:
            (self.packages / "upon.pth").write_text(f"{upon.packages}\n")

    def pip(self, *arguments: str | Path) -> None:
        """Install something."""
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-compile"]
        subprocess.run([*map(str, [*command, "-c", ROOT / "constraints.txt", *arguments])], check=True)

    def run(self, *arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run its Python, away from the checkout."""
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=self.folder,
            env=environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def mtl(self, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the command."""
        return self.run("-m", "mtl_flows", *arguments, **environment)

    def lacking(self) -> dict[str, str]:
        """Modules that cannot be imported, and the package that each lacks."""
        found: dict[str, str] = json.loads(self.run("-c", IMPORT_ALL).stdout)
        return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        ROOT,
    ]
    subprocess.run([*map(str, build)], check=True)
    (made,) = folder.glob("mtl_flows-*.whl")
    return made


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """What `pip install mtl-flows` gives."""
    made = Installation(tmp_path_factory.mktemp("base") / "env")
    made.pip(wheel)
    return made


@pytest.fixture
def with_extra(base: Installation, wheel: Path, tmp_path: Path) -> Iterator[Callable[[str], Installation]]:
    """Make an environment with one extra upon the base."""

    def make(extra: str) -> Installation:
        made = Installation(tmp_path / "env", base)
        made.pip(f"mtl-flows[{extra}] @ {wheel.as_uri()}")
        return made

    yield make
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Address of a database of a server that runs meanwhile."""
    with EmbeddedServer(tmp_path_factory.mktemp("server")).lease() as started:
        yield lambda name: Connection.parse(started.uri, name).uri


def of_others(*installed: str) -> set[str]:
    """Packages that the extras not installed would bring."""
    return {package for extra, packages in EXTRAS.items() if extra not in installed for package in packages}


def test_the_base_queries_and_hands_work_in(base: Installation, database: Callable[[str], str]) -> None:
    lacking = base.lacking()
    assert set(lacking.values()) <= of_others()
    assert {name.split(".")[1] for name in lacking} <= PARTS_WITH_EXTRAS
    (base.folder / "licl.vasp").write_text(LICL)
    uri = {"MTL_MONGO_URI": database("base")}
    for command in (
        ("ingest", "licl.vasp", "--release", "one", "--workers", "1"),
        ("screen", "--submit-only"),
        ("status",),
        ("query", "--csv", "--with-dropped"),
        ("launch", "licl", "--dry-run"),
        ("launch", "licl"),
        ("job", "list"),
        ("explain", "licl"),
        ("doctor",),
    ):
        done = base.mtl(*command, **uri)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    for command, extra in (
        (("worker", "--kind", "light"), "topology"),
        (("worker", "--kind", "heavy"), "dynamics"),
        (("describe", "licl.vasp"), "topology"),
    ):
        refused = base.mtl(*command, **uri)
        assert refused.returncode == 4, (command, refused.stdout, refused.stderr)
        assert f"mtl-flows[{extra}]" in "".join(refused.stderr.split())


def test_topology_alone_describes(with_extra: Callable[[str], Installation]) -> None:
    installation = with_extra("topology")
    assert set(installation.lacking().values()) <= of_others("topology")
    (installation.folder / "licl.vasp").write_text(LICL)
    described = installation.mtl("describe", "licl.vasp", "--json")
    assert described.returncode == 0, described.stderr
    assert json.loads(described.stdout)


def test_embedded_alone_keeps_a_store(with_extra: Callable[[str], Installation]) -> None:
    installation = with_extra("embedded")
    for command in (("init",), ("db", "start"), ("status",), ("db", "stop")):
        done = installation.mtl(*command)
        assert done.returncode == 0, (command, done.stderr)


def test_report_alone_draws(
    with_extra: Callable[[str], Installation], database: Callable[[str], str]
) -> None:
    installation = with_extra("report")
    assert set(installation.lacking().values()) <= of_others("report")
    drawn = installation.mtl("plot", "funnel", "-o", "funnel.png", MTL_MONGO_URI=database("report"))
    assert drawn.returncode in (0, 5), drawn.stderr  # nothing was screened, which is said


def test_serve_alone_serves(
    with_extra: Callable[[str], Installation], database: Callable[[str], str]
) -> None:
    installation = with_extra("serve")
    assert set(installation.lacking().values()) <= of_others("report", "serve")
    with serving(installation.python, installation.folder, database("serve")) as address:
        assert answers(f"{address}/api/v1/rows")


def test_optimade_alone_is_a_provider(
    with_extra: Callable[[str], Installation], database: Callable[[str], str]
) -> None:
    installation = with_extra("optimade")
    assert set(installation.lacking().values()) <= of_others("report", "serve", "optimade")
    with serving(installation.python, installation.folder, database("optimade"), "--optimade") as address:
        assert answers(f"{address}/optimade/v1/structures")


def test_dynamics_alone_runs_a_potential(
    with_extra: Callable[[str], Installation], database: Callable[[str], str]
) -> None:
    installation = with_extra("dynamics")
    assert set(installation.lacking().values()) <= of_others("dynamics")
    uri = {"MTL_MONGO_URI": database("dynamics")}
    (installation.folder / "licl.vasp").write_text(LICL)
    short = ("--temperatures", "600", "--heat-ps", "0.02", "--production-ps", "0.04", "--discard-ps", "0.01")
    for command in (
        ("ingest", "licl.vasp", "--release", "one", "--workers", "1"),
        ("launch", "licl", *short, "--max-lag", "0.5", "--budget-ps", "0.03", "--chunk-ps", "0.04"),
        ("worker", "--kind", "heavy"),
    ):
        done = installation.mtl(*command, **uri)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    told = json.loads(installation.mtl("explain", "licl", "--json", **uri).stdout)
    assert "chgnet" in json.dumps(told).lower()
