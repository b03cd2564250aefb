"""Molecular dynamics of one approximant: order, relax, heat, run in chunks, fit.

The store is the pipe: each job finds its input by a key that follows from the parameters, writes what it adds and
returns a short summary. A job that runs twice finds its work done.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import Response, job
from pymatgen.core import Composition

from mtl_flows.errors import CalculationError, DynamicsError, InputError
from mtl_flows.jobs.context import engine_here, job_id, worker_store
from mtl_flows.jobs.maker import RecordMaker
from mtl_flows.jobs.ordering import find_ordering, ordering_subject
from mtl_flows.jobs.potentials import identify
from mtl_flows.jobs.relaxation import relaxation, relaxation_failure
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import (
    BlockRecord,
    ChunkRecord,
    OrderingDocument,
    Sample,
    TrajectoryDocument,
)
from mtl_flows.science.dynamics import ActionKind, Trajectory, analyse_diffusion, next_action
from mtl_flows.simulation.engine import ChunkStatus
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock, assemble_trajectory
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.dynamics import DynamicsParameters, steps
from mtl_flows.store.database import MTLStore
from mtl_flows.vocabulary import RUNNING

HEATED = "heated"
FAILED = "failed"

MELTED = "framework_melted"

_FAMILY_OF_GUARD = {ChunkStatus.FRAMEWORK_MELTED: MELTED}


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
    def make(self, parent: str, ordering: int, after: list[Any]) -> Response[dict[str, Any]]:
        """Run one chunk once the jobs in `after` have ended; nothing if the simulation is complete."""
        with worker_store() as store:
            simulation = self.begin(store, store.orderings.get(self.parameters.ordering_id(parent, ordering)))
            if simulation.status == RUNNING:
                simulation = store.dynamics.claim(simulation.id)
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
        following = replace(self).make(parent, ordering, [])
        following.name = f"{self.name} from step {simulation.steps_done}"
        return Response(output=summary, detour=following)

    def begin(self, store: MTLStore, approximant: OrderingDocument) -> TrajectoryDocument:
        """Return the simulation of an ordering's cell and replica as it stands, or begin it."""
        p = self.parameters
        key = p.trajectory_id(approximant.sample, self.temperature_K)
        relaxation_id = p.relaxation_id(approximant.approximant_id)
        if store.dynamics.existing([key]):
            simulation = store.dynamics.get(key)
            if simulation.retry:
                engine, unbuilt = _identified(store, p)
                status, reason, retry = self._obstacle(store, approximant, unbuilt)
                update = {"status": status, "reason": reason, "retry": retry}
                # What has computed nothing yet is bound to no weights.
                update |= {} if simulation.chunks else {"engine": engine}
                return store.dynamics.advance(simulation, simulation.model_copy(update=update))
            judged_otherwise = simulation.judged_under not in ("", p.judgement_hash())
            if judged_otherwise and simulation.status not in (HEATED, FAILED):
                reopened = simulation.model_copy(
                    update={
                        "status": RUNNING,
                        "judged_under": "",
                        "steps_wanted": max(
                            steps(p.production_ps, simulation.timestep_fs), simulation.steps_done
                        ),
                    }
                )
                return store.dynamics.advance(simulation, reopened)
            return simulation
        composition = approximant.to_structure().composition
        md = p.md_parameters(composition, self.temperature_K, approximant.replica)
        wanted_ps = p.heat_ps if self.temperature_K is None else p.production_ps
        stage = p.dynamics_stage()
        engine, unbuilt = _identified(store, p)
        status, reason, retry = self._obstacle(store, approximant, unbuilt)
        store.dynamics.add(
            [
                TrajectoryDocument(
                    id=key,
                    material_id=approximant.material_id,
                    crystal_id=approximant.crystal_id,
                    parent_id=approximant.parent_id,
                    series=p.ordering_stage().hash,
                    approximant_id=approximant.approximant_id,
                    replica=approximant.replica,
                    relaxation_id=relaxation_id,
                    parameters_hash=stage.hash,
                    provenance=Provenance.record(stage, {"relaxation": relaxation_id}, job_id()),
                    ordering_id=approximant.id,
                    ordering=approximant.ordering,
                    potential_id=p.potential_id,
                    engine=engine,
                    engine_name=p.engine,
                    trajectory_stage="heat" if self.temperature_K is None else "production",
                    temperature_K=p.heat_to_K if self.temperature_K is None else self.temperature_K,
                    timestep_fs=md.timestep_fs,
                    frame_interval=md.frame_interval,
                    steps_done=0,
                    steps_wanted=steps(wanted_ps, md.timestep_fs),
                    status=status,
                    reason=reason,
                    retry=retry,
                )
            ]
        )
        return store.dynamics.get(key)

    def _obstacle(
        self, store: MTLStore, approximant: OrderingDocument, unbuilt: str
    ) -> tuple[str, str, bool]:
        """Status, reason and `retry` of a simulation that may be unable to run.

        It may lack its relaxed structure, its ramp, or its engine: `unbuilt` says why that cannot be built.
        """
        p = self.parameters
        relaxation_id = p.relaxation_id(approximant.approximant_id)
        if not store.relaxations.existing([relaxation_id]):
            return FAILED, relaxation_failure(store, relaxation_id), True
        if self.temperature_K is not None:
            ramp = store.dynamics.get(p.trajectory_id(approximant.sample, None))
            if ramp.status != HEATED and not self._is_below_break(ramp, approximant):
                return ramp.status, f"heating ramp: {ramp.reason}", ramp.retry
        if unbuilt:
            return FAILED, unbuilt, True
        return RUNNING, "", False

    def _is_below_break(self, ramp: TrajectoryDocument, approximant: OrderingDocument) -> bool:
        """Whether the framework melted on the ramp, at a temperature above this one."""
        if ramp.status != MELTED or ramp.checkpoint is None or self.temperature_K is None:
            return False
        md = self.parameters.md_parameters(
            approximant.to_structure().composition, None, ramp.replica, timestep_fs=ramp.timestep_fs
        )
        return self.temperature_K < md.target_temperature_K(ramp.steps_done)

    def _start(self, store: MTLStore, simulation: TrajectoryDocument) -> MDState:
        """State to go on from: the checkpoint, the end of the ramp or the last that was sound, or the relaxed cell."""
        p = self.parameters
        if simulation.checkpoint is not None:
            return MDState.from_dict(simulation.checkpoint)
        structure = store.relaxations.get(simulation.relaxation_id).to_structure()
        md = self._md(structure.composition, simulation)
        if self.temperature_K is None:
            return MDState.from_structure(structure, md)
        ramp = store.dynamics.get(
            p.trajectory_id(Sample(simulation.approximant_id, simulation.replica), None)
        )
        return MDState.from_dict(ramp.checkpoint or {}).next_stage(md)

    def _md(self, composition: Composition, simulation: TrajectoryDocument) -> MDParameters:
        return self.parameters.md_parameters(
            composition, self.temperature_K, simulation.replica, timestep_fs=simulation.timestep_fs
        )

    def advance(self, store: MTLStore, simulation: TrajectoryDocument) -> TrajectoryDocument:
        """Run one chunk and record it, unless another worker has meanwhile; return the simulation as it stands."""
        p = self.parameters
        _, unbuilt = _identified(store, p)
        if unbuilt:
            return _fail(store, simulation, unbuilt)
        start = self._start(store, simulation)
        md = self._md(start.to_structure().composition, simulation)
        # Extensions are foreseen from whole frames and may end some steps beyond the budget.
        md = replace(md, n_steps=max(md.n_steps, simulation.steps_wanted))
        blocks: list[BlockRecord] = []

        def write(block: FrameBlock) -> None:
            first_step, data, n_frames = int(block.steps[0]), block.to_bytes(), len(block.steps)
            blocks.append(
                store.frames.write(simulation.id, first_step, data, n_frames, revision=simulation.revision)
            )

        chunk_steps = steps(p.chunk_ps, md.timestep_fs)
        began = time.monotonic()
        try:
            result = engine_here(p).run_chunk(
                start,
                md,
                BlockFrameSink(write),
                max_steps=min(chunk_steps, simulation.steps_wanted - simulation.steps_done),
            )
        except CalculationError as error:
            return _fail(store, simulation, error.message)
        chunk = ChunkRecord(
            first_step=start.step,
            last_step=result.state.step,
            blocks=blocks,
            mean_temperature_K=result.mean_temperature_K,
            mean_energy_eV=result.mean_energy_eV,
            conserved_drift_meV_per_atom_ps=result.conserved_drift_meV_per_atom_ps,
            wall_s=time.monotonic() - began,
            calculation=result.calculation,
        )
        update: dict[str, Any] = {
            "chunks": [*simulation.chunks, chunk],
            "checkpoint": result.state.as_dict(),
            "steps_done": result.state.step,
        }
        if result.status is ChunkStatus.FRAMEWORK_MELTED and self.temperature_K is None:
            # From here colder temperatures start: the framework was sound where the chunk began.
            update["checkpoint"] = start.as_dict()
        if result.status is not ChunkStatus.COMPLETED:
            update |= {
                "status": _FAMILY_OF_GUARD.get(result.status, FAILED),
                "reason": f"{result.status} at step {result.stopped_at_step}"
                + (f": {result.message}" if result.message else ""),
                "retry": result.status is ChunkStatus.ENGINE_ERROR,
                "judged_under": p.judgement_hash(),
            }
        moved = store.dynamics.advance(simulation, simulation.model_copy(update=update))
        if chunk in moved.chunks:
            store.frames.settle(blocks)
        return moved

    def _judge(self, store: MTLStore, simulation: TrajectoryDocument) -> TrajectoryDocument:
        """Analyse what there is; the status is final, or the simulation goes on."""
        p = self.parameters
        if simulation.trajectory_stage == "heat":
            done = {"status": HEATED, "reason": "the ramp is complete", "judged_under": p.judgement_hash()}
            return store.dynamics.advance(simulation, simulation.model_copy(update=done))
        result = analyse_diffusion(
            load_trajectory(store, simulation), p.mobile_ion, simulation.temperature_K, p.diffusion
        )
        action = next_action(result, p.budget)
        low, high = result.interval_cm2_per_s or (None, None)
        update: dict[str, Any] = {
            "diffusion": result.as_dict(),
            "diffusivity_cm2_per_s": result.D_cm2_per_s,
            "diffusivity_low_cm2_per_s": low,
            "diffusivity_high_cm2_per_s": high,
            "reason": result.reason,
        }
        if action.kind is ActionKind.EXTEND:
            update["steps_wanted"] = simulation.steps_done + steps(
                action.additional_ps, simulation.timestep_fs
            )
        else:
            update |= {"status": str(result.status), "judged_under": p.judgement_hash()}
        return store.dynamics.advance(simulation, simulation.model_copy(update=update))


