"""The screening as a workflow: batches on real rockets, run twice, with a lost batch, and killed on the way."""

import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import HERE, KNOWN, SCREENED, contents, fill, fill_screened, label_known, write_cifs

from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.barrier import draw_landscapes
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.events import RocketEvent, RocketOutcome, WorkSummary
from mtl_flows.launch.recover import recover
from mtl_flows.launch.screening import ScreeningPlan, plan_screening, submit_screening
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.science.topology import PROTOCOLS, PrescreenThresholds
from mtl_flows.stages import CRYSTAL_STAGES, ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

Work = Callable[..., WorkSummary]
MAKER = ScreeningFlowMaker(limits=HERE, batch_size=8)
JOBS = 2 * 3 + 2 + 1 + 1  # two batches of three jobs, two clusterings, the table, what to draw


@pytest.fixture
def ingested(store: MTLStore) -> MTLStore:
    label_known(store, *KNOWN)
    fill(store, *SCREENED)
    return store


def hand_in(store: MTLStore, address: Connection, maker: ScreeningFlowMaker = MAKER) -> int:
    """Submit what is missing; gives the number of jobs."""
    plan = plan_screening(store, maker)
    return 0 if plan.nothing_to_do else len(submit_screening(address, plan, maker).fw_ids)


def expected(store: MTLStore) -> dict[str, list[dict[str, object]]]:
    """What the stages write when they are called one after the other, in a store that is emptied for it."""
    for collection in store.collections:
        collection.raw.delete_many({})
    fill_screened(store)
    draw_landscapes(store, MAKER.parameters, limits=HERE)
    return contents(store)


def test_the_workflow_writes_what_the_stages_write_and_writes_it_once(
    ingested: MTLStore, address: Connection, run: Work
) -> None:
    assert hand_in(ingested, address) == JOBS
    summary = run()
    assert (summary.completed, summary.failures) == (JOBS, ())
    written = contents(ingested)
    outputs = [d["output"] for d in ingested.database["outputs"].find()]
    computed = [s["computed"] for o in outputs for s in o.values() if isinstance(s, dict) and "computed" in s]
    ranked = ingested.candidates.count({"priority": {"$ne": None}, "is_representative": True})
    assert sum(computed) == len(CRYSTAL_STAGES) * len(SCREENED) + ranked
    assert ingested.landscapes.count() == ranked > 0
    jobs = {d["provenance"]["job"] for d in ingested.topology.raw.find()}
    assert jobs <= {d["uuid"] for d in ingested.database["outputs"].find()}
    assert len(jobs) == 2  # one for each batch

    # Nothing is missing, so nothing is handed in; a workflow handed in all the same finds its work done.
    assert hand_in(ingested, address) == 0
    ids = ingested.structures.current_ids()
    submit(ScreeningFlowMaker(limits=HERE).make(ids), address, name="screening")
    assert run().completed == 7
    assert contents(ingested) == written

    # A new label is a reason to cluster again, and only that.
    label_known(ingested, "li4p2s6")
    assert hand_in(ingested, address) == 4
    assert run().completed == 4
    assert ingested.clusterings.count() == 4
    assert contents(ingested)["topology"] == written["topology"]

    assert written == expected(ingested)


def test_one_lost_batch_holds_up_nobody(ingested: MTLStore, address: Connection, run: Work) -> None:
    """A batch that fails, and a structure that cannot be computed, cost themselves and no more."""
    spoilt = ingested.structures.get("licl.r1")
    ingested.crystals.raw.update_one({"_id": spoilt.crystal_id}, {"$set": {"structure": {"sites": []}}})
    ids = ingested.structures.current_ids()
    submit(MAKER.make([*ids, "nobody.r1"]), address, name="screening")
    summary = run()
    assert {failure.name for failure in summary.failures} == {"topology 2/2", "chemistry 2/2", "barrier 2/2"}
    assert all("NotFoundError" in failure.error for failure in summary.failures)
    assert summary.completed == JOBS - 3
    for protocol in PROTOCOLS:
        assert ingested.clusterings.has_current(protocol)
    assert {c.material_id for c in ingested.candidates.find()} == {
        s.material_id for s in ingested.structures.find()
    }
    # The next screening does what is left, but for the structure that was refused.
    assert hand_in(ingested, address) > 0
    assert run().failures == ()
    refused = {(r.stage, r.material_id, r.reason) for r in ingested.rejections.outstanding()}
    assert refused == {(stage, spoilt.material_id, "input") for stage in ("barcodes", "chemistry", "barrier")}
    assert ingested.topology.count() == ingested.chemistry.count() == len(SCREENED) - 1
    assert hand_in(ingested, address) == 0
    plan = plan_screening(ingested, MAKER)
    assert (plan.structure_ids, plan.screened, plan.refused) == ([], len(SCREENED) - 1, 1)
    assert plan_screening(ingested, MAKER, retry=True).structure_ids == [spoilt.id]


