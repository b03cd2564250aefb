"""One simulation from its beginning to its end: what each step makes of its document, wherever that is kept.

Nothing here knows a store: who runs a simulation fetches what a step asks for and keeps what it returns.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pymatgen.core import Composition, Structure

from mtl_flows.errors import CalculationError
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.dynamics import BlockRecord, ChunkRecord, OrderingDocument, TrajectoryDocument
from mtl_flows.science.dynamics import ActionKind, Trajectory, analyse_diffusion, next_action
from mtl_flows.simulation.engine import ChunkStatus, Engine
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock, FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.dynamics import DynamicsParameters, steps
from mtl_flows.vocabulary import RUNNING

HEATED: Final = "heated"
FAILED: Final = "failed"
MELTED: Final = "framework_melted"

_FAMILY_OF_GUARD = {ChunkStatus.FRAMEWORK_MELTED: MELTED}


@dataclass(frozen=True)
class Circumstances:
    """What a simulation meets when it begins or is handed in again.

    Attributes
    ----------
    engine
        Fingerprint.
    unbuilt
        Why the engine cannot be used here; empty if it can.
    unrelaxed
        Why there is no relaxed cell; empty if there is one.
    ramp
        The heating ramp of its sample; None for the ramp itself.
    """

    engine: dict[str, Any]
    unbuilt: str = ""
    unrelaxed: str = ""
    ramp: TrajectoryDocument | None = None


@dataclass(frozen=True)
class Simulating:
    """How a sample is simulated at one temperature, or heated.

    Attributes
    ----------
    parameters
        Of the dynamics.
    temperature_K
        Of production; None for the heating ramp, from whose end every production starts.
    """

    parameters: DynamicsParameters
    temperature_K: float | None

    def begun(
        self, approximant: OrderingDocument, circumstances: Circumstances, job: str = ""
    ) -> TrajectoryDocument:
        """Return the document of a simulation that has not run yet."""
        p = self.parameters
        md = p.md_parameters(approximant.to_structure().composition, self.temperature_K, approximant.replica)
        wanted_ps = p.heat_ps if self.temperature_K is None else p.production_ps
        stage = p.dynamics_stage()
        relaxation_id = p.relaxation_id(approximant.approximant_id)
        status, reason, retry = self._obstacle(approximant, circumstances)
        return TrajectoryDocument(
            id=p.trajectory_id(approximant.sample, self.temperature_K),
            material_id=approximant.material_id,
            crystal_id=approximant.crystal_id,
            parent_id=approximant.parent_id,
            series=p.ordering_stage().hash,
            approximant_id=approximant.approximant_id,
            replica=approximant.replica,
            relaxation_id=relaxation_id,
            parameters_hash=stage.hash,
            provenance=Provenance.record(stage, {"relaxation": relaxation_id}, job),
            ordering_id=approximant.id,
            ordering=approximant.ordering,
            potential_id=p.potential_id,
            engine=circumstances.engine,
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

    def taken_up(
        self,
        simulation: TrajectoryDocument,
        approximant: OrderingDocument,
        circumstances: Callable[[], Circumstances],
    ) -> TrajectoryDocument:
        """Return a simulation that was handed in again: what failed goes on, what is judged by other rules is opened.

        Parameters
        ----------
        circumstances
            Looked at where they matter: whether an engine can be built is only known by building it.
        """
        p = self.parameters
        if simulation.retry:
            met = circumstances()
            status, reason, retry = self._obstacle(approximant, met)
            update = {"status": status, "reason": reason, "retry": retry}
            # What has computed nothing yet is bound to no weights.
            update |= {} if simulation.chunks else {"engine": met.engine}
            return simulation.model_copy(update=update)
        judged_otherwise = simulation.judged_under not in ("", p.judgement_hash())
        if judged_otherwise and simulation.status not in (HEATED, FAILED):
            wanted = steps(p.production_ps, simulation.timestep_fs)
            update = {
                "status": RUNNING,
                "judged_under": "",
                "steps_wanted": max(wanted, simulation.steps_done),
            }
            return simulation.model_copy(update=update)
        return simulation

    def start(
        self,
        simulation: TrajectoryDocument,
        relaxed: Callable[[], Structure],
        ramp: Callable[[], TrajectoryDocument | None],
    ) -> MDState:
        """State to go on from: the checkpoint, the end of the ramp or the last that was sound, or the relaxed cell.

        Parameters
        ----------
        relaxed, ramp
            Give the relaxed cell and the ramp of the sample; the first chunk asks for them.
        """
        if simulation.checkpoint is not None:
            return MDState.from_dict(simulation.checkpoint)
        cell = relaxed()
        md = self.md_parameters(cell.composition, simulation)
        if (heated := ramp()) is None:
            return MDState.from_structure(cell, md)
        return MDState.from_dict(heated.checkpoint or {}).next_stage(md)

    def md_parameters(self, composition: Composition, simulation: TrajectoryDocument) -> MDParameters:
        """Parameters of the integrator, with the time step that the simulation was begun with."""
        return self.parameters.md_parameters(
            composition, self.temperature_K, simulation.replica, timestep_fs=simulation.timestep_fs
        )

    def advanced(
        self,
        simulation: TrajectoryDocument,
        start: MDState,
        engine: Engine,
        write: Callable[[FrameBlock], BlockRecord],
        watch: Callable[[FrameSink], FrameSink] = lambda sink: sink,
    ) -> TrajectoryDocument:
        """Run one chunk and return the simulation with it; as failed where the engine gives nothing to go on from.

        Parameters
        ----------
        write
            Keeps a block of frames; what it returns tells where.
        watch
            Wraps the sink of the frames, to see them come.
        """
        p = self.parameters
        md = self.md_parameters(start.to_structure().composition, simulation)
        # Extensions are foreseen from whole frames and may end some steps beyond the budget.
        md = replace(md, n_steps=max(md.n_steps, simulation.steps_wanted))
        blocks: list[BlockRecord] = []
        left = simulation.steps_wanted - simulation.steps_done
        began = time.monotonic()
        try:
            result = engine.run_chunk(
                start,
                md,
                watch(BlockFrameSink(lambda block: blocks.append(write(block)))),
                max_steps=min(steps(p.chunk_ps, md.timestep_fs), left),
            )
        except CalculationError as error:
            return failed(simulation, error.message)
        chunk = ChunkRecord(
            first_step=start.step,
            last_step=result.state.step,
            blocks=blocks,
            mean_temperature_K=result.mean_temperature_K,
            mean_energy_eV=result.mean_energy_eV,
            conserved_drift_meV_per_atom_ps=result.conserved_drift_meV_per_atom_ps,
            wall_s=time.monotonic() - began if result.wall_s is None else result.wall_s,
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
        return simulation.model_copy(update=update)

    def judged(self, simulation: TrajectoryDocument, load: Callable[[], Trajectory]) -> TrajectoryDocument:
        """Analyse what there is: the status is final, or the simulation is to go on.

        Parameters
        ----------
        load
            Gives its frames.
        """
        p = self.parameters
        if simulation.trajectory_stage == "heat":
            done = {"status": HEATED, "reason": "the ramp is complete", "judged_under": p.judgement_hash()}
            return simulation.model_copy(update=done)
        result = analyse_diffusion(load(), p.mobile_ion, simulation.temperature_K, p.diffusion)
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
            more = steps(action.additional_ps, simulation.timestep_fs)
            update["steps_wanted"] = simulation.steps_done + more
        else:
            update |= {"status": str(result.status), "judged_under": p.judgement_hash()}
        return simulation.model_copy(update=update)

    def _obstacle(self, approximant: OrderingDocument, circumstances: Circumstances) -> tuple[str, str, bool]:
        """Status, reason and `retry` of a simulation that may be unable to run."""
        if circumstances.unrelaxed:
            return FAILED, circumstances.unrelaxed, True
        ramp = circumstances.ramp
        if ramp is not None and ramp.status != HEATED and not self._is_below_break(ramp, approximant):
            return ramp.status, f"heating ramp: {ramp.reason}", ramp.retry
        if circumstances.unbuilt:
            return FAILED, circumstances.unbuilt, True
        return RUNNING, "", False

    def _is_below_break(self, ramp: TrajectoryDocument, approximant: OrderingDocument) -> bool:
        """Whether the framework melted on the ramp, at a temperature above this one."""
        if ramp.status != MELTED or ramp.checkpoint is None or self.temperature_K is None:
            return False
        md = self.parameters.md_parameters(
            approximant.to_structure().composition, None, ramp.replica, timestep_fs=ramp.timestep_fs
        )
        return self.temperature_K < md.target_temperature_K(ramp.steps_done)


def failed(simulation: TrajectoryDocument, why: str) -> TrajectoryDocument:
    """Return a simulation of which a chunk could not be run; handed in again, it goes on."""
    update = {"status": FAILED, "reason": f"{why} at step {simulation.steps_done}", "retry": True}
    return simulation.model_copy(update=update)