def _identified(store: MTLStore, parameters: DynamicsParameters) -> tuple[dict[str, Any], str]:
    """Fingerprint of the engine, and why it cannot be used: it cannot be built, or its weights are others."""
    try:
        return identify(store, parameters), ""
    except CalculationError as error:
        return parameters.configured_engine().fingerprint(load=False), error.message


def _fail(store: MTLStore, simulation: TrajectoryDocument, why: str) -> TrajectoryDocument:
    """Write that a chunk could not be run; handed in again, the simulation goes on."""
    failed = {"status": FAILED, "reason": f"{why} at step {simulation.steps_done}", "retry": True}
    return store.dynamics.advance(simulation, simulation.model_copy(update=failed))


def load_trajectory(store: MTLStore, simulation: TrajectoryDocument) -> Trajectory:
    """Assemble the stored frames of a simulation, checksums verified.

    Raises
    ------
    DynamicsError
        If frames are missing, doubled or damaged, or nothing was run yet.
    """
    if simulation.checkpoint is None:
        raise DynamicsError("nothing was simulated yet", subject=simulation.id)
    state = MDState.from_dict(simulation.checkpoint)
    return assemble_trajectory(
        (
            FrameBlock.from_bytes(store.frames.read(block))
            for chunk in simulation.chunks
            for block in chunk.blocks
        ),
        species=state.species,
        lattice_A=state.cell_A,
        timestep_fs=simulation.timestep_fs,
    )
