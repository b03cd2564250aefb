"""atomate2's force-field Makers with the calculator of an engine: relaxation, and dynamics in restartable chunks."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from ase.calculators.calculator import Calculator
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.md import ForceFieldMDMaker
from atomate2.forcefields.utils import revert_default_dtype
from pymatgen.core import Structure

from mtl_flows.errors import CalculationError
from mtl_flows.simulation.calculators import CalculatorEngine, building, set_torch_threads
from mtl_flows.simulation.chunk import run_chunk
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import POSITION_ERRORS
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.thermostats import BussiThermostat

_KEPT: Final[dict[str, Calculator]] = {}
"""The calculator of the last chunk, by its recipe: loading a model takes as long as several steps."""


@dataclass
class EngineRelaxMaker(ForceFieldRelaxMaker):  # type: ignore[misc]
    """atomate2's force-field relaxation; `of` fills in the engine.

    Parameters
    ----------
    n_threads
        Threads of the tensor library.
    """

    n_threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        # atomate2 fills this field itself, then warns that it is deprecated.
        self.task_document_kwargs: dict[str, Any] = {}

    @classmethod
    def of(cls, engine: CalculatorEngine, goal: RelaxationGoal = RelaxationGoal()) -> Self:
        """Return the Maker of an engine."""
        return cls(
            name=f"relax ({engine.name})",
            force_field_name=_import_document(engine.calculator),
            calculator_kwargs=engine.arguments_here,
            relax_cell=goal.relax_cell,
            relax_kwargs={"fmax": goal.fmax_eV_per_A, "verbose": False},
            steps=goal.max_steps,
            n_threads=engine.n_threads,
        )

    def relax(self, structure: Structure) -> Relaxation:
        """Relax a structure here and now.

        Raises
        ------
        CalculationError
            If the engine raises, cannot be built, or gives energies or forces that are no numbers.
        """
        formula = structure.composition.reduced_formula
        try:
            result = self._run_ase_safe(structure)
        except POSITION_ERRORS as error:
            raise CalculationError(
                f"{ChunkStatus.ENGINE_ERROR}: {type(error).__name__}: {error}", subject=formula
            ) from error
        last = result.trajectory.frame_properties[-1]
        if not (np.isfinite(last["energy"]) and np.isfinite(last["forces"]).all()):
            raise CalculationError(
                f"{ChunkStatus.NOT_A_NUMBER} after {len(result.trajectory)} steps", subject=formula
            )
        return Relaxation(
            structure=result.final_mol_or_struct,
            converged=bool(result.converged),
            energy_eV=float(last["energy"]),
            forces_eV_per_A=np.asarray(last["forces"], dtype=float).tolist(),
            n_steps=len(result.trajectory),
        )

    def _get_calculator(self) -> Calculator:
        set_torch_threads(self.n_threads)
        with building(str(self.calculator_meta)):
            return super()._get_calculator()


@dataclass
class EngineMDMaker(ForceFieldMDMaker):  # type: ignore[misc]
    """atomate2's force-field dynamics, run in chunks that continue one another exactly; `of` fills in the engine.

    It differs from ``ForceFieldMDMaker`` where that one would spoil diffusion: Bussi instead of 10 ps⁻¹ Langevin, no
    total momentum, velocities and random state carried on instead of redrawn, frames streamed to a sink instead of
    kept.

    Parameters
    ----------
    stage
        The one set of parameters; what atomate2 asks for follows from it.
    n_threads
        Threads of the tensor library.
    kept_as
        Name under which the calculator is kept for the next chunk in this process; empty if each has one of its own.
    """

    name: str = "MD chunk"
    dynamics: Any = BussiThermostat
    zero_linear_momentum: bool = True
    stage: MDParameters = field(default_factory=MDParameters)
    n_threads: int = 1
    kept_as: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.temperature = list(self.stage.temperature_K)
        self.n_steps = self.stage.n_steps
        self.time_step = self.stage.timestep_fs
        self.traj_interval = self.stage.frame_interval
        self.mb_velocity_seed = self.stage.seed

    @classmethod
    def of(cls, engine: CalculatorEngine, stage: MDParameters) -> Self:
        """Return the Maker of a stage with an engine."""
        return cls(
            force_field_name=_import_document(engine.md_calculator),
            calculator_kwargs=engine.arguments_here,
            stage=stage,
            n_threads=engine.n_threads,
            kept_as=engine.recipe if engine.is_stateless else "",
        )

    def run_chunk(self, start: MDState, sink: FrameSink, *, max_steps: int) -> ChunkResult:
        """Run one chunk here and now; see :func:`mtl_flows.simulation.chunk.run_chunk`."""
        with revert_default_dtype():
            return run_chunk(start, self.stage, self.calculator, sink, max_steps=max_steps)

    def _get_calculator(self) -> Calculator:
        set_torch_threads(self.n_threads)
        if self.kept_as in _KEPT:
            _KEPT[self.kept_as].reset()
            return _KEPT[self.kept_as]
        with building(str(self.calculator_meta)):
            calculator = super()._get_calculator()
        if self.kept_as:
            _KEPT.clear()  # one model in memory is enough
            _KEPT[self.kept_as] = calculator
        return calculator


def _import_document(path: str) -> dict[str, str]:
    """Return an import path in the form atomate2's force-field Makers read."""
    module, _, name = path.rpartition(".")
    return {"@module": module, "@callable": name}
