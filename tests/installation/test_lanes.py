"""Both lanes say the same: giotto-tda with numpy 1, and giotto-ph alone with numpy 2. `make lanes`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import environment, serving
from packaging.version import Version

from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

pytestmark = pytest.mark.lanes

ROOT = Path(__file__).parents[2]
ANSWERS = Path(__file__).with_name("lane_answers.py")


@pytest.fixture(scope="module")
def modern() -> str:
    """Python of the modern lane, which `make lanes` installs."""
    python = os.environ.get("MTL_TEST_MODERN", "")
    if not python:
        pytest.skip("MTL_TEST_MODERN names no Python of the modern lane: run make lanes")
    return python


def answers(python: str, folder: Path) -> dict[str, Any]:
    """What the lane of this Python says."""
    done = subprocess.run(
        [python, ANSWERS], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_barcodes_features_gates_and_labels_are_the_same(modern: str, tmp_path: Path) -> None:
    """To the last bit, 77 examples.

    Clusters as well: messages are passed by a kernel of our own. scikit-learn 1.9 itself puts vectors that occur twice,
    and are thus tied, into other clusters than 1.3.2 does (the set ``twice`` of test_clustering_propagation.py).
    """
    here, there = answers(sys.executable, tmp_path), answers(modern, tmp_path)
    assert Version(here["versions"]["numpy"]) < Version("2") <= Version(there["versions"]["numpy"])
    assert (
        Version(here["versions"]["scikit-learn"])
        < Version("1.4")
        < Version(there["versions"]["scikit-learn"])
    )
    assert len(here["answers"]) == 77
    differing = [name for name, told in here["answers"].items() if there["answers"].get(name) != told]
    assert differing == []


def test_a_worker_of_either_lane_serves_the_same_store(modern: str, tmp_path: Path) -> None:
    """What one lane ingests the other screens, and the first finds nothing left to compute."""

    with EmbeddedServer(tmp_path / "server").lease() as started:
        mtl = commands(tmp_path, Connection.parse(started.uri, "lanes").uri)
        ingest_some(mtl, tmp_path)
        mtl(modern, "screen", "--submit-only")
        mtl(modern, "worker", "--kind", "light")
        assert "nothing to do, 4 structures are screened" in mtl(sys.executable, "screen")
        rows = [mtl(python, "query", "--csv", "--with-dropped") for python in (sys.executable, modern)]
        assert rows[0] == rows[1]
        assert len(rows[0].splitlines()) == 5


def test_a_lane_is_an_optimade_provider_that_the_other_fetches_from(modern: str, tmp_path: Path) -> None:
    """The validator of the standard finds nothing wrong, and the crystals that come back are the same."""
    with EmbeddedServer(tmp_path / "server").lease() as started:
        there, here = (Connection.parse(started.uri, name) for name in ("provided", "fetched"))
        mtl = commands(tmp_path, there.uri)
        ingest_some(mtl, tmp_path)
        mtl(sys.executable, "screen")
        with serving(modern, tmp_path, there.uri, "--optimade") as address:
            base = f"{address}/optimade"
            validator = Path(modern).with_name("optimade-validator")
            told = subprocess.run([validator, base], capture_output=True, text=True, check=False)
            assert told.returncode == 0, told.stdout + told.stderr
            chosen = ("--filter", 'elements HAS "Li"', "--source", "copy", "-r", "one", "-o", "copy")
            mtl(sys.executable, "fetch", "optimade", base, *chosen)
        commands(tmp_path, here.uri)(sys.executable, "ingest", "copy", "--workers", "0")
        with MTLStore.connect(there) as one, MTLStore.connect(here) as other:
            provided, fetched = (sorted(d.crystal_id for d in s.structures.find()) for s in (one, other))
        assert provided == fetched
        assert len(fetched) == 4


def commands(folder: Path, uri: str) -> Callable[..., str]:
    """Run `mtl` of a lane over a database."""

    def mtl(python: str, *arguments: str) -> str:
        done = subprocess.run(
            [python, "-m", "mtl_flows", *arguments],
            cwd=folder,
            env=environment(MTL_MONGO_URI=uri),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return mtl


def ingest_some(mtl: Callable[..., str], folder: Path) -> None:
    """Ingest four examples, one of them disordered."""
    mtl(sys.executable, "examples", "all")
    chosen = [str(folder / "all" / f"{name}.cif") for name in ("li3n", "li3ocl", "li6ps5cl", "licl")]
    mtl(sys.executable, "ingest", *chosen, "--release", "lanes", "--workers", "0")
