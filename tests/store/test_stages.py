"""One document per structure and set of parameters: what is missing, what is there."""

from typing import Any

from mtl_flows.schemas.base import Provenance, StageParameters
from mtl_flows.schemas.chemistry import ChemistryDocument
from mtl_flows.store.database import MTLStore


def stage(**values: Any) -> StageParameters:
    return StageParameters(stage="chemistry", algorithm_version=1, mobile_ion="Li", values=values)


def verdict(structure_id: str, parameters: StageParameters, *, passed: bool = True) -> ChemistryDocument:
    return ChemistryDocument(
        id=ChemistryDocument.key(structure_id, parameters),
        material_id=structure_id.removesuffix(".r1"),
        structure_id=structure_id,
        parameters_hash=parameters.hash,
        provenance=Provenance.record(parameters, {"structure": "0"}),
        formula="LiF",
        passed=passed,
        failures=[],
        rules=[],
    )


def test_missing_keeps_the_order_and_knows_the_parameters(store: MTLStore) -> None:
    ids = ["c.r1", "a.r1", "b.r1", "d.r1"]
    store.chemistry.add([verdict("a.r1", stage(x=1)), verdict("d.r1", stage(x=2))])
    assert store.chemistry.missing(ids, stage(x=1)) == ["c.r1", "b.r1", "d.r1"]
    assert store.chemistry.missing(iter(ids), stage(x=2)) == ["c.r1", "a.r1", "b.r1"]
    assert store.chemistry.missing(ids, stage(x=3)) == ids
    assert store.chemistry.missing([], stage(x=1)) == []


def test_results_are_found_by_structure_and_parameters(store: MTLStore) -> None:
    one, other = verdict("a.r1", stage(x=1)), verdict("a.r1", stage(x=2), passed=False)
    store.chemistry.add([one, other, verdict("b.r1", stage(x=1))])
    assert store.chemistry.by_structure(["a.r1", "c.r1"], stage(x=1).hash) == {"a.r1": one}
    assert store.chemistry.by_structure(["a.r1"], stage(x=2).hash) == {"a.r1": other}


def test_computing_a_result_again_changes_nothing(store: MTLStore) -> None:
    first = verdict("a.r1", stage(x=1))
    store.chemistry.add([first])
    assert store.chemistry.add([verdict("a.r1", stage(x=1), passed=False)]).unchanged == 1
    assert store.chemistry.get(first.id) == first


def test_queries_of_a_stage_use_an_index(store: MTLStore) -> None:
    store.chemistry.add(verdict(f"m{k}.r1", stage(x=1)) for k in range(20))
    for query in ({"structure_id": "m3.r1", "parameters_hash": "0"}, {"material_id": "m3"}):
        plan = store.chemistry.raw.find(query).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan)
