"""What was simulated is shown for the whole group of its crystal, and is never computed again unless asked."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from samples import HERE, write_cifs
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.dynamics import Work, plan_dynamics
from mtl_flows.report.story import tell
from mtl_flows.report.transport import transport_report
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),  # by jobflow's local manager
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),  # by pymatgen, in atomate2's relaxation
]

P = ScreeningParameters()
MAKER = DynamicsFlowMaker(parameters=dynamics())
RUNS = ("orderings", "relaxations", "dynamics", "transport", "stability")

Deliver = Callable[[str], None]
_simulated: dict[str, list[dict[str, Any]]] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_cifs(tmp_path / "crystals", "licl", "li3ocl")


@pytest.fixture
def simulated(
    store: MTLStore, address: Connection, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MTLStore:
    """A store in which lithium chloride was simulated to its end: once, then copied."""
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    if _simulated:
        for name, documents in _simulated.items():
            store.database[name].insert_many(documents)
        return store
    deliver(store, folder, "1")
    simulate(*plan(store, "licl"))
    assert shown(store, "licl").dynamics_status is not None
    names = set(store.database.list_collection_names()) - {"layout"}  # what the database has of indexes
    _simulated.update({name: found for name in names if (found := list(store.database[name].find()))})
    return store


def deliver(store: MTLStore, folder: Path, release: str, *, complete: bool = False) -> None:
    """Ingest a folder as a release, and screen what is new."""
    ingest(store, [folder], release=release, workers=0, complete=complete)
    run_stages(store, store.structures.current_ids(), P, limits=HERE)
    rebuild_candidates(store, P)


def plan(store: MTLStore, *materials: str, own: bool = False) -> list[Work]:
    return plan_dynamics(store, MAKER, materials=materials, own=own).todo


def simulate(*todo: Work) -> None:
    jobs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    for work in todo:
        flow = MAKER.make(work.parent, work.candidate.material_id, ordered=work.candidate.ordered)
        run_locally(flow, store=jobs, log=False, ensure_success=True)


def shown(store: MTLStore, material: str) -> CandidateDocument:
    return store.candidates.get(material)


def runs(store: MTLStore) -> dict[str, list[object]]:
    return {name: list(getattr(store, name).raw.find(sort=[("_id", 1)])) for name in RUNS}


def copied(folder: Path, slug: str, name: str, *, larger_by: float = 0.0, more: str = "") -> None:
    text = (folder / f"{slug}.cif").read_text() + more
    if larger_by:
        text = re.sub(
            r"(_cell_length_[abc]\s+)(\S+)", lambda m: f"{m[1]}{float(m[2]) * (1 + larger_by):.6f}", text
        )
    (folder / f"{name}.cif").write_text(text)


def test_metadata_change_no_key(simulated: MTLStore, folder: Path) -> None:
    before = runs(simulated)
    copied(folder, "licl", "licl", more="_refine_ls_R_factor_gt 0.03\n")
    deliver(simulated, folder, "2")
    row = shown(simulated, "licl")
    assert (row.structure_id, row.result_of) == ("licl.r2", "licl.r2")
    assert row.dynamics_status is not None
    assert plan(simulated, "licl") == []
    assert runs(simulated) == before


def test_a_newcomer_shows_the_run_of_its_group_and_is_not_simulated(
    simulated: MTLStore, folder: Path
) -> None:
    before, row = runs(simulated), shown(simulated, "licl")
    copied(folder, "licl", "a-copy", larger_by=0.002)
    deliver(simulated, folder, "2")
    newcomer = shown(simulated, "a-copy")
    assert (newcomer.representative_id, newcomer.result_of) == ("licl", "licl.r1")
    assert newcomer.diffusivities == row.diffusivities
    assert shown(simulated, "licl").result_of == "licl.r1"
    assert plan(simulated, "a-copy") == []
    assert runs(simulated) == before
    told = tell(simulated, "a-copy", P)["calculations"]
    assert all("(of licl.r1)" in line["what"] for line in told)
    assert {fit["of"] for fit in transport_report(simulated, "a-copy")["fits"]} == {"licl.r1"}
    # Asked for its own cell, it is simulated beside.
    (work,) = plan(simulated, "a-copy", own=True)
    assert work.parent == newcomer.crystal_id
    simulate(work)
    assert (shown(simulated, "a-copy").result_of, shown(simulated, "licl").result_of) == (
        "a-copy.r1",
        "licl.r1",
    )


def test_the_whole_group_is_simulated_once(simulated: MTLStore, folder: Path) -> None:
    for name in ("b-copy", "c-copy"):
        copied(folder, "li3ocl", name, larger_by=0.002 if name == "b-copy" else 0.004)
    deliver(simulated, folder, "2")
    (work,) = plan(simulated, "c-copy", "b-copy", "li3ocl")
    assert (work.candidate.material_id, work.asked_for) == ("li3ocl", "c-copy")


def test_what_a_withdrawn_member_has_is_gone_on_with(simulated: MTLStore, folder: Path) -> None:
    before = runs(simulated)
    copied(folder, "licl", "a-copy", larger_by=0.002)
    deliver(simulated, folder, "2")
    (folder / "licl.cif").unlink()
    deliver(simulated, folder, "3", complete=True)
    assert not simulated.candidates.existing(["licl"])
    heir = shown(simulated, "a-copy")
    assert (heir.representative_id, heir.result_of) == ("a-copy", "licl.r1")
    assert plan(simulated, "a-copy") == []
    assert runs(simulated) == before


def test_a_refinement_keeps_the_earlier_results_and_marks_them(simulated: MTLStore, folder: Path) -> None:
    before = runs(simulated)
    copied(folder, "licl", "licl", larger_by=0.02 / 5.1)
    deliver(simulated, folder, "2")
    row = shown(simulated, "licl")
    assert (row.structure_id, row.result_of, row.result_is_earlier) == ("licl.r2", "licl.r1", True)
    assert row.diffusivities
    assert runs(simulated) == before
    # Time is spent on the new crystal only when it is asked for.
    asked = plan_dynamics(simulated, MAKER, materials=["licl"])
    assert (asked.todo, [work.candidate.result_of for work in asked.refined]) == ([], ["licl.r1"])
    (work,) = plan_dynamics(simulated, MAKER, materials=["licl"], again=True).todo
    assert work.parent == row.crystal_id


def test_another_ion_shows_no_results_of_this_one(simulated: MTLStore) -> None:
    chlorine = ScreeningParameters("Cl")
    rebuild_candidates(simulated, chlorine)
    row = simulated.under("Cl").candidates.get("licl")
    assert (row.dynamics_status, row.window_status, row.result_of) == (None, None, None)
    assert shown(simulated, "licl").dynamics_status is not None


def test_the_same_again_changes_nothing(simulated: MTLStore, folder: Path) -> None:
    before = [list(c.raw.find(sort=[("_id", 1)])) for c in (simulated.candidates, simulated.verdicts)]
    deliver(simulated, folder, "1")
    assert [list(c.raw.find(sort=[("_id", 1)])) for c in (simulated.candidates, simulated.verdicts)] == before
