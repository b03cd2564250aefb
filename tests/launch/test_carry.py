"""Jobs carried to a queue and back: by real commands and processes, the nodes' work done by the test."""

import gzip
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from carrying import P, Site
from fake_cluster import FakeCluster
from samples import contents, fill, parent, without

from mtl_flows.carried.node import compute
from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.launch import steering
from mtl_flows.launch.categories import heavy
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.jobs import JobFilter, find_jobs, job_story
from mtl_flows.launch.launchpad import launchpad
from mtl_flows.launch.queues import Pbs
from mtl_flows.launch.submit import submit
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

DIFFERS = {"owner", "file_id", "revision"}
"""What tells who computed something."""

Work = Callable[..., WorkSummary]


@pytest.fixture
def site(address: Connection, tmp_path: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Site:
    cluster.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Site(address, tmp_path, cluster)


def test_a_carrier_started_anew_for_every_look_gives_what_a_worker_gives(
    store: MTLStore, site: Site, run: Work
) -> None:
    site.hand_in(store, window=True)
    assert run().failures == ()
    undisturbed = without(contents(store), DIFFERS)
    jobs = sorted(job.name for job in find_jobs(site.address))
    for name in store.database.list_collection_names():
        store.database[name].delete_many({})

    key = site.hand_in(store, window=True)
    site.finish()
    assert without(contents(store), DIFFERS) == undisturbed
    assert sorted(job.name for job in find_jobs(site.address)) == jobs
    assert {job.state for job in find_jobs(site.address)} == {"completed"}
    assert not [event for event in site.events if event.outcome in ("fizzled", "returned", "lost")]
    simulation = store.dynamics.get(key)
    assert load_trajectory(store, simulation).n_frames == 601
    assert min(chunk.wall_s for chunk in simulation.chunks) > 0.0
    # Relaxation, heating, the window's phases and both chunks: each went to the queue once.
    assert site.cluster.submitted == 4
    assert store.database["launches"].count_documents({}) == len(jobs)
    assert store.database["frames.pending"].count_documents({}) == 0


def test_what_waits_is_told_with_what_the_queue_calls_it(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    (job,) = find_jobs(site.address, JobFilter(states=("reserved",)))
    assert (job.name, job.queue_id, job.stage) == ("relax licl", "101", "relaxation")
    site.round()  # nothing has changed
    assert (site.cluster.submitted, len(site.waiting)) == (1, 1)


def test_nothing_secret_goes_to_the_queue(
    store: MTLStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"MTL_MONGO_URI": site.address.uri, "MP_API_KEY": "k" * 32, "MTL_SERVE_TOKEN": "t" * 20}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    site.hand_in(store)
    site.screen(store, "li2o")
    site.round()
    written = [file for file in site.root.path.rglob("*") if file.is_file()]
    written += site.cluster.spool.glob("*.env")
    assert len(written) >= 10
    for file in written:
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        assert not [name for name, value in secrets.items() if value in text or f"{name}=" in text], file
    assert all("mtl_flows work . --seconds 3528" in (f.path / "job.sh").read_text() for f in site.waiting)


def test_a_folder_brought_back_twice_changes_nothing(store: MTLStore, site: Site, tmp_path: Path) -> None:
    site.hand_in(store)
    folder = site.until_in_queue("licl at 1200 K")
    compute(folder, site.said.append)
    shutil.copytree(folder.path, tmp_path / "copy")
    site.finish()
    finished = contents(store)
    shutil.rmtree(folder.path)
    shutil.copytree(tmp_path / "copy", folder.path)  # with its note of who waits
    assert len(site.waiting) == 1
    before = len(site.events)
    site.finish()
    assert contents(store) == finished
    assert (site.waiting, site.events[before:]) == ([], [])


def test_two_carriers_never_share_a_folder(store: MTLStore, site: Site) -> None:
    with site.root.held(), pytest.raises(ConfigurationError, match="another process works in this folder"):
        site.round()


@pytest.mark.faults
def test_a_killed_node_costs_a_chunk(store: MTLStore, site: Site) -> None:
    key = site.hand_in(store)
    folder = site.until_in_queue("licl at 1200 K")
    compute(folder, site.said.append)
    (last,) = (k for k in folder.keys if folder.answer(k).value["state"]["step"] == 600)
    folder.forget(last)  # as if the node had been killed in the second chunk
    site.cluster.kill_nodes()
    site.round()
    assert store.dynamics.get(key).steps_done == 300
    (queued,) = site.root.queued()
    assert queued.waiting[0].name == "licl at 1200 K from step 300"
    site.finish()
    assert store.dynamics.get(key).steps_done == 600
    assert site.cluster.submitted == 4
    assert not [event for event in site.events if event.outcome == "returned"]


def test_a_node_killed_with_nothing_done_counts_and_the_third_time_the_job_fails(
    store: MTLStore, site: Site
) -> None:
    site.hand_in(store)
    site.round()
    for attempt in range(3):
        (site.waiting[0].path / "job.out").write_text("slurmstepd: error: Detected 1 oom-kill event(s)\n")
        site.cluster.kill_nodes()
        site.round()
        assert len(site.waiting) == (attempt < 2)
    (failed,) = find_jobs(site.address, JobFilter(states=("fizzled",)))
    assert failed.error.startswith("WorkerLost: job 103 left the queue without an answer")
    assert "(NODE_FAIL, NodeDown)" in failed.error
    assert "oom-kill" in failed.error
    assert [event.outcome for event in site.events].count("returned") == 2
    assert len(job_story(site.address, failed.fw_id).launches) == 3
    steering.rerun(site.address, JobFilter(ids=(failed.fw_id,)))
    site.round()
    site.compute()
    site.round()
    assert find_jobs(site.address, JobFilter(ids=(failed.fw_id,)))[0].state == "completed"


def test_a_damaged_folder_is_refused_with_its_reason_and_computed_anew(store: MTLStore, site: Site) -> None:
    key = site.hand_in(store)
    folder = site.until_in_queue("licl at 1200 K")
    compute(folder, site.said.append)
    for file in (folder.path / "answers").glob("*.npz"):
        file.write_bytes(file.read_bytes()[:-10])
    before = store.dynamics.get(key)
    site.cluster.kill_nodes()
    site.round()
    assert store.dynamics.get(key).chunks == before.chunks == []
    (job,) = find_jobs(site.address, JobFilter(states=("reserved",)))
    reason = job_story(site.address, job.fw_id).launches[0].error
    assert reason.startswith("mtl_flows.errors.DamagedFolderError: ")
    assert "checksum differs" in reason
    assert [told for told in site.said if told.startswith("damaged")]
    site.finish()
    assert store.dynamics.get(key).steps_done == 600


def test_a_cancelled_job_is_taken_off_the_queue(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    steering.cancel(site.address, JobFilter(material="", states=("reserved",)))
    site.round()
    assert (site.cluster.cancelled, site.waiting) == (["101"], [])
    site.cluster.wait_for_end()
    assert "relax licl" in next(told for told in site.said if told.startswith("cancelled"))


def test_a_queue_that_is_away_or_full_is_asked_again(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    (site.cluster.spool / "full").touch()
    site.round()
    assert "QOSMaxSubmitJobPerUserLimit" in site.said[-1]
    assert (site.cluster.submitted, len(site.waiting)) == (0, 1)
    (site.cluster.spool / "full").unlink()
    site.round()
    assert site.cluster.submitted == 1
    (site.cluster.spool / "away").touch()
    site.cluster.kill_nodes()
    site.round()
    assert (len(site.waiting), find_jobs(site.address, JobFilter(states=("fizzled",)))) == (1, [])
    (site.cluster.spool / "away").unlink()
    compute(site.waiting[0], site.said.append)
    site.round()
    assert find_jobs(site.address, JobFilter(states=("completed",)))[0].name == "relax licl"


def test_a_job_that_the_queue_has_is_not_given_to_it_twice(store: MTLStore, site: Site) -> None:
    """As if the carrier had been killed between the queue's answer and its note."""
    site.hand_in(store)
    site.round()
    (queued,) = site.root.queued()
    site.root.note(type(queued)(queued.calculation, queued.category, "", queued.waiting))
    site.round()
    assert site.cluster.submitted == 1
    assert next(site.root.queued()).queue_id == "101"
    # Or before it noted anything: who is reserved and waits for nothing asks again.
    site.root.settle(queued.calculation)
    site.round()
    assert site.cluster.submitted == 1
    assert [q.queue_id for q in site.root.queued()] == ["101"]


def test_a_reservation_that_lapses_costs_nothing(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    pad = launchpad(site.address)
    assert len(pad.detect_unreserved(expiration_secs=0, rerun=True)) == 1
    pad.connection.close()
    site.most = 1
    site.round()
    (job,) = find_jobs(site.address, JobFilter(states=("reserved",)))
    assert (job.queue_id, site.cluster.submitted, site.cluster.cancelled) == ("101", 1, [])
    site.compute()
    site.round()
    assert find_jobs(site.address, JobFilter(ids=(job.fw_id,)))[0].state == "completed"


def test_the_queue_holds_no_more_than_it_may_and_what_is_light_goes_on(store: MTLStore, site: Site) -> None:
    site.most = 1
    fill(store, "licl", "li2o")
    for slug in ("licl", "li2o"):
        flow = DynamicsFlowMaker(parameters=P, window=False).make(parent(slug), slug)
        submit(heavy(flow), site.address, name=slug)
    site.round()
    assert len(site.waiting) == 1
    assert {job.name for job in find_jobs(site.address, JobFilter(states=("completed",)))} == {
        "order and relax licl",
        "order and relax li2o",
    }
    deadline = time.monotonic() + 60
    while site.waiting and time.monotonic() < deadline:
        site.compute()
        site.round()
        assert len(site.waiting) <= 1
    assert {job.state for job in find_jobs(site.address)} == {"completed"}


def test_pbs(store: MTLStore, site: Site) -> None:
    site.queue = Pbs
    site.hand_in(store)
    site.round()
    script = (site.waiting[0].path / "job.sh").read_text()
    assert f"#PBS -N mtl-{site.waiting[0].path.name}" in script
    assert "#PBS -l walltime=1:00:00" in script
    site.round()
    assert site.cluster.submitted == 1
    (queued,) = site.root.queued()
    assert queued.queue_id == "101"
    steering.cancel(site.address, JobFilter(states=("reserved",)))
    site.round()
    assert site.cluster.cancelled == ["101"]
