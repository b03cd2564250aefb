"""Options of molecular dynamics: declared once, the same for every command that takes them."""

from typing import Annotated

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
