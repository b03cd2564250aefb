"""A batch: what fails is recorded alone, what is done is not done again, what is killed is picked up."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pytest
from batch_work import formula
from samples import HERE, fill

from mtl_flows.errors import NotFoundError
from mtl_flows.jobs import batch
from mtl_flows.jobs.batch import BatchSummary, Limits, run_batch
from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.store.database import MTLStore

STAGE = StageParameters(stage="chemistry", algorithm_version=1, mobile_ion="Li", values={"x": 1})
SLUGS = ("li3n", "li3ocl", "licl", "li2o", "lioh")


def run(
    store: MTLStore, ids: Sequence[str], troubles: dict[str, str] | None = None, limits: Limits = HERE
) -> tuple[BatchSummary, list[int]]:
    """Run a batch; gives its summary and how many results each write held."""
    writes = []

    def write(ready: Sequence[tuple[StructureDocument, str]]) -> None:
        writes.append(len(ready))
        store.chemistry.add(
            ChemistryDocument(
                id=ChemistryDocument.key(document.id, STAGE),
                material_id=document.material_id,
                structure_id=document.id,
                parameters_hash=STAGE.hash,
                provenance=Provenance.record(STAGE, {"structure": document.content_hash}),
                formula=found,
                passed=True,
                failures=[],
                rules=[],
            )
            for document, found in ready
        )

    compute = partial(formula, troubles=troubles or {})
    summary = run_batch(
        store, ids, STAGE, results=store.chemistry, compute=compute, write=write, limits=limits
    )
    return summary, writes


def counts(summary: BatchSummary) -> tuple[int, int, int]:
    return summary.computed, summary.already_there, summary.rejected


def test_what_is_there_is_not_computed_again(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    assert counts(run(store, ids[:2])[0]) == (2, 0, 0)
    assert counts(run(store, ids)[0]) == (3, 2, 0)
    before = list(store.chemistry.find())
    summary, writes = run(store, ids, dict.fromkeys(ids, "crash"))
    assert summary.as_dict() == asdict(summary)
    assert (counts(summary), writes) == ((0, 5, 0), [])
    assert list(store.chemistry.find()) == before
    assert counts(run(store, [])[0]) == (0, 0, 0)


def test_failures_are_recorded_and_the_rest_goes_on(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    summary, _ = run(store, ids, {ids[1]: "refuse", ids[3]: "crash"})
    assert counts(summary) == (3, 0, 2)
    refused, crashed = sorted(store.rejections.outstanding(), key=lambda r: r.reason, reverse=True)
    assert (refused.stage, refused.subject, refused.reason) == ("chemistry", ids[1], "no_mobile_ion")
    assert (refused.message, refused.remedy, refused.material_id) == ("no Li", "take another", "li3ocl")
    assert (crashed.subject, crashed.reason) == (ids[3], "input")
    assert "ZeroDivisionError: oops" in crashed.message
    assert crashed.remedy
    assert crashed.provenance is not None
    assert crashed.provenance.parameters == STAGE
    assert crashed.provenance.inputs == {"structure": store.structures.get(ids[3]).content_hash}


def test_what_works_later_is_refused_no_longer(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    run(store, ids, {ids[0]: "refuse", ids[1]: "refuse"})
    summary, _ = run(store, ids, {ids[1]: "refuse"})
    assert counts(summary) == (1, 3, 1)
    assert [r.subject for r in store.rejections.outstanding()] == [ids[1]]
    assert store.rejections.count() == 2


def test_results_are_written_on_the_way(store: MTLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_WRITE_EVERY", 2)
    ids = fill(store, *SLUGS)
    assert run(store, ids)[1] == [2, 2, 1]


def test_one_structure_has_its_own_limits_of_time_and_life(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    limits = Limits(workers=2, timeout_s=2.0, memory_MB=4000)
    summary, _ = run(store, ids, {ids[0]: "hang", ids[2]: "die"}, limits)
    assert counts(summary) == (3, 0, 2)
    told = {r.subject: (r.reason, r.message) for r in store.rejections.outstanding()}
    assert told[ids[0]] == ("limit_exceeded", "took more than 2 s")
    assert told[ids[2]][0] == "limit_exceeded"
    assert "exit code 11" in told[ids[2]][1]


def test_an_unknown_structure_is_an_error_of_the_caller(store: MTLStore) -> None:
    with pytest.raises(NotFoundError, match="structures"):
        run(store, ["nobody.r1"])
