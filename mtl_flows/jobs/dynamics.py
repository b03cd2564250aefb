"""Molecular dynamics of one approximant: order, relax, heat, run in chunks, fit.

The store is the pipe: each job finds its input by a key that follows from the parameters, writes what it adds and
returns a short summary. A job that runs twice finds its work done.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jobflow import Response, job
from numpy.typing import NDArray

from mtl_flows.errors import CalculationError, DynamicsError, InputError, OwnershipLostError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.ordering import find_ordering, ordering_subject
from mtl_flows.jobs.potentials import identify
from mtl_flows.jobs.relaxation import relaxation, relaxation_failure
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import BlockRecord, OrderingDocument, Sample, TrajectoryDocument
from mtl_flows.science.dynamics import Trajectory
from mtl_flows.simulation.frames import FrameBlock, assemble_trajectory
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.simulation import Circumstances, Simulating, failed
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import RUNNING


@dataclass
class PrepareMaker(RecordMaker):
    """Job that orders a material and has the approximant relaxed by atomate2's Maker for the engine."""

    name: str = "prepare"
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, parent: str, ordering: int = 0) -> Response[dict[str, Any]]:
        """Make what the store lacks; relaxation is a job of its own that this one puts before the next."""
        p = self.parameters
        with worker_store() as store:
            subject = store.structures.holding(parent)
            try:
                approximant = find_ordering(store, subject, ordering, p)
            except InputError as error:
                stage = p.ordering_stage()
                store.rejections.record(
                    error,
                    stage.stage,
                    ordering_subject(subject, p),
                    material_id=subject.material_id,
                    mobile_ion=p.mobile_ion,
                    provenance=Provenance.record(stage, {"parent": parent}, job_id()),
                )
                raise
            relaxed = bool(store.relaxations.existing([p.relaxation_id(approximant.approximant_id)]))
        summary = {"ordering_id": approximant.id, "n_atoms": approximant.n_atoms, "relaxed_before": relaxed}
        if relaxed:
            return Response(output=summary)
        return Response(output=summary, detour=relaxation(approximant, p))


_SINCE = " from step "


