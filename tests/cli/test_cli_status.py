"""What `mtl status` shows, by how few requests, and how it goes on."""

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from cli_answers import Mtl, environment
from round_trips import Commands
from samples import fill_screened, parent
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.submit import submit
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore


@pytest.fixture
def at_work(store: MTLStore, address: Connection, server: str) -> None:
    """A screened store, and the dynamics of one material: a job ended a minute after it began, the next one runs."""
    fill_screened(store)
    flow = heavy(DynamicsFlowMaker(parameters=dynamics()).make(parent("licl"), "licl"))
    submit(flow, address, name="dynamics licl", metadata={"material": "licl"})
    jobs = store.database.fireworks
    for number, (state, launch) in enumerate((("COMPLETED", "COMPLETED"), ("RUNNING", "RUNNING")), start=1):
        jobs.update_one({"fw_id": number}, {"$set": {"state": state, "launches": [number]}})
        store.database.launches.insert_one(
            {
                "launch_id": number,
                "fw_id": number,
                "state": launch,
                "host": "node7",
                "launch_dir": "/scratch",
                "time_start": "2026-01-01T10:00:00.000000",
                "time_end": "2026-01-01T10:01:00.000000",
                "runtime_secs": 60.0,
            }
        )


def test_the_work_the_disk_and_what_runs_where(at_work: None, mtl_here: Mtl) -> None:
    told = json.loads(mtl_here("status", "--json").out)
    assert (told["jobs"]["completed"], told["jobs"]["running"]) == (1, 1)
    (running,) = told["running"]
    assert (running["fw_id"], running["host"], running["since"][:16]) == (2, "node7", "2026-01-01 10:00")
    assert told["bytes_on_disk"]["candidates"] > 0
    assert told["collections"]["candidates"] > 5
    paces = {(p["stage"], p["seconds"]) for p in told["paces"]}
    assert ("dynamics", 60.0) in paces
    shown = mtl_here("status").out
    assert "node7" in shown
    assert "Workflows (1)" in shown
    assert "disk: " in shown


def test_few_requests(at_work: None, mtl_here: Mtl) -> None:
    for _ in range(2):  # indexes are made, then noted
        mtl_here("status")
    with Commands() as commands:
        assert mtl_here("status").code == 0
    assert commands.total <= 8, commands.counts


def test_in_a_log_it_goes_on_line_by_line_until_it_is_interrupted(
    at_work: None, project: Path, server: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mtl_flows", "status", "--watch", "--every", "1"],
        cwd=project,
        env=environment(MTL_MONGO_URI=server),
        stdout=subprocess.PIPE,
        text=True,
        # Shells let what they start in the background ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as watching:
        assert watching.stdout is not None
        try:
            assert "jobs: 1 completed, 1 running" in watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            assert watching.wait(60) == 0
        finally:
            watching.kill()
