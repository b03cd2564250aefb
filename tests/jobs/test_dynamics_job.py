"""Dynamics of one crystal, job by job in this process, on potentials that cost nothing."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from samples import contents, fill, parent, sample, subject
from toy_engines import Brittle, dynamics

from mtl_flows.errors import ConfigurationError, OrderingError
from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.dynamics import TrajectoryMaker, load_trajectory
from mtl_flows.jobs.ordering import find_ordering
from mtl_flows.schemas.dynamics import BlockRecord, TrajectoryDocument
from mtl_flows.science.dynamics import DynamicsBudget
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.simulation.calculators import KNOWN_WEIGHTS
from mtl_flows.simulation.state import MDState
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),  # by jobflow's local manager
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),  # by pymatgen, in atomate2's relaxation
]

Run = Callable[..., dict[str, Any]]
LICL = parent("licl")


@pytest.fixture
def run(store: MTLStore, address: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the dynamics flow of a material, LiCl if none is named; gives the outcome of each job."""
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    monkeypatch.chdir(tmp_path)
    fill(store, "licl")

    def run(parameters: DynamicsParameters, material: str = "licl") -> dict[str, Any]:
        flow = DynamicsFlowMaker(parameters=parameters).make(parent(material), material)
        jobs = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        return run_locally(flow, store=jobs, log=False, ensure_success=True)

    return run


def simulations(store: MTLStore, parameters: DynamicsParameters) -> dict[float | None, TrajectoryDocument]:
    """Simulations by temperature, the ramp under None."""
    cell = sample("licl", parameters)
    wanted = {t: parameters.trajectory_id(cell, t) for t in (None, *parameters.temperatures_K)}
    return {t: store.dynamics.get(key) for t, key in wanted.items() if store.dynamics.existing([key])}


def frames(store: MTLStore, simulation: TrajectoryDocument) -> tuple[list[int], np.ndarray]:
    """Steps and positions of every stored frame."""
    trajectory = load_trajectory(store, simulation)
    interval = round(trajectory.timestep_fs / simulation.timestep_fs)
    return [k * interval for k in range(trajectory.n_frames)], trajectory.positions_A


def test_the_whole_flow(store: MTLStore, run: Run) -> None:
    p = dynamics()
    run(p)
    (ordering,) = store.orderings.find()
    assert (ordering.was_ordered, ordering.n_atoms, ordering.n_mobile) == (True, 8, 4)
    (relaxation,) = store.relaxations.find()
    assert relaxation.converged
    assert relaxation.max_force_eV_per_A <= 0.05
    assert relaxation.volume_change == pytest.approx(0.0, abs=1e-6)
    found = simulations(store, p)
    assert found[None].status == "heated"
    for temperature_K in p.temperatures_K:
        simulation = found[temperature_K]
        assert simulation.status == "converged"
        assert simulation.steps_done == simulation.steps_wanted == 1200
        # Chunks of 0.8 ps that follow each other without a gap, and every frame once.
        assert [(c.first_step, c.last_step) for c in simulation.chunks] == [(0, 400), (400, 800), (800, 1200)]
        steps, positions = frames(store, simulation)
        assert steps == list(range(0, 1201, simulation.frame_interval))
        assert positions.shape == (301, 8, 3)
        assert np.isfinite(positions).all()
        # The thermostat holds the temperature of the run, within the fluctuation of eight atoms.
        temperatures = load_trajectory(store, simulation).temperatures_K
        assert temperatures.mean() == pytest.approx(temperature_K, rel=0.25)
        assert simulation.diffusivity_low_cm2_per_s < simulation.diffusivity_cm2_per_s
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete, fit.temperatures_K) == ("fitted", True, [800.0, 1200.0])
    candidate = store.candidates.get("licl")
    assert (candidate.dynamics_status, candidate.engine) == ("fitted", "toy_engines.Conductor")
    assert candidate.activation_energy_eV == fit.activation_energy_eV
    assert [d.temperature_K for d in candidate.diffusivities] == [800.0, 1200.0]

    # Again: everything is there, so nothing runs and nothing changes.
    before = contents(store)
    outcome = run(p)
    assert len(outcome) == 7  # prepare, heat, two temperatures, window, fit, table: no relaxation, no chunk
    assert contents(store) == before


def test_the_length_of_a_chunk_leaves_no_trace(store: MTLStore, run: Run) -> None:
    p = dynamics(temperatures_K=(1000.0,), production_ps=1.6)
    positions = []
    for chunk_ps in (0.33, 10.0):
        run(replace(p, chunk_ps=chunk_ps))
        simulation = simulations(store, p)[1000.0]
        positions.append((len(simulation.chunks), *frames(store, simulation)))
        store.dynamics.raw.delete_many({})
    (many, steps, cut), (one, same_steps, whole) = positions
    assert many > 3 * one
    assert steps == same_steps
    assert np.array_equal(cut, whole)


