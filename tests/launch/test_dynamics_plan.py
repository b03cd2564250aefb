"""Which cells are simulated: several of a disordered crystal, one of an ordered one."""

from dataclasses import replace

import pytest
from samples import fill, parent, subject
from toy_engines import dynamics

from mtl_flows.errors import ConfigurationError
from mtl_flows.flows.campaign import CampaignRoundMaker
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.ordering import find_ordering
from mtl_flows.launch.campaign import start_campaign
from mtl_flows.launch.campaign_state import campaign_progress
from mtl_flows.launch.dynamics import plan_dynamics
from mtl_flows.report.story import tell
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.candidate_filter import CandidateFilter
from mtl_flows.store.database import MTLStore

P = dynamics()
THREE = replace(P, ordering=replace(P.ordering, n_orderings=3))
SCREENING = ScreeningParameters()


@pytest.mark.parametrize(("ordered", "n"), [(True, 1), (False, 3)])
def test_an_ordered_crystal_is_simulated_once(ordered: bool, n: int) -> None:
    maker = DynamicsFlowMaker(parameters=THREE)
    flows = (
        maker.make("s", "m", ordered=ordered),
        CampaignRoundMaker(parameters=THREE).make("s", "m", (900.0,), ordered=ordered),
    )
    for flow in flows:
        fits = [job for job in flow.jobs if job.name.startswith("Arrhenius")]
        assert [fit.function_args[1] for fit in fits] == list(range(n))


def test_plans_and_campaigns_know_which_crystals_are_ordered(store: MTLStore) -> None:
    fill(store, "licl")
    rebuild_candidates(store, SCREENING)
    (candidate,) = store.candidates.find()
    assert candidate.ordered
    maker = DynamicsFlowMaker(parameters=THREE)
    (work,) = plan_dynamics(store, maker, materials=["licl"]).todo
    assert (work.candidate, work.parent, work.asked_for) == (candidate, parent("licl"), "")
    campaign = start_campaign(store, "c", [candidate], THREE, core_hours=1.0, material_core_hours=1.0)
    assert [state.n_orderings for state in campaign_progress(store, campaign).states] == [1]
    store.structures.raw.update_one({"_id": candidate.structure_id}, {"$set": {"flags.ordered": False}})
    assert [state.n_orderings for state in campaign_progress(store, campaign).states] == [3]


def test_ranking_spends_a_budget_and_needs_to_know_how_large(store: MTLStore) -> None:
    fill(store, "licl", "li3n", "li3ocl")
    rebuild_candidates(store, SCREENING)
    for priority, material in ((0.1, "licl"), (-0.5, "icsd-34280"), (-0.9, "li3ocl")):
        row = {"priority": priority, "passes_chemistry": material != "licl", "survives_text": True}
        store.candidates.raw.update_one({"material_id": material}, {"$set": row})
    maker = DynamicsFlowMaker(parameters=P)
    assert plan_dynamics(store, maker).todo == []
    found = plan_dynamics(store, maker, chosen=CandidateFilter(protocol="ranked"), limit=1)
    assert [work.candidate.material_id for work in found.todo] == ["icsd-34280"]
    assert found.found == 2
    assert len(plan_dynamics(store, maker, chosen=CandidateFilter(protocol="text")).todo) == 3
    with pytest.raises(ConfigurationError, match="ranks 2 materials"):
        plan_dynamics(store, maker, chosen=CandidateFilter(protocol="ranked"))


def test_the_one_cell_says_why_there_are_no_others(store: MTLStore) -> None:
    fill(store, "licl")
    made = find_ordering(store, subject("licl"), 0, THREE)
    assert made.only_one == "the crystal is ordered"
    (cell,) = tell(store, "licl", SCREENING)["calculations"]
    assert (cell["what"], cell["status"]) == ("ordered cell 0", "the only one: the crystal is ordered")
    # Why it matters: another number, seed included, would give the very same cell.
    again = find_ordering(store, subject("licl"), 1, THREE)
    assert again.to_structure() == made.to_structure()
    assert (made.sample, again.sample) == ((made.approximant_id, 0), (made.approximant_id, 1))
