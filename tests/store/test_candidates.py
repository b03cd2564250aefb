"""The candidate table: each filter, their combination, and the order."""

import json
import subprocess
import sys
from typing import Any

import pytest

from mtl_flows import CandidateFilter, Range
from mtl_flows.errors import ConfigurationError, NotFoundError
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store.database import MTLStore
from mtl_flows.store.funnel import funnel_counts


def candidate(material_id: str, elements: str = "Li S", **fields: Any) -> CandidateDocument:
    symbols = sorted(elements.split())
    basics = {
        "id": CandidateDocument.key("Li", material_id),
        "screening": "Li",
        "material_id": material_id,
        "structure_id": f"{material_id}.r1",
        "crystal_id": f"crystal of {material_id}",
        "representative_id": material_id,
        "is_representative": True,
        "formula": "x",
        "reduced_formula": "x",
        "chemical_system": "-".join(symbols),
        "elements": symbols,
        "n_elements": len(symbols),
        "n_sites": 1,
        "space_group_number": 1,
        "ordered": True,
        "mobile_ion": "Li",
        "releases": ["1"],
        "is_known_conductor": False,
        "furthest_stage": "ingested",
        "pending": [],
    }
    return CandidateDocument(**{**basics, **fields})


TABLE = (
    candidate("a", "Li P S", priority=0.5, survives_published=True, survives_text=False, r_connected_A=3.0),
    candidate(
        "b", "Li P S Cl", priority=0.9, survives_published=False, survives_text=True, r_connected_A=4.0
    ),
    candidate(
        "c",
        "Li S",
        priority=0.9,
        is_known_conductor=True,
        r_connected_A=5.0,
        releases=["1", "2"],
        passes_chemistry=True,
    ),
    candidate("d", "Li O", dynamics_status="fitted", activation_energy_eV=0.3, survives_published=True),
    candidate(
        "e", "Li O", survives_published=True, is_representative=False, representative_id="d", v3_over_d3=0.2
    ),
    candidate(
        "f",
        "Li O Zr",
        dynamics_status="unconverged",
        activation_energy_eV=0.6,
        priority=0.1,
        passes_chemistry=True,
    ),
)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "bcafed"),
        ({"survivors": True}, "ad"),
        ({"survivors": True, "protocol": "any"}, "bad"),
        ({"protocol": "ranked"}, "cf"),
        ({"survivors": True, "protocol": "published"}, "ad"),
        ({"survivors": True, "protocol": "text"}, "b"),
        ({"elements": ("P", "S")}, "ba"),
        ({"without": ("O", "Cl")}, "ca"),
        ({"elements": ("S",), "without": ("P",)}, "c"),
        ({"chemical_system": "Li-O"}, "ed"),
        ({"dynamics_status": "fitted"}, "d"),
        ({"is_known_conductor": True}, "c"),
        ({"is_known_conductor": False, "elements": ("S",)}, "ba"),
        ({"ranges": (Range("r_connected", at_most=4.0),)}, "ba"),
        ({"ranges": (Range("priority", at_least=0.5),)}, "bca"),
        ({"ranges": (Range("activation_energy", at_most=0.3),)}, "d"),
        ({"release": "2"}, "c"),
        ({"survivors": True, "elements": ("P",), "ranges": (Range("r_connected", at_most=3.5),)}, "a"),
        ({"elements": ("Xe",)}, ""),
        ({"ranges": (Range("priority", 0.4, 0.8), Range("priority", at_least=0.1))}, "a"),
        ({"n_elements": 2, "ranges": (Range("n_elements", at_least=2),)}, "ced"),
        ({"is_representative": False}, "e"),
        ({"chemical_system": "O-Li"}, "ed"),
    ],
)
def test_filters(store: MTLStore, fields: dict[str, Any], found: str) -> None:
    store.candidates.put(TABLE)
    chosen = CandidateFilter(**fields)
    assert "".join(c.material_id for c in store.candidates.select(chosen)) == found
    assert store.candidates.count(chosen.query()) == len(found)
    assert "".join(c.material_id for c in store.candidates.select(chosen, limit=2)) == found[:2]


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'both'") as caught:
        CandidateFilter(survivors=True, protocol="both")  # type: ignore[arg-type]
    assert "published, text, any" in caught.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        *({"passes": ("topology",)}, {"verdict": "maybe"}, {"pending": "lunch"}, {"furthest_stage": "x"}),
        *(
            {"dynamics_status": "fited"},
            {"elements": "Li,Xx"},
            {"chemical_system": "Li-Q"},
            {"formula": "(Li"},
        ),
    ],
)
def test_what_nobody_can_ask_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"no (gate|verdict|stage|status|element|formula) '"):
        CandidateFilter(**wrong)


