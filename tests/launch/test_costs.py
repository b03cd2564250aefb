"""What handed-in dynamics will take, and which materials it is for."""

from dataclasses import replace

import pytest
from samples import fill, subject, trajectory
from toy_engines import dynamics

from mtl_flows.errors import ConfigurationError, NotFoundError, OrderingError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.ordering import find_ordering
from mtl_flows.launch.costs import estimate, measured_speed, told
from mtl_flows.launch.dynamics import plan_dynamics
from mtl_flows.launch.selection import best, named
from mtl_flows.schemas.dynamics import ChunkRecord
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.candidate_filter import CandidateFilter, Range
from mtl_flows.store.database import MTLStore

P = dynamics()
SCREENING = ScreeningParameters()


def test_steps_and_atoms_are_those_that_will_run(store: MTLStore) -> None:
    fill(store, "licl")
    made = find_ordering(store, subject("licl"), 0, P)
    expected = estimate(store, [subject("licl")], P, probe=False)
    assert (expected.materials, expected.cells, expected.atoms) == (1, 1, made.n_atoms)
    # 0.2 ps of heating and two temperatures of 2.4 ps, of 4.0 + 0.2 ps at most, 2 fs a step.
    assert (expected.steps, expected.most_steps) == (100 + 2 * 1200, 100 + 2 * 2100)
    assert expected.hours is None
    assert "not known" in told(expected, on_gpu=False)[-1]


def test_the_speed_is_that_of_earlier_simulations_of_the_potential(store: MTLStore) -> None:
    fill(store, "licl")
    made = find_ordering(store, subject("licl"), 0, P)
    chunk = ChunkRecord(
        first_step=0,
        last_step=500,
        blocks=[],
        mean_temperature_K=800.0,
        mean_energy_eV=0.0,
        conserved_drift_meV_per_atom_ps=0.0,
        wall_s=50.0 * made.n_atoms,
    )
    store.dynamics.add([trajectory(made, P, 800.0, steps_done=500, steps_wanted=1200, chunks=[chunk])])
    speed = measured_speed(store, P)
    assert speed is not None
    assert speed.seconds_per_step_and_atom == pytest.approx(0.1)
    expected = estimate(store, [subject("licl")], P)
    assert expected.hours == pytest.approx(
        (2500 * made.n_atoms * 0.1 / 3600, 4300 * made.n_atoms * 0.1 / 3600)
    )
    lines = told(expected, on_gpu=True)
    assert "GPU-hours" in lines[1]
    assert "measured in 1 simulations" in lines[1]
    assert measured_speed(store, replace(P, engine="chgnet")) is None


def test_where_nothing_was_measured_ten_steps_are_tried(store: MTLStore) -> None:
    fill(store, "licl")
    expected = estimate(store, [subject("licl")], P)
    assert expected.speed is not None
    assert "10 steps of licl" in expected.speed.rests_on
    broken = replace(P, engine="toy_engines.NoSuchEngine")
    assert estimate(store, [subject("licl")], broken).speed is None


def test_nothing_is_simulated_at_full_length_without_being_asked(store: MTLStore) -> None:
    fill(store, "licl", "li3n", "li3ocl")
    rebuild_candidates(store, SCREENING)
    row = {"survives_published": True, "priority": 0.1, "v3_A": 1.0}
    store.candidates.raw.update_many({"material_id": {"$ne": "li3ocl"}}, {"$set": row})
    survivors = CandidateFilter()
    with pytest.raises(ConfigurationError, match="2 materials at full length"):
        best(store, survivors)
    assert len(best(store, survivors, everything=True)) == 2
    assert len(best(store, survivors, limit=1)) == 1
    chlorine = CandidateFilter(elements=("Cl",))
    assert [c.material_id for c in best(store, chlorine, everything=True)] == ["licl"]
    narrow = CandidateFilter(ranges=(Range("v3", at_least=2.0),))
    assert best(store, narrow) == []
    plan = plan_dynamics(store, DynamicsFlowMaker(parameters=P), chosen=chlorine, everything=False, limit=5)
    assert ([w.candidate.material_id for w in plan.todo], plan.found) == (["licl"], 1)


def test_any_ingested_material_can_be_simulated_by_name(store: MTLStore) -> None:
    fill(store, "licl")
    (work,) = plan_dynamics(store, DynamicsFlowMaker(parameters=P), materials=["licl"]).todo
    assert (work.candidate.material_id, work.candidate.ordered) == ("licl", True)
    assert not store.candidates.existing(["licl"])
    with pytest.raises(NotFoundError, match="was not ingested"):
        named(store, "nobody", "Li")


def test_a_file_that_lacks_atoms_is_refused_with_that_reason(store: MTLStore) -> None:
    whole, lacking = fill(store, "lif", "licl")
    store.structures.raw.update_one({"_id": lacking}, {"$set": {"implicit_hydrogens": 4.0}})
    with pytest.raises(OrderingError, match="no sites to hydrogen atoms"):
        named(store, "licl", "Li")
    # It keeps none of the others from being handed in.
    plan = plan_dynamics(store, DynamicsFlowMaker(parameters=P), materials=["licl", "lif"])
    assert [work.candidate.structure_id for work in plan.todo] == [whole]
    (refusal,) = plan.refused
    assert (refusal.subject, "no sites to hydrogen" in refusal.message) == ("licl", True)
