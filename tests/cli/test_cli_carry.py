"""`mtl carry` and `mtl work`: what is refused before anything is done; docs/howto/nodes.md shows the rest."""

from pathlib import Path

import pytest
from cli_answers import Mtl
from fake_cluster import FakeCluster
from samples import fill, parent
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.submit import submit
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = FakeCluster(project / "cluster")
    cluster.use(monkeypatch)
    cluster.hold()
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
    assert f"cd {script.parent}\n" in told
    cluster.kill_nodes()


def test_a_folder_that_is_none_is_refused(mtl_here: Mtl, project: Path) -> None:
    answer = mtl_here("work", project)
    assert (answer.code != 0, "request.json: is missing" in answer.err) == (True, True)