def test_what_has_not_converged_goes_on_until_the_budget_is_spent_and_can_be_judged_again(
    store: MTLStore, run: Run
) -> None:
    p = dynamics(temperatures_K=(1200.0,))
    # Times off the grid of steps and frames: an extension foreseen from whole frames must still end.
    strict = replace(
        p,
        diffusion=replace(p.diffusion, max_relative_error=1e-9, discard_ps=0.203),
        budget=DynamicsBudget(max_production_ps=3.0014, min_extension_ps=0.1),
        production_ps=1.301,
    )
    run(strict)
    first = simulations(store, p)[1200.0]
    assert first.status == "unconverged"
    assert 1500 < first.steps_done <= 1610
    assert first.judged_under == strict.judgement_hash()
    _, old = frames(store, first)
    assert store.transport.get(next(store.transport.find()).id).complete
    assert store.candidates.get("licl").dynamics_status == "unconverged"

    # More time: the simulation goes on from where it stopped.
    longer = replace(strict, budget=DynamicsBudget(max_production_ps=4.0, min_extension_ps=0.1))
    run(longer)
    second = simulations(store, p)[1200.0]
    assert second.steps_done > first.steps_done
    assert second.chunks[: len(first.chunks)] == first.chunks
    assert np.array_equal(frames(store, second)[1][: len(old)], old)

    # Milder criteria: the same frames are judged anew, and not a step is run.
    run(p)
    third = simulations(store, p)[1200.0]
    assert third.status == "converged"
    assert third.chunks == second.chunks
    assert store.candidates.get("licl").dynamics_status == "too_few_temperatures"


def test_a_framework_that_melts_in_the_ramp_ends_every_temperature(store: MTLStore, run: Run) -> None:
    p = dynamics("Melt", heat_ps=1.0)
    run(p)
    found = simulations(store, p)
    assert found[None].status == "framework_melted"
    assert found[None].steps_done < found[None].steps_wanted
    for temperature_K in p.temperatures_K:
        assert found[temperature_K].status == "framework_melted"
        assert found[temperature_K].reason.startswith("heating ramp")
        assert found[temperature_K].chunks == []
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete, fit.activation_energy_eV) == ("framework_melted", True, None)
    assert store.candidates.get("licl").dynamics_status == "framework_melted"
    before = contents(store)
    run(p)
    assert contents(store) == before


def test_temperatures_below_the_break_of_the_ramp_start_from_what_was_sound(
    store: MTLStore, run: Run
) -> None:
    """Whatever melts on the way to 1000 K may hold at 320 K."""
    p = dynamics("Melt", heat_ps=1.0, temperatures_K=(320.0, 1200.0))
    run(p)
    found = simulations(store, p)
    assert found[None].status == "framework_melted"
    cold, hot = found[320.0], found[1200.0]
    assert (hot.status, hot.chunks) == ("framework_melted", [])
    assert hot.reason.startswith("heating ramp")
    assert len(cold.chunks) > 0
    assert not cold.reason.startswith("heating ramp")
    assert MDState.from_dict(found[None].checkpoint or {}).step == found[None].chunks[-1].first_step


def test_the_limits_of_the_guards_are_the_user_s(store: MTLStore, run: Run) -> None:
    p = dynamics(max_framework_msd_A2=1e-4, temperatures_K=(800.0,))
    assert p.dynamics_stage() != dynamics(temperatures_K=(800.0,)).dynamics_stage()
    run(p)
    assert simulations(store, p)[None].status == "framework_melted"


def test_nonsense_ends_a_simulation_at_its_last_good_frame(store: MTLStore, run: Run) -> None:
    p = dynamics("Exploding")
    run(p)
    ramp = simulations(store, p)[None]
    assert (ramp.status, ramp.steps_done) == ("failed", 28)
    assert "not_a_number" in ramp.reason
    assert np.isfinite(frames(store, ramp)[1]).all()


@pytest.fixture
def unloaded() -> None:
    """No engine was loaded in this process yet."""
    KNOWN_WEIGHTS.clear()