def test_texts_with_commas_are_several() -> None:
    assert CandidateFilter(elements="Li, P", passes="prescreen,chemistry") == CandidateFilter(  # type: ignore[arg-type]
        elements=("Li", "P"), passes=("prescreen", "chemistry")
    )
    assert CandidateFilter(formula="Li6P2S8").formula == "Li3PS4"


def test_what_is_not_there_is_refused(store: MTLStore) -> None:
    store.candidates.put(GATED)
    for chosen in (CandidateFilter(release="never"), CandidateFilter(cluster="c009")):
        with pytest.raises(NotFoundError, match=r"no (release|cluster) '"):
            list(store.candidates.select(chosen))
    with pytest.raises(NotFoundError, match="did you mean c001"):
        store.candidates.frame(CandidateFilter(cluster="c0011"))


def test_a_field_is_found_without_its_unit_and_a_wrong_one_is_told() -> None:
    assert Range("v3").field == "v3_A"
    assert Range("conductivity_300K_low").field == "conductivity_300K_low_S_per_cm"
    with pytest.raises(ConfigurationError, match="r_conected") as caught:
        Range("r_conected_A")
    assert "did you mean" in caught.value.remedy


GATED = (
    candidate("p", "Li O", passes_connectivity=True, passes_prescreen_published=True, cluster_text="c001"),
    candidate(
        "q",
        "Li O",
        passes_connectivity=True,
        passes_prescreen_published=False,
        passes_prescreen_text=True,
        selected_text=True,
        passes_chemistry=False,
        cluster_published="c001",
    ),
    candidate("r", "Li O", passes_connectivity=False, passes_prescreen_text=False),
)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"passes": ("prescreen",)}, "pq"),
        ({"passes": ("prescreen",), "protocol": "text"}, "q"),
        ({"passes": ("connectivity", "prescreen", "cluster")}, "q"),
        ({"fails": ("chemistry",)}, "q"),
        ({"fails": ("prescreen",), "protocol": "published"}, "q"),
        ({"fails": ("prescreen",)}, ""),
        ({"cluster": "c001"}, "pq"),
        ({"cluster": "c001", "protocol": "text"}, "p"),
        ({"cluster": "c001", "passes": ("prescreen",)}, ""),
    ],
)
def test_gates_and_clusters_belong_to_a_protocol(store: MTLStore, fields: dict[str, Any], found: str) -> None:
    store.candidates.put(GATED)
    chosen = CandidateFilter(**{"protocol": "any", **fields})
    assert "".join(c.material_id for c in store.candidates.select(chosen)) == found


def test_the_table_as_a_data_frame(store: MTLStore) -> None:
    store.candidates.put(TABLE)
    table = store.candidates.frame(CandidateFilter(elements=("P",)), columns=["priority", "elements"])
    assert list(table.index) == ["b", "a"]
    assert table.to_dict("list") == {
        "priority": [0.9, 0.5],
        "elements": [["Cl", "Li", "P", "S"], ["Li", "P", "S"]],
    }
    assert len(store.candidates.frame(limit=4)) == 4
    assert "r_connected_A" in store.candidates.frame().columns
    with pytest.raises(ConfigurationError, match="r_conected"):
        store.candidates.frame(columns=["r_conected"])


@pytest.mark.parametrize(
    "fields",
    [
        {"elements": ("P",)},
        {"chemical_system": "Li-P-S"},
        {"survivors": True, "protocol": "published"},
        {"survivors": True},
        {"cluster": "c001"},
        {"verdict": "pass"},
        {"pending": "dynamics"},
        {"ranges": (Range("r_connected", at_most=3.0),)},
        {"ranges": (Range("priority", at_least=0.8),)},
        {"release": "2"},
    ],
)
def test_questions_are_answered_from_an_index(store: MTLStore, fields: dict[str, Any]) -> None:
    store.candidates.put(TABLE)
    plan = json.dumps(store.candidates.explain(CandidateFilter(**fields), limit=20), default=str)
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


