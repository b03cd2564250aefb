"""Potentials by name, each with the fingerprint that every result computed with it carries.

An engine is a recipe for an ASE calculator that atomate2's force-field Makers can also build: an import path
and keyword arguments. Any other ASE calculator is used by its import path.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from typing import Any

from ase.calculators.calculator import Calculator

from mtl_flows.errors import CalculationError, ConfigurationError, MTLError
from mtl_flows.science.energies import MP2020_GGA, RAW_PBE
from mtl_flows.simulation.guard import ChunkStatus

VASP = "vasp"
"""Name of the one engine that is a program of its own and no ASE calculator."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Recipe for a potential.

    Attributes
    ----------
    name
        Short name, or the import path of an ASE calculator.
    calculator
        Import path of the calculator that gives energy, forces and stress (relaxation).
    md_calculator
        Import path of the calculator for molecular dynamics; it may leave out the stress.
    calculator_kwargs
        Keyword arguments of both.
    package
        Distribution whose version is recorded.
    energy_scale
        What the energies are comparable with; never mix scales in one phase diagram.
    precision
        Floating-point type of the model.
    """

    name: str
    calculator: str
    md_calculator: str
    package: str
    calculator_kwargs: dict[str, Any] = field(default_factory=dict)
    energy_scale: str = "unknown"
    precision: str = "float64"

    def build(self, *, for_md: bool = True, n_threads: int = 1) -> Calculator:
        """Return the calculator, loaded and ready.

        Parameters
        ----------
        for_md
            Whether energy and forces are enough.
        n_threads
            Threads of the tensor library; more than one is slower on a shared machine.

        Raises
        ------
        ConfigurationError
            If the package is not installed, the import path leads nowhere, or the engine is a program.
        CalculationError
            If the calculator cannot be built for another reason, such as weights that cannot be read.
        """
        if self.name == VASP:
            raise ConfigurationError("is a program, not an ASE calculator", subject=self.name)
        path = self.md_calculator if for_md else self.calculator
        module, _, attribute = path.rpartition(".")
        try:
            factory = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"calculator {path} cannot be imported",
                subject=self.name,
                remedy=f"install {self.package}" if self.package else "check the import path",
            ) from error
        set_torch_threads(n_threads)
        with building(self.name):
            return factory(**self.calculator_kwargs)


@contextmanager
def building(engine: str) -> Iterator[None]:
    """Say what went wrong where a calculator is built: the installation, or the engine itself.

    Raises
    ------
    ConfigurationError
        If a package is missing, which no job can go on from.
    CalculationError
        If anything else was raised, as by an engine that fails on positions.
    """
    try:
        yield
    except MTLError:
        raise
    except ImportError as error:
        raise ConfigurationError(
            f"needs a package that cannot be imported: {error}", subject=engine, remedy="install it"
        ) from error
    except Exception as error:  # constructors read files and run foreign code: no list is complete
        raise CalculationError(
            f"{ChunkStatus.ENGINE_ERROR}: {type(error).__name__}: {error}", subject=engine
        ) from error


ENGINES: dict[str, Engine] = {
    "chgnet": Engine(
        name="chgnet",
        calculator="mtl_flows.simulation.chgnet_calculators.CHGNetForRelaxation",
        md_calculator="mtl_flows.simulation.chgnet_calculators.CHGNetForDynamics",
        calculator_kwargs={"use_device": "cpu", "on_isolated_atoms": "ignore"},
        package="chgnet",
        energy_scale=MP2020_GGA,
        precision="float32",
    ),
    "sevennet": Engine(
        name="sevennet",
        calculator="sevenn.calculator.SevenNetCalculator",
        md_calculator="sevenn.calculator.SevenNetCalculator",
        calculator_kwargs={"model": "7net-0", "device": "cpu"},
        package="sevenn",
        energy_scale=RAW_PBE,
        precision="float32",
    ),
    VASP: Engine(name=VASP, calculator="", md_calculator="", package="", energy_scale=RAW_PBE),
}


def get_engine(name: str) -> Engine:
    """Return a registered engine, or one for the ASE calculator with this import path.

    Raises
    ------
    ConfigurationError
        If the name is neither registered nor an import path.
    """
    if name in ENGINES:
        return ENGINES[name]
    module, _, attribute = name.rpartition(".")
    if not module or not attribute:
        raise ConfigurationError(
            f"unknown engine {name!r}",
            remedy=f"use one of {', '.join(ENGINES)} or the import path of an ASE calculator",
        )
    return Engine(name=name, calculator=name, md_calculator=name, package=module.split(".")[0])


def engine_fingerprint(
    name: str, *, n_threads: int = 1, parameters: Mapping[str, Any] | None = None, load: bool = True
) -> dict[str, Any]:
    """Return what identifies a potential: results of different fingerprints are never mixed in one fit.

    Parameters
    ----------
    n_threads
        Threads of the tensor library.
    parameters
        Settings beyond those of the registry.
    load
        Whether to build the calculator, without which its weights are unknown.

    Returns
    -------
    dict
        ``name``, ``version`` of the package, ``weights_sha256`` (empty for a potential without weights,
        None if unknown), ``parameters``, ``precision``, ``threads`` and ``energy_scale``.
    """
    engine = get_engine(name)
    return {
        "name": engine.name,
        "version": _version(engine.package) if engine.package else "",
        "weights_sha256": _weights(name, n_threads) if load else None,
        "parameters": {**engine.calculator_kwargs, **(parameters or {})},
        "precision": engine.precision,
        "threads": n_threads,
        "energy_scale": engine.energy_scale,
    }


@cache
def _weights(name: str, n_threads: int) -> str:
    """Digest of an engine's weights; loading a model takes seconds, so once for each process."""
    return "" if name == VASP else weights_sha256(get_engine(name).build(n_threads=n_threads))


@cache
def _version(package: str) -> str:
    """Version of a distribution, or of the one that brings a module of this name; empty for a loose module."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(package, ())
    return metadata.version(owners[0]) if owners else ""


def weights_sha256(calculator: Calculator) -> str:
    """Return the digest of a calculator's tensors, wherever they were loaded from; empty without any."""
    model = getattr(calculator, "model", None)
    if model is None or not hasattr(model, "state_dict"):
        return ""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(str(tensor.dtype).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def set_torch_threads(n_threads: int) -> None:
    """Limit PyTorch to ``n_threads`` where it is installed."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(n_threads)
