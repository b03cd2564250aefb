"""What scripts and notebooks can rely on: the names, what they cost, and how things show themselves."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from samples import fill_screened, structure_document

import mtl_flows
from mtl_flows import schemas
from mtl_flows.schemas import base
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

NAMES = {
    *("CandidateFilter", "MTLError", "MTLStore", "Range", "Settings", "__version__"),
    *("describe", "fit", "rank", "screen"),
    *("CampaignRoundMaker", "CandidatesMaker", "ChemistryMaker", "ClusteringMaker", "DynamicsFlowMaker"),
    *("ScreeningFlowMaker", "StabilityMaker", "TopologyMaker", "TransportMaker"),
    *(
        "BarrierParameters",
        "ChemistryParameters",
        "ClusteringParameters",
        "DiffusionParameters",
        "DynamicsBudget",
    ),
    *("DynamicsParameters", "OrderingParameters", "PrescreenThresholds", "ScreeningParameters"),
    *("StabilityParameters", "TopologyParameters", "VerdictThresholds"),
}
"""Whoever takes a name away here breaks somebody's script: say so in the changelog."""

SCHEMAS = [
    import_module(f"{schemas.__name__}.{module.name}")
    for module in iter_modules(schemas.__path__)
    if module.name != "base"
]
DOCUMENTS = sorted(
    {
        kind
        for module in SCHEMAS
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base.Document) and kind.__module__ == module.__name__
    },
    key=lambda kind: kind.__name__,
)


def test_the_names() -> None:
    assert set(mtl_flows.__all__) == NAMES
    assert {name for name in dir(mtl_flows) if name in NAMES} == NAMES
    for name in NAMES - {"__version__"}:
        assert getattr(mtl_flows, name).__doc__
    with pytest.raises(AttributeError, match="nothing"):
        mtl_flows.nothing  # noqa: B018


def test_type_checkers_see_what_runs() -> None:
    tree = ast.parse(Path(mtl_flows.__file__ or "").read_text())
    declared = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mtl_flows.")
        for alias in node.names
    }
    assert declared == {name: f"mtl_flows.{home}" for name, home in mtl_flows._HOME.items()}


def test_importing_the_package_costs_nothing() -> None:
    code = "import mtl_flows, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.split(".")[0] for name in found.split()} & {
        "numpy",
        "pydantic",
        "pymongo",
        "pymatgen",
    } == set()
    assert "mtl_flows.store" not in found.split()


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.__name__)
def test_documents_say_what_tells_them(kind: type[base.Document]) -> None:
    fields = set(kind.model_fields) | {name for name in vars(kind) if not name.startswith("_")}
    assert 1 <= len(kind.telling) <= 4
    assert set(kind.telling) <= fields


def test_representations_are_a_line(store: MTLStore) -> None:
    fill_screened(store)
    for collection in store.collections:
        for document in collection.find(limit=3):
            assert "\n" not in repr(document)
            assert len(repr(document)) < 180
            assert str(document) == repr(document)
    assert repr(structure_document("licl")) == (
        "StructureDocument(licl.r1, reduced_formula=LiCl, n_sites=8, space_group_symbol=Fm-3m)"
    )
    assert repr(store) == f"MTLStore({store.database.name!r})"
    described = mtl_flows.describe(store.structure("licl"))
    assert len(repr(described)) < 300


def test_a_store_is_opened_and_closed(project: Path) -> None:
    with pytest.raises(mtl_flows.MTLError, match="no project here"):
        MTLStore.open()
    store = MTLStore.open(begin=True)
    assert store.structures.count() == 0
    state = project / ".mtl" / "mongod.json"
    assert state.exists()
    store.close()
    store.close()
    assert not state.exists()  # nobody else uses the embedded server
    with MTLStore.open() as again, again.under("other") as other:
        other.close()
        assert again.structures.count() == 0


def test_a_store_that_is_forgotten_lets_the_server_go(project: Path) -> None:
    code = "import mtl_flows; s = mtl_flows.MTLStore.open(begin=True); print(s.structures.count())"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert (ended.stdout.strip(), ended.stderr) == ("0", "")
    assert not (project / ".mtl" / "mongod.json").exists()


def test_a_store_at_an_address_is_a_context_manager(address: Connection) -> None:
    with MTLStore.connect(address) as store:
        assert store.releases.order() == []
    assert Settings.model_fields["home"].default == Path(".mtl")