def test_what_passes_the_rules_is_read_in_order_and_nothing_else(store: MTLStore) -> None:
    store.candidates.put(
        TABLE[0].model_copy(
            update={"id": f"Li:{n}", "material_id": str(n), "passes_chemistry": n > 30, "priority": -1.0 * n}
        )
        for n in range(40)
    )
    passing = CandidateFilter(passes=("chemistry",))
    found: Any = store.candidates.explain(passing, limit=5)
    assert found["executionStats"]["totalDocsExamined"] == 5
    assert [c.material_id for c in store.candidates.select(passing, limit=2)] == ["31", "32"]
    assert store.candidates.number_of(passing) == 9
    assert store.candidates.number_of(passing, at_most=4) == 4


def test_the_package_offers_the_store_without_importing_it() -> None:
    code = (
        "import sys, mtl_flows; assert 'pymongo' not in sys.modules; "
        "from mtl_flows import CandidateFilter, MTLStore, Range; print(MTLStore.__name__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "MTLStore"


def test_survivors_come_with_the_most_promising_first(store: MTLStore) -> None:
    store.candidates.put(TABLE)
    assert [c.material_id for c in store.candidates.survivors()] == ["a", "d"]
    assert [c.material_id for c in store.candidates.survivors("any")] == ["b", "a", "d"]
    assert [c.material_id for c in store.candidates.survivors("ranked")] == ["c", "f"]
    assert all(c.survives for c in store.candidates.survivors())


def test_what_is_no_longer_current_is_discarded(store: MTLStore) -> None:
    store.candidates.put(TABLE)
    assert store.candidates.keep(c.material_id for c in TABLE[:4]) == 2
    assert store.candidates.keep(["a", "b", "c", "d", "new"]) == 0
    assert [c.material_id for c in store.candidates.find()] == ["a", "b", "c", "d"]


def test_the_funnel_counts_unique_materials_gate_by_gate(store: MTLStore) -> None:
    def row(k: int, published: int, text: int, **fields: Any) -> CandidateDocument:
        """A material that passes so many of the four gates."""
        gates = {"passes_connectivity": min(published, text) > 0 or max(published, text) > 0}
        for protocol, passed in (("published", published), ("text", text)):
            names = ("passes_prescreen", "selected", "survives")
            gates |= {f"{name}_{protocol}": passed > level for level, name in enumerate(names, 1)}
        return candidate(f"m{k}", **gates, **fields)

    store.candidates.put(
        [
            row(1, 0, 0),
            row(2, 1, 2),
            row(3, 2, 3),
            row(4, 4, 4, dynamics_status="running"),
            row(5, 4, 3, dynamics_status="fitted", activation_energy_eV=0.2, window_status="known"),
            row(6, 3, 4, dynamics_status="fitted", activation_energy_eV=0.2, verdict="pass"),
            row(7, 4, 4, is_representative=False, verdict="pass"),
        ]
    )
    assert list(funnel_counts(store.candidates).items()) == [
        ("materials", {"published": 6, "text": 6}),
        ("connectivity", {"published": 5, "text": 5}),
        ("prescreen", {"published": 4, "text": 5}),
        ("cluster", {"published": 3, "text": 4}),
        ("chemistry", {"published": 2, "text": 2}),
        ("simulated", {"published": 2, "text": 2}),
        ("fitted", {"published": 1, "text": 1}),
        ("window", {"published": 1, "text": 0}),
        ("verdict", {"published": 0, "text": 1}),
    ]


def test_an_empty_table_counts_to_zero(store: MTLStore) -> None:
    assert {n for by in funnel_counts(store.candidates).values() for n in by.values()} == {0}
    assert funnel_counts(store.candidates, "text")["materials"] == {"text": 0}
    assert funnel_counts(store.candidates, "ranked")["chemistry"] == {"ranked": 0}
