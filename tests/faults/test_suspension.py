"""A worker that is suspended, loses its job and comes back harms nothing, under `mtl worker` and under `rlaunch`.

Neither does it with a clock eleven minutes ahead or behind.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from samples import contents, fill, parent, sample, without
from suspension import fall_silent, old_server
from toy_engines import PAUSE, dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch.events import WorkSummary, as_time
from mtl_flows.launch.recover import recover
from mtl_flows.launch.submit import submit
from mtl_flows.launch.templates import write_templates
from mtl_flows.schemas.base import utc_now
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

# Frames of every step, so that a chunk writes several blocks before it ends.
P = dynamics(temperatures_K=(1200.0,), chunk_ps=1.2, frame_interval_fs=2.0)
DIFFERS = {"owner", "file_id"}
"""What says who computed something, beside `samples.contents`, which leaves out when."""

Work = Callable[..., WorkSummary]


def hand_in(store: MTLStore, address: Connection) -> str:
    fill(store, "licl")
    submit(DynamicsFlowMaker(parameters=P).make(parent("licl"), "licl"), address, name="licl")
    return P.trajectory_id(sample("licl", P), 1200.0)


def empty(store: MTLStore) -> None:
    for name in store.database.list_collection_names():
        store.database[name].delete_many({})


SKEWED = """
import datetime, sys
import time_machine
now = datetime.datetime.now(datetime.timezone.utc)
time_machine.travel(now + datetime.timedelta(minutes=float(sys.argv.pop(1)))).start()
from mtl_flows.cli import main
main()
"""
"""A program with a clock that goes wrong by so many minutes."""


@pytest.fixture(params=["mtl worker", "rlaunch", "clock ahead", "clock behind"])
def another(
    request: pytest.FixtureRequest, address: Connection, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """A slow worker in another terminal."""
    write_templates(tmp_path, Settings(mongo_uri=SecretStr(address.uri)), address)
    commands = {
        "mtl worker": [sys.executable, "-m", "mtl_flows", "worker", "--kind", "any"],
        "rlaunch": [str(Path(sys.executable).with_name("rlaunch")), "rapidfire"],
        "clock ahead": [sys.executable, "-c", SKEWED, "11", "worker", "--kind", "any"],
        "clock behind": [sys.executable, "-c", SKEWED, "-11", "worker", "--kind", "any"],
    }
    environment = {
        PAUSE: "0.003",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MTL_MONGO_URI": address.uri,
        "FW_CONFIG_FILE": str(tmp_path / "FW_config.yaml"),
        "JOBFLOW_CONFIG_FILE": str(tmp_path / "jobflow.yaml"),
    }
    with (tmp_path / "told").open("w") as told:
        process = subprocess.Popen(
            commands[request.param],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=told,
            stderr=subprocess.STDOUT,
            text=True,
        )
    yield process
    process.kill()
    process.wait()


def test_who_comes_back_finds_its_writes_refused_and_the_store_as_if_nothing_had_been(
    store: MTLStore, address: Connection, run: Work, another: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.kill(another.pid, signal.SIGSTOP)  # until the undisturbed run is over
    key = hand_in(store, address)
    assert run().failures == ()
    undisturbed = without(contents(store), DIFFERS)
    empty(store)

    hand_in(store, address)
    os.kill(another.pid, signal.SIGCONT)
    production = {"simulation": key, "revision": {"$gt": 0}}  # in the second chunk
    deadline = time.monotonic() + 120
    while not store.database["frames.pending"].find_one(production):
        assert another.poll() is None, (tmp_path / "told").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(another.pid, signal.SIGSTOP)
    fall_silent(store)
    owner = store.dynamics.get(key).owner
    with old_server():
        mended = recover(address)
    assert (len(mended.returned), mended.swept >= 1) == (1, True)
    off = [
        abs(as_time(a["state_history"][0]["created_on"]) - utc_now())
        for a in store.database["launches"].find()
    ]
    assert (min(off) > timedelta(minutes=8)) is (SKEWED in another.args)
    summary = run()
    assert (summary.fizzled, summary.lost) == (0, ())

    finished = contents(store)
    os.kill(another.pid, signal.SIGCONT)
    assert another.wait(timeout=120) == 0
    told = (tmp_path / "told").read_text()
    assert (
        "given to another worker, meanwhile" in told or "another worker was given this job meanwhile" in told
    )

    assert contents(store) == finished
    assert without(finished, DIFFERS) == undisturbed
    simulation = store.dynamics.get(key)
    assert owner not in {"", simulation.owner}
    assert load_trajectory(store, simulation).n_frames == 1201  # raises if a checksum does not hold
    assert recover(address).returned == ()
    files = store.database["frames.files"]
    counted = {b.file_id for s in store.dynamics.find() for c in s.chunks for b in c.blocks}
    assert {f["_id"] for f in files.find({}, {"_id": 1})} == counted
    assert set(store.database["frames.chunks"].distinct("files_id")) == counted
    assert store.database["frames.pending"].count_documents({}) == 0
    states = store.database["fireworks"].distinct("state")
    assert states == ["COMPLETED"]
