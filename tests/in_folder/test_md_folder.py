"""`mtl md`: the numbers of the jobs without any database, whatever interrupts it, file by file."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pymongo
import pytest
import yaml
from samples import fill, parent, sample, write_cifs
from toy_engines import PAUSE
from toy_walk import simulate_walk
from typer.testing import CliRunner, Result

from mtl_flows.cli.app import app
from mtl_flows.errors import ConfigurationError, MTLError
from mtl_flows.in_folder.clock import FolderProgress
from mtl_flows.in_folder.crystals import read_crystals
from mtl_flows.in_folder.dynamics import FolderDynamics
from mtl_flows.in_folder.files import RunFiles
from mtl_flows.in_folder.result import FolderResult, criteria
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

TESTS = Path(__file__).parents[1]
SHORT = (
    *("--temperatures", "800,1200", "--heat-ps", "0.2", "--production-ps", "6", "--budget-ps", "6"),
    *("--discard-ps", "1", "--max-lag", "0.5", "--chunk-ps", "1", "--target-error", "1e9"),
)
WALK = ("--engine", "toy_walk:ENGINE", "--set", "barrier_eV=0.3", *SHORT)


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a client of MongoDB was made")

    monkeypatch.setattr(pymongo.MongoClient, "__init__", refuse)


def md(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["md", *map(str, arguments)])


@pytest.mark.usefixtures("no_database")
def test_from_a_file_to_a_verdict_without_database_or_project(project: Path) -> None:
    cifs = write_cifs(project / "cifs", "licl")
    ran = md(cifs / "licl.cif", "-o", "run", *WALK)
    assert ran.exit_code == 0, ran.output
    told = json.loads((project / "run" / "result.json").read_text())
    assert (told["material"], told["formula"], told["complete"]) == ("licl", "LiCl", True)
    assert [t["temperature_K"] for t in told["temperatures"]] == [800.0, 1200.0]
    for one in told["temperatures"]:
        assert (
            one["diffusivity_low_cm2_per_s"]
            < one["diffusivity_cm2_per_s"]
            < one["diffusivity_high_cm2_per_s"]
        )
        assert one["simulated_ps"] == pytest.approx(6.0)
    (line,) = told["lines"]
    # The walk's barrier is 0.3 eV.
    assert abs(line["activation_energy_eV"] - 0.3) < 4 * line["activation_energy_error_eV"]
    posterior = told["posterior"]
    for kind in ("simulated", "crystal"):
        low, high = posterior[kind]["conductivity_300K_interval_S_per_cm"]
        assert low < posterior[kind]["conductivity_300K_S_per_cm"] < high
    assert posterior["potential_error_source"] == "default"
    assert told["verdict"]["outcome"] in ("pass", "fail", "undecided")
    assert told["engine"]["name"] == "toy_walk:ENGINE"
    assert told["program"]["libraries"]["numpy"]
    assert (project / "run" / "arrhenius.png").read_bytes().startswith(b"\x89PNG")
    frames = (project / "run" / "1200K.extxyz").read_text()
    assert frames.count("temperature_K=1200") == 301
    # Nothing that looks like a project or a server was begun.
    assert {path.name for path in project.iterdir()} == {"cifs", "run"}

    again = md(cifs / "licl.cif", "-o", "run", *WALK)
    assert again.exit_code == 0
    assert json.loads((project / "run" / "result.json").read_text())["content_hash"] == told["content_hash"]

    # What known answers say of a potential counts here as it does in a store.
    (stored,) = (project / "run" / "state" / "PotentialDocument").glob("*.json")
    packaged = yaml.safe_load(files("mtl_flows").joinpath("data/potential_errors.yaml").read_text("utf-8"))
    known = json.loads(stored.read_text()) | {"known_answers": packaged[0]["comparisons"]}
    stored.write_text(json.dumps(known))
    assert md(cifs / "licl.cif", "-o", "run", *WALK).exit_code == 0
    posterior = json.loads((project / "run" / "result.json").read_text())["posterior"]
    assert posterior["potential_error_source"] == "known_answers"


def test_the_numbers_are_those_of_the_jobs(
    store: MTLStore, address: Connection, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    fill(store, "licl")
    p = simulate_walk(store, "licl")
    cifs = write_cifs(project / "cifs", "licl")
    told: list[FolderProgress] = []
    runner = FolderDynamics(project / "run", p, told.append)
    (run,) = runner.run(read_crystals([cifs / "licl.cif"], "Li"))
    for simulation in run.simulations:
        stored = store.dynamics.get(p.trajectory_id(sample("licl", p), simulation.temperature_K))
        assert (simulation.id, simulation.status) == (stored.id, stored.status)
        assert simulation.diffusion == stored.diffusion
        assert simulation.checkpoint == stored.checkpoint
    (fit,) = run.fits
    (stored_fit,) = store.transport.find()
    assert (fit.id, fit.fit, fit.posterior) == (stored_fit.id, stored_fit.fit, stored_fit.posterior)
    assert run.orderings[0].parent_id == parent("licl")
    rebuild_candidates(store, ScreeningParameters(verdict=criteria()))
    row, ours = store.candidates.get("licl"), FolderResult.of(run, criteria()).dynamics
    for name in type(ours).model_fields:
        if name != "result_of":  # a folder has no revisions
            assert getattr(ours, name) == getattr(row, name), name
    # Progress rises to its end, and says what is known and how long the rest takes.
    shares = [one.share for one in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(one.found is not None and one.share < 1.0 for one in told)
    assert told[-1].left_s == 0.0


@pytest.mark.usefixtures("no_database")
def test_one_bad_file_does_not_end_the_others(project: Path) -> None:
    cifs = write_cifs(project / "cifs", "licl")
    (cifs / "broken.cif").write_text("data_broken\n_cell_length_a five\n")
    (cifs / "salt.cif").write_text((cifs / "licl.cif").read_text().replace("Li", "Na"))
    ran = md(cifs / "broken.cif", cifs / "salt.cif", cifs / "licl.cif", "-o", "runs", "--json", *WALK)
    assert ran.exit_code == 1
    told = {one["material"]: one for one in json.loads(ran.stdout)}
    assert told["licl"]["complete"]
    assert told["broken"]["refused"]["reason"] == "unreadable"
    assert "broken.cif" in ran.stderr
    assert (project / "runs" / "licl" / "arrhenius.png").exists()
    refused = [one["refused"]["reason"] for name, one in told.items() if name != "licl"]
    assert "no_mobile_ion" in refused


@pytest.mark.usefixtures("no_database")
def test_a_simulation_that_fails_is_said_and_goes_on_when_it_can(project: Path) -> None:
    cifs = write_cifs(project / "cifs", "licl")
    ran = md(cifs / "licl.cif", "-o", "run", "--engine", "toy_engines.Exploding", *SHORT)
    assert type(ran.exception) is MTLError
    assert "failed licl at 800 K: heating ramp: not_a_number" in ran.stderr
    told = json.loads((project / "run" / "result.json").read_text())
    assert not told["complete"]
    assert {one["status"] for one in told["temperatures"]} == {"failed"}
    assert "not_a_number" in told["heating"][0]["reason"]


def test_a_folder_is_kept_for_one_crystal_and_one_process(project: Path) -> None:
    cifs = write_cifs(project / "cifs", "licl", "li2o")
    assert md(cifs / "licl.cif", "-o", "run", *WALK).exit_code == 0
    other = md(cifs / "li2o.cif", "-o", "run", *WALK)
    assert isinstance(other.exception, ConfigurationError)
    assert "holds the result of licl" in str(other.exception)
    elsewhere = md(cifs / "licl.cif", "-o", "run", *WALK, "--set", "barrier_eV=0.4")
    assert isinstance(elsewhere.exception, ConfigurationError)
    longer = md(cifs / "licl.cif", "-o", "run", *WALK, "--production-ps", "8", "--budget-ps", "8")
    assert longer.exit_code == 0
    told = json.loads((project / "run" / "result.json").read_text())
    assert [t["simulated_ps"] for t in told["temperatures"]] == pytest.approx([8.0, 8.0])
    with RunFiles(project / "run").held():
        busy = md(cifs / "licl.cif", "-o", "run", *WALK)
    assert "another process" in str(busy.exception)


def start(project: Path, output: str, pause_s: float) -> subprocess.Popen[bytes]:
    """The command as a process of its own."""
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    command = ["cifs/licl.cif", "-o", output, "--engine", "toy_engines.Conductor", *SHORT]
    short = ["--production-ps", "3", "--budget-ps", "3", "--chunk-ps", "0.25", "--discard-ps", "0.2"]
    with (project / f"{output}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "mtl_flows", "md", *command, *short],
            cwd=project,
            env={**os.environ, "PYTHONPATH": path, PAUSE: str(pause_s)},
            stdout=log,
            stderr=log,
            preexec_fn=heed_interrupts,
        )


def heed_interrupts() -> None:
    """Take Ctrl-C as from a terminal, also where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def chunks_of_production(run: Path) -> int:
    """Chunks that production has kept so far."""
    documents = [json.loads(path.read_text()) for path in run.glob("state/TrajectoryDocument/*.json")]
    return sum(len(d["chunks"]) for d in documents if d["trajectory_stage"] == "production")


