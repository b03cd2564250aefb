"""Windows of a batch whose engine cannot relax some of the competing phases."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from samples import contents, fill
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.jobs.entry_providers import EntrySource
from mtl_flows.jobs.stability import is_on_older_hull, windows_of_material
from mtl_flows.launch.dynamics import plan_dynamics, submit_dynamics
from mtl_flows.launch.events import WorkSummary
from mtl_flows.report.story import tell
from mtl_flows.schemas.stability import StabilityDocument
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

Work = Callable[..., WorkSummary]


class Formation(Calculator):
    """No forces; a compound's energy by its elements alone, the elements themselves at zero."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    refused: ClassVar[set[str]] = set()

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        elements = set(atoms.get_chemical_symbols())
        if elements == self.refused:
            raise RuntimeError(f"no parameters for {'-'.join(sorted(elements))}")
        self.results = {
            "energy": -1.5 * (len(elements) - 1) * len(atoms),
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.zeros(6),
        }


class NoChlorine(Formation):
    """Cannot relax the element."""

    refused: ClassVar[set[str]] = {"Cl"}


class NoAlumina(Formation):
    """Cannot relax the oxides of aluminium."""

    refused: ClassVar[set[str]] = {"Al", "O"}


def windows(
    store: MTLStore, address: Connection, run: Work, engine: type[Formation], *materials: str
) -> tuple[DynamicsParameters, dict[str, StabilityDocument]]:
    """Run the dynamics of some crystals to their end; gives the window of each."""
    fill(store, *materials)
    rebuild_candidates(store, ScreeningParameters())
    p = replace(
        dynamics(temperatures_K=(1200.0,), production_ps=0.8, relax_steps=5),
        engine=f"{__name__}.{engine.__name__}",
    )
    maker = DynamicsFlowMaker(parameters=p)
    submit_dynamics(address, plan_dynamics(store, maker, materials=list(materials)))
    assert run().failures == ()
    assert store.database["workflows"].count_documents({"state": {"$ne": "COMPLETED"}}) == 0
    return p, {document.material_id: document for document in store.stability.find()}


def test_an_element_that_does_not_relax_leaves_its_windows_unknown_and_the_batch_goes_on(
    store: MTLStore, address: Connection, run: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, found = windows(store, address, run, NoChlorine, "licl", "lif")
    refused = found["licl"]
    assert (refused.status, refused.missing, refused.width_V) == ("unknown", ["Cl"], None)
    assert refused.skipped == {"reference-cl2": "Cl2: engine_error: RuntimeError: no parameters for Cl"}
    assert refused.hull is not None
    assert refused.hull.statement.endswith("; without energy: reference-cl2")
    row = store.candidates.get("licl")
    assert (row.window_status, row.window_width_V, row.verdict) == ("unknown", None, "undecided")
    assert any("energies are missing: Cl" in wish for wish in row.what_would_decide)

    other = found["lif"]
    assert (other.status, other.skipped, other.missing) == ("known", {}, [])
    assert (other.low_V, other.high_V) == pytest.approx((0.0, 3.0))

    # What failed is not kept: asked again, of an engine that was mended, it is there.
    monkeypatch.setattr(NoChlorine, "refused", set())
    (mended,) = windows_of_material(store, "licl", p, EntrySource())
    assert (mended.id, mended.status, mended.skipped) == (refused.id, "known", {})
    assert mended.high_V == pytest.approx(3.0)


def test_a_compound_that_does_not_relax_is_named_and_opens_the_edge_it_would_bound(
    store: MTLStore, address: Connection, run: Work
) -> None:
    _, found = windows(store, address, run, NoAlumina, "lialo2-gamma")
    window = found["lialo2-gamma"]
    assert window.skipped == {"reference-al2o3": "Al2O3: engine_error: RuntimeError: no parameters for Al-O"}
    assert window.hull is not None
    assert "no binary of Al-O" in window.hull.statement
    assert window.hull.statement.endswith("; without energy: reference-al2o3")
    # Known, but no more than an upper bound: without alumina lithium leaves aluminium and oxygen side by side.
    assert (window.status, window.missing, window.open_edges) == ("known", [], ["high"])
    wishes = store.candidates.get("lialo2-gamma").what_would_decide
    assert any("the high edge rests on missing compounds" in wish for wish in wishes)


def test_a_window_says_when_other_phases_compete(store: MTLStore, address: Connection, run: Work) -> None:
    p, found = windows(store, address, run, Formation, "li3ps4-gamma")
    ((material, window),) = found.items()
    assert len(window.competing_phases) == 64
    assert not is_on_older_hull(store, window)

    def told() -> list[str]:
        story = tell(store, material, ScreeningParameters())
        return [line["status"] for line in story["calculations"] if "window" in line["what"]]

    assert told() == ["known"]
    # A compound of three elements that is in no table arrives: it competes from now on.
    (newcomer,) = fill(store, "li2p2s6")
    assert is_on_older_hull(store, store.stability.get(window.id))
    assert told() == ["known; older hull: other phases compete now"]
    (now,) = windows_of_material(store, material, p, EntrySource())
    assert now.id == window.id
    assert now.competing_phases != window.competing_phases
    (older,) = store.stability.find({"older_hull": True})
    assert older.model_copy(update={"id": window.id, "older_hull": False}) == window
    assert sorted(told()) == ["known", "known; older hull: other phases compete now"]
    rebuild_candidates(store, ScreeningParameters())
    # Asked again nothing changes; gone, the window of before takes its place again.
    before = contents(store)
    windows_of_material(store, material, p, EntrySource())
    assert contents(store) == before
    store.structures.raw.update_one({"_id": newcomer}, {"$set": {"withdrawn": True}})
    (again,) = windows_of_material(store, material, p, EntrySource())
    assert again.competing_phases == window.competing_phases
    assert [w.competing_phases for w in store.stability.find({"older_hull": True})] == [now.competing_phases]
