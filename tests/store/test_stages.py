"""One document per structure and set of parameters: what is missing, what is there."""

from typing import Any

from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.store.database import MTLStore


def stage(**values: Any) -> StageParameters:
    return StageParameters(stage="chemistry", algorithm_version=1, mobile_ion="Li", values=values)


def verdict(crystal_id: str, parameters: StageParameters, *, passed: bool = True) -> ChemistryDocument:
    return ChemistryDocument(
        id=f"{crystal_id}:{parameters.hash}",
        crystal_id=crystal_id,
        parameters_hash=parameters.hash,
        provenance=Provenance.record(parameters, {"crystal": crystal_id}),
        formula="LiF",
        passed=passed,
        failures=[],
        rules=[],
    )


def test_results_are_found_by_what_the_stage_reads_and_by_parameters(store: MTLStore) -> None:
    one, other = verdict("a", stage(x=1)), verdict("a", stage(x=2), passed=False)
    store.chemistry.add([one, other, verdict("b", stage(x=1))])
    # Two materials of one crystal, and one that has none yet.
    keys = {"m1.r1": one.id, "m2.r3": one.id, "m3.r1": "c:0"}
    assert store.chemistry.found(keys) == {"m1.r1": one, "m2.r3": one}
    assert store.chemistry.found({"m1.r1": other.id}) == {"m1.r1": other}
    assert store.chemistry.found({}) == {}


def test_computing_a_result_again_changes_nothing(store: MTLStore) -> None:
    first = verdict("a", stage(x=1))
    store.chemistry.add([first])
    assert store.chemistry.add([verdict("a", stage(x=1), passed=False)]).unchanged == 1
    assert store.chemistry.get(first.id) == first


def test_queries_of_a_stage_use_an_index(store: MTLStore) -> None:
    store.chemistry.add(verdict(f"m{k}", stage(x=1)) for k in range(20))
    for query in ({"crystal_id": "m3", "parameters_hash": "0"}, {"parameters_hash": "0"}):
        plan = store.chemistry.raw.find(query).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan)
