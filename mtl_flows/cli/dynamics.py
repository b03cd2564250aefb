"""The options of molecular dynamics, declared once for every command that takes them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtl_flows.cli.options import takes
from mtl_flows.cli.types import EngineName
from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from mtl_flows.settings import NamedEngine
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
    model: Annotated[str, _option("Model of the engine: a name it knows, or a file.")] = ""
    engine_kwargs: Annotated[
        str, _option("Keyword arguments of the engine, as JSON.", metavar="'{\"NAME\": VALUE}'")
    ] = ""
    device: Annotated[
        str,
        _option("Where the potential runs: auto (a GPU if the worker has one), cpu, cuda, cuda:N, mps."),
    ] = "auto"
    allow_non_conservative: Annotated[
        bool,
        _option("Run potentials whose forces are not the slope of their energy.", "--allow-non-conservative"),
    ] = False
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

        engine = self._engine()
        parameters = DynamicsParameters(
            mobile_ion=mobile_ion,
            engine=f"{engine.engine}:{engine.model}" if engine.model else engine.engine,
            engine_settings=engine.settings,
            device=engine.device,
            allow_unsound=self.allow_non_conservative,
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

    def _engine(self) -> "NamedEngine":
        """The engine that is named in the settings, or here; what is said here goes before."""
        from mtl_flows.settings import NamedEngine, Settings

        named = Settings.load().engines.get(self.engine, NamedEngine(engine=self.engine))
        settings = {
            **named.settings,
            **_keywords(self.engine_kwargs),
            **named_settings(self.engine_settings or []),
        }
        return NamedEngine(
            engine=named.engine,
            model=self.model or named.model,
            settings=settings,
            device=named.device if self.device == "auto" else self.device,
        )


def takes_dynamics(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of molecular dynamics in the place of its parameter ``dynamics``."""
    return takes("dynamics", DynamicsOptions, **defaults)


def _keywords(text: str) -> dict[str, Any]:
    """Keyword arguments of a JSON object."""
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"is no JSON: {error}", subject="--engine-kwargs") from None
    if not isinstance(given, dict):
        raise ConfigurationError('is no JSON object, such as {"dispersion": true}', subject="--engine-kwargs")
    return given


def _temperatures_K(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(t) for t in text.split(","))
    except ValueError:
        raise ConfigurationError(
            f"not a list of temperatures: {text!r}", subject="--temperatures", remedy="write 800,1000,1200"
        ) from None


def named_settings(texts: list[str], option: str = "--set") -> dict[str, str]:
    """Settings by name, from NAME=VALUE.

    Raises
    ------
    ConfigurationError
        If a text is nothing of that kind.
    """
    settings = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise ConfigurationError(
                f"not a setting of an engine: {text!r}", subject=option, remedy="write NCORE=4"
            )
        settings[name] = value
    return settings
