"""The carrier on a real Slurm: only where `MTL_TEST_SLURM=1` says that this is a login node.

Its nodes must see the tests' folders (`--basetemp` below a folder that they share) and this checkout.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest
from carrying import DIFFERS, Site
from fake_cluster import FakeCluster
from samples import contents, without
from toy_engines import PAUSE

from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch.jobs import find_jobs
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("MTL_TEST_SLURM") != "1", reason="asks for a real Slurm: MTL_TEST_SLURM=1"
    ),
    # By pymatgen, in atomate2's relaxation.
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

ROOT = Path(__file__).parents[2]


def test_a_job_that_is_cancelled_and_one_that_begins_anew_leave_the_store_as_if_nothing_had_been(
    store: MTLStore,
    address: Connection,
    tmp_path: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    site = Site(address, tmp_path, cluster)
    site.grace_s = 30.0
    site.hand_in(store)
    undisturbed = site.undisturbed(store)

    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")
    key = site.hand_in(store)
    strikes = [("scancel",), ("scontrol", "requeue")]
    deadline = time.monotonic() + 1200
    site.round()
    while queued := list(site.root.queued()):
        assert time.monotonic() < deadline, [(job.queue_id, job.waiting[0].name) for job in queued]
        (job,) = queued
        produces = job.waiting[0].name.startswith("licl at")
        monkeypatch.setenv(PAUSE, "0.02" if strikes else "0")
        if produces and strikes and list((site.root.path / job.calculation).glob("work/*")):  # it computes
            subprocess.run([*strikes.pop(), job.queue_id], check=True)
        time.sleep(0.5)
        site.round()
    assert strikes == []
    assert without(contents(store), DIFFERS) == undisturbed
    assert load_trajectory(store, store.dynamics.get(key)).n_frames == 601
    assert {job.state for job in find_jobs(address)} == {"completed"}
    assert store.database["launches"].count_documents({"action.stored_data.mtl_lost": True}) == 0