@pytest.mark.parametrize(
    "error", [OSError("no weights"), TypeError("model is missing"), RuntimeError("no memory")]
)
def test_an_engine_that_cannot_be_built_is_recorded_and_tried_again(
    store: MTLStore, run: Run, monkeypatch: pytest.MonkeyPatch, unloaded: None, error: Exception
) -> None:
    p = dynamics("Brittle", temperatures_K=(1000.0, 1200.0), production_ps=0.8)
    monkeypatch.setattr(Brittle, "raises", repeat(error))
    run(p)
    told = f"{type(error).__name__}: {error}"
    (refusal,) = store.rejections.outstanding()
    assert (refusal.stage, refusal.reason) == ("dynamics", "calculation_failed")
    assert told in refusal.message
    assert store.relaxations.count() == 0
    found = simulations(store, p)
    assert found.keys() == {None, 1000.0, 1200.0}
    for simulation in found.values():
        assert (simulation.status, simulation.retry, simulation.chunks) == ("failed", True, [])
        assert told in simulation.reason
        assert simulation.engine["weights_sha256"] is None
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete, fit.activation_energy_eV) == ("failed", False, None)
    assert all(told in reason for reason in fit.excluded.values())
    assert store.candidates.get("licl").dynamics_status == "failed"

    # Mended, and handed in again: as if nothing had been.
    monkeypatch.setattr(Brittle, "raises", repeat(None))
    run(p)
    for simulation in simulations(store, p).values():
        assert simulation.status in ("heated", "converged")
        assert (simulation.retry, simulation.engine["weights_sha256"]) == (False, "")
    (fit,) = store.transport.find()
    assert (fit.status, fit.complete) == ("fitted", True)
    assert list(store.rejections.outstanding()) == []


@pytest.mark.parametrize("loaded", [True, False])
def test_a_temperature_whose_engine_can_be_built_no_longer_keeps_its_frames_and_leaves_the_fit(
    store: MTLStore, run: Run, monkeypatch: pytest.MonkeyPatch, unloaded: None, loaded: bool
) -> None:
    p = dynamics("Brittle", temperatures_K=(800.0, 1000.0, 1200.0), production_ps=0.8)
    run(p)
    before = simulations(store, p)
    if not loaded:
        KNOWN_WEIGHTS.clear()
    monkeypatch.setattr(Brittle, "raises", chain([RuntimeError("no memory")], repeat(None)))
    longer = replace(p, production_ps=4.0)
    run(longer)
    after = simulations(store, p)
    (failed,) = (t for t in p.temperatures_K if after[t].status == "failed")
    assert (
        after[failed].reason == f"engine_error: RuntimeError: no memory at step {before[failed].steps_done}"
    )
    assert (after[failed].retry, after[failed].chunks) == (True, before[failed].chunks)
    # It converged before it was asked for more; that is not what this fit is about.
    others = [t for t in p.temperatures_K if t != failed]
    assert [(after[t].status, after[t].steps_done) for t in others] == [("converged", 2000)] * 2
    (fit,) = store.transport.find({"complete": False})
    assert (fit.status, fit.temperatures_K) == ("fitted", others)
    assert fit.excluded == {f"{failed:g}": f"failed: {after[failed].reason}"}

    run(longer)
    assert {simulations(store, p)[t].steps_done for t in p.temperatures_K} == {2000}
    assert store.transport.get(fit.id).temperatures_K == list(p.temperatures_K)


def test_a_missing_package_stops_the_workflow_and_says_nothing_of_the_material(
    store: MTLStore, run: Run, monkeypatch: pytest.MonkeyPatch, unloaded: None
) -> None:
    monkeypatch.setattr(Brittle, "raises", repeat(ModuleNotFoundError("No module named 'weights'")))
    with pytest.raises(RuntimeError):
        run(dynamics("Brittle"))
    assert (store.relaxations.count(), store.dynamics.count()) == (0, 0)
    assert list(store.rejections.outstanding()) == []


def test_ions_that_do_not_move_give_a_bound_and_no_number(store: MTLStore, run: Run) -> None:
    p = dynamics("Insulator", budget=DynamicsBudget(max_production_ps=2.4))
    run(p)
    for temperature_K in p.temperatures_K:
        simulation = simulations(store, p)[temperature_K]
        assert (simulation.status, simulation.diffusivity_cm2_per_s) == ("upper_bound", None)
        assert simulation.diffusivity_high_cm2_per_s > 0
    (fit,) = store.transport.find()
    assert (fit.status, fit.temperatures_K, fit.activation_energy_eV) == ("upper_bound", [], None)


