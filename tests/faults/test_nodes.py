"""A node that sees no database and is killed in the middle of a chunk leaves the store as if nothing had been."""

import time
from pathlib import Path

import pytest
from carrying import DIFFERS, Site
from fake_cluster import FakeCluster
from samples import contents, without
from toy_engines import PAUSE

from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")


def test_a_node_killed_in_the_middle_leaves_the_store_as_if_nothing_had_been(
    store: MTLStore,
    address: Connection,
    tmp_path: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    site = Site(address, tmp_path, cluster)
    site.hand_in(store)
    undisturbed = site.undisturbed(store)

    key = site.hand_in(store)
    site.until_in_queue("heat")
    site.compute()
    cluster.release()
    monkeypatch.setenv(PAUSE, "0.005")
    site.round()  # the production goes to a process that has no network
    (folder,) = site.waiting
    deadline = time.monotonic() + 120
    while len(folder.keys) == 0:
        assert cluster.alive(), folder.last_words()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert cluster.kill_nodes() == 1
    monkeypatch.setenv(PAUSE, "0")
    cluster.hold()
    site.round()
    assert (len(folder.keys), store.dynamics.get(key).steps_done) == (1, 300)
    site.finish()
    assert without(contents(store), DIFFERS) == undisturbed
    assert load_trajectory(store, store.dynamics.get(key)).n_frames == 601
    assert {job["state"] for job in store.database["fireworks"].find({}, {"state": 1})} == {"COMPLETED"}
    assert store.database["frames.pending"].count_documents({}) == 0
