"""Engines by name: a module in `mtl_flows.simulation.engines`, or an import path."""

from importlib import import_module

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation import engines
from mtl_flows.simulation.engine import Engine
from mtl_flows.simulation.engines import engine_names


def get_engine(name: str) -> Engine:
    """Return an engine.

    Parameters
    ----------
    name
        One of `engine_names`; the import path of an ASE calculator, ``package.module.Calculator``, which is loaded when
        it first computes; or that of an engine, ``package.module:ENGINE``, which is imported here and now.

    Raises
    ------
    ConfigurationError
        If nothing, or no engine, is found there.
    """
    if ":" in name:
        engine = _imported(name)
    elif "." in name:
        return _of_calculator(name)
    else:
        engine = _packaged(name)
    if not isinstance(engine, Engine):
        raise ConfigurationError(
            "is no engine", subject=name, remedy="see mtl_flows.simulation.engine.Engine for what one has"
        )
    return engine


def _packaged(name: str) -> object:
    module = f"{engines.__name__}.{name}"
    try:
        return import_module(module).ENGINE
    except ModuleNotFoundError as error:
        if error.name != module:
            raise ConfigurationError(
                f"cannot be imported: {error}", subject=name, remedy="install it"
            ) from error
        raise _unknown(name) from None


def _imported(name: str) -> object:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"cannot be imported: {error}", subject=name, remedy="check the import path"
        ) from error


def _of_calculator(path: str) -> Engine:
    from mtl_flows.simulation.calculators import CalculatorEngine

    module, _, attribute = path.rpartition(".")
    if not module or not attribute:
        raise _unknown(path)
    package = module.split(".")[0]
    return CalculatorEngine(name=path, calculator=path, md_calculator=path, package=package, takes=None)


def _unknown(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"unknown engine {name!r}",
        remedy=f"use one of {', '.join(engine_names())}, the import path of an ASE calculator, or module:ENGINE",
    )
