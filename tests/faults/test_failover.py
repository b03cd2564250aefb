"""The primary of a replica set is killed: what was acknowledged is there after the failover, and work goes on."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobflow import Flow, job
from servers import ReplicaSet

from mtl_flows.launch.launchpad import job_store, launchpad
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

N = 200
pytestmark = pytest.mark.skipif(
    "MTL_TEST_FAILOVER" not in os.environ, reason="MTL_TEST_FAILOVER=1 starts three servers"
)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    members = ReplicaSet(tmp_path_factory.mktemp("members"))
    with members.running():
        yield members


@job
def number(n: int) -> int:
    """A job with an output."""
    return n


def test_nothing_acknowledged_is_lost_with_the_primary(members: ReplicaSet, tmp_path: Path) -> None:
    address = Connection.parse(members.uri, "mtl")
    pad = launchpad(address)
    outputs = job_store(address)
    with MTLStore.connect(address) as store:
        blocks = []
        submit(Flow([number(n) for n in range(N)]), address, name="many")
        for n in range(N):
            store.labels.writable.insert_one({"_id": f"label {n}"})
            blocks.append(store.frames.write(f"simulation {n}", 0, b"frames" * 100, 1))
            outputs.update({"uuid": str(n), "index": 1, "output": n})
            pad.get_new_launch_id()
        killed = members.kill_primary()
        members.primary()
        assert store.labels.raw.count_documents({}) == N
        assert all(store.frames.read(block) == b"frames" * 100 for block in blocks)
        assert outputs.count() == N
        assert pad.workflows.count_documents({}) == 1
        assert pad.fireworks.count_documents({}) == N
        assert pad.fw_id_assigner.find_one()["next_launch_id"] == N + 1
        members.start(killed)
    # Work goes on through another failover.
    failing = threading.Timer(1.0, members.step_down)
    failing.start()
    summary = work(address, launch_dir=tmp_path / "launches", max_rockets=20, patience_s=120)
    failing.join()
    assert (summary.completed, summary.fizzled) == (20, 0)
    pad.connection.close()
    outputs.close()
