"""Simulations from elsewhere, as documents: analysed as ours are, under a potential of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import UnusableTrajectoryError
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash, utc_now
from mtl_flows.schemas.crystals import crystal_id
from mtl_flows.schemas.dynamics import (
    BlockRecord,
    ChunkRecord,
    ImportRecord,
    OrderingDocument,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.science.dynamics import DiffusionParameters, Trajectory, analyse_diffusion
from mtl_flows.science.ordering.recognition import recognise
from mtl_flows.simulation.foreign_frames import ForeignTrajectory
from mtl_flows.stages.ordering import ORDERING, parent_id
from mtl_flows.stages.runs import DYNAMICS, TRANSPORT
from mtl_flows.stages.subjects import Subject
from mtl_flows.stages.transport import fitted, frames_of

_DIGITS: Final = 16
_FEWEST_FRAMES: Final = 20
_TEMPERATURE_OFF: Final = 0.1


@dataclass(frozen=True)
class ExternalPotential:
    """Whatever simulated a trajectory: its name is all that is known.

    Attributes
    ----------
    given
        As the user called it.
    mobile_ion
        Of the analysis.
    """

    given: str
    mobile_ion: str

    @property
    def engine_name(self) -> str:
        """Under which it stands beside engines; none of them is called so."""
        return f"imported:{self.given}"

    @property
    def id(self) -> str:
        """Id of the potential."""
        return content_hash(self.name_part)[:_DIGITS]

    @property
    def name_part(self) -> dict[str, str]:
        """What it is called, in full."""
        return {"engine": "imported", "potential": self.given}

    def ordering_stage(self) -> StageParameters:
        """Key part of its approximants, which are made of first frames."""
        return ORDERING.parameters({"imported": self.given}, self.mobile_ion)

    def dynamics_stage(self) -> StageParameters:
        """Key part of its simulations."""
        return DYNAMICS.parameters({"imported": self.given}, self.mobile_ion)

    def transport_stage(self) -> StageParameters:
        """Key part of its fits."""
        return TRANSPORT.parameters({"imported": self.given}, self.mobile_ion)

    def document(self) -> PotentialDocument:
        """Document it."""
        return PotentialDocument(
            id=self.id,
            engine_name=self.engine_name,
            name_part=self.name_part,
            name_id=self.id,
            weights_sha256="",
            engine={"name": self.engine_name},
            noted_at=utc_now(),
        )


@dataclass(frozen=True)
class Imported:
    """A trajectory that was found to be one of a crystal.

    Attributes
    ----------
    approximant
        Made of its first frame.
    trajectory
        Continuous; temperatures that the file does not tell are the nominal one.
    """

    potential: ExternalPotential
    approximant: OrderingDocument
    trajectory: Trajectory
    temperature_K: float
    record: ImportRecord

    @classmethod
    def of(
        cls,
        foreign: ForeignTrajectory,
        file_name: str,
        subject: Subject,
        crystal: Structure,
        temperature_K: float,
        potential: ExternalPotential,
    ) -> "Imported":
        """Take a trajectory for a crystal.

        Raises
        ------
        UnusableTrajectoryError
            If it is of another crystal, too short, or its temperature is another or drifts.
        DynamicsError
            If its atoms move so far between frames that it cannot be unwrapped.
        """
        trajectory = foreign.trajectory
        if trajectory.n_frames < _FEWEST_FRAMES:
            raise UnusableTrajectoryError(
                f"holds {trajectory.n_frames} frames, fewer than {_FEWEST_FRAMES}",
                remedy="write frames more often, or run longer",
            )
        known = bool(np.isfinite(trajectory.temperatures_K).all())
        if known:
            _check_temperature(trajectory, temperature_K)
        else:
            trajectory = replace(trajectory, temperatures_K=np.full(trajectory.n_frames, temperature_K))
        if potential.mobile_ion not in trajectory.species:
            raise UnusableTrajectoryError(
                f"holds no {potential.mobile_ion}", remedy="name the mobile ion with --mobile-ion"
            )
        first = Structure(
            Lattice(trajectory.lattice_A),
            trajectory.species,
            trajectory.positions_A[0],
            coords_are_cartesian=True,
        )
        recognised = recognise(first, crystal, potential.mobile_ion)
        trajectory = trajectory.unwrapped()
        framework = ~trajectory.mask(potential.mobile_ion)
        moved = np.asarray(trajectory.positions_A - trajectory.positions_A[0], dtype=np.float64)
        drift_A = float(np.linalg.norm(moved[:, framework].mean(axis=1), axis=1).max())
        stage = potential.ordering_stage()
        parent, cell_id = parent_id(subject), crystal_id(first)
        approximant = OrderingDocument(
            id=f"{parent}:{stage.hash}:{cell_id}",
            crystal_id=subject.crystal_id,
            parent_id=parent,
            material_id=subject.material_id,
            parameters_hash=stage.hash,
            provenance=Provenance.record(stage, {"parent": parent, "file": foreign.sha256}),
            approximant_id=cell_id,
            replica=0,
            ordering=0,
            seed=0,
            supercell=[list(row) for row in recognised.supercell],
            n_atoms=len(first),
            n_mobile=int((~framework).sum()),
            charge_e=0.0,
            ewald_energy_eV=0.0,
            composition_error=recognised.composition_error,
            oxidation_states={},
            was_ordered=crystal.is_ordered,
            only_one="made of the first frame of an imported trajectory",
            structure=first.as_dict(),
        )
        record = ImportRecord(
            file_name=file_name,
            file_sha256=foreign.sha256,
            format=foreign.format,
            potential=potential.given,
            between_frames_fs=trajectory.timestep_fs,
            temperatures_known=known,
            farthest_A=recognised.farthest_A,
            drift_A=drift_A,
        )
        return cls(potential, approximant, trajectory, temperature_K, record)

    @property
    def id(self) -> str:
        """Of the simulation: hash of the file, and temperature, on the approximant."""
        stage, sha = self.potential.dynamics_stage(), self.record.file_sha256
        return f"{self.approximant.approximant_id}:{stage.hash}:{sha[:_DIGITS]}:{self.temperature_K:g}K"

    def simulation(self, blocks: list[BlockRecord], parameters: DiffusionParameters) -> TrajectoryDocument:
        """Analyse it as a simulation of ours is, and document it.

        Parameters
        ----------
        blocks
            Where its frames are.

        Raises
        ------
        DynamicsError, InputError
            As `analyse_diffusion` does: if it does not outlast its equilibration, or nothing moves against anything.
        """
        trajectory, made, stage = self.trajectory, self.approximant, self.potential.dynamics_stage()
        result = analyse_diffusion(trajectory, self.potential.mobile_ion, self.temperature_K, parameters)
        low, high = result.interval_cm2_per_s or (None, None)
        n_steps = trajectory.n_frames - 1
        chunk = ChunkRecord(
            first_step=0,
            last_step=n_steps,
            blocks=blocks,
            mean_temperature_K=float(trajectory.temperatures_K.mean()),
            mean_energy_eV=float(np.nan_to_num(trajectory.energies_eV).mean()),
            conserved_drift_meV_per_atom_ps=0.0,
            wall_s=0.0,
        )
        return TrajectoryDocument(
            id=self.id,
            material_id=made.material_id,
            crystal_id=made.crystal_id,
            parent_id=made.parent_id,
            series=made.parameters_hash,
            approximant_id=made.approximant_id,
            replica=made.replica,
            relaxation_id="",
            parameters_hash=stage.hash,
            provenance=Provenance.record(stage, {"file": self.record.file_sha256}),
            ordering_id=made.id,
            ordering=made.ordering,
            potential_id=self.potential.id,
            engine={"name": self.potential.engine_name},
            engine_name=self.potential.engine_name,
            trajectory_stage="production",
            temperature_K=self.temperature_K,
            timestep_fs=trajectory.timestep_fs,
            frame_interval=1,
            steps_done=n_steps,
            steps_wanted=n_steps,
            chunks=[chunk],
            status=str(result.status),
            reason=result.reason,
            diffusion=result.as_dict(),
            diffusivity_cm2_per_s=result.D_cm2_per_s,
            diffusivity_low_cm2_per_s=low,
            diffusivity_high_cm2_per_s=high,
            imported=self.record,
        )


def imported_fit(
    potential: ExternalPotential, simulations: Sequence[TrajectoryDocument]
) -> TransportDocument:
    """Fit all that was imported of one crystal and one potential; the fit hangs on the approximant of the first.

    Parameters
    ----------
    simulations
        The one imported first at the head.
    """
    first, stage = simulations[0], potential.transport_stage()
    return TransportDocument(
        id=f"{first.parent_id}:{potential.dynamics_stage().hash}:{stage.hash}",
        crystal_id=first.crystal_id,
        parent_id=first.parent_id,
        material_id=first.material_id,
        series=first.series,
        approximant_id=first.approximant_id,
        replica=first.replica,
        relaxation_id="",
        potential_id=potential.id,
        dynamics_hash=potential.dynamics_stage().hash,
        parameters_hash=stage.hash,
        provenance=Provenance.record(stage, frames_of(simulations)),
        ordering_id=first.ordering_id,
        ordering=first.ordering,
        engine_name=potential.engine_name,
        **fitted(simulations, {}),
    )


def _check_temperature(trajectory: Trajectory, temperature_K: float) -> None:
    """Refuse a run at another temperature, or one that heats or cools."""
    halves = [float(half.mean()) for half in np.array_split(trajectory.temperatures_K, 2)]
    mean_K = float(trajectory.temperatures_K.mean())
    # Small cells fluctuate, and so do means of few frames.
    n_atoms, n_frames = len(trajectory.species), trajectory.n_frames
    noise = 4.0 * temperature_K * float(np.sqrt(2.0 / (3.0 * n_atoms) / np.sqrt(n_frames)))
    allowed = _TEMPERATURE_OFF * temperature_K + noise
    if abs(mean_K - temperature_K) > allowed:
        raise UnusableTrajectoryError(
            f"its mean temperature is {mean_K:.0f} K, not {temperature_K:g} K",
            remedy="say at which temperature it was run",
        )
    if abs(halves[1] - halves[0]) > 2.0 * allowed:
        raise UnusableTrajectoryError(
            f"its temperature drifts from {halves[0]:.0f} to {halves[1]:.0f} K",
            remedy="import runs at constant temperature, without the ramp before them",
        )
