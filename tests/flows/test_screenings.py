"""Screenings side by side: each has rows, clusterings and parameters of its own and touches nothing of another."""

from typing import Any

import pytest
from samples import HERE, KNOWN, SCREENED, contents, fill_screened, screen

from mtl_flows.errors import NotFoundError
from mtl_flows.flows.screening import ScreeningFlowMaker
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.launch.screening import plan_screening
from mtl_flows.science.topology import PROTOCOLS, PrescreenThresholds
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.database import MTLStore

STRICT = ScreeningParameters(thresholds=PrescreenThresholds(r_connected_A=3.0), name="strict")


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    return fill_screened(store)


def of_lithium(store: MTLStore) -> dict[str, list[dict[str, Any]]]:
    """All that belongs to the first screening."""
    found = contents(store)
    for name in ("candidates", "screenings"):
        found[name] = [d for d in found[name] if d.get("screening", d["_id"]) == "Li"]
    return found


def test_another_ion_touches_nothing(screened: MTLStore) -> None:
    before = of_lithium(screened)
    ids = screened.structures.current_ids()
    sodium = ScreeningFlowMaker(parameters=ScreeningParameters("Na"), limits=HERE)
    # No crystal here holds sodium: none is computed, none is refused.
    assert plan_screening(screened, sodium).structure_ids == []
    bromine = ScreeningParameters("Br")
    with_bromine = screened.structures.current_ids({"elements": "Br"})
    assert 0 < len(with_bromine) < len(ids)
    run_stages(screened, with_bromine, bromine, limits=HERE)
    rebuild_candidates(screened, bromine)
    assert screened.screenings.names() == ["Br", "Li"]
    rows = {candidate.material_id for candidate in screened.under("Br").candidates.find()}
    assert rows == {s.material_id for s in screened.structures.find({"_id": {"$in": with_bromine}})}
    after = of_lithium(screened)
    assert (after["candidates"], after["screenings"]) == (before["candidates"], before["screenings"])
    assert list(screened.rejections.outstanding()) == []
    # The list of known conductors and the labels are lithium's.
    assert not any(c.is_known_conductor for c in screened.under("Br").candidates.find())
    assert {c.material_id for c in screened.candidates.find() if c.is_known_conductor} == set(KNOWN)


def test_other_thresholds_stand_beside(screened: MTLStore) -> None:
    before = of_lithium(screened)
    ids = screened.structures.current_ids()
    screen(screened, ids, STRICT)
    after = of_lithium(screened)
    # Barcodes, metrics and rules are the same: only clusterings and rows are new.
    assert {name for name in after if after[name] != before[name]} == {"clusterings", "assignments"}
    strict, wide = (
        {c.material_id for c in screened.under(name).candidates.find() if c.passes_connectivity}
        for name in ("strict", "Li")
    )
    assert strict < wide
    assert screened.candidates.count() == screened.under("strict").candidates.count() == len(SCREENED)
    for protocol in PROTOCOLS:
        assert (
            screened.under("strict").clusterings.current(protocol).id
            != screened.clusterings.current(protocol).id
        )


def test_the_default_is_the_first_until_another_is_chosen(screened: MTLStore) -> None:
    screen(screened, screened.structures.current_ids(), STRICT)
    assert screened.screening == "Li"
    screened.screenings.make_default("strict")
    assert screened.screening == "strict"
    assert {c.screening for c in screened.candidates.select(CandidateFilter())} == {"strict"}
    assert screening_parameters(screened) == STRICT
    with pytest.raises(NotFoundError, match="no screening") as caught:
        screened.screenings.make_default("stricter")
    assert "Li, strict" in caught.value.remedy


def test_screening_again_changes_nothing(screened: MTLStore) -> None:
    ids = screened.structures.current_ids()
    screen(screened, ids, STRICT)
    before = [list(c.raw.find(sort=[("_id", 1)])) for c in screened.collections]
    screen(screened, ids, STRICT)
    screen(screened, ids)
    assert [list(c.raw.find(sort=[("_id", 1)])) for c in screened.collections] == before
