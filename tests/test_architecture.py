"""The shape of the house: imports go one way, science is pure, modules stay readable."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mtl_flows"

# Who may import whom: each part of the house imports from the floors below, and from itself.
FLOORS = (
    {"errors", "records", "vocabulary"},
    {"extras", "machine", "whole_files"},
    {"parallel", "settings"},
    {"science"},
    {"simulation", "schemas"},
    {"stages"},
    {"in_memory", "in_folder", "carried"},
    {"store"},
    {"jobs"},
    {"flows"},
    {"launch", "sources", "report", "evaluation"},
    {"plotting"},
    {"pages"},
    {"serve"},
    {"cli"},
    {"__main__"},
)
FLOOR = {part: height for height, parts in enumerate(FLOORS) for part in parts}

NOT_FOR_SCIENCE = {
    "pydantic",
    "pydantic_settings",
    "pymongo",
    "bson",
    "gridfs",
    "jobflow",
    "fireworks",
    "maggma",
}
NOT_FOR_SIMULATION = {"pymongo", "bson", "gridfs", "jobflow", "fireworks", "maggma"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv"}
SLOW_TO_IMPORT = {"numpy", "scipy", "pymatgen", "pymongo", "jobflow", "fireworks", "ase", "torch", "sklearn"}
LONGEST_MODULE = 400
WRITES = {
    *("bulk_write", "insert_one", "insert_many", "replace_one", "update_one", "update_many"),
    *("delete_one", "delete_many", "find_one_and_delete", "find_one_and_replace", "find_one_and_update"),
}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module, parsed."""
    return {name_of(file): ast.parse(file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.Module) -> set[str]:
    """Full names of all that a module imports, also inside functions and for type checking alone."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = node.module if node.level == 0 else "." * node.level
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


@cache
def all_imports() -> dict[str, set[str]]:
    """What each module imports."""
    return {name: imports(tree) for name, tree in modules().items()}


def part_of(name: str) -> str:
    """Part of the house that a module, or a member of it, belongs to; empty for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR else ""


def imported_parts(name: str) -> set[str]:
    return {part_of(other) for other in all_imports()[name] if other.split(".")[0] == "mtl_flows"}


def test_every_part_of_the_house_has_its_floor() -> None:
    assert {name.split(".")[1] for name in modules() if "." in name} == set(FLOOR)


def test_imports_go_one_way() -> None:
    upwards = {
        f"{name} imports from {part}"
        for name in modules()
        for part in imported_parts(name) - {"", part_of(name)}
        if FLOOR[part] >= FLOOR.get(part_of(name), 0)
    }
    # The package itself hands out what scripts rely on, by its first use.
    assert {upward for upward in upwards if not upward.startswith("mtl_flows imports")} == set()
    assert {name for name, others in all_imports().items() if any(o.startswith(".") for o in others)} == set()


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    declared = {
        canonical(re.split(r"[\\[<>=;! ]", text)[0])
        for texts in (project["dependencies"], *project["optional-dependencies"].values())
        for text in texts
    }
    imported = {other.split(".")[0] for others in all_imports().values() for other in others}
    imported -= {"mtl_flows", "_typeshed", *sys.stdlib_module_names}
    # Extras that need not be installed.
    elsewhere = {"zstandard": ["zstandard"], "torch_sim": ["torch-sim-atomistic"]}
    origins = {**packages_distributions(), **elsewhere}
    undeclared = {
        name: origins.get(name, [])
        for name in imported
        if not {canonical(origin) for origin in origins.get(name, [])} & declared
    }
    assert undeclared == {}


def canonical(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_science_is_pure() -> None:
    impure = {
        name: found
        for name, tree in modules().items()
        if part_of(name) == "science"
        and (
            found := {other.split(".")[0] for other in all_imports()[name]} & NOT_FOR_SCIENCE
            | imported_parts(name) - {"", "errors", "parallel", "records", "science", "vocabulary"}
            | {other.rpartition(".")[2] for other in all_imports()[name]} & ENVIRONMENT
            | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & ENVIRONMENT
        )
    }
    assert impure == {}


def test_simulation_knows_no_database_and_no_workflow() -> None:
    used = {
        name: found
        for name in modules()
        if part_of(name) == "simulation"
        and (found := {other.split(".")[0] for other in all_imports()[name]} & NOT_FOR_SIMULATION)
    }
    assert used == {}


def test_engines_are_named_in_their_own_modules_alone() -> None:
    """What distinguishes them is theirs to say: nobody else compares a name with theirs."""
    names = {file.stem for file in (PACKAGE / "simulation" / "engines").glob("*.py")} - {"__init__"}
    compared = {
        f"{name}, line {node.lineno}"
        for name, tree in modules().items()
        if not name.startswith("mtl_flows.simulation.engines.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in names
    }
    # What an earlier version wrote is told apart by the name it wrote.
    assert {where.split(",")[0] for where in compared} <= {"mtl_flows.store.migrations"}


def test_two_modules_know_the_private_parts_of_fireworks() -> None:
    offered = {
        "fireworks.core.rocket_launcher.launch_rocket",
        "fireworks.utilities.fw_utilities.create_datestamp_dir",
        "fireworks.user_objects.queue_adapters.common_adapter.CommonAdapter",
    }
    private = {"_refresh_wf", "_reassign_ids", "backup_launch_data", "fw_id_assigner", "start_ping_launch"}
    users = {
        name
        for name, tree in modules().items()
        if any(o.startswith("fireworks.") and o.count(".") > 1 for o in all_imports()[name] - offered)
        or {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & private
    }
    assert users == {"mtl_flows.launch.insides", "mtl_flows.launch.brief"}


def test_giotto_is_imported_in_one_module() -> None:
    users = {
        name for name in modules() if {other.split(".")[0] for other in all_imports()[name]} & {"gtda", "gph"}
    }
    assert users == {"mtl_flows.science.topology.homology"}


def test_spglib_is_called_in_one_module() -> None:
    users = {name for name in modules() if "spglib" in {other.split(".")[0] for other in all_imports()[name]}}
    assert users == {"mtl_flows.science.symmetry"}


def test_modules_are_short() -> None:
    files = [*PACKAGE.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]
    lengths = {name_of(file): len(file.read_text().splitlines()) for file in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_two_classes_have_one_name() -> None:
    names = [node.name for tree in modules().values() for node in tree.body if isinstance(node, ast.ClassDef)]
    public = [name for name in names if not name.startswith("_")]
    assert {name for name in public if public.count(name) > 1} == set()


def test_every_handler_names_what_it_catches() -> None:
    bare = {
        f"{name}, line {node.lineno}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    }
    assert bare == set()


def test_only_the_store_addresses_collections_by_name() -> None:
    """Queries live in the store; FireWorks' own collections are the business of launch."""
    addressed = {
        f"{name}, line {node.lineno}"
        for name, tree in modules().items()
        if part_of(name) not in {"store", "launch"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in {"database", "client"}
    }
    assert addressed == set()


def test_every_write_asks_whether_its_job_is_still_owned() -> None:
    """Collections are written through `writable`; only what compares with the owner itself writes past it."""
    asking = {"claim", "advance"}
    past = {
        f"{name}.{function.name}"
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and node.attr in WRITES
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "raw"
    }
    assert {name for name in past if name.rpartition(".")[2] not in asking} == set()
    assert len(past) == len(asking)


def test_the_command_line_starts_without_slow_libraries() -> None:
    code = "import mtl_flows.cli, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()) & SLOW_TO_IMPORT == set()


def test_a_screening_job_starts_without_phase_diagrams() -> None:
    code = "import mtl_flows.jobs.topology, sys; print('pymatgen.analysis.phase_diagram' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "False"


def test_documents_are_known_without_the_reader() -> None:
    code = "import mtl_flows.schemas.ingest, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {"numpy", "pymatgen", "gemmi", "mtl_flows.science.reading"}


def test_dynamics_is_handed_in_without_engines() -> None:
    """A login node that hands work in has neither potentials nor programs to load, nor phase diagrams."""
    code = "import mtl_flows.launch.dynamics, mtl_flows.simulation.engines.vasp, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    unwanted = {"ase", "torch", "atomate2", "chgnet", "custodian", "gph", "gtda", "sklearn", "matplotlib"}
    assert set(loaded.split()) & (unwanted | {"pymatgen.analysis.phase_diagram"}) == set()


def test_the_store_opens_without_engines() -> None:
    """Who only queries needs neither homology nor potentials nor workflows, nor even arrays and structures."""
    code = "import mtl_flows.store.database, sys; print(*sys.modules)"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    unwanted = {"gph", "gtda", "sklearn", "torch", "ase", "jobflow", "fireworks", "atomate2"}
    assert loaded & (unwanted | {"numpy", "scipy", "pymatgen"}) == set()
    assert len(loaded) < 600


def test_modules_of_tests_have_names_of_their_own() -> None:
    """Pytest knows them by their last name."""
    names = Counter(file.name for file in Path(__file__).parent.rglob("*.py") if file.name != "conftest.py")
    assert [name for name, n in names.items() if n > 1] == []
