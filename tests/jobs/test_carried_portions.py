"""Portions of a batch that a carrier brings back one by one: what is used, what is asked again, and what ends."""

import os
import time
from pathlib import Path

import pytest
from carried_work import HEAVY, SLUGS, Batch, P, counts
from samples import HERE, fill

from mtl_flows.carried.folder import CalculationFolder
from mtl_flows.carried.question import CarriedQuestion
from mtl_flows.carried.root import Queued, Waiting
from mtl_flows.jobs import carried_batch
from mtl_flows.jobs.batch import run_stages
from mtl_flows.stages import BARCODES, ScreeningParameters
from mtl_flows.stages.work import Limits
from mtl_flows.store.database import MTLStore


@pytest.fixture
def batch(store: MTLStore, tmp_path: Path) -> Batch:
    return Batch(store, tmp_path / "carried")


def aged(folder: CalculationFolder, by_s: float) -> None:
    """As if what was written there had been written earlier."""
    for file in folder.path.rglob("*"):
        os.utime(file, (file.stat().st_atime - by_s, file.stat().st_mtime - by_s))


def test_what_a_waiting_job_has_used_is_kept_however_long_the_queue_takes(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its refused crystals are asked again, and those of the next portion, and so on without an end."""
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    ids, refusing = fill(store, *SLUGS), ScreeningParameters("Na")
    waited_s, asked, folder = 90_000.0, [], batch.root.path
    for _ in range(3):
        question = batch.run(ids, refusing)
        assert isinstance(question, CarriedQuestion)
        calls = question.calls
        asked.append([call.key for call in calls])
        folder = batch.root.place(question)
        job = Waiting(1, 1, "topology", since=time.time() - waited_s)
        batch.root.note(Queued(folder.path.name, "light", "1", (job,)))
        for manifest in batch.root.path.glob("*/request*"):
            aged(CalculationFolder(manifest.parent), waited_s)
        assert batch.root.sweep() == 0
        batch.compute(folder)
        for call in calls[1:]:
            folder.forget(call.key)  # as if the queue's limit had cut it off
        batch.root.settle(folder.path.name)
    assert counts(batch.run(ids, refusing)) == [(0, 0, 5), (0, 0, 0), (0, 0, 5)]
    assert asked == [asked[0][n:] for n in range(3)]
    aged(folder, 2 * waited_s)
    assert batch.root.sweep() > 0  # once nobody waits


def test_what_has_gone_missing_since_it_was_asked_is_asked_anew(batch: Batch, store: MTLStore) -> None:
    ids = fill(store, "licl", "li2o")
    run_stages(store, ids, P, stages=HEAVY, limits=HERE)
    store.barriers.raw.delete_many({})
    batch.compute(batch.asked(ids))
    store.results(BARCODES).raw.delete_many({})
    batch.compute(batch.asked(ids))
    assert counts(batch.run(ids)) == [(2, 0, 0), (0, 2, 0), (2, 0, 0)]


def test_what_was_refused_within_other_limits_is_asked_anew(batch: Batch, store: MTLStore) -> None:
    ids = fill(store, "licl")
    narrow = batch.asked(ids, limits=Limits(1, 1.0, 500))
    wide = batch.asked(ids, limits=Limits(4, 600.0, 8000))
    assert wide.path != narrow.path
    assert narrow.asked().choice.processors == 1
    batch.compute(narrow)
    assert batch.asked(ids, limits=Limits(4, 600.0, 8000)).path == wide.path
    assert counts(batch.run(ids, limits=Limits(2, 1.0, 500))) == [(1, 0, 0)] * 3


def test_the_order_in_which_structures_are_named_changes_nothing(
    batch: Batch, store: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidate table, after which surfaces are drawn, may have changed meanwhile."""
    monkeypatch.setattr(carried_batch, "PORTION", 2)
    ids = fill(store, *SLUGS)
    batch.compute(batch.asked(ids, stages=[BARCODES]))
    assert counts(batch.run([*ids[2:], *ids[:2]], stages=[BARCODES])) == [(5, 0, 0)]
