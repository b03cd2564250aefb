"""Documents of the dynamics stage: ordered approximants, trajectories with their diffusivity, Arrhenius fits."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from mtl_flows.errors import NotFoundError
from mtl_flows.schemas.base import FreeForm, PotentialRunDocument, ReplicaDocument, RunDocument
from mtl_flows.vocabulary import DynamicsStatus, SimulationStatus

if TYPE_CHECKING:
    from mtl_flows.science.dynamics import DiffusionResult

TrajectoryStage = Literal["heat", "production"]


class Sample(NamedTuple):
    """What is simulated: an ordered cell, and which of its runs.

    Attributes
    ----------
    approximant_id
        Id of the ordered cell.
    replica
        Tells runs of one cell apart: each has velocities of its own.
    """

    approximant_id: str
    replica: int


class OrderingDocument(RunDocument):
    """One ordered approximant of a material, in the supercell that molecular dynamics runs in."""

    telling = ("n_atoms", "ewald_energy_eV", "composition_error")

    schema_version: int = Field(2, description="version of this document's layout")
    approximant_id: str = Field(
        description="id of the ordered cell: hash of cell, species and coordinates, as of a crystal"
    )
    replica: int = Field(
        description="which run of this cell it stands for: two orderings that give one cell are two replicas of it"
    )
    ordering: int = Field(description="number of the approximant, from 0")
    seed: int = Field(description="seed of the Monte-Carlo search")
    supercell: list[list[int]] = Field(
        description="supercell matrix, rows are multiples of the lattice vectors"
    )
    n_atoms: int = Field(description="atoms in the supercell")
    n_mobile: int = Field(description="mobile ions in the supercell")
    charge_e: float = Field(description="charge of the cell under the assigned oxidation states")
    ewald_energy_eV: float = Field(description="of the formal charges; comparable for one parent only")
    composition_error: float = Field(
        description="fraction of the atoms that depart from the parent's composition"
    )
    oxidation_states: dict[str, float] = Field(description="charge of each element")
    was_ordered: bool = Field(description="the parent had no partial occupancy")
    only_one: str = Field("", description="why there are no other approximants, however many are asked for")
    structure: FreeForm = Field(description="pymatgen Structure before relaxation")

    @property
    def sample(self) -> Sample:
        """The cell and which of its runs."""
        return Sample(self.approximant_id, self.replica)

    def to_structure(self) -> Structure:
        """Return the approximant before relaxation."""
        return Structure.from_dict(self.structure)


class RelaxationDocument(PotentialRunDocument):
    """An ordered cell relaxed by a potential, for every ordering that gives it."""

    telling = ("converged", "energy_eV_per_atom", "volume_change")

    schema_version: int = Field(2, description="version of this document's layout")
    engine: FreeForm = Field(description="name, version, hash of weights, precision, threads: of the worker")
    converged: bool = Field(description="forces below the tolerance within the allowed steps")
    n_steps: int = Field(description="steps taken")
    energy_eV: float = Field(description="total energy of the cell")
    energy_eV_per_atom: float = Field(description="total energy of the cell by its atoms")
    max_force_eV_per_A: float = Field(description="largest force left")
    volume_change: float = Field(description="relative change of the volume")
    density_ratio: float | None = Field(
        None, description="density of the relaxed cell over that of the file's; null before it was recorded"
    )
    density_off: bool = Field(
        False, description="it departs from one by more than a tenth: not the crystal of the file"
    )
    calculations: list[FreeForm] = Field(
        default_factory=list, description="runs of an external program: settings, version, repairs, folder"
    )
    structure: FreeForm = Field(description="pymatgen Structure after relaxation")

    def to_structure(self) -> Structure:
        """Return the relaxed structure."""
        return Structure.from_dict(self.structure)


class BlockRecord(BaseModel):
    """One file of frames."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_id: str = Field(description="id of the file in GridFS")
    sha256: str = Field(description="hash of the file")
    n_frames: int = Field(description="frames in the file")
    n_bytes: int = Field(description="size of the file")


class ChunkRecord(BaseModel):
    """One chunk of a trajectory: what one job added."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_step: int = Field(description="steps of the simulation done before the chunk")
    last_step: int = Field(description="steps of the simulation done after the chunk")
    blocks: list[BlockRecord] = Field(description="files of frames, in order")
    mean_temperature_K: float = Field(description="over the steps of the chunk")
    mean_energy_eV: float = Field(description="mean potential energy of the stored frames")
    conserved_drift_meV_per_atom_ps: float = Field(description="error of the integrator")
    wall_s: float = Field(description="seconds the chunk took")
    calculation: FreeForm = Field(
        default_factory=dict, description="run of an external program: settings, version, repairs, folder"
    )


class ImportRecord(BaseModel):
    """Where the frames of an imported simulation are from, and how they belong to the crystal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_name: str = Field(description="name of the file")
    file_sha256: str = Field(description="hash of the file")
    format: str = Field(description="format of the file")
    potential: str = Field(description="what it was simulated by, as the user called it")
    between_frames_fs: float = Field(description="time from frame to frame")
    temperatures_known: bool = Field(description="the file tells the temperature of its frames")
    farthest_A: float = Field(
        description="largest distance of a framework atom of the first frame from a site of its element"
    )
    drift_A: float = Field(description="how far the framework as a whole drifted; taken out by the analysis")


