"""The options of molecular dynamics, declared once for every command that takes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.options import takes
from mtl_flows.cli.types import EngineName
from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from mtl_flows.stages.dynamics import DynamicsParameters

_PANEL = "Molecular dynamics"


def _option(text: str, *names: str, **limits: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_PANEL, **limits)


@dataclass(frozen=True)
class DynamicsOptions:
    """What the command line says of molecular dynamics."""

    engine: EngineName = "chgnet"
    engine_settings: Annotated[
        list[str] | None,
        _option(
            "Setting of the engine, repeatable: NCORE=4 is an INCAR tag of VASP.",
            "--set",
            "--incar",
            metavar="NAME=VALUE",
        ),
    ] = None
    temperatures: Annotated[str, _option("Temperatures in K, with commas between.")] = "800,1000,1200,1400"
    heat_ps: Annotated[float, _option("Heating ramp from 300 to 1200 K, ps.")] = 10.0
    production_ps: Annotated[float, _option("Production at each temperature before it is judged, ps.")] = 20.0
    budget_ps: Annotated[
        float, _option("Longest production of a temperature that has not converged, ps.")
    ] = 100.0
    discard_ps: Annotated[float, _option("Equilibration cut off each production, ps.")] = 2.0
    max_lag_fraction: Annotated[
        float,
        _option("Longest lag of the fit, as a fraction of the production.", "--max-lag", min=0.05, max=0.9),
    ] = 0.3
    target_error: Annotated[
        float,
        _option("Relative standard error of D at which a temperature counts as converged.", min=0.01),
    ] = 0.3
    chunk_ps: Annotated[float, _option("Simulated time of one job, ps: what a lost worker costs.")] = 5.0
    max_temperature_ratio: Annotated[
        float, _option("A run stops beyond this multiple of its temperature.", min=1.0)
    ] = 3.0
    max_framework_msd_A2: Annotated[
        float,
        _option(
            "A run stops when the framework has moved this far, mean square in Å².",
            "--max-framework-msd",
            min=0.0,
        ),
    ] = 9.0
    orderings: Annotated[
        int, _option("Ordered cells of a disordered crystal; an ordered one has one.", min=1)
    ] = 1
    max_atoms: Annotated[int, _option("Most atoms in the supercell.", min=1)] = 200

    def parameters(self, mobile_ion: str = "Li") -> "DynamicsParameters":
        """Return them as the jobs take them.

        Raises
        ------
        ConfigurationError
            If one makes no sense: known before anything is read or handed in.
        """
        from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
        from mtl_flows.science.ordering import OrderingParameters
        from mtl_flows.stages.dynamics import DynamicsParameters

        parameters = DynamicsParameters(
            mobile_ion=mobile_ion,
            engine=self.engine,
            engine_settings=_settings(self.engine_settings or []),
            ordering=OrderingParameters(n_orderings=self.orderings, max_atoms=self.max_atoms),
            heat_ps=self.heat_ps,
            temperatures_K=_temperatures_K(self.temperatures),
            production_ps=self.production_ps,
            budget=DynamicsBudget(max_production_ps=self.budget_ps),
            chunk_ps=self.chunk_ps,
            max_temperature_ratio=self.max_temperature_ratio,
            max_framework_msd_A2=self.max_framework_msd_A2,
            diffusion=DiffusionParameters(
                discard_ps=self.discard_ps,
                max_lag_fraction=self.max_lag_fraction,
                max_relative_error=self.target_error,
            ),
        )
        parameters.configured_engine()
        return parameters


def takes_dynamics(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of molecular dynamics in the place of its parameter ``dynamics``."""
    return takes("dynamics", DynamicsOptions, **defaults)


def _temperatures_K(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(t) for t in text.split(","))
    except ValueError:
        raise ConfigurationError(
            f"not a list of temperatures: {text!r}", subject="--temperatures", remedy="write 800,1000,1200"
        ) from None


def _settings(texts: list[str]) -> dict[str, str]:
    settings = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise ConfigurationError(
                f"not a setting of an engine: {text!r}", subject="--set", remedy="write NCORE=4"
            )
        settings[name] = value
    return settings
