"""Installations without some extra: what lacks is named, and no structure is blamed for it."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mtl_flows.cli.launch import refine
from mtl_flows.errors import MissingExtraError
from mtl_flows.extras import EXTRAS, explained, require
from mtl_flows.launch.names import LIGHT
from mtl_flows.launch.worker import work
from mtl_flows.parallel import guarded_map
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

Without = Callable[..., None]
distributions = cache(packages_distributions)  # every file of every package is looked at


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Hide packages from this process, as if they were not installed."""

    def hide(*packages: str) -> None:
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_declares_what_brings_its_packages(extra: str) -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    declared = map(Requirement, project["optional-dependencies"][extra])
    brought = {canonicalize_name(requirement.name) for requirement in declared}
    origins = {**distributions(), "torch_sim": ["torch-sim-atomistic"]}
    for package in EXTRAS[extra]:
        owners = {canonicalize_name(owner) for owner in origins[package.split(".")[0]]}
        assert owners & brought, package


def test_what_is_there_is_there() -> None:
    require(*(set(EXTRAS) - {"gpu"}))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has it")
def test_what_needs_another_python_says_so() -> None:
    with pytest.raises(MissingExtraError, match=r"torch_sim does not exist for this Python.*Python 3\.12"):
        require("gpu")


def test_what_lacks_is_named(without: Without) -> None:
    without("sklearn", "gph")
    with pytest.raises(
        MissingExtraError, match=r"gph, sklearn are not installed.*pip install 'mtl-flows\[topology\]'"
    ):
        require("dynamics", "topology")


def test_other_packages_belong_to_no_extra() -> None:
    error = ModuleNotFoundError("No module named 'nobody'", name="nobody")
    assert explained(error) is error
    inner = ModuleNotFoundError("No module named 'torch.nowhere'", name="torch.nowhere")
    assert isinstance(explained(inner), MissingExtraError)


def lacking(item: int) -> int:
    sys.modules["gph"] = None  # type: ignore[assignment]
    try:
        import gph
    finally:
        del sys.modules["gph"]
    return item + len(gph.__name__)


@pytest.mark.parametrize("workers", [0, 1])
def test_no_item_is_blamed_for_a_package_that_lacks(workers: int) -> None:
    with pytest.raises(MissingExtraError, match="topology"):
        list(guarded_map(lacking, [1, 2, 3], workers=workers))


def test_workers_say_at_once_what_they_lack(without: Without, tmp_path: Path) -> None:
    without("gph")
    nowhere = Connection.parse("mongodb://localhost:1", "mtl")
    with pytest.raises(MissingExtraError, match="gph is not installed"):
        work(nowhere, launch_dir=tmp_path, categories=[LIGHT])


def test_work_is_handed_in_without_what_refines_barriers(
    without: Without, store: MTLStore, capsys: pytest.CaptureFixture[str]
) -> None:
    without("numba")
    refine(store, ["licl.r1"], ScreeningParameters())
    assert "not refined here, without mtl-flows[topology]" in " ".join(capsys.readouterr().err.split())


def test_a_command_says_which_extra_to_install(tmp_path: Path) -> None:
    command = "import sys; sys.modules['gph'] = None; from mtl_flows.cli import main; main()"
    (tmp_path / "licl.vasp").write_text(
        "LiCl\n1.0\n2.57 2.57 0\n0 2.57 2.57\n2.57 0 2.57\nLi Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, "describe", "licl.vasp", "--workers", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "(missing_extra) extra 'topology': gph is not installed (pip install 'mtl-flows[topology]'" in (
        " ".join(done.stderr.split())
    )
    assert "Traceback" not in done.stderr
