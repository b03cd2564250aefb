"""A batch: what fails is recorded alone, what is done is not done again, what is killed is picked up."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pytest
from batch_work import TROUBLED, TroubledParameters
from samples import HERE, fill

from mtl_flows.errors import NotFoundError
from mtl_flows.jobs import stage_results
from mtl_flows.jobs.batch import run_stage
from mtl_flows.jobs.stage_results import BatchSummary
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.stages.work import Limits
from mtl_flows.store.collection import WriteSummary
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stages import CrystalStageCollection

SLUGS = ("li3n", "li3ocl", "licl", "li2o", "lioh")
STAGE = TroubledParameters().of(TROUBLED)


def run(
    store: MTLStore, ids: Sequence[str], troubles: dict[str, str] | None = None, limits: Limits = HERE
) -> BatchSummary:
    return run_stage(store, TROUBLED, ids, TroubledParameters(troubles=troubles or {}), limits=limits)


def key(store: MTLStore, structure_id: str) -> str:
    return TROUBLED.keys(store.structures.subjects([structure_id]), STAGE)[structure_id]


def counts(summary: BatchSummary) -> tuple[int, int, int]:
    return summary.computed, summary.already_there, summary.rejected


def test_what_is_there_is_not_computed_again(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    assert counts(run(store, ids[:2])) == (2, 0, 0)
    assert counts(run(store, ids)) == (3, 2, 0)
    before = list(store.chemistry.find())
    summary = run(store, ids, dict.fromkeys(ids, "crash"))
    assert summary.as_dict() == asdict(summary)
    assert counts(summary) == (0, 5, 0)
    assert list(store.chemistry.find()) == before
    assert counts(run(store, [])) == (0, 0, 0)


def test_failures_are_recorded_and_the_rest_goes_on(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    summary = run(store, ids, {ids[1]: "refuse", ids[3]: "crash"})
    assert counts(summary) == (3, 0, 2)
    refused, crashed = sorted(store.rejections.outstanding(), key=lambda r: r.reason, reverse=True)
    assert (refused.stage, refused.subject, refused.reason) == (
        "chemistry",
        key(store, ids[1]),
        "no_mobile_ion",
    )
    assert (refused.message, refused.remedy, refused.material_id) == ("no Li", "take another", "li3ocl")
    assert (crashed.subject, crashed.reason) == (key(store, ids[3]), "input")
    assert "ZeroDivisionError: oops" in crashed.message
    assert crashed.remedy
    assert crashed.provenance is not None
    assert crashed.provenance.parameters == STAGE
    assert crashed.provenance.inputs == {"crystal": store.structures.get(ids[3]).crystal_id}


def test_what_works_later_is_refused_no_longer(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    run(store, ids, {ids[0]: "refuse", ids[1]: "refuse"})
    summary = run(store, ids, {ids[1]: "refuse"})
    assert counts(summary) == (1, 3, 1)
    assert [r.subject for r in store.rejections.outstanding()] == [key(store, ids[1])]
    assert store.rejections.count() == 2


def test_results_are_written_on_the_way(store: MTLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_results, "WRITE_EVERY", 2)
    writes = []
    add = CrystalStageCollection.add

    def counted(
        self: CrystalStageCollection[ChemistryDocument], documents: Iterable[ChemistryDocument]
    ) -> WriteSummary:
        written = list(documents)
        writes.append(len(written))
        return add(self, written)

    monkeypatch.setattr(CrystalStageCollection, "add", counted)
    run(store, fill(store, *SLUGS))
    assert writes == [2, 2, 1]


def test_one_structure_has_its_own_limits_of_time_and_life(store: MTLStore) -> None:
    ids = fill(store, *SLUGS)
    limits = Limits(workers=2, timeout_s=2.0, memory_MB=4000)
    summary = run(store, ids, {ids[0]: "hang", ids[2]: "die"}, limits)
    assert counts(summary) == (3, 0, 2)
    told = {r.subject: (r.reason, r.message) for r in store.rejections.outstanding()}
    assert told[key(store, ids[0])] == ("limit_exceeded", "took more than 2 s")
    assert told[key(store, ids[2])][0] == "limit_exceeded"
    assert "exit code 11" in told[key(store, ids[2])][1]


def test_an_unknown_structure_is_an_error_of_the_caller(store: MTLStore) -> None:
    with pytest.raises(NotFoundError, match="structures"):
        run(store, ["nobody.r1"])


def test_materials_of_one_crystal_share_its_document(store: MTLStore) -> None:
    (original,) = fill(store, "li3n")
    document = store.structures.get(original)
    store.structures.add([document.model_copy(update={"id": "twin.r1", "material_id": "twin"})])
    assert counts(run(store, [original, "twin.r1"])) == (1, 0, 0)
    assert counts(run(store, ["twin.r1"])) == (0, 1, 0)
    assert store.chemistry.count() == 1
