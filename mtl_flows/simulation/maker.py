"""atomate2 Makers of this package: relaxation with an engine, and dynamics in restartable chunks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase.calculators.calculator import Calculator
from atomate2.ase.md import MDEnsemble
from atomate2.ase.schemas import AseResult
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.md import ForceFieldMDMaker
from atomate2.forcefields.utils import revert_default_dtype
from jobflow import job
from pymatgen.core import Structure
from pymatgen.core.trajectory import Trajectory as PmgTrajectory

from mtl_flows.errors import CalculationError, ConfigurationError, DynamicsError
from mtl_flows.simulation.chunk import ChunkResult, run_chunk
from mtl_flows.simulation.engines import building, get_engine, set_torch_threads
from mtl_flows.simulation.frames import FrameSink, MemoryFrameSink, file_frame_sink
from mtl_flows.simulation.guard import ENGINE_ERRORS, ChunkStatus
from mtl_flows.simulation.parameters import MDParameters, default_timestep_fs
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.thermostats import BussiThermostat


@dataclass(frozen=True, slots=True, eq=False)
class RelaxedStructure:
    """What a relaxation gave.

    Attributes
    ----------
    structure
        At the end.
    converged
        Forces below the tolerance within the allowed steps.
    energy_eV
        Of the cell.
    forces_eV_per_A
        On each atom, at the end.
    n_steps
        Steps taken, the start included.
    """

    structure: Structure
    converged: bool
    energy_eV: float
    forces_eV_per_A: list[list[float]]
    n_steps: int


@dataclass
class EngineRelaxMaker(ForceFieldRelaxMaker):  # type: ignore[misc]
    """atomate2's force-field relaxation, with the calculator of an engine.

    Parameters are those of ``ForceFieldRelaxMaker``, and the number of threads of the tensor library;
    :meth:`for_engine` fills in the calculator.
    """

    n_threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        # atomate2 fills this field itself, then warns that it is deprecated.
        self.task_document_kwargs: dict[str, Any] = {}

    @classmethod
    def for_engine(
        cls, engine: str, *, relax_cell: bool = True, fmax_eV_per_A: float = 0.05, steps: int = 500
    ) -> Self:
        """Return the Maker of an engine.

        Parameters
        ----------
        engine
            Name in the registry, or import path of an ASE calculator.
        relax_cell
            Whether the cell relaxes too.
        fmax_eV_per_A
            Largest force left.
        steps
            Most steps taken.
        """
        recipe = get_engine(engine)
        return cls(
            name=f"relax ({recipe.name})",
            force_field_name=_import_document(recipe.calculator),
            calculator_kwargs=dict(recipe.calculator_kwargs),
            relax_cell=relax_cell,
            relax_kwargs={"fmax": fmax_eV_per_A, "verbose": False},
            steps=steps,
        )

    def relax(self, structure: Structure) -> RelaxedStructure:
        """Relax a structure here and now.

        Raises
        ------
        CalculationError
            If the engine raises, cannot be built, or gives energies or forces that are no numbers.
        """
        formula = structure.composition.reduced_formula
        try:
            result = self._run_ase_safe(structure)
        except ENGINE_ERRORS as error:
            raise CalculationError(
                f"{ChunkStatus.ENGINE_ERROR}: {type(error).__name__}: {error}", subject=formula
            ) from error
        last = result.trajectory.frame_properties[-1]
        if not (np.isfinite(last["energy"]) and np.isfinite(last["forces"]).all()):
            raise CalculationError(
                f"{ChunkStatus.NOT_A_NUMBER} after {len(result.trajectory)} steps", subject=formula
            )
        return RelaxedStructure(
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
class MDChunkMaker(ForceFieldMDMaker):  # type: ignore[misc]
    """NVT dynamics with the Bussi thermostat, run in chunks that continue one another exactly.

    A drop-in for atomate2's ``ForceFieldMDMaker`` that differs where that one would spoil diffusion: Bussi
    instead of 10 ps⁻¹ Langevin, no total momentum, velocities and random state carried on instead of redrawn,
    frames streamed to a sink instead of kept. The temperature schedule spans ``n_steps``, the whole stage;
    one job runs ``chunk_steps`` of them.

    Parameters
    ----------
    n_steps, temperature, time_step, traj_interval, mb_velocity_seed
        As in atomate2; ``time_step`` None means 2 fs, 1 fs with hydrogen.
    mobile_ion
        Element that is allowed to diffuse.
    taut_fs
        Relaxation time of the thermostat.
    chunk_steps
        Steps of one job.
    n_threads
        Threads of the tensor library.
    frames_dir
        Where the job leaves its frames, relative to its working directory.
    """

    name: str = "MD chunk"
    n_steps: int = 10_000
    traj_interval: int = 10
    mb_velocity_seed: int | None = 0
    zero_linear_momentum: bool = True
    dynamics: Any = BussiThermostat
    mobile_ion: str = "Li"
    taut_fs: float = 100.0
    chunk_steps: int = 5_000
    n_threads: int = 1
    frames_dir: str = "frames"
    ase_md_kwargs: dict[str, Any] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ensemble is not MDEnsemble.nvt:
            raise ConfigurationError("chunks run at constant volume and temperature", subject=self.name)

    @classmethod
    def for_stage(cls, engine: str, parameters: MDParameters, **fields: Any) -> Self:
        """Return the Maker of a stage.

        Parameters
        ----------
        engine
            Name in the registry, or import path of an ASE calculator.
        parameters
            The stage.
        fields
            Any other field, such as ``chunk_steps``.
        """
        recipe = get_engine(engine)
        return cls(
            force_field_name=_import_document(recipe.md_calculator),
            calculator_kwargs=dict(recipe.calculator_kwargs),
            temperature=list(parameters.temperature_K),
            n_steps=parameters.n_steps,
            time_step=parameters.timestep_fs,
            traj_interval=parameters.frame_interval,
            mb_velocity_seed=parameters.seed,
            mobile_ion=parameters.mobile_ion,
            taut_fs=parameters.taut_fs,
            **fields,
        )

    def parameters_for(self, start: Structure | MDState) -> MDParameters:
        """Return the stage this Maker describes, for a given material."""
        timestep_fs = self.time_step
        if timestep_fs is None:
            structure = start if isinstance(start, Structure) else start.to_structure()
            timestep_fs = default_timestep_fs(structure.composition)
        return MDParameters(
            temperature_K=tuple(np.atleast_1d(self.temperature).tolist()),
            n_steps=self.n_steps,
            timestep_fs=timestep_fs,
            frame_interval=self.traj_interval,
            taut_fs=self.taut_fs,
            seed=0 if self.mb_velocity_seed is None else self.mb_velocity_seed,
            mobile_ion=self.mobile_ion,
        )

    def run_chunk(self, start: Structure | MDState, sink: FrameSink, *, max_steps: int) -> ChunkResult:
        """Run one chunk here and now; see :func:`mtl_flows.simulation.chunk.run_chunk`."""
        parameters = self.parameters_for(start)
        state = MDState.from_structure(start, parameters) if isinstance(start, Structure) else start
        with revert_default_dtype():
            return run_chunk(state, parameters, self.calculator, sink, max_steps=max_steps)

    def _get_calculator(self) -> Calculator:
        set_torch_threads(self.n_threads)
        with building(str(self.calculator_meta)):
            return super()._get_calculator()

    @job
    def make(
        self,
        structure: Structure | None = None,
        prev_dir: str | Path | None = None,
        *,
        prev_state: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run one chunk as a job.

        Parameters
        ----------
        structure
            Relaxed, ordered structure to begin with; not used when ``prev_state`` is given.
        prev_dir
            Not used; part of the signature of atomate2's Makers.
        prev_state
            ``state`` of the previous chunk's output.

        Returns
        -------
        dict
            A :class:`ChunkResult`; its ``state`` is the next chunk's ``prev_state``.
        """
        start = structure if prev_state is None else MDState.from_dict(prev_state)
        if start is None:
            raise ConfigurationError("neither a structure nor a previous state", subject=self.name)
        sink = file_frame_sink(Path(self.frames_dir))
        return self.run_chunk(start, sink, max_steps=self.chunk_steps).as_dict()

    def run_ase(self, mol_or_struct: Structure, prev_dir: str | Path | None = None) -> AseResult:
        """Run the whole stage in one piece and return what atomate2's schemas expect.

        Raises
        ------
        DynamicsError
            If a guard stopped the run.
        """
        sink = MemoryFrameSink()
        result = self.run_chunk(mol_or_struct, sink, max_steps=self.n_steps)
        if result.status is not ChunkStatus.COMPLETED:
            raise DynamicsError(f"{result.status} at step {result.stopped_at_step}", subject=self.name)
        final = result.state.to_structure()
        velocities = result.state.momenta / result.state.to_atoms().get_masses()[:, None]
        final.add_site_property("velocities", velocities.tolist())
        positions = np.concatenate([block.positions_A for block in sink.blocks])
        return AseResult(
            final_mol_or_struct=final,
            final_energy=result.last_energy_eV,
            trajectory=PmgTrajectory(
                species=list(result.state.species),
                coords=final.lattice.get_fractional_coords(positions),
                lattice=final.lattice.matrix,
                constant_lattice=True,
                time_step=self.parameters_for(mol_or_struct).timestep_fs * self.traj_interval,
            ),
        )


def _import_document(path: str) -> dict[str, str]:
    """Return an import path in the form atomate2's force-field Makers read."""
    module, _, name = path.rpartition(".")
    return {"@module": module, "@callable": name}
