"""An engine that is no ASE calculator: mobile ions walk at random with a diffusivity that is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure
from samples import parent, structure_document
from toy_engines import dynamics

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, Relaxation, RelaxationGoal
from mtl_flows.simulation.frames import FrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState, pack_generator
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore

BOLTZMANN_EV_PER_K = 8.617333e-5


@dataclass(frozen=True)
class RandomWalk:
    """Diffusivity D0 exp(−barrier / kT) of each mobile ion; everything else stays where it is."""

    D0_A2_per_ps: float = 20.0
    barrier_eV: float = 0.25
    name: str = "toy_walk:ENGINE"
    energy_scale: str = "nothing"
    relaxes_hulls: bool = False
    needs: str = ""

    def configured(
        self, settings: Mapping[str, Any], *, n_threads: int = 1, device: str = "auto"
    ) -> "RandomWalk":
        return replace(self, **{name: float(value) for name, value in settings.items()})

    def potential(self) -> dict[str, Any]:
        return {"D0_A2_per_ps": self.D0_A2_per_ps, "barrier_eV": self.barrier_eV}

    def shaping(self) -> dict[str, Any]:
        return {}

    def fingerprint(self, *, load: bool = True) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": "1",
            "weights_sha256": "",
            "tensors_sha256": "",
            "parameters": self.potential(),
            "precision": "float64",
            "threads": 1,
            "energy_scale": self.energy_scale,
        }

    def check(self, structure: Structure) -> None:
        return None

    def relax(
        self, structure: Structure, goal: RelaxationGoal, so_far: Relaxation | None = None
    ) -> Relaxation:
        if so_far is None:  # in two jobs, as a program with two calculations would
            still = np.zeros((len(structure), 3)).tolist()
            return Relaxation(structure, 0.0, still, True, 1, [{"walk": "begun"}], complete=False)
        return replace(
            so_far, energy_eV=-1.0, calculations=[*so_far.calculations, {"walk": "energy"}], complete=True
        )

    def run_chunk(
        self, start: MDState, stage: MDParameters, sink: FrameSink, *, max_steps: int
    ) -> ChunkResult:
        rng = start.generator()
        mobile = np.array([symbol == stage.mobile_ion for symbol in start.species])
        positions, end = start.positions_A.copy(), min(start.step + max_steps, stage.n_steps)
        frames = 0
        for step in range(start.step, end + 1):
            temperature_K = stage.target_temperature_K(step)
            if step > start.step:
                D = self.D0_A2_per_ps * np.exp(-self.barrier_eV / (BOLTZMANN_EV_PER_K * temperature_K))
                walked = rng.standard_normal((mobile.sum(), 3))
                positions[mobile] += np.sqrt(2.0 * D * stage.timestep_fs / 1000.0) * walked
            if step % stage.frame_interval == 0 and (step > start.step or step == 0):
                sink.append(positions.astype(np.float32), step, temperature_K, -1.0)
                frames += 1
        sink.flush()
        return ChunkResult(
            state=replace(start, positions_A=positions, step=end, random_state=pack_generator(rng)),
            status=ChunkStatus.COMPLETED,
            stopped_at_step=end,
            n_frames=frames,
            mean_temperature_K=temperature_K,
            mean_energy_eV=-1.0,
            last_energy_eV=-1.0,
            conserved_drift_meV_per_atom_ps=0.0,
        )


ENGINE = RandomWalk()


def simulate_walk(store: MTLStore, slug: str) -> DynamicsParameters:
    """Run the whole dynamics of a crystal of the store in this process, with a barrier of 0.3 eV."""
    parameters = replace(
        dynamics(),
        engine=ENGINE.name,
        engine_settings={"barrier_eV": "0.3"},
        temperatures_K=(800.0, 1000.0, 1200.0),
        production_ps=40.0,
        chunk_ps=15.0,
        budget=DynamicsBudget(max_production_ps=40.0),
        diffusion=DiffusionParameters(discard_ps=1.0, max_relative_error=1e9, min_effective_hops=0.1),
    )
    flow = DynamicsFlowMaker(parameters=parameters).make(parent(slug), structure_document(slug).material_id)
    outputs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=outputs, log=False, ensure_success=True)
    return parameters
