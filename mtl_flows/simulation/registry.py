"""Engines by name: a module in `mtl_flows.simulation.engines`, or an import path."""

from importlib import import_module
from importlib.util import find_spec

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation import engines
from mtl_flows.simulation.engine import Engine
from mtl_flows.simulation.engines import engine_names


def get_engine(name: str) -> Engine:
    """Return an engine.

    Parameters
    ----------
    name
        One of `engine_names`, with a model of it after a colon if wanted, ``sevennet:7net-mf-0``; one of atomate2's
        force fields, ``MACE-MP-0``; the import path of an ASE calculator, ``package.module.Calculator``, which is
        loaded when it first computes; or that of an engine, ``package.module:ENGINE``, which is imported here and now.

    Raises
    ------
    ConfigurationError
        If nothing, or no engine, is found there.
    """
    first, colon, second = name.partition(":")
    if colon and first not in engine_names() and _is_package(first):
        engine = _imported(first, second)
    elif "." in first:
        return _of_calculator(first)
    else:
        engine = _named(first)
        if second and isinstance(engine, Engine):
            engine = engine.configured({"model": second})
    if not isinstance(engine, Engine):
        raise ConfigurationError(
            "is no engine", subject=name, remedy="see mtl_flows.simulation.engine.Engine for what one has"
        )
    return engine


def _is_package(path: str) -> bool:
    """Whether an import path begins with something to import; an empty one is taken for one that fails."""
    package = path.partition(".")[0]
    return not package or "." in path or find_spec(package) is not None


def _named(name: str) -> object:
    if name in engine_names():
        return _packaged(name)
    try:
        from mtl_flows.simulation.force_fields import force_field_engine
    except ImportError as error:
        raise _unknown(name) from error
    engine = force_field_engine(name)
    if engine is None:
        raise _unknown(name)
    return engine


def _packaged(name: str) -> object:
    module = f"{engines.__name__}.{name}"
    try:
        return import_module(module).ENGINE
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"cannot be imported: {error}", subject=name, remedy="install it") from error


def _imported(module: str, attribute: str) -> object:
    name = f"{module}:{attribute}"
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
    try:
        from mtl_flows.simulation.force_fields import force_field_names

        others = f", by atomate2 {', '.join(force_field_names())}"
    except ImportError:
        others = ""
    return ConfigurationError(
        f"unknown engine {name!r}",
        remedy=f"there are {', '.join(engine_names())}{others}; or give the import path of an ASE calculator, or "
        "module:ENGINE",
    )