def test_several_orderings_are_simulated_apart(store: MTLStore, run: Run) -> None:
    p = dynamics(temperatures_K=(1200.0,), production_ps=1.6)
    run(replace(p, ordering=replace(p.ordering, n_orderings=2)))
    assert [o.ordering for o in store.orderings.find()] == [0, 1]
    assert store.transport.count() == 2
    assert len(store.candidates.get("licl").diffusivities) == 2
    # The cell is the same here; the runs are two samples all the same.
    first, second = (store.dynamics.get(p.trajectory_id(sample("licl", p, k), 1200.0)) for k in (0, 1))
    assert first.diffusivity_cm2_per_s != second.diffusivity_cm2_per_s
    before = contents(store)["dynamics"]
    run(p)  # one ordering only: it is the first of the two
    assert contents(store)["dynamics"] == before


def test_an_impossible_ordering_is_a_refusal_of_the_material(store: MTLStore, run: Run) -> None:
    fill(store, "li7sbo6")
    p = dynamics(ordering=OrderingParameters(max_composition_error=-1.0))  # no rounding is good enough
    with pytest.raises(OrderingError):
        find_ordering(store, subject("li7sbo6"), 0, p)
    with pytest.raises(RuntimeError):
        run(p, "li7sbo6")
    (refusal,) = store.rejections.outstanding()
    assert (refusal.stage, refusal.subject, refusal.reason) == (
        "ordering",
        f"{parent('li7sbo6')}:{p.ordering_stage().hash}",
        "ordering_failed",
    )
    assert (store.orderings.count(), store.dynamics.count()) == (0, 0)
    # What can be ordered later is refused no longer; under other parameters it still is.
    later = f"{parent('li7sbo6')}:{dynamics().ordering_stage().hash}"
    store.rejections.record(OrderingError("not yet"), "ordering", later)
    find_ordering(store, subject("li7sbo6"), 0, dynamics())
    assert [r.id for r in store.rejections.outstanding()] == [refusal.id]


def test_the_slower_of_two_workers_takes_what_the_faster_wrote(store: MTLStore, run: Run) -> None:
    p = dynamics(temperatures_K=(1200.0,), production_ps=0.8)
    run(p)
    done = simulations(store, p)[1200.0]
    start = done.model_copy(
        update={"chunks": [], "checkpoint": None, "steps_done": 0, "status": "running", "diffusion": None}
    )
    other = start.model_copy(update={"reason": "somebody else's", "steps_done": 100, "revision": 9})
    store.dynamics.put([other])
    maker = TrajectoryMaker(temperature_K=1200.0, parameters=p)
    assert maker.advance(store, start) == other


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"temperatures_K": ()}, "temperatures_K"),
        ({"temperatures_K": (800.0, 800)}, "temperatures_K"),
        ({"temperatures_K": (-5.0,)}, "temperatures_K"),
        ({"production_ps": 0.2}, "discard_ps"),
        ({"chunk_ps": 0.0}, "chunk_ps"),
        ({"heat_ps": float("nan")}, "heat_ps"),
        ({"max_framework_msd_A2": 0.0}, "max_framework_msd_A2"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        dynamics(**changes)


def test_a_chunk_cut_off_in_the_middle_is_run_again_whole(
    store: MTLStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the death of a worker: some frames of the chunk are written, its record is not."""
    p = dynamics(temperatures_K=(1200.0,), chunk_ps=2.4, frame_interval_fs=2.0)
    run(p)
    whole = simulations(store, p)[1200.0]
    _, uninterrupted = frames(store, whole)
    store.dynamics.raw.delete_one({"_id": whole.id})
    files = store.database["frames.files"]
    files.delete_many({"simulation": whole.id})

    write, lives = store.frames.write, iter(range(3))

    def write_or_die(*block: Any, revision: int) -> BlockRecord:
        if next(lives, None) is None:
            raise KeyboardInterrupt
        return write(*block, revision=revision)

    monkeypatch.setattr(store.frames, "write", write_or_die)
    maker = TrajectoryMaker(temperature_K=1200.0, parameters=p)
    begun = maker.begin(store, store.orderings.get(p.ordering_id(LICL, 0)))
    with pytest.raises(KeyboardInterrupt):
        maker.advance(store, begun)
    assert files.count_documents({"simulation": whole.id}) == 3
    left = simulations(store, p)[1200.0]
    assert (left.steps_done, left.chunks, left.status) == (0, [], "running")

    run(p)
    again = simulations(store, p)[1200.0]
    assert again.steps_done == 1200
    steps, positions = frames(store, again)
    assert steps == list(range(1201))
    assert np.array_equal(positions, uninterrupted)
    assert store.frames.sweep(store.dynamics, lambda owner: False) == 3
    stored = {f["_id"] for f in files.find({"simulation": again.id})}
    assert stored == {block.file_id for chunk in again.chunks for block in chunk.blocks}
