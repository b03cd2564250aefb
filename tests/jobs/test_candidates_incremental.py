"""Rows are built again only where their inputs changed, and come out as a full rebuild makes them."""

from datetime import timedelta
from typing import Any

import pytest
from monty.serialization import dumpfn
from pymatgen.entries.computed_entries import ComputedEntry
from samples import SCREENED, fill_screened, label_known, parent, structure_document

from mtl_flows.jobs import candidates as module
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.entry_providers import keep_file
from mtl_flows.jobs.stability import windows_of_material
from mtl_flows.jobs.verdict import judge_candidates
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.science.verdict import Criterion, VerdictThresholds
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.stability import StoredEntries

P = ScreeningParameters()


@pytest.fixture
def screened(store: MTLStore) -> MTLStore:
    fill_screened(store)
    rebuild_candidates(store, P)
    return store


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Structures whose rows were built, in order."""
    seen: list[str] = []
    build = module.build_batch

    def counting(store: Any, context: Any, ids: list[str], hashes: Any) -> Any:
        seen.extend(ids)
        return build(store, context, ids, hashes)

    monkeypatch.setattr(module, "build_batch", counting)
    return seen


def rows(store: MTLStore) -> list[dict[str, Any]]:
    return list(store.candidates.raw.find(sort=[("_id", 1)]))


def lithium_nitride(store: MTLStore, tmp_path: Any, energy_eV: float = -1.71) -> None:
    path = tmp_path / "entries.json"
    dumpfn([ComputedEntry("Li", 0.0), ComputedEntry("N2", 0.0), ComputedEntry("Li3N", energy_eV)], path)
    windows_of_material(
        store, "icsd-34280", DynamicsParameters(), keep_file(StoredEntries(store.entries), path)
    )


def simulate(store: MTLStore, **changes: Any) -> TrajectoryDocument:
    stage = DynamicsParameters().dynamics_stage()
    fields: dict[str, Any] = {
        "id": "r:0:x:800K",
        "material_id": "icsd-34280",
        "crystal_id": structure_document("li3n").crystal_id,
        "parent_id": parent("li3n"),
        "series": "r",
        "approximant_id": "cell",
        "replica": 0,
        "potential_id": "p",
        "relaxation_id": "r:0:x",
        "parameters_hash": stage.hash,
        "provenance": Provenance.record(stage, {}),
        "ordering_id": "r:0",
        "ordering": 0,
        "engine": {},
        "engine_name": "chgnet",
        "trajectory_stage": "production",
        "temperature_K": 800.0,
        "timestep_fs": 2.0,
        "frame_interval": 10,
        "steps_done": 10,
        "steps_wanted": 100,
        "status": "running",
    }
    document = TrajectoryDocument(**fields | changes)
    store.dynamics.put([document])
    return document


def test_only_rows_whose_inputs_changed_are_built(
    screened: MTLStore, built: list[str], tmp_path: Any
) -> None:
    assert rebuild_candidates(screened, P) == 0
    assert built == []
    lithium_nitride(screened, tmp_path)
    assert rebuild_candidates(screened, P) == 1
    label_known(screened, "LiCl")
    assert rebuild_candidates(screened, P) == 1
    simulate(screened)
    assert rebuild_candidates(screened, P) == 1
    simulate(screened, steps_done=20)  # noticed, though only the hash of the row changes
    assert rebuild_candidates(screened, P) == 1
    simulate(screened, steps_done=100, status="unconverged")
    assert rebuild_candidates(screened, P) == 1
    screened.structures.raw.update_one({"_id": "li3ocl.r1"}, {"$set": {"releases": ["1", "2"]}})
    assert rebuild_candidates(screened, P) == 1
    assert built == ["icsd-34280.r1", "licl.r1", *["icsd-34280.r1"] * 3, "li3ocl.r1"]
    assert rebuild_candidates(screened, P) == 0
    # A full rebuild makes the same documents.
    incremental, verdicts = rows(screened), list(screened.verdicts.raw.find())
    built.clear()
    assert rebuild_candidates(screened, P, full=True) == 0
    assert len(built) == len(SCREENED)
    assert (rows(screened), list(screened.verdicts.raw.find())) == (incremental, verdicts)
    screened.candidates.raw.delete_many({})
    assert rebuild_candidates(screened, P) == len(SCREENED)
    assert rows(screened) == incremental


def test_other_thresholds_of_the_screening_build_every_row(screened: MTLStore, built: list[str]) -> None:
    narrower = ScreeningParameters(thresholds=type(P.thresholds)(r_connected_A=3.0))
    rebuild_candidates(screened, narrower)
    assert len(built) == len(SCREENED)
    assert {c.passes_connectivity for c in screened.candidates.find()} == {True, False}


def test_a_document_written_anew_is_noticed(screened: MTLStore, built: list[str]) -> None:
    chemistry = next(screened.chemistry.find({"crystal_id": structure_document("licl").crystal_id}))
    later = chemistry.provenance.model_copy(
        update={"created_at": chemistry.provenance.created_at + timedelta(seconds=1)}
    )
    screened.chemistry.put([chemistry.model_copy(update={"provenance": later, "failures": [6]})])
    assert rebuild_candidates(screened, P) == 1
    assert built == ["licl.r1"]
    assert screened.candidates.get("licl").failed_rules == [6]


def test_verdicts_are_documents_with_numbers_intervals_and_origins(screened: MTLStore, tmp_path: Any) -> None:
    lithium_nitride(screened, tmp_path)
    rebuild_candidates(screened, P)
    (verdict,) = screened.verdicts.find()
    energy, window = verdict.criteria
    assert (verdict.outcome, energy.outcome, window.outcome) == ("undecided",) * 3
    assert (energy.value, energy.note) == (None, "no molecular dynamics yet")
    assert window.value == pytest.approx(0.57)
    assert (window.low, window.high) == pytest.approx((0.37, 0.77))
    assert (window.minimum, window.maximum, window.strict) == (0.5, None, True)
    assert window.origin == "entries.json (as given, no corrections)"
    assert "leaves out 0.5" in window.what_would_decide
    # Thresholds of the user make verdicts beside it; asked again, not even a date changes.
    wider = VerdictThresholds((Criterion("window_V", minimum=0.3, strict=True),))
    chosen = list(screened.candidates.judgeable())
    judge_candidates(screened, chosen, wider)
    before = list(screened.verdicts.raw.find(sort=[("_id", 1)]))
    judge_candidates(screened, chosen, wider)
    assert list(screened.verdicts.raw.find(sort=[("_id", 1)])) == before
    assert sorted(v["outcome"] for v in before) == ["pass", "undecided"]
    # A better number decides.
    lithium_nitride(screened, tmp_path, energy_eV=-3.0)
    rebuild_candidates(screened, P)
    newest = screened.verdicts.get(verdict.id)
    assert [c.outcome for c in newest.criteria] == ["undecided", "pass"]
    assert newest.provenance.inputs != verdict.provenance.inputs


def test_a_screening_judges_by_its_own_thresholds(screened: MTLStore, tmp_path: Any) -> None:
    lithium_nitride(screened, tmp_path)
    rebuild_candidates(screened, P)
    lenient = ScreeningParameters(
        name="lenient", verdict=VerdictThresholds((Criterion("window_V", minimum=0.3, strict=True),))
    )
    rebuild_candidates(screened, lenient)
    rows = [screened.under(name).candidates.get("icsd-34280") for name in ("Li", "lenient")]
    assert [row.verdict for row in rows] == ["undecided", "pass"]
    assert screened.verdicts.count({"material_id": "icsd-34280"}) == 2