@dataclass
class TrajectoryMaker(RecordMaker):
    """Job that adds one chunk to a simulation, and a job for the next chunk until the simulation is judged.

    Parameters
    ----------
    temperature_K
        Temperature of production; None for the heating ramp, from whose end every production starts.
    """

    name: str = "molecular dynamics"
    temperature_K: float | None = None
    parameters: DynamicsParameters = field(default_factory=DynamicsParameters)

    @job
    def make(self, parent: str, ordering: int, after: list[Any], begun: str = "") -> Response[dict[str, Any]]:
        """Run one chunk once the jobs in `after` have ended; nothing if the simulation is complete.

        Parameters
        ----------
        begun
            Id of the simulation, where this goes on with one that this flow has begun.
        """
        with worker_store() as store:
            simulation = store.dynamics.get(begun) if begun else self._of_ordering(store, parent, ordering)
            if begun and simulation.retry:
                simulation = self._of_ordering(store, parent, ordering)
            if simulation.status == RUNNING:
                simulation = store.dynamics.claim(simulation)
            if simulation.status == RUNNING and simulation.steps_done < simulation.steps_wanted:
                simulation = self.advance(store, simulation)
            if simulation.status == RUNNING and simulation.steps_done >= simulation.steps_wanted:
                simulation = self._judge(store, simulation)
        summary = {
            "trajectory_id": simulation.id,
            "status": simulation.status,
            "steps_done": simulation.steps_done,
            "diffusivity_cm2_per_s": simulation.diffusivity_cm2_per_s,
        }
        if simulation.status != RUNNING:
            return Response(output=summary)
        following = replace(self).make(parent, ordering, [], begun=simulation.id)
        # jobflow names the Maker of a job like the job.
        following.name = f"{self.name.partition(_SINCE)[0]}{_SINCE}{simulation.steps_done}"
        return Response(output=summary, detour=following)

    def _of_ordering(self, store: MTLStore, parent: str, ordering: int) -> TrajectoryDocument:
        return self.begin(store, store.orderings.get(self.parameters.ordering_id(parent, ordering)))

    def begin(self, store: MTLStore, approximant: OrderingDocument) -> TrajectoryDocument:
        """Return the simulation of an ordering's cell and replica as it stands, or begin it."""
        key = self.parameters.trajectory_id(approximant.sample, self.temperature_K)

        def circumstances() -> Circumstances:
            return self._circumstances(store, approximant)

        for simulation in store.dynamics.find({"_id": key}):
            taken_up = self._simulating.taken_up(simulation, approximant, circumstances)
            if taken_up is simulation:
                return simulation
            return store.dynamics.advance(simulation, taken_up)
        store.dynamics.add([self._simulating.begun(approximant, circumstances(), job_id())])
        return store.dynamics.get(key)

    @property
    def _simulating(self) -> Simulating:
        return Simulating(self.parameters, self.temperature_K)

    def _circumstances(self, store: MTLStore, approximant: OrderingDocument) -> Circumstances:
        p = self.parameters
        engine, unbuilt = _identified(store, p)
        relaxation_id = p.relaxation_id(approximant.approximant_id)
        relaxed = bool(store.relaxations.existing([relaxation_id]))
        return Circumstances(
            engine,
            unbuilt,
            "" if relaxed else relaxation_failure(store, relaxation_id),
            self._ramp(store, approximant.sample) if relaxed else None,
        )

    def _ramp(self, store: MTLStore, sample: Sample) -> TrajectoryDocument | None:
        """The ramp of a sample; none of the ramp itself."""
        if self.temperature_K is None:
            return None
        return store.dynamics.get(self.parameters.trajectory_id(sample, None))

    def advance(self, store: MTLStore, simulation: TrajectoryDocument) -> TrajectoryDocument:
        """Run one chunk and record it, unless another worker has meanwhile; return the simulation as it stands."""
        p = self.parameters
        _, unbuilt = _identified(store, p)
        if unbuilt:
            return store.dynamics.advance(simulation, failed(simulation, unbuilt))
        start = self._simulating.start(
            simulation,
            lambda: store.relaxations.get(simulation.relaxation_id).to_structure(),
            lambda: self._ramp(store, Sample(simulation.approximant_id, simulation.replica)),
        )

        written: list[BlockRecord] = []

        def write(block: FrameBlock) -> BlockRecord:
            first_step, data = int(block.steps[0]), block.to_bytes()
            written.append(
                store.frames.write(
                    simulation.id, first_step, data, len(block.steps), revision=simulation.revision
                )
            )
            return written[-1]

        engine = engine_here(p, until_step=simulation.steps_wanted)
        try:
            advanced = self._simulating.advanced(simulation, start, engine, write)
            moved = store.dynamics.advance(simulation, advanced)
        except OwnershipLostError:
            store.frames.forsake(written, store.dynamics, simulation.id)
            raise
        chunks = advanced.chunks[len(simulation.chunks) :]
        if all(chunk in moved.chunks for chunk in chunks):
            store.frames.settle(block for chunk in chunks for block in chunk.blocks)
        return moved

    def _judge(self, store: MTLStore, simulation: TrajectoryDocument) -> TrajectoryDocument:
        """Analyse what there is; the status is final, or the simulation goes on."""
        judged = self._simulating.judged(simulation, lambda: load_trajectory(store, simulation))
        return store.dynamics.advance(simulation, judged)


def _identified(store: MTLStore, parameters: DynamicsParameters) -> tuple[dict[str, Any], str]:
    """Fingerprint of the engine, and why it cannot be used: it cannot be built, or its weights are others."""
    try:
        return identify(store, parameters), ""
    except CalculationError as error:
        return parameters.configured_engine().fingerprint(load=False), error.message


def load_trajectory(store: MTLStore, simulation: TrajectoryDocument) -> Trajectory:
    """Assemble the stored frames of a simulation, checksums verified.

    Raises
    ------
    DynamicsError
        If frames are missing, doubled or damaged, were given up, or nothing was run yet.
    """
    if simulation.frames_given_up:
        raise DynamicsError(
            "its frames were given up by mtl prune",
            subject=simulation.id,
            remedy="mtl restore a backup made before, or simulate it again (mtl launch --again)",
        )
    species, lattice_A = _cell_of(store, simulation)
    return assemble_trajectory(
        (
            FrameBlock.from_bytes(store.frames.read(block))
            for chunk in simulation.chunks
            for block in chunk.blocks
        ),
        species=species,
        lattice_A=lattice_A,
        timestep_fs=simulation.timestep_fs,
    )


def _cell_of(store: MTLStore, simulation: TrajectoryDocument) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Elements in the order of the frames, and the cell."""
    if simulation.imported is not None:  # whose first frame is the approximant
        cell = store.orderings.get(simulation.ordering_id).to_structure()
        return tuple(site.specie.symbol for site in cell), np.array(cell.lattice.matrix)
    if simulation.checkpoint is None:
        raise DynamicsError("nothing was simulated yet", subject=simulation.id)
    state = MDState.from_dict(simulation.checkpoint)
    return state.species, state.cell_A
