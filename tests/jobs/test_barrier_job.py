"""Refined barriers beside those that rank, and the surfaces of the first hundred."""

import pytest
from bson import encode
from samples import HERE, fill_screened

from mtl_flows.errors import NotFoundError
from mtl_flows.jobs.barrier import draw_landscapes, refine_barriers, refined_barriers
from mtl_flows.report.barriers import barrier_report, current_revisions
from mtl_flows.report.story import tell
from mtl_flows.science.barrier import BarrierParameters
from mtl_flows.stages import BARRIER, ScreeningParameters
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    fill_screened(store)
    return store


def test_refined_barriers_lie_beside_those_that_rank(screened: MTLStore) -> None:
    ids = ["licl.r1", "li3ocl.r1"]
    ranking = list(screened.barriers.find())
    rows = {row.material_id: row.E_3D_eV for row in screened.candidates.find()}
    assert refined_barriers(screened, ids, P) == {}
    done = refine_barriers(screened, ids, P, limits=HERE)
    assert (done.computed, done.already_there, done.rejected) == (2, 0, 0)
    found = refined_barriers(screened, ids, P)
    assert sorted(found) == sorted(ids)
    for revision, document in found.items():
        assert document.provenance.parameters.values == BarrierParameters(refine_to_eV=0.01).as_dict()
        assert document.change_eV is not None
        assert document.change_eV <= 0.01
        assert document.E_3D_eV == pytest.approx(rows[revision.partition(".")[0]], abs=0.1)
    again = refine_barriers(screened, ids, P, limits=HERE)
    assert (again.computed, again.already_there) == (0, 2)
    assert [d for d in screened.barriers.find() if d.parameters_hash == P.of(BARRIER).hash] == ranking
    assert {row.material_id: row.E_3D_eV for row in screened.candidates.find()} == rows


def test_what_is_known_is_told(screened: MTLStore) -> None:
    revisions = current_revisions(screened, ["licl"])
    told = barrier_report(screened, revisions, P)
    assert told["licl"]["refined"] is None
    assert tell(screened, "licl", P)["ranking"]["refined"] is None
    refine_barriers(screened, list(revisions.values()), P, limits=HERE)
    told = barrier_report(screened, revisions, P)
    assert told["licl"]["ranking"]["change_eV"] is None
    assert told["licl"]["refined"]["spacing_A"] < told["licl"]["ranking"]["spacing_A"]
    assert tell(screened, "licl", P)["ranking"]["refined"]["E_3D_eV"] == told["licl"]["refined"]["E_3D_eV"]
    with pytest.raises(NotFoundError):
        current_revisions(screened, ["nobody"])


def test_surfaces_are_kept_of_the_first_and_removed_of_nobody(screened: MTLStore) -> None:
    assert draw_landscapes(screened, P, n_materials=3, limits=HERE).computed == 3
    by_priority = [row for row in screened.candidates.find(sort=[("priority", -1)]) if row.is_representative]
    drawn = {document.crystal_id: document for document in screened.landscapes.find()}
    assert drawn.keys() == {row.crystal_id for row in by_priority[:3]}
    for row in by_priority[:3]:
        document = drawn[row.crystal_id]
        surface = document.surface()
        assert surface is not None
        assert surface.level_eV == pytest.approx(row.E_3D_eV)
        assert surface.values.shape == tuple(document.shape)
        assert len(encode(document.to_mongo())) <= 8192
    assert draw_landscapes(screened, P, n_materials=5, limits=HERE).computed == 2
    assert draw_landscapes(screened, P, n_materials=1, limits=HERE).computed == 0
    assert screened.landscapes.count() == 5
