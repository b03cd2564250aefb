"""Engines that are ASE calculators: recipes by import path and keyword arguments, built by atomate2's Makers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pymatgen.core import Structure

from mtl_flows.errors import CalculationError, ConfigurationError, MTLError
from mtl_flows.simulation.devices import AUTO, checked_device, device_here
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import Soundness, try_potential
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.weights import Weights, watched_checkpoints

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

MODEL: Final = "model"
"""Setting that chooses among the models of an engine."""

UNKNOWN_SCALE: Final = "unknown"

KNOWN_WEIGHTS: dict[str, Weights] = {}
"""Digests of the weights that this process has loaded, by recipe: loading a model takes seconds."""

PROVENANCE_ONLY: Final = frozenset(
    {
        *("device", "use_device", "check_cuda_mem", "dtype", "default_dtype", "precision"),
        *("batch_size", "n_threads", "num_threads", "verbose"),
    }
)
"""Keyword arguments that say how and where a model is evaluated, not which model it is."""


@dataclass(frozen=True, slots=True)
class CalculatorEngine:
    """A potential as an ASE calculator.

    Attributes
    ----------
    name
        Short name, or the import path of the calculator.
    calculator
        Import path of the calculator that gives energy, forces and stress (relaxation).
    md_calculator
        Import path of the calculator for molecular dynamics; it may leave out the stress.
    package
        Distribution whose version is recorded.
    calculator_kwargs
        Keyword arguments of both.
    model
        Which model of the package it is, where that is no keyword of every key.
    model_argument
        Keyword that chooses among models; empty if there is no choice.
    model_arguments
        Further keyword arguments that a model is used with, by model.
    device
        Where it is asked to run; see `mtl_flows.simulation.devices`. Part of no key.
    device_argument
        Keyword that says where it runs; empty if there is none.
    batch_potential
        Import path of what makes its `mtl_flows.simulation.batched.potential.BatchPotential` of the calculator's
        keyword arguments; empty if it cannot be evaluated for many simulations at once.
    energy_scale
        What the energies are comparable with; never mix scales in one phase diagram.
    energy_scales
        Those of other models than the default, by model; of one that is not listed nobody knows.
    precision
        Floating-point type of the model.
    n_threads
        Threads of the tensor library; more than one is slower on a shared machine.
    is_stateless
        Whether its calculator keeps nothing of what it evaluated before, so that one serves many chunks.
    takes
        Names of the settings it takes; None if nobody knows which its constructor has.
    settings
        Further keyword arguments, the user's own; they shape results and their keys.
    """

    name: str
    calculator: str
    md_calculator: str
    package: str
    calculator_kwargs: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    model_argument: str = ""
    model_arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    device: str = AUTO
    device_argument: str = ""
    batch_potential: str = ""
    energy_scale: str = UNKNOWN_SCALE
    energy_scales: Mapping[str, str] = field(default_factory=dict)
    precision: str = "float64"
    relaxes_hulls: bool = True
    n_threads: int = 1
    is_stateless: bool = False
    takes: frozenset[str] | None = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = AUTO
    ) -> "CalculatorEngine":
        """Return the engine with further keyword arguments; text is read as JSON where it is JSON.

        The setting ``model`` names a model of the package or a file, where there is a choice.
        """
        known = self.takes
        if known is not None:
            known = known | ({MODEL} if self.model_argument else set())
            if unknown := sorted(settings.keys() - known):
                raise ConfigurationError(
                    f"has no setting {', '.join(unknown)}",
                    subject=self.name,
                    remedy=f"it takes {', '.join(sorted(known)) or 'none'}",
                )
        chosen = {name: _literal(value) for name, value in settings.items()}
        engine = replace(self, n_threads=n_threads, device=checked_device(device))
        if MODEL in chosen and self.model_argument:
            engine = engine._with_model(str(chosen.pop(MODEL)))
        return replace(engine, settings=chosen)

    def _with_model(self, model: str) -> "CalculatorEngine":
        if Path(model).suffix and Path(model).is_file():
            model = str(Path(model).resolve())
        if model == (self.model or self.calculator_kwargs.get(self.model_argument)):
            return self
        scale = self.energy_scales.get(model, UNKNOWN_SCALE)
        if self.model:
            return replace(self, model=model, energy_scale=scale)
        arguments = {
            **self.calculator_kwargs,
            self.model_argument: model,
            **self.model_arguments.get(model, {}),
        }
        return replace(self, calculator_kwargs=arguments, energy_scale=scale)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the calculator, but for where it runs."""
        named = {self.model_argument: self.model} if self.model and self.model_argument else {}
        return {**self.calculator_kwargs, **named, **self.settings}

    @property
    def arguments_here(self) -> dict[str, Any]:
        """All keyword arguments of the calculator on this machine.

        Raises
        ------
        ConfigurationError
            If this machine does not have the device.
        """
        if not self.device_argument:
            return self.arguments
        return {self.device_argument: device_here(self.device), **self.arguments}

    def potential(self) -> dict[str, Any]:
        """Return model and keyword arguments, but for those of how and where it is evaluated."""
        left_out = PROVENANCE_ONLY | ({self.model_argument} if self.model else set())
        keywords = {name: value for name, value in self.arguments.items() if name not in left_out}
        return {"model": self.model, "keywords": keywords}

    @property
    def needs(self) -> str:
        """A GPU where one is asked for by name."""
        return "" if self.device in (AUTO, "cpu") else "gpu"

    def shaping(self) -> dict[str, Any]:
        """Return nothing: all its settings belong to the potential."""
        return {}

    def build(self, *, for_md: bool = True) -> "Calculator":
        """Return the calculator, loaded and ready.

        Parameters
        ----------
        for_md
            Whether energy and forces are enough.

        Raises
        ------
        ConfigurationError
            If the package is not installed, or the import path leads nowhere.
        CalculationError
            If the calculator cannot be built for another reason, such as weights that cannot be read.
        """
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
        set_torch_threads(self.n_threads)
        with building(self.name):
            return factory(**self.arguments_here)

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        """Return what identifies the potential."""
        weights = self._weights() if load else None
        return {
            "name": self.name,
            "version": _version(self.package) if self.package else "",
            "weights_sha256": weights and weights.checkpoint_sha256,
            "tensors_sha256": weights and weights.tensors_sha256,
            "parameters": self.arguments,
            "device": device_here(self.device) if load else self.device,
            "precision": self.precision,
            "threads": self.n_threads,
            "energy_scale": self.energy_scale,
        }

    @property
    def recipe(self) -> str:
        """All that decides what `build` gives on one machine, as text."""
        parts = [self.name, self.arguments, self.device, self.n_threads]
        return json.dumps(parts, sort_keys=True, default=str)

    def _weights(self) -> Weights:
        if self.recipe not in KNOWN_WEIGHTS:
            with watched_checkpoints() as read:
                calculator = self.build()
            KNOWN_WEIGHTS[self.recipe] = read.weights_of(calculator)
        return KNOWN_WEIGHTS[self.recipe]

    def check(self, structure: Structure) -> Soundness | None:
        """Hold forces and stress against the energy on one cell.

        Raises
        ------
        ConfigurationError, CalculationError
            If the calculator cannot be built.
        """
        return try_potential(self.build(for_md=False), structure)

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        """Relax by atomate2's force-field Maker, in one go."""
        from mtl_flows.simulation.makers import EngineRelaxMaker

        return so_far or EngineRelaxMaker.of(self, goal).relax(structure)

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        """Run a chunk in this process, its calculator from atomate2's force-field Maker."""
        from mtl_flows.simulation.makers import EngineMDMaker

        return EngineMDMaker.of(self, stage).run_chunk(start, sink, max_steps=max_steps)


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
    except OSError as error:
        raise CalculationError(
            f"its weights cannot be had: {type(error).__name__}: {error}",
            subject=engine,
            remedy="fetch them where there is a network, or name a file with --model",
        ) from error
    except Exception as error:  # constructors read files and run foreign code: no list is complete
        raise CalculationError(
            f"{ChunkStatus.ENGINE_ERROR}: {type(error).__name__}: {error}", subject=engine
        ) from error


@cache
def _version(package: str) -> str:
    """Version of a distribution, or of the one that brings a module of this name; empty for a loose module."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(package, ())
    return metadata.version(owners[0]) if owners else ""


def set_torch_threads(n_threads: int) -> None:
    """Limit PyTorch to ``n_threads`` where it is installed."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(n_threads)


def _literal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
