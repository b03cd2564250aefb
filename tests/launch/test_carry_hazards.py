"""What queues, disks and people do to a carrier: nothing is given to the queue twice, no attempt is counted for it."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from carrying import Site
from fake_cluster import FakeCluster

from mtl_flows.carried.desk import OUT_OF_TIME
from mtl_flows.carried.folder import REQUEST
from mtl_flows.carried.root import CarrierRoot
from mtl_flows.errors import ConfigurationError, MTLError
from mtl_flows.launch import steering
from mtl_flows.launch.jobs import JobFilter, find_jobs
from mtl_flows.launch.queues import Pbs
from mtl_flows.store import patience
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

# By pymatgen, in atomate2's relaxation.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

BANNER = """#!/bin/bash
echo "Welcome to Cluster 6: maintenance on 24.12. | tell nobody"
{command} "$@"
echo
"""
TAKES_AND_BREAKS_OFF = """#!/bin/bash
{command} "$@" > /dev/null
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1
"""
TAKES_AND_SAYS_NOTHING = """#!/bin/bash
{command} "$@" > /dev/null
"""


@pytest.fixture
def site(address: Connection, tmp_path: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Site:
    cluster.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Site(address, tmp_path, cluster)


def attempts(store: MTLStore) -> int:
    return store.database["launches"].count_documents({"action.stored_data.mtl_lost": True})


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
def test_what_a_site_has_to_say_to_everybody_is_no_number_and_no_job(
    store: MTLStore, site: Site, kind: str
) -> None:
    commands = ("sbatch", "squeue") if kind == "slurm" else ("qsub", "qstat")
    for name in commands:
        site.cluster.wrap(name, BANNER)
    if kind == "pbs":
        site.queue = Pbs
    site.hand_in(store)
    site.round()
    site.round()
    assert [queued.queue_id for queued in site.root.queued()] == ["101"]
    assert (site.cluster.submitted, attempts(store)) == (1, 0)


@pytest.mark.parametrize("told", [TAKES_AND_BREAKS_OFF, TAKES_AND_SAYS_NOTHING])
def test_a_job_of_which_the_queue_did_not_tell_is_found_by_its_name(
    store: MTLStore, site: Site, told: str
) -> None:
    site.cluster.wrap("sbatch", told)
    site.hand_in(store)
    site.round()
    (site.cluster.spool / "away").touch()
    site.round()  # and now the queue cannot be asked whether it has it
    (site.cluster.spool / "away").unlink()
    site.round()
    assert [queued.queue_id for queued in site.root.queued()] == ["101"]
    (job,) = find_jobs(site.address, JobFilter(states=("reserved",)))
    assert job.queue_id == "101"
    assert (site.cluster.submitted, attempts(store)) == (1, 0)


def test_what_ended_without_an_answer_is_given_to_the_queue_anew(store: MTLStore, site: Site) -> None:
    """Which lists it for a moment longer; and the end of the first is not that of the second."""
    site.hand_in(store)
    site.round()
    site.waiting[0].end(OUT_OF_TIME)
    for _ in range(2):
        site.round()
        assert [queued.queue_id for queued in site.root.queued()] == ["102"]
    assert (site.cluster.submitted, attempts(store)) == (2, 1)


@pytest.mark.parametrize("how", ["empty", "folder"])
def test_a_damaged_note_of_what_waits_costs_nothing(store: MTLStore, site: Site, how: str) -> None:
    site.hand_in(store)
    site.round()
    (queued,) = site.root.queued()
    note = site.root.path / queued.calculation / "queued.json"
    note.unlink()
    note.mkdir() if how == "folder" else note.touch()
    site.round()
    assert any("is not what was written there" in told for told in site.said)
    assert [(q.calculation, q.queue_id) for q in site.root.queued()] == [(queued.calculation, "101")]
    assert (site.cluster.submitted, attempts(store)) == (1, 0)


def test_jobs_whose_carrier_is_lost_with_its_folder_are_run_again(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    shutil.rmtree(site.root.path)
    site.round()
    assert site.waiting == []
    reserved = JobFilter(states=("reserved",))
    assert steering.rerun(site.address, JobFilter()).done == ()
    assert len(steering.rerun(site.address, reserved).done) == 1
    site.round()
    assert [job.queue_id for job in find_jobs(site.address, reserved)] == ["102"]
    assert attempts(store) == 0


def test_a_damaged_identity_is_said_in_a_line(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    (site.root.path / "carrier.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"carrier.json: is not what was written there"):
        site.round()


def test_a_folder_may_have_any_name(store: MTLStore, site: Site, tmp_path: Path) -> None:
    site.root = CarrierRoot(tmp_path / "my project; true")
    site.hand_in(store)
    site.round()
    script = (site.waiting[0].path / "job.sh").read_text()
    assert f"cd '{site.waiting[0].path}' || exit 1\n" in script


def test_a_full_disk_under_the_folders_is_waited_for(
    store: MTLStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.05)
    site.hand_in(store)
    site.round()
    (queued,) = site.root.queued()
    for name in store.database.list_collection_names():
        store.database[name].delete_many({})
    site.root.settle(queued.calculation)
    site.cluster.kill_nodes()
    part = site.root.path / queued.calculation / f".{REQUEST}.part"
    part.symlink_to("/dev/full")  # the same question once more, whose folder takes no byte

    site.hand_in(store)
    with pytest.raises(MTLError, match="no space is left on a disk here"):
        site.round(patience_s=0.2)
    assert [job.name for job in find_jobs(site.address, JobFilter(states=("ready",)))] == ["relax licl"]
    room = threading.Timer(0.5, part.unlink)
    room.start()
    site.round()
    room.join()
    assert any(event.error.startswith("a disk here has been full") for event in site.events)
    assert [job.name for job in find_jobs(site.address, JobFilter(states=("reserved",)))] == ["relax licl"]
    assert attempts(store) == 0


@pytest.mark.parametrize("how", ["folder", "link", "pipe"])
def test_whatever_bears_the_name_of_a_log_costs_one_attempt(store: MTLStore, site: Site, how: str) -> None:
    site.hand_in(store)
    site.round()
    log = site.waiting[0].path / "x.log"
    match how:
        case "folder":
            log.mkdir()
        case "link":
            log.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(log)
    site.cluster.kill_nodes()
    site.round()
    assert [queued.queue_id for queued in site.root.queued()] == ["102"]
    assert attempts(store) == 1


def test_what_nobody_wants_is_taken_off_the_queue_once_that_answers(store: MTLStore, site: Site) -> None:
    site.hand_in(store)
    site.round()
    (job,) = find_jobs(site.address, JobFilter(states=("reserved",)))
    steering.cancel(site.address, JobFilter(ids=(job.fw_id,)))
    (site.cluster.spool / "away").touch()
    site.round()
    (site.cluster.spool / "away").unlink()
    assert (len(site.waiting), site.cluster.cancelled) == (1, [])
    site.round()
    assert (site.waiting, site.cluster.cancelled) == ([], ["101"])
