"""Options of molecular dynamics: declared once, the same for every command that takes them."""

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from pymatgen.core import Composition
from typer.testing import CliRunner

from mtl_flows.cli.dynamics import DynamicsOptions, takes_dynamics
from mtl_flows.errors import ConfigurationError
from mtl_flows.stages.dynamics import DynamicsParameters


def test_without_options_the_parameters_are_the_defaults() -> None:
    assert DynamicsOptions().parameters() == DynamicsParameters()


def test_every_option_reaches_the_runner() -> None:
    options = DynamicsOptions(
        engine="vasp",
        engine_settings=["NCORE=4", "cutoff_eV = 600"],
        temperatures="900, 1100",
        max_temperature_ratio=2.0,
        max_framework_msd_A2=4.0,
    )
    parameters = options.parameters("Na")
    assert (parameters.mobile_ion, parameters.temperatures_K) == ("Na", (900.0, 1100.0))
    assert parameters.engine_settings == {"NCORE": "4", "cutoff_eV": "600"}
    stage = parameters.md_parameters(Composition("NaCl"), 900.0)
    assert (stage.max_temperature_ratio, stage.max_framework_msd_A2, stage.mobile_ion) == (2.0, 4.0, "Na")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (DynamicsOptions(temperatures="hot"), "not a list of temperatures"),
        (DynamicsOptions(engine="nonsense"), "unknown engine"),
        (DynamicsOptions(engine_settings=["NCORE"]), "not a setting"),
        (DynamicsOptions(engine_settings=["NCORE=4"]), "has no setting"),
    ],
)
def test_what_makes_no_sense_is_refused(options: DynamicsOptions, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        options.parameters()


def test_a_command_has_its_own_arguments_and_defaults() -> None:
    app, seen = typer.Typer(), []

    @app.command()
    @takes_dynamics(budget_ps=200.0)
    def simulate(name: Annotated[str, typer.Argument()], *, dynamics: DynamicsOptions) -> None:
        """Simulate something."""
        seen.append((name, dynamics))

    @app.command()
    def other() -> None: ...

    runner = CliRunner()
    assert runner.invoke(app, ["simulate", "x", "--set", "A=1", "--incar", "B=2"]).exit_code == 0
    assert seen == [("x", DynamicsOptions(engine_settings=["A=1", "B=2"], budget_ps=200.0))]
    told = runner.invoke(app, ["simulate", "--help"]).output
    assert "Simulate something" in told
    assert "--max-framework" in told
    assert "--dynamics" not in told


def test_an_engine_is_named_with_its_model_here_or_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mtl.yaml").write_text(
        "engines:\n  ours:\n    engine: sevennet\n    model: 7net-mf-0\n    settings: {enable_cueq: false}\n"
        "    device: cuda:1\n"
    )
    ours = DynamicsOptions(engine="ours").parameters()
    assert (ours.engine, ours.device) == ("sevennet:7net-mf-0", "cuda:1")
    assert ours.configured_engine().potential()["keywords"]["modal"] == "PBE"
    here = DynamicsOptions(
        engine="ours", device="cpu", engine_settings=["modal=R2SCAN"], engine_kwargs='{"enable_flash": true}'
    ).parameters()
    assert here.engine_settings == {"enable_cueq": False, "enable_flash": True, "modal": "R2SCAN"}
    assert (here.device, here.potential_id != ours.potential_id) == ("cpu", True)
    assert DynamicsOptions(engine="chgnet", model="r2scan").parameters().engine == "chgnet:r2scan"
    # Where a potential runs is part of no key.
    plain = DynamicsOptions().parameters()
    there = DynamicsOptions(device="cuda", allow_non_conservative=True).parameters()
    assert there.dynamics_stage() == plain.dynamics_stage()
    assert (there.as_dict() == plain.as_dict(), "device" in plain.as_dict()) == (False, False)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"engine_kwargs": "{"}, "is no JSON"),
        ({"engine_kwargs": "[1]"}, "no JSON object"),
        ({"device": "gpu"}, "use auto, cpu, cuda"),
        ({"engine": "nobody"}, "MACE-MP-0"),
        ({"engine": "chgnet", "engine_kwargs": '{"NCORE": 4}'}, "has no setting NCORE"),
    ],
)
def test_a_wrong_engine_is_told_before_anything_is_handed_in(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        DynamicsOptions(**wrong).parameters()
