"""The ten documented questions: Python, command line and mongosh give the same answers, each from an index."""

import json
import random
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from samples import fill_screened
from test_candidates import candidate

from mtl_flows import CandidateFilter, MTLStore, Range
from mtl_flows.errors import ConfigurationError, NotFoundError
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.crystals import CrystalDocument
from mtl_flows.store.bins import BINNED
from mtl_flows.store.connection import Connection

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "querying.md"
QUESTION = re.compile(
    r"### \d+\. (.*?)\n\n```py\n(.*?)```\n\n```sh\nmtl (.*?)\n```\n\n```js\n(.*?)\n```", re.DOTALL
)
MONGOSH = re.compile(
    r"db\.candidates\.find\((.*)\)\.sort\(\{priority: -1, v3_over_d3: -1, _id: 1\}\)\.limit\(50\)"
)
LIMIT = 50


class Question(NamedTuple):
    title: str
    python: str
    command: list[str]
    mongosh: dict[str, Any]


def questions() -> list[Question]:
    found = []
    for title, python, command, mongosh in QUESTION.findall(PAGE.read_text(encoding="utf-8")):
        match = MONGOSH.fullmatch(mongosh)
        assert match is not None, mongosh
        found.append(Question(title, python, shlex.split(command), json.loads(match[1])))
    return found


def row(k: int) -> CandidateDocument:
    """Row of a made-up table in which every question has some answers, but not all rows."""
    drawn = random.Random(k)
    yes = drawn.choice

    def flags(name: str) -> dict[str, bool]:
        return {f"{name}_{p}": yes((True, False)) for p in ("published", "text")}

    gates: dict[str, Any] = {
        **flags("passes_prescreen"),
        **flags("survives"),
        "cluster_published": f"c00{drawn.randint(1, 3)}",
        "cluster_text": f"c00{drawn.randint(1, 3)}",
        "passes_chemistry": yes((True, False)),
        "priority": yes((None, 0.25, drawn.random())),
        "r_connected_A": drawn.uniform(2, 6),
        "rho_cycles_published": drawn.random(),
        "v3_A": drawn.uniform(0.5, 2.5),
        "d3_A": drawn.uniform(2, 4),
        "dynamics_status": yes((None, "fitted", "running")),
        "activation_energy_eV": drawn.uniform(0.1, 1.0),
        "verdict": yes((None, "pass", "fail", "undecided")),
        "window_high_V": drawn.uniform(2, 6),
        "pending": yes(([], ["dynamics"])),
        "ordered": yes((True, False)),
        "is_known_conductor": yes((True, False)),
        "is_representative": yes((True, True, False)),
        "releases": yes((["made"], ["made", "older"], ["older"])),
    }
    return candidate(f"m{k:04d}", drawn.choice(("Li P S", "Li P S", "Li O Fe", "Li Cl")), **gates)


@pytest.fixture
def table(store: MTLStore) -> MTLStore:
    store.candidates.put(row(k) for k in range(600))
    return store


def stages(plan: Any) -> set[str]:
    """Names of the stages of an explained query's winning plan."""
    found: set[str] = set()
    nodes = [plan["queryPlanner"]["winningPlan"]]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            found.add(str(node.get("stage")))
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return found


def test_there_are_ten() -> None:
    assert len({question.title for question in questions()}) == 10


@pytest.mark.parametrize("question", questions(), ids=lambda q: q.title)
def test_three_ways_give_the_same_answer(
    table: MTLStore,
    address: Connection,
    question: Question,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from mtl_flows.cli.app import app

    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    names = {"store": table, "CandidateFilter": CandidateFilter, "Range": Range}
    python = list(eval(question.python, names).index)
    app([*question.command, "--json", "--limit", str(LIMIT)], standalone_mode=False)
    command_line = [found["material_id"] for found in json.loads(capsys.readouterr().out)]
    cursor = (
        table.candidates.raw.find(question.mongosh)
        .sort({"priority": -1, "v3_over_d3": -1, "_id": 1})
        .limit(LIMIT)
    )
    mongosh = [found["material_id"] for found in cursor]
    assert python == command_line == mongosh
    assert 0 < table.candidates.count(question.mongosh) < table.candidates.count()

    app([*question.command, "--mongosh"], standalone_mode=False)
    printed = MONGOSH.fullmatch(capsys.readouterr().out.strip())
    assert printed is not None
    assert json.loads(printed[1]) == question.mongosh

    used = stages(cursor.clone().explain())
    assert "IXSCAN" in used
    assert "COLLSCAN" not in used


def test_rows_outside_limits_are_not_fetched(table: MTLStore) -> None:
    limits = CandidateFilter(ranges=(Range("r_connected", 3, 4), Range("rho_cycles_published", at_most=0.3)))
    order = {"priority": -1, "v3_over_d3": -1, "_id": 1}
    # Of a small table the planner may rather sort all that one limit admits.
    found = table.candidates.raw.find(table.candidates.scoped(limits.query()))
    found = found.sort(order).limit(LIMIT).hint("screening_best_with_limits")
    statistics = found.explain()["executionStats"]
    assert statistics["totalDocsExamined"] == statistics["nReturned"] > 0


def test_structures_and_barcodes_come_back(store: MTLStore) -> None:
    fill_screened(store)
    structure = store.structure("li3ocl")
    assert structure.composition.reduced_formula == "Li3ClO"
    assert store.structure("li3ocl.r1") == structure
    barcodes = store.barcodes_of("li3ocl")
    assert sum(orbit.multiplicity for orbit in barcodes.orbits) == 3
    assert barcodes.cell_framework.h1_A.shape[1] == 2
    with pytest.raises(NotFoundError):
        store.structure("nobody")
    with pytest.raises(NotFoundError, match="no barcodes"):
        store.barcodes_of("li3ocl", mobile_ion="Na")


def test_a_superseded_revision_is_not_the_structure(store: MTLStore) -> None:
    fill_screened(store)
    old = store.structures.get("licl.r1")
    store.structures.raw.update_one({"_id": old.id}, {"$set": {"current": False}})
    larger = store.crystals.get(old.crystal_id).to_structure().scale_lattice(125.0)
    crystal = CrystalDocument.of(larger, "LiCl", old.provenance)
    newer = {"id": "licl.r2", "revision": 2, "fingerprint": "new", "current": True}
    store.crystals.add([crystal])
    store.structures.add([old.model_copy(update={**newer, "crystal_id": crystal.id})])
    assert store.structure("licl").lattice.a == pytest.approx(5.0)
    assert store.structure("licl.r1").lattice.a != 5.0


def test_ranges_of_one_field_hold_together() -> None:
    both = CandidateFilter(ranges=(Range("v3", at_least=1), Range("v3_A", at_least=2, at_most=3)))
    assert both.query() == {
        "priority": {"$exists": True},
        "bins.v3_A": {"$in": BINNED["v3_A"].within(2, 3)},
        "v3_A": {"$gte": 2, "$lte": 3},
    }
    with pytest.raises(ConfigurationError, match="r_connected_A"):
        Range("r_conected")
