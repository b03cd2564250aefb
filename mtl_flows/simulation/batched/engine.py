"""An engine whose potential another process evaluates; everything else of it runs here, as that of one alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pymatgen.core import Structure

from mtl_flows.simulation.batched.remote import RemoteEvaluator, evaluator
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.devices import AUTO
from mtl_flows.simulation.engine import ChunkResult, Engine, Relaxation, RelaxationGoal
from mtl_flows.simulation.engines import engine_names
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.soundness import Soundness, try_potential
from mtl_flows.simulation.state import MDState

_CALCULATOR: Final = "mtl_flows.simulation.batched.calculator.RemoteCalculator"


@dataclass(frozen=True)
class BatchedEngine:
    """A potential that is evaluated for many simulations at once.

    Attributes
    ----------
    original
        The engine as it runs alone: name, potential, settings and keys are its own.
    evaluator
        The process that evaluates it.
    """

    original: CalculatorEngine
    evaluator: RemoteEvaluator

    @property
    def name(self) -> str:
        """That of the original."""
        return self.original.name

    @property
    def energy_scale(self) -> str:
        """That of the original."""
        return self.original.energy_scale

    @property
    def relaxes_hulls(self) -> bool:
        """That of the original."""
        return self.original.relaxes_hulls

    @property
    def needs(self) -> str:
        """That of the original."""
        return self.original.needs

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = AUTO
    ) -> "BatchedEngine":
        """Return it with other settings."""
        return replace(self, original=self.original.configured(settings, n_threads=n_threads, device=device))

    def potential(self) -> dict[str, Any]:
        """Return that of the original."""
        return self.original.potential()

    def shaping(self) -> dict[str, Any]:
        """Return those of the original."""
        return self.original.shaping()

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        """Return that of the original, loaded where it is evaluated."""
        if not load:
            return self.original.fingerprint(load=False)
        return self.evaluator.fingerprint(self.original) | {"batched": True}

    def check(self, structure: Structure) -> Soundness | None:
        """Hold forces and stress against the energy on one cell."""
        from mtl_flows.simulation.batched.calculator import RemoteCalculator

        return try_potential(RemoteCalculator(engine=self.original), structure)

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        """Relax by atomate2's force-field Maker."""
        remote = replace(
            self.original,
            calculator=_CALCULATOR,
            calculator_kwargs={"engine": self.original},
            model="",
            settings={},
            device_argument="",
        )
        return remote.relax(structure, goal, so_far)

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        """Run a chunk in this process, which needs neither the model nor PyTorch for it."""
        from mtl_flows.simulation.batched.calculator import RemoteCalculator
        from mtl_flows.simulation.chunk import run_chunk

        calculator = RemoteCalculator(engine=self.original)
        return run_chunk(start, stage, calculator, sink, max_steps=max_steps)


def can_be_batched(engine: Engine) -> bool:
    """Whether an engine names a potential that evaluates many configurations in one call."""
    return isinstance(engine, CalculatorEngine) and bool(engine.batch_potential)


def batched_engine_names() -> tuple[str, ...]:
    """Names of the engines of the package that can be batched."""
    return tuple(name for name in engine_names() if can_be_batched(get_engine(name)))


def batched(engine: Engine) -> Engine:
    """Return the engine as it runs here: batched where a process evaluates for this one and it can be."""
    standing = evaluator()
    if standing is None or not isinstance(engine, CalculatorEngine) or not engine.batch_potential:
        return engine
    return BatchedEngine(engine, standing)
