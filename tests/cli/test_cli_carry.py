"""`mtl carry` and `mtl work`: what is refused before anything is done; docs/howto/nodes.md shows the rest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_answers import Mtl, environment
from fake_cluster import FakeCluster
from samples import crystal_document, fill, parent
from toy_engines import dynamics

from mtl_flows.carried.engine_calls import EngineChoice, chunk_call
from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.submit import submit
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


def test_without_a_queue_nothing_is_begun(
    mtl_here: Mtl, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    answer = mtl_here("carry", "--once")
    assert answer.code != 0
    assert "sbatch, squeue, scancel cannot be found" in answer.err
    assert "qsub, qstat, qdel cannot be found" in mtl_here("carry", "--once", "--scheduler", "pbs").err


def test_the_queue_file_of_the_project_says_how(
    mtl_here: Mtl,
    server: str,
    store: MTLStore,
    address: Connection,
    project: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.use(monkeypatch)
    assert mtl_here("init").code == 0
    refused = mtl_here("carry", "--once", "--scheduler", "pbs")
    assert (refused.code != 0, "is for SLURM" in refused.err) == (True, True)
    fill(store, "licl")
    flow = heavy(DynamicsFlowMaker(parameters=dynamics(), window=False).make(parent("licl"), "licl"))
    submit(flow, address, name="licl")
    answer = mtl_here("carry", "--once")
    assert answer.code == 0, answer
    assert "1 jobs completed, 0 failed, 1 in the queue" in answer.out
    assert "relax licl in the queue as 101" in answer.err
    assert "goes on with what is in the queue" in answer.err
    (script,) = (project / ".mtl" / "carried").glob("*/job.sh")
    told = script.read_text()
    assert f"source {project}/environment.sh" in told
    assert "#SBATCH --mem=4G" in told
    assert f"cd {script.parent} || exit 1\n" in told  # never in another folder


def test_a_folder_that_is_none_is_refused(mtl_here: Mtl, project: Path) -> None:
    answer = mtl_here("work", project)
    assert (answer.code != 0, "request.json.gz: is missing" in answer.err) == (True, True)


@pytest.mark.parametrize("shell", ["exec", ""])
def test_a_node_that_is_wanted_back_keeps_what_it_has_in_hand_unless_its_shell_is_ended(
    tmp_path: Path, project: Path, shell: str
) -> None:
    """Slurm ends what it has begun, and waits for it; PBS keeps a shell around it, with which a job is over."""
    crystal = crystal_document("licl").to_structure()
    stage = MDParameters(temperature_K=(900.0,), n_steps=300, timestep_fs=2.0, frame_interval=2)
    choice = EngineChoice("toy_engines.Conductor")
    folder = CalculationFolder(tmp_path / "asked")
    call = chunk_call(choice, MDState.from_structure(crystal, stage), stage, 100, 300)
    folder.ask(CarriedQuestion.of(choice, [call]))
    command = [
        "bash",
        "-c",
        f'{shell} "$0" -m mtl_flows work "$1"; echo over',
        sys.executable,
        str(folder.path),
    ]
    variables = environment(TOY_ENGINE_PAUSE_S="0.03")
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not list(folder.path.glob("work/*")):  # where the engine computes
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)
        told, _ = process.communicate()  # by all that have it open
    assert process.returncode == (128 + signal.SIGTERM if shell else -signal.SIGTERM), told
    assert (told.splitlines()[-1] == "stopped") == bool(shell)
    assert (len(folder.keys), folder.ended) == (bool(shell), "")


def test_what_waits_for_ever_says_why(
    mtl_here: Mtl,
    server: str,
    store: MTLStore,
    address: Connection,
    project: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.use(monkeypatch)
    cluster.stall("101", "PartitionTimeLimit")
    fill(store, "licl")
    flow = heavy(DynamicsFlowMaker(parameters=dynamics(), window=False).make(parent("licl"), "licl"))
    submit(flow, address, name="licl")
    mtl_here("carry", "--once")
    assert "0 run and 1 wait: PartitionTimeLimit" in mtl_here("carry", "--once").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_running_and_the_queue_its_jobs(
    store: MTLStore, address: Connection, project: Path, cluster: FakeCluster, number: signal.Signals
) -> None:
    fill(store, "licl")
    flow = heavy(DynamicsFlowMaker(parameters=dynamics(), window=False).make(parent("licl"), "licl"))
    submit(flow, address, name="licl")
    variables = environment(MTL_MONGO_URI=address.uri, **cluster.variables())
    command = [sys.executable, "-m", "mtl_flows", "carry", "--every", "0.1"]
    told = []
    with subprocess.Popen(command, cwd=project, env=variables, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            if "1 wait" in line and not any("1 wait" in before for before in told[:-1]):
                process.send_signal(number)
    assert process.returncode == 130, told
    assert "goes on with what is in the queue" in "".join(told)
    assert store.database["fireworks"].distinct("state", {"name": "relax licl"}) == ["RESERVED"]
    assert store.database["launches"].count_documents({"state": "RUNNING"}) == 0
    assert cluster.kill_nodes() == 1