def test_only_a_changed_revision_is_computed_again(store: MTLStore, tmp_path: Path) -> None:
    slugs = ("li3n", "licl", "li2o")
    crystals = write_cifs(tmp_path / "crystals", *slugs)
    ingest(store, [crystals], release="one", workers=0)
    compute(store)
    before = {collection.name: list(collection.find()) for collection in (store.topology, store.chemistry)}
    (current,) = store.structures.by_material("licl")
    file = crystals / "licl.cif"
    changed = re.sub(r"(_cell_length_[abc]\s+)\S+", r"\g<1>5.2", file.read_text())
    file.write_text(changed)
    ingest(store, [crystals], release="two", workers=0)
    assert plan_screening(store, MAKER).structure_ids == ["licl.r2"]
    compute(store)
    assert plan_screening(store, MAKER).structure_ids == []
    revised = store.structures.get("licl.r2").crystal_id
    for collection in (store.topology, store.chemistry):
        after = list(collection.find())
        assert [d for d in after if d.crystal_id != revised] == before[collection.name]
        assert len(after) == len(slugs) + 1
    assert not store.structures.get(current.id).current


def compute(store: MTLStore) -> None:
    """Topology and chemistry of what lacks them, in this process."""
    p = MAKER.parameters
    run_stages(store, plan_screening(store, MAKER).structure_ids, p, limits=HERE)


def test_a_gate_that_nobody_passes_is_a_result(store: MTLStore, address: Connection, run: Work) -> None:
    fill(store, "li3n", "licl")
    nobody = ScreeningParameters(thresholds=PrescreenThresholds(r_connected_A=0.1))
    assert hand_in(store, address, ScreeningFlowMaker(parameters=nobody, limits=HERE)) == 7
    assert run().failures == ()
    assert store.clusterings.count() == 0
    for candidate in store.candidates.find():
        assert (candidate.furthest_stage, candidate.pending) == ("topology", [])
        assert not candidate.survives
    assert hand_in(store, address, ScreeningFlowMaker(parameters=nobody, limits=HERE)) == 0


def work_and_die(address: Connection, folder: Path, after: int) -> None:
    """Work until so many jobs are done, then be killed when the next one has begun."""
    done = 0

    def die_in_the_middle(event: RocketEvent) -> None:
        nonlocal done
        done += event.outcome is RocketOutcome.COMPLETED
        if event.outcome is RocketOutcome.STARTED and done == after:
            os.kill(os.getpid(), signal.SIGKILL)

    work(address, launch_dir=folder, on_event=die_in_the_middle)


@pytest.mark.faults
def test_a_killed_screening_ends_with_the_same_documents(
    ingested: MTLStore, address: Connection, run: Work, tmp_path: Path
) -> None:
    hand_in(ingested, address)
    process = multiprocessing.get_context("spawn").Process(
        target=work_and_die, args=(address, tmp_path / "launches", 1)
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert len(recover(address).returned) == 1
    assert run().failures == ()
    written = contents(ingested)
    assert ingested.database["fireworks"].count_documents({"state": "COMPLETED"}) == JOBS
    assert written == expected(ingested)


@pytest.mark.parametrize(
    ("n_structures", "workers", "in_one_job"),
    [(50_000, 2, 500), (550, 2, 275), (500, 2, 250), (550, 1, 500), (500, 0, 500), (77, 2, 100), (0, 2, 100)],
)
def test_an_increment_is_shared_among_the_workers(n_structures: int, workers: int, in_one_job: int) -> None:
    plan = ScreeningPlan([f"m{k}.r1" for k in range(n_structures)], 0, 0, False)
    assert plan.shared_among(workers, 500) == in_one_job
    assert plan.shared_among(workers, 3) == 3