def wait_for(process: subprocess.Popen[bytes], run: Path, n_chunks: int) -> None:
    deadline = time.monotonic() + 600
    while chunks_of_production(run) < n_chunks:
        assert process.poll() is None, run.with_suffix(".log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.faults
def test_killed_and_interrupted_it_goes_on_and_gives_the_same_numbers(project: Path) -> None:
    write_cifs(project / "cifs", "licl")
    whole = start(project, "whole", 0.0)
    assert whole.wait() == 0, (project / "whole.log").read_text()
    undisturbed = json.loads((project / "whole" / "result.json").read_text())

    run = project / "cut"
    killed = start(project, "cut", 0.001)
    wait_for(killed, run, 3)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    before = chunks_of_production(run)
    assert before < 24  # it was at work
    assert not (run / "result.json").exists()
    # Frames that no document points to are what a kill leaves at worst.
    folder = next(run.glob("state/frames/*"))
    shutil.copy(next(folder.glob("*.npz")), folder / "000099999-lost.npz")

    interrupted = start(project, "cut", 0.001)
    wait_for(interrupted, run, before + 2)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait() == 130

    last = start(project, "cut", 0.0)
    assert last.wait() == 0, (project / "cut.log").read_text()
    resumed = json.loads((run / "result.json").read_text())
    assert not list(run.glob("state/frames/*/*-lost.npz"))
    assert resumed["content_hash"] == undisturbed["content_hash"]
    assert [t["diffusion"] for t in resumed["temperatures"]] == [
        t["diffusion"] for t in undisturbed["temperatures"]
    ]
    for name in ("800K.extxyz", "1200K.extxyz"):
        assert (run / name).read_bytes() == (project / "whole" / name).read_bytes()
