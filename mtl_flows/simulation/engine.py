"""What an engine is, whatever runs behind it: it relaxes, it runs chunks of molecular dynamics, it tells who it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, Self, runtime_checkable

from pymatgen.core import Structure

from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.soundness import Soundness
from mtl_flows.simulation.state import MDState


class ChunkStatus(StrEnum):
    """How a chunk ended."""

    COMPLETED = "completed"
    NOT_A_NUMBER = "not_a_number"
    TEMPERATURE_RUNAWAY = "temperature_runaway"
    FRAMEWORK_MELTED = "framework_melted"
    ENGINE_ERROR = "engine_error"


@dataclass(frozen=True, slots=True, eq=False)
class ChunkResult:
    """Outcome of one chunk.

    Attributes
    ----------
    state
        Where to go on from; after a failed guard, the state at the last good frame.
    status
        Outcome; anything but ``completed`` ends the simulation.
    stopped_at_step
        Last step done, counted from the start of the stage (the failing one after a failed guard).
    n_frames
        Frames handed to the sink.
    mean_temperature_K
        Mean of the instantaneous temperature over the steps of the chunk.
    mean_energy_eV, last_energy_eV
        Potential energy, mean over the stored frames and the starting point, and at the last of them.
    conserved_drift_meV_per_atom_ps
        Drift of the conserved quantity (total energy less the thermostat's heat): the integrator's error.
    message
        What the engine said when it failed; empty otherwise.
    calculation
        Files, settings and repairs of a calculation by an external program; empty otherwise.
    wall_s
        Seconds it took on another machine; None where whoever asked for it can measure that.
    """

    state: MDState
    status: ChunkStatus
    stopped_at_step: int
    n_frames: int
    mean_temperature_K: float
    mean_energy_eV: float
    last_energy_eV: float
    conserved_drift_meV_per_atom_ps: float
    message: str = ""
    calculation: dict[str, Any] = field(default_factory=dict)
    wall_s: float | None = None


@dataclass(frozen=True, slots=True)
class RelaxationGoal:
    """When a relaxation is done.

    Attributes
    ----------
    fmax_eV_per_A
        Largest force left.
    max_steps
        Most steps taken.
    relax_cell
        Whether the cell relaxes with the positions.
    """

    fmax_eV_per_A: float = 0.05
    max_steps: int = 500
    relax_cell: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """What a relaxation has given.

    Attributes
    ----------
    structure
        At the end.
    energy_eV
        Of the cell.
    forces_eV_per_A
        On each atom, at the end.
    converged
        Forces below the tolerance within the allowed steps.
    n_steps
        Steps taken, the start included.
    calculations
        Runs of an external program: settings, version, repairs, folder.
    complete
        Whether that is all. An engine that needs several long calculations gives one at a time, so that a lost
        worker costs no more than one of them.
    """

    structure: Structure
    energy_eV: float
    forces_eV_per_A: list[list[float]]
    converged: bool
    n_steps: int
    calculations: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able document."""
        names = (name for name in self.__slots__ if name != "structure")
        return {"structure": self.structure.as_dict()} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Restore what `as_dict` wrote."""
        structure = document["structure"]
        if not isinstance(structure, Structure):  # jobflow decodes what it recognises
            structure = Structure.from_dict(structure)
        return cls(**{**document, "structure": structure})


@runtime_checkable
class Engine(Protocol):
    """A potential or a program that simulates. Engines are immutable; `configured` gives another one."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def energy_scale(self) -> str:
        """What its energies are comparable with; never mix scales in one phase diagram."""
        ...

    @property
    def relaxes_hulls(self) -> bool:
        """Whether it is quick enough to relax every competing phase of a material within one job."""
        ...

    @property
    def needs(self) -> str:
        """What a worker must have to run it, as in the categories of jobs: ``gpu``, ``vasp``, or empty for neither."""
        ...

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = "auto"
    ) -> "Engine":
        """Return the engine with settings of its own, a number of threads and a device.

        Parameters
        ----------
        settings
            By name; values from a command line come as text.
        device
            Where it is to run, as `mtl_flows.simulation.devices` names them; which there are, who runs it finds.

        Raises
        ------
        ConfigurationError
            If it has no such setting, or not with such a value.
        """
        ...

    def potential(self) -> dict[str, Any]:
        """Return what its energies and forces follow from, as far as it is known without loading the model.

        Model, modality and every keyword, defaults written out: with its name they are the name of the potential, and
        part of every key.
        """
        ...

    def shaping(self) -> dict[str, Any]:
        """Return the settings of its own that shape a simulation, but neither energies nor forces."""
        ...

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        """Return what a document records of the engine that computed it here.

        Parameters
        ----------
        load
            Whether to load the model, without which its weights are unknown.

        Returns
        -------
        dict
            ``name``, ``version`` of the package, ``weights_sha256`` of the checkpoint and ``tensors_sha256`` of what it
            was cast to (empty for an engine without weights, None if unknown), ``parameters``, ``precision``,
            ``threads`` and ``energy_scale``.

        Raises
        ------
        CalculationError
            If the model cannot be loaded.
        """
        ...

    def check(self, structure: Structure) -> Soundness | None:
        """Hold forces and stress against the energy on one cell; None where that is beyond doubt."""
        ...

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        """Relax an ordered structure in the working directory, or go on from what was given `so_far`.

        Raises
        ------
        CalculationError
            If the engine fails beyond repair, or gives energies or forces that are no numbers.
        """
        ...

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        """Advance a simulation by so many steps, or to the end of its stage if that is nearer.

        Guards end it early with their own status; frames go to the sink, which is flushed at the end.

        Raises
        ------
        CalculationError
            If nothing came of it that could be gone on from.
        """
        ...
