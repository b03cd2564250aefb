"""Engines are found by name: one file makes one."""

from pathlib import Path

import pytest
from toy_walk import ENGINE

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation import engines
from mtl_flows.simulation.engine import Engine
from mtl_flows.simulation.engines import engine_names
from mtl_flows.simulation.registry import get_engine


def test_every_module_of_the_folder_is_an_engine() -> None:
    assert {"chgnet", "sevennet", "vasp"} <= set(engine_names())
    for name in engine_names():
        engine = get_engine(name)
        assert isinstance(engine, Engine)
        assert engine.name == name
        assert engine.fingerprint(load=False)["energy_scale"] == engine.energy_scale != ""


def test_one_file_makes_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flatland.py").write_text("from toy_walk import ENGINE\n")
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    assert "flatland" in engine_names()
    assert get_engine("flatland") is ENGINE


def test_an_engine_elsewhere_is_one_by_its_import_path() -> None:
    assert get_engine("toy_walk:ENGINE") is ENGINE


@pytest.mark.parametrize("name", ["chgnt", "", ".", "module."])
def test_an_unknown_name_says_which_are_known(name: str) -> None:
    with pytest.raises(ConfigurationError, match="chgnet, sevennet, vasp"):
        get_engine(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("toy_walk:NOTHING", "cannot be imported"),
        ("no_such_package:ENGINE", "unknown engine"),
        ("no_such_package.module:ENGINE", "cannot be imported"),
        (":ENGINE", "cannot be imported"),
        ("toy_walk:RandomWalk.name", "cannot be imported"),
        ("toy_walk:BOLTZMANN_EV_PER_K", "is no engine"),
    ],
)
def test_what_is_no_engine_is_refused(name: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        get_engine(name)


def test_a_packaged_engine_that_lacks_a_package_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lame.py").write_text("import no_such_package\n")
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    with pytest.raises(ConfigurationError, match="no_such_package"):
        get_engine("lame")