class TrajectoryDocument(ReplicaDocument):
    """One simulation of one ordered cell: its chunks, where it stands, and what its ions do.

    `status` is ``running`` until the simulation ends, then one of ``converged``, ``upper_bound``,
    ``framework_melted``, ``unconverged``, ``failed`` (a guard stopped the integrator, or the engine gave up) and, for
    a ramp, ``heated``.
    """

    telling = ("temperature_K", "status", "diffusivity_cm2_per_s")

    schema_version: int = Field(2, description="version of this document's layout")
    engine: FreeForm = Field(description="name, version, hash of weights, precision, threads: of the worker")
    trajectory_stage: TrajectoryStage = Field(description="heating ramp or production")
    temperature_K: float = Field(description="target; of a ramp, where it ends")
    timestep_fs: float = Field(description="integration step")
    frame_interval: int = Field(description="steps between stored frames")
    steps_done: int = Field(description="steps simulated so far")
    steps_wanted: int = Field(description="steps after which the simulation is judged (again)")
    revision: int = Field(0, description="how often the record has moved")
    owner: str = Field("", description="execution of a job that took the simulation over last")
    judged_under: str = Field("", description="hash of the analysis and the budget behind `status`")
    chunks: list[ChunkRecord] = Field(default_factory=list, description="what each job added, in order")
    frames_given_up: bool = Field(
        False, description="mtl prune has deleted the frames; what was computed from them stays"
    )
    checkpoint: FreeForm | None = Field(
        None, description="positions, momenta, thermostat and random state to go on from; null at the start"
    )
    status: SimulationStatus = Field(description="where the simulation stands")
    reason: str = Field("", description="why the status is what it is")
    retry: bool = Field(
        False,
        description="what failed was the calculation; handed in again, it goes on from the last whole chunk",
    )
    diffusion: FreeForm | None = Field(
        None, description="diffusivity, interval, displacement curve and checks; null for a ramp"
    )
    diffusivity_cm2_per_s: float | None = Field(
        None, description="null where there is only a bound or nothing"
    )
    diffusivity_low_cm2_per_s: float | None = Field(None, description="lower end of the 95 % interval")
    diffusivity_high_cm2_per_s: float | None = Field(
        None, description="upper end of the 95 % interval, or the bound"
    )

    imported: ImportRecord | None = Field(
        None, description="the file it was imported from; null of what was simulated here"
    )

    @property
    def result(self) -> "DiffusionResult":
        """What the analysis of its diffusion gave.

        Raises
        ------
        NotFoundError
            If it has not been analysed yet.
        """
        from mtl_flows.science.dynamics import DiffusionResult

        if self.diffusion is None:
            raise NotFoundError(
                f"is {self.status}, not analysed yet", subject=self.id, remedy="see mtl status"
            )
        return DiffusionResult.from_dict(dict(self.diffusion))

    @property
    def discard_ps(self) -> float | None:
        """Equilibration that the analysis left out, ps; None before there is one."""
        return self.diffusion["parameters"]["discard_ps"] if self.diffusion else None


class TransportDocument(ReplicaDocument):
    """Arrhenius fit over the temperatures of one run of an ordered cell by one potential."""

    telling = ("status", "activation_energy_eV", "conductivity_300K_S_per_cm")

    schema_version: int = Field(2, description="version of this document's layout")
    dynamics_hash: str = Field(description="hash of the parameters of the simulations")
    status: DynamicsStatus = Field(description="fitted, or why there is no fit")
    reason: str = Field("", description="which temperatures were left out, and why")
    complete: bool = Field(description="every temperature has been simulated to its end")
    temperatures_K: list[float] = Field(description="temperatures that entered the fit")
    excluded: dict[str, str] = Field(description="temperatures left out, with the reason")
    activation_energy_eV: float | None = Field(None, description="slope of the fit")
    activation_energy_error_eV: float | None = Field(None, description="standard error")
    conductivity_300K_S_per_cm: float | None = Field(None, description="extrapolated to 300 K")
    conductivity_300K_low_S_per_cm: float | None = Field(None, description="lower end of the 95 % interval")
    conductivity_300K_high_S_per_cm: float | None = Field(None, description="upper end of the 95 % interval")
    fit: FreeForm | None = Field(None, description="everything the fit gives")
    posterior: FreeForm | None = Field(
        None,
        description="posterior of E_a and D0 from every temperature: priors, what each said, quantiles of E_a and of "
        "σ(300 K) of the simulation; null of fits before it was computed, and where no temperature says anything",
    )
