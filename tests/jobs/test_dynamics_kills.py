"""A simulation killed again and again, wherever it stands, ends as if nothing had happened."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from samples import fill, parent, sample
from toy_engines import PAUSE, dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import TrajectoryMaker, load_trajectory
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),  # by jobflow's local manager
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

KILLS = 4
# Several chunks, of which each writes a block of frames before its end.
P = dynamics(temperatures_K=(1200.0,), production_ps=2.4, chunk_ps=0.5, frame_interval_fs=2.0, relax_steps=5)
LICL = parent("licl")


def simulate(uri: str, folder: Path, pause_s: float) -> None:
    """Go on with the simulation until it ends."""
    os.environ.update({"MTL_MONGO_URI": uri, PAUSE: str(pause_s)})
    os.chdir(folder)
    job = TrajectoryMaker(temperature_K=1200.0, parameters=P).make(LICL, 0, [])
    run_locally(job, store=JobStore(MemoryStore()), log=False, ensure_success=True)


@pytest.mark.faults
def test_a_run_killed_at_random_moments_equals_the_undisturbed_one(
    store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")
    flow = DynamicsFlowMaker(parameters=P).make(LICL, "licl", ordered=True)
    run_locally(
        flow,
        store=JobStore(MemoryStore(), additional_stores={"data": MemoryStore()}),
        log=False,
        ensure_success=True,
    )
    undisturbed = store.dynamics.get(P.trajectory_id(sample("licl", P), 1200.0))
    whole = load_trajectory(store, undisturbed)
    assert whole.n_frames == 1201
    files, pieces = store.database["frames.files"], store.database["frames.chunks"]
    store.dynamics.raw.delete_one({"_id": undisturbed.id})
    for file in files.find({"simulation": undisturbed.id}):
        pieces.delete_many({"files_id": file["_id"]})
    files.delete_many({"simulation": undisturbed.id})

    context = multiprocessing.get_context("forkserver")
    # What takes longer to import than to run.
    context.set_forkserver_preload(["mtl_flows.flows.dynamics", "maggma.stores", "samples", "torch"])
    moments = np.random.default_rng()  # others every time
    standing = []
    for _ in range(KILLS):
        process = context.Process(target=simulate, args=(address.uri, tmp_path, 0.001))
        seen = {f["uploadDate"] for f in files.find({"simulation": undisturbed.id})}
        process.start()
        deadline = time.monotonic() + 60
        while {f["uploadDate"] for f in files.find({"simulation": undisturbed.id})} <= seen:
            assert time.monotonic() < deadline
            assert process.is_alive()
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.3))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        standing.append(store.dynamics.get(undisturbed.id).steps_done)
    assert standing == sorted(standing)
    assert standing[-1] < undisturbed.steps_done  # every kill met it at work

    simulate_here = TrajectoryMaker(temperature_K=1200.0, parameters=P).make(LICL, 0, [])
    run_locally(simulate_here, store=JobStore(MemoryStore()), log=False, ensure_success=True)
    survivor = store.dynamics.get(undisturbed.id)
    assert (survivor.status, survivor.diffusion) == (undisturbed.status, undisturbed.diffusion)
    assert survivor.checkpoint == undisturbed.checkpoint
    assert [(c.first_step, c.last_step) for c in survivor.chunks] == [
        (c.first_step, c.last_step) for c in undisturbed.chunks
    ]
    trajectory = load_trajectory(store, survivor)
    for name in ("positions_A", "temperatures_K", "energies_eV"):
        assert np.array_equal(getattr(trajectory, name), getattr(whole, name)), (name, standing)
    # What is left of the lost work, whole or in part, is swept.
    store.frames.sweep(store.dynamics, lambda owner: False)
    blocks = {block.file_id for chunk in survivor.chunks for block in chunk.blocks}
    assert {f["_id"] for f in files.find({"simulation": survivor.id})} == blocks
    mine = {str(key) for key in pieces.distinct("files_id") if str(key).startswith(f"{survivor.id}:")}
    assert mine == blocks
