"""A screening carried to a queue and back: its batches on nodes, what is light here, the store as if all were here."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from carrying import Site
from fake_cluster import FakeCluster
from samples import HERE, KNOWN, SCREENED, contents, fill, fill_screened, label_known

from mtl_flows.carried.call import Call
from mtl_flows.carried.folder import CarriedAnswer
from mtl_flows.carried.node import compute
from mtl_flows.carried.stage_answers import StageRespondent
from mtl_flows.carried.stage_calls import PortionAnswer
from mtl_flows.jobs import carried_batch
from mtl_flows.jobs.barrier import BarrierMaker, draw_landscapes
from mtl_flows.jobs.batch import BatchMaker
from mtl_flows.jobs.chemistry import ChemistryMaker
from mtl_flows.jobs.topology import TopologyMaker
from mtl_flows.launch import steering
from mtl_flows.launch.carrier import COMPUTING
from mtl_flows.launch.events import WorkSummary
from mtl_flows.launch.jobs import JobFilter, find_jobs, job_story
from mtl_flows.launch.submit import submit
from mtl_flows.stages import BARRIER, CRYSTAL_STAGES, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

Work = Callable[..., WorkSummary]
SMALL = ("li3n", "li3ocl", "licl", "li2o", "lioh")


@pytest.fixture
def site(address: Connection, tmp_path: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Site:
    cluster.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Site(address, tmp_path, cluster)


def topology(site: Site, store: MTLStore, *slugs: str, limits: Limits = HERE) -> None:
    """Hand in one batch of topology."""
    submit(TopologyMaker(limits=limits).make(fill(store, *slugs)), site.address, name="topology")


def test_a_screening_carried_to_nodes_gives_what_one_here_gives(store: MTLStore, site: Site) -> None:
    fill_screened(store)
    draw_landscapes(store, ScreeningParameters(), limits=HERE)
    undisturbed = contents(store)
    for collection in store.collections:
        collection.raw.delete_many({})

    label_known(store, *KNOWN)
    site.screen(store, *SCREENED, batch_size=8)
    site.round()
    # Chemistry is done already, and has asked for nothing.
    assert sorted(job.name for job in find_jobs(site.address, JobFilter(states=("completed",)))) == [
        "chemistry 1/2",
        "chemistry 2/2",
    ]
    assert [len(queued.waiting) for queued in site.root.queued()] == [1] * 4
    site.finish()
    assert {job.state for job in find_jobs(site.address)} == {"completed"}
    assert contents(store) == undisturbed
    # Two batches of topology and of barriers, and what to draw: each went to the queue once.
    assert site.cluster.submitted == 5
    assert not [event for event in site.events if event.outcome in ("fizzled", "returned", "lost")]
    jobs = {document["provenance"]["job"] for document in store.topology.raw.find()}
    assert jobs == {d["uuid"] for d in store.database["outputs"].find({"name": {"$regex": "^topology"}})}


def test_real_nodes_compute_a_batch_without_a_network(store: MTLStore, site: Site) -> None:
    topology(site, store, "licl", "li2o", limits=Limits(workers=2))
    site.cluster.release()
    site.round()
    script = (site.waiting[0].path / "job.sh").read_text()
    assert "#SBATCH --cpus-per-task=2" in script
    while site.cluster.alive():
        time.sleep(0.05)
    site.round()
    assert {job.state for job in find_jobs(site.address)} == {"completed"}
    assert store.topology.count() == 2


@pytest.mark.faults
def test_a_node_killed_half_way_costs_what_it_had_in_hand(
    store: MTLStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    topology(site, store, *SMALL)
    site.round()
    (folder,) = site.waiting
    calls = folder.asked().calls
    compute(folder, site.said.append)
    folder.forget(calls[2].key)  # as if the node had been killed in the last portion
    site.cluster.kill_nodes()
    site.round()
    assert store.topology.count() == 4
    (rest,) = site.waiting
    assert [call.key for call in rest.asked().calls] == [calls[2].key]
    site.finish()
    assert store.topology.count() == 5
    assert (site.cluster.submitted, site.waiting) == (2, [])
    assert not [event for event in site.events if event.outcome == "returned"]


def test_a_portion_that_outlasts_the_limit_does_not_hold_up_the_others(
    store: MTLStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    topology(site, store, *SMALL)
    site.round()
    (folder,) = site.waiting
    first, *others = folder.asked().calls
    answer = StageRespondent._portion

    def cut_off(respondent: StageRespondent, call: Call) -> PortionAnswer:
        if call.key == first.key:
            raise SystemExit
        return answer(respondent, call)

    monkeypatch.setattr(StageRespondent, "_portion", cut_off)
    for asked in ([first, *others], [*others, first], [first]):
        (folder,) = site.waiting
        assert [call.key for call in folder.asked().calls] == [call.key for call in asked]
        with pytest.raises(SystemExit):
            compute(folder, site.said.append)
        site.cluster.kill_nodes()
        site.round()
    assert store.topology.count() == 3
    assert [e.outcome for e in site.events if e.outcome in ("returned", "fizzled")] == ["returned"] * 2
    monkeypatch.setattr(StageRespondent, "_portion", answer)
    site.finish()
    (output,) = (document["output"] for document in store.database["outputs"].find())
    assert {noun: (one["computed"], one["already_there"]) for noun, one in output.items()} == {
        "barcodes": (5, 0),
        "topology": (5, 0),
    }


def test_a_batch_brought_back_twice_changes_nothing(store: MTLStore, site: Site, tmp_path: Path) -> None:
    topology(site, store, "licl", "li2o")
    site.round()
    (folder,) = site.waiting
    compute(folder, site.said.append)
    shutil.copytree(folder.path, tmp_path / "copy")
    site.finish()
    finished, before = contents(store), len(site.events)
    shutil.rmtree(folder.path)
    shutil.copytree(tmp_path / "copy", folder.path)  # with its note of who waits
    assert len(site.waiting) == 1
    site.finish()
    assert contents(store) == finished
    assert (site.waiting, site.events[before:]) == ([], [])


def test_jobs_that_ask_the_same_wait_for_one_folder(store: MTLStore, site: Site) -> None:
    ids = fill(store, "licl", "li2o")
    for name in ("one", "other"):
        submit(BarrierMaker(limits=HERE).make(ids), site.address, name=name)
    site.round()
    assert site.cluster.submitted == 1
    assert [len(queued.waiting) for queued in site.root.queued()] == [2]
    site.finish()
    assert {job.state for job in find_jobs(site.address)} == {"completed"}
    assert (site.cluster.submitted, store.results(BARRIER).count()) == (1, 2)


def test_jobs_that_ask_the_same_share_what_is_refused(store: MTLStore, site: Site) -> None:
    ids, refusing = fill(store, "licl", "li2o"), ScreeningParameters("Na")
    for name in ("one", "other", "third"):
        submit(TopologyMaker(limits=HERE, parameters=refusing).make(ids), site.address, name=name)
    site.round()
    (folder,) = site.waiting
    site.finish()
    assert {job.state for job in find_jobs(site.address)} == {"completed"}
    assert (site.cluster.submitted, store.rejections.count()) == (1, 2)
    assert folder.keys == set()  # handed in once more, it is tried once more


def test_an_answer_to_something_else_fails_the_job_and_is_asked_for_anew(store: MTLStore, site: Site) -> None:
    topology(site, store, "licl")
    site.round()
    (folder,) = site.waiting
    compute(folder, site.said.append)
    (key,) = folder.keys
    folder.put(key, CarriedAnswer({"documents": {}}))
    site.cluster.kill_nodes()
    site.round()
    (job,) = find_jobs(site.address)
    assert (job.state, job_story(site.address, job.fw_id).launches[0].error.split(":")[0]) == (
        "fizzled",
        "mtl_flows.errors.DamagedFolderError",
    )
    assert store.topology.count() == 0
    steering.rerun(site.address, JobFilter(ids=(job.fw_id,)))
    site.finish()
    assert store.topology.count() == 1


def test_jobs_that_may_wait_for_a_node_are_known_as_such() -> None:
    """So that none is taken while the queue has no room for it."""
    heavy = {stage.noun for stage in CRYSTAL_STAGES if not stage.light}
    makers = {maker.__name__ for maker in BatchMaker.__subclasses__() if heavy & set(maker.stages)}
    assert {"BatchMaker", "LandscapeMaker"} | makers <= set(COMPUTING)
    assert ChemistryMaker.__name__ not in COMPUTING
