"""The dynamics of crystals in a folder: the steps of the jobs, one after the other in this process.

What the jobs keep in a store is kept in files, under the same keys. A run that was interrupted goes on from its last
chunk and gives the numbers of one that was not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mtl_flows.errors import (
    CalculationError,
    ConfigurationError,
    DynamicsError,
    MTLError,
    PotentialChangedError,
)
from mtl_flows.in_folder.clock import Clock, Watch
from mtl_flows.in_folder.crystals import GivenCrystal
from mtl_flows.in_folder.files import RunFiles
from mtl_flows.schemas.dynamics import (
    BlockRecord,
    OrderingDocument,
    RelaxationDocument,
    TrajectoryDocument,
    TransportDocument,
)
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.science.dynamics import DiffusionResult, Trajectory, analyse_diffusion
from mtl_flows.simulation.engine import Engine, Relaxation
from mtl_flows.simulation.frames import FrameBlock, assemble_trajectory
from mtl_flows.simulation.soundness import SOUNDNESS_VERSION
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.approximants import order
from mtl_flows.stages.dynamics import DynamicsParameters, steps
from mtl_flows.stages.loaded_potentials import demand_sound, potential_document, soundness_of
from mtl_flows.stages.ordering import parent_id
from mtl_flows.stages.relaxation import relaxation_document
from mtl_flows.stages.simulation import Circumstances, Simulating
from mtl_flows.stages.transport import build_transport
from mtl_flows.vocabulary import RUNNING


@dataclass(frozen=True)
class FolderRun:
    """All that was computed of one crystal.

    Attributes
    ----------
    orderings, relaxations, ramps, simulations, fits
        Documents, as the jobs write them; productions by ordering and temperature.
    potentials
        What is known of the potential; empty until it has been loaded.
    refused
        Why there is no more; None if nothing stood in the way.
    """

    crystal: GivenCrystal
    orderings: list[OrderingDocument] = field(default_factory=list)
    relaxations: list[RelaxationDocument] = field(default_factory=list)
    ramps: list[TrajectoryDocument] = field(default_factory=list)
    simulations: list[TrajectoryDocument] = field(default_factory=list)
    fits: list[TransportDocument] = field(default_factory=list)
    potentials: list[PotentialDocument] = field(default_factory=list)
    refused: MTLError | None = None


class FolderDynamics:
    """Runs the dynamics of some crystals in one folder.

    Parameters
    ----------
    folder
        Where everything is kept; only one process works in it at a time.
    parameters
        As the jobs take them; a chunk is what an interruption costs.
    watch
        Called as the work goes on.
    """

    def __init__(
        self, folder: Path, parameters: DynamicsParameters, watch: Watch = lambda progress: None
    ) -> None:
        self.files = RunFiles(folder)
        self._parameters = parameters
        self._engine: Engine = parameters.configured_engine()
        self._clock = Clock(watch)

    def run(self, crystals: Sequence[GivenCrystal]) -> Iterator[FolderRun]:
        """Simulate one crystal after the other; one that cannot be simulated says why and ends none of the others.

        Yields
        ------
        FolderRun
            In the order given, each as soon as it is done.
        """
        p = self._parameters
        prepared = [self._ordered(crystal) for crystal in crystals]
        self._clock.foresee(
            cell.n_atoms * self._foreseen(cell, temperature_K)
            for run in prepared
            if run.refused is None
            for cell in run.orderings
            for temperature_K in (None, *p.temperatures_K)
        )
        for run in prepared:
            if run.refused is None:
                self._clock.crystal = run.crystal.name
                yield self._simulated(run)
            else:
                yield run

    def trajectory(self, simulation: TrajectoryDocument) -> Trajectory:
        """Frames of a simulation, checksums verified.

        Raises
        ------
        DynamicsError
            If frames are missing or damaged, or nothing was run yet.
        """
        if simulation.checkpoint is None:
            raise DynamicsError("nothing was simulated yet", subject=simulation.id)
        state = MDState.from_dict(simulation.checkpoint)
        return assemble_trajectory(
            (
                FrameBlock.from_bytes(self.files.read_block(block))
                for chunk in simulation.chunks
                for block in chunk.blocks
            ),
            species=state.species,
            lattice_A=state.cell_A,
            timestep_fs=simulation.timestep_fs,
        )

    def _ordered(self, crystal: GivenCrystal) -> FolderRun:
        p, structure, subject = self._parameters, crystal.structure, crystal.subject
        if structure is None or subject is None:
            return FolderRun(crystal, refused=crystal.refused)
        self._clock.crystal = crystal.name
        self._clock.say("ordering")
        found: list[OrderingDocument] = []
        for ordering in range(p.n_orderings(ordered=structure.is_ordered)):
            stored = self.files.find(OrderingDocument, p.ordering_id(parent_id(subject), ordering))
            try:
                found.append(stored or self.files.put(order(subject, structure, ordering, p)))
            except MTLError as error:
                return FolderRun(crystal, found, refused=error)
        return FolderRun(crystal, found)

    def _simulated(self, run: FolderRun) -> FolderRun:
        done = FolderRun(run.crystal, run.orderings)
        for approximant in run.orderings:
            try:
                self._sample(done, approximant)
            except ConfigurationError:
                raise
            except MTLError as error:  # the other cells may do
                done = replace(done, refused=done.refused or error)
        known = self.files.find(PotentialDocument, self._parameters.potential_id)
        return replace(done, potentials=[known] if known else [])

    def _sample(self, done: FolderRun, approximant: OrderingDocument) -> None:
        """Relax, heat and simulate one cell, and fit; what comes of it is added to what is done."""
        p = self._parameters
        fingerprint = self._identified()
        relaxed = self._relaxed(approximant, done.crystal, fingerprint)
        done.relaxations.append(relaxed)
        ramp = self._simulate(Simulating(p, None), approximant, relaxed, Circumstances(fingerprint))
        done.ramps.append(ramp)
        met = Circumstances(fingerprint, ramp=ramp)
        of_cell = []
        for temperature_K in p.temperatures_K:
            of_cell.append(self._simulate(Simulating(p, temperature_K), approximant, relaxed, met))
            done.simulations.append(of_cell[-1])
        done.fits.append(self.files.put(build_transport(approximant, of_cell, p)))

    def _identified(self) -> dict[str, Any]:
        """Fingerprint of the engine, whose weights must be those that this folder was begun with."""
        p = self._parameters
        fingerprint = self._engine.fingerprint()
        known = self.files.find(PotentialDocument, p.potential_id)
        if known is None:
            self.files.put(potential_document(p, fingerprint))
        elif known.weights_sha256 != fingerprint["weights_sha256"]:
            raise PotentialChangedError(
                f"the weights {str(fingerprint['weights_sha256'])[:12]} are others than those that this folder was "
                "computed with",
                subject=p.engine,
                remedy="choose another folder",
            )
        return fingerprint

    def _relaxed(
        self, approximant: OrderingDocument, crystal: GivenCrystal, fingerprint: dict[str, Any]
    ) -> RelaxationDocument:
        p = self._parameters
        stored = self.files.find(RelaxationDocument, p.relaxation_id(approximant.approximant_id))
        if stored is None:
            self._clock.say(f"relaxing {approximant.n_atoms} atoms")
            relaxed: Relaxation | None = None
            while relaxed is None or not relaxed.complete:
                relaxed = self._engine.relax(approximant.to_structure(), p.relaxation_goal(), relaxed)
            if crystal.structure is None:
                raise CalculationError("nothing to relax", subject=crystal.name)
            stored = relaxation_document(approximant, crystal.structure, p, relaxed, fingerprint)
            self._require_sound(stored)
            self.files.put(stored)
        else:
            self._require_sound(stored)
        return stored

    def _require_sound(self, relaxed: RelaxationDocument) -> None:
        """Try the potential once, on the first cell that it relaxed, as the jobs do."""
        known = self.files.find(PotentialDocument, self._parameters.potential_id)
        found = None if known is None else soundness_of(known)
        if found is None:
            found = self._engine.check(relaxed.to_structure())
            if found is None:
                return
            if known is not None:
                update = {"soundness": found.as_dict(), "soundness_version": SOUNDNESS_VERSION}
                self.files.put(known.model_copy(update=update))
        demand_sound(found, self._parameters)

    def _simulate(
        self,
        simulating: Simulating,
        approximant: OrderingDocument,
        relaxed: RelaxationDocument,
        met: Circumstances,
    ) -> TrajectoryDocument:
        """Run a simulation to its end, chunk by chunk."""
        p, files = self._parameters, self.files
        stored = files.find(TrajectoryDocument, p.trajectory_id(approximant.sample, simulating.temperature_K))
        if stored is None:
            simulation = simulating.begun(approximant, met)
        else:
            simulation = simulating.taken_up(stored, approximant, lambda: met)
            files.sweep(simulation.id, (block for chunk in simulation.chunks for block in chunk.blocks))
        files.put(simulation)
        clock = self._clock
        clock.begin(approximant.n_atoms, self._foreseen(approximant, simulating.temperature_K))
        stage = "heating" if simulating.temperature_K is None else f"{simulating.temperature_K:g} K"
        found = _found(simulation)

        def write(block: FrameBlock) -> BlockRecord:
            return files.write_block(simulation.id, int(block.steps[0]), block.to_bytes(), len(block.steps))

        while simulation.status == RUNNING:
            if simulation.steps_done < simulation.steps_wanted:
                start = simulating.start(simulation, relaxed.to_structure, lambda: met.ramp)
                with clock.chunk(stage, start.step, simulation.steps_wanted, found) as watch:
                    simulation = simulating.advanced(simulation, start, self._engine, write, watch)
                files.put(simulation)
            if simulation.status == RUNNING:
                if simulation.steps_done >= simulation.steps_wanted:
                    simulation = files.put(
                        simulating.judged(simulation, partial(self.trajectory, simulation))
                    )
                    found = _found(simulation)
                else:
                    found = self._so_far(simulation) or found
        clock.end(f"{stage}: {simulation.status}", found)
        return simulation

    def _foreseen(self, approximant: OrderingDocument, temperature_K: float | None) -> int:
        """Steps of a simulation before its budget extends it."""
        p = self._parameters
        md = p.md_parameters(approximant.to_structure().composition, temperature_K)
        return steps(p.heat_ps if temperature_K is None else p.production_ps, md.timestep_fs)

    def _so_far(self, simulation: TrajectoryDocument) -> DiffusionResult | None:
        """What a run says that goes on; None where it says nothing yet, or looking would take too long."""
        p = self._parameters
        if simulation.trajectory_stage == "heat" or not self._clock.may_look():
            return None
        with self._clock.looking():
            try:
                return analyse_diffusion(
                    self.trajectory(simulation), p.mobile_ion, simulation.temperature_K, p.diffusion
                )
            except DynamicsError:
                return None  # too short as yet


def _found(simulation: TrajectoryDocument) -> DiffusionResult | None:
    return None if simulation.diffusion is None else simulation.result
