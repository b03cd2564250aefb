"""What dynamics will take: from what simulations of this potential took, else from a probe of ten steps."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from mtl_flows.errors import MTLError
from mtl_flows.extras import require
from mtl_flows.jobs.context import engine_here
from mtl_flows.schemas.base import utc_now
from mtl_flows.science.ordering.supercell import choose_supercell
from mtl_flows.simulation.frames import BlockFrameSink
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.approximants import order
from mtl_flows.stages.dynamics import DynamicsParameters, steps
from mtl_flows.stages.subjects import Subject
from mtl_flows.store.database import MTLStore

_PROBE_STEPS = 10


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of one thread, or GPU, for each step and atom.

    Attributes
    ----------
    seconds_per_step_and_atom
        Median over simulations.
    rests_on
        In words.
    """

    seconds_per_step_and_atom: float
    rests_on: str


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a number of materials take.

    Attributes
    ----------
    materials, cells
        Materials, and ordered cells of them.
    atoms
        In all cells together.
    steps
        Of all simulations of all cells, heating included, before any is extended.
    most_steps
        The same where every temperature is extended to the end of its budget.
    speed
        None where nothing is known.
    atom_steps, most_atom_steps
        Steps times atoms.
    """

    materials: int
    cells: int
    atoms: int
    steps: int
    most_steps: int
    atom_steps: float
    most_atom_steps: float
    speed: Speed | None

    @property
    def hours(self) -> tuple[float, float] | None:
        """Of one thread or GPU: as handed in, and with all extensions; None where nothing is known of the speed."""
        if self.speed is None:
            return None
        per_step = self.speed.seconds_per_step_and_atom / 3600.0
        return self.atom_steps * per_step, self.most_atom_steps * per_step

    def done_by(self, workers: int) -> datetime | None:
        """When so many workers are done with what is handed in, extensions left out."""
        if self.hours is None:
            return None
        return utc_now() + timedelta(hours=self.hours[0] / workers)


def estimate(
    store: MTLStore, subjects: Sequence[Subject], parameters: DynamicsParameters, *, probe: bool = True
) -> CostEstimate:
    """Say what materials will take.

    Parameters
    ----------
    subjects
        What is ordered of them.
    probe
        Load the potential and run ten steps where nothing was measured; of a program of its own nothing is known then.
    """
    p = parameters
    crystals = {c.id: c for c in store.crystals.find({"_id": {"$in": [s.crystal_id for s in subjects]}})}
    cells = atoms = n_steps = most = 0
    atom_steps = most_atom_steps = 0.0
    for subject in subjects:
        crystal = crystals[subject.crystal_id].to_structure()
        n_orderings = p.n_orderings(ordered=crystal.is_ordered)
        matrix = choose_supercell(crystal, p.ordering, p.mobile_ion)
        n_atoms = round(crystal.composition.num_atoms * abs(np.linalg.det(matrix)))
        first, longest = _steps(p, p.md_parameters(crystal.composition, None).timestep_fs)
        cells += n_orderings
        atoms += n_orderings * n_atoms
        n_steps += n_orderings * first
        most += n_orderings * longest
        atom_steps += n_orderings * n_atoms * first
        most_atom_steps += n_orderings * n_atoms * longest
    speed = measured_speed(store, p)
    if speed is None and probe and subjects and p.configured_engine().needs in ("", "gpu"):
        speed = probed_speed(subjects[0], store, p)
    return CostEstimate(len(subjects), cells, atoms, n_steps, most, atom_steps, most_atom_steps, speed)


def measured_speed(store: MTLStore, parameters: DynamicsParameters) -> Speed | None:
    """Return the median speed of this potential in what was simulated; None before there is any."""
    query = {"potential_id": parameters.potential_id, "chunks.0": {"$exists": True}}
    wanted = {"approximant_id": 1, "chunks.wall_s": 1, "steps_done": 1}
    found = list(store.dynamics.raw.find(query, wanted).limit(200))
    sizes = {
        o["approximant_id"]: o["n_atoms"]
        for o in store.orderings.raw.find(
            {"approximant_id": {"$in": [s["approximant_id"] for s in found]}},
            {"approximant_id": 1, "n_atoms": 1},
        )
    }
    speeds = [
        sum(chunk["wall_s"] for chunk in s["chunks"]) / (s["steps_done"] * sizes[s["approximant_id"]])
        for s in found
        if s["steps_done"] and s["approximant_id"] in sizes
    ]
    if not speeds:
        return None
    return Speed(float(np.median(speeds)), f"measured in {len(speeds)} simulations")


def probed_speed(subject: Subject, store: MTLStore, parameters: DynamicsParameters) -> Speed | None:
    """Run ten steps of one material here; None where its potential cannot be run here."""
    p = parameters
    try:
        require("dynamics")
        approximant = order(subject, store.crystals.get(subject.crystal_id).to_structure(), 0, p)
        structure = approximant.to_structure()
        md = p.md_parameters(structure.composition, p.temperatures_K[0])
        start, engine = MDState.from_structure(structure, md), engine_here(p)
        # The first steps load the model.
        warm = engine.run_chunk(start, md, BlockFrameSink(lambda block: None), max_steps=2)
        began = time.perf_counter()
        engine.run_chunk(warm.state, md, BlockFrameSink(lambda block: None), max_steps=_PROBE_STEPS)
    except MTLError:
        return None
    seconds = (time.perf_counter() - began) / (_PROBE_STEPS * len(structure))
    return Speed(seconds, f"{_PROBE_STEPS} steps of {subject.material_id} tried here")


def _steps(parameters: DynamicsParameters, timestep_fs: float) -> tuple[int, int]:
    """Steps of one cell: as handed in, and with every extension."""
    p = parameters
    heat, n = steps(p.heat_ps, timestep_fs), len(p.temperatures_K)
    longest_ps = max(p.production_ps, p.budget.max_production_ps + p.diffusion.discard_ps)
    return heat + n * steps(p.production_ps, timestep_fs), heat + n * steps(longest_ps, timestep_fs)


def told(estimated: CostEstimate, *, on_gpu: bool, workers: Iterable[int] = (1, 4)) -> list[str]:
    """Return an estimate in words, one line each."""
    e = estimated
    lines = [
        f"{e.materials} materials, {e.cells} ordered cells of {e.atoms} atoms in all, {e.steps} steps, "
        f"{e.most_steps} if every temperature is extended"
    ]
    if e.hours is None or e.speed is None:
        return [*lines, "how long that takes is not known: nothing was simulated with this potential yet"]
    kind = "GPU-hours" if on_gpu else "core-hours"
    first, most = e.hours
    lines.append(f"about {first:.2g} {kind}, {most:.2g} with every extension ({e.speed.rests_on})")
    by = ", ".join(f"{n} by {e.done_by(n):%Y-%m-%d %H:%M}" for n in workers)
    return [*lines, f"workers that work at it all the time are done (UTC): {by}"]
