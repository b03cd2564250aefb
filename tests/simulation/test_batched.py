"""Many simulations, one process that evaluates: as if each ran alone."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from sinks import MemoryFrameSink
from toy_batched import ALONE, ENGINE, JOURNAL, PARTICULAR

from mtl_flows.errors import CalculationError, ConfigurationError, OwnershipLostError
from mtl_flows.simulation.batched.engine import BatchedEngine, batched, batched_engine_names, can_be_batched
from mtl_flows.simulation.batched.evaluator import Evaluator, build_potential
from mtl_flows.simulation.batched.potential import CarefulPotential, Configuration, Evaluation
from mtl_flows.simulation.batched.process import EvaluatorProcess
from mtl_flows.simulation.batched.remote import RemoteEvaluator, evaluated_by
from mtl_flows.simulation.calculators import CalculatorEngine
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus, RelaxationGoal
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState

Run = Callable[[BatchedEngine], object]


def halide(anion: str, a_A: float) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a_A), ["Li", anion], [[0] * 3, [0.5] * 3])


def never() -> None:
    raise AssertionError("the evaluator has ended")


def together(engine: CalculatorEngine, runs: Sequence[Run]) -> list[object]:
    """Do things at a time, with one evaluator for all."""
    pairs = [multiprocessing.Pipe() for _ in runs]
    serving = threading.Thread(target=Evaluator([end for _, end in pairs]).serve)
    serving.start()

    def client(number: int) -> object:
        pipe = pairs[number][0]
        try:
            remote = RemoteEvaluator(pipe, never)
            with evaluated_by(remote):
                return runs[number](BatchedEngine(engine, remote))
        finally:
            pipe.close()

    with ThreadPoolExecutor(len(runs)) as pool:
        done = list(pool.map(client, range(len(runs))))
    serving.join(timeout=30)
    assert not serving.is_alive()
    return done


def chunk(
    structure: Structure, stage: MDParameters, sink: MemoryFrameSink, max_steps: int = 10_000
) -> Callable[..., ChunkResult]:
    start = MDState.from_structure(structure, stage)
    return lambda engine: engine.run_chunk(start, stage, sink, max_steps=max_steps)


def test_simulations_of_a_batch_are_those_of_the_runner_for_one_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others in material, size, temperature, time step and length; and one that goes on when the others have ended."""
    monkeypatch.setenv(JOURNAL, str(tmp_path / "journal"))
    stages = [
        (halide("Cl", 5.13), MDParameters(temperature_K=800.0, n_steps=60, seed=1)),
        (halide("Br", 5.13), MDParameters(temperature_K=(300.0, 900.0), n_steps=90, timestep_fs=1.0, seed=2)),
        (halide("Cl", 5.13) * (2, 1, 1), MDParameters(temperature_K=1200.0, n_steps=120, seed=3)),
    ]
    alone, batch = ([MemoryFrameSink() for _ in stages] for _ in range(2))
    singly = [chunk(s, p, sink)(ENGINE) for (s, p), sink in zip(stages, alone, strict=True)]
    jointly = together(ENGINE, [chunk(s, p, sink) for (s, p), sink in zip(stages, batch, strict=True)])
    for one, other in zip(singly, jointly, strict=True):
        assert isinstance(other, ChunkResult)
        assert other.status is ChunkStatus.COMPLETED
        assert other.state.as_dict() == one.state.as_dict()
        for name in ("n_frames", "mean_temperature_K", "mean_energy_eV", "conserved_drift_meV_per_atom_ps"):
            assert getattr(other, name) == getattr(one, name)
    for own, others in zip(alone, batch, strict=True):
        assert [b.to_bytes() for b in own.blocks] == [b.to_bytes() for b in others.blocks]
    calls = [tuple(map(int, line.split())) for line in (tmp_path / "journal").read_text().splitlines()]
    assert sum(map(len, calls)) == 61 + 91 + 121  # a step each, and the start
    assert {tuple(sorted(call)) for call in calls} >= {(8, 8, 16), (16,)}


def test_guards_and_errors_end_one_simulation_and_no_other() -> None:
    stage = MDParameters(temperature_K=900.0, n_steps=40)
    hopeless = replace(stage, max_framework_msd_A2=1e-6)
    done = together(
        PARTICULAR,
        [
            chunk(halide("Cl", 5.13), stage, MemoryFrameSink()),
            chunk(halide("F", 4.03), stage, MemoryFrameSink()),
            chunk(halide("Cl", 5.13), hopeless, MemoryFrameSink()),
        ],
    )
    results = [result for result in done if isinstance(result, ChunkResult)]
    assert [r.status for r in results] == ["completed", "engine_error", "framework_melted"]
    assert results[1].message == "RuntimeError: no parameters for F"


def test_relaxations_and_checks_are_evaluated_there_too() -> None:
    distorted = halide("Cl", 5.13).perturb(0.05)
    relaxed, soundness = together(
        ENGINE,
        [lambda e: e.relax(distorted, RelaxationGoal(relax_cell=False)), lambda e: e.check(distorted)],
    )
    alone = ENGINE.relax(distorted, RelaxationGoal(relax_cell=False))
    assert relaxed.as_dict() == alone.as_dict()
    assert soundness == ENGINE.check(distorted)


class TakenAway(MemoryFrameSink):
    """Frames of a simulation whose job another worker was given."""

    def append(self, *frame: object) -> None:
        raise OwnershipLostError("another worker was given this job")


def test_who_loses_its_job_leaves_the_batch_and_the_others_go_on() -> None:
    stage = MDParameters(temperature_K=900.0, n_steps=40)

    def lost(engine: BatchedEngine) -> str:
        with pytest.raises(OwnershipLostError):
            chunk(halide("Cl", 5.13), stage, TakenAway())(engine)
        return "lost"

    result, told = together(ENGINE, [chunk(halide("Br", 5.13), stage, MemoryFrameSink()), lost])
    assert isinstance(result, ChunkResult)
    assert (result.status, told) == (ChunkStatus.COMPLETED, "lost")


def test_what_cannot_be_loaded_or_batched_is_said_to_whoever_asks() -> None:
    def ask(engine: BatchedEngine) -> str:
        with pytest.raises(ConfigurationError) as caught:
            engine.run_chunk(
                MDState.from_structure(halide("Cl", 5.13), MDParameters()),
                MDParameters(),
                MemoryFrameSink(),
                max_steps=1,
            )
        return caught.value.message

    assert together(ALONE, [ask, ask]) == ["its potential cannot be evaluated for many at once"] * 2


def test_it_is_the_same_potential_and_says_that_it_is_batched() -> None:
    (told,) = together(ENGINE, [lambda engine: (engine.fingerprint(), engine.potential(), engine.name)])
    assert told == (ENGINE.fingerprint() | {"batched": True}, ENGINE.potential(), ENGINE.name)


class Small:
    """Memory for so many atoms."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.calls: list[int] = []

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Evaluation]:
        n = sum(len(c.numbers) for c in configurations)
        self.calls.append(n)
        if n > self.most:
            raise MemoryError
        return [Evaluation(float(len(c.numbers)), np.zeros((len(c.numbers), 3))) for c in configurations]


def test_what_memory_does_not_hold_is_evaluated_in_parts_and_not_tried_again() -> None:
    small = Small(25)
    careful = CarefulPotential(small)
    sizes = [10, 10, 5, 10, 20, 30]
    asked = [Configuration(np.ones(n, int), np.eye(3), np.zeros((n, 3))) for n in sizes]
    for _ in range(4):
        answers = careful.evaluate(asked)
        assert [a.energy_eV for a in answers if isinstance(a, Evaluation)] == sizes[:-1]
        assert isinstance(answers[-1], MemoryError)
    small.calls.clear()
    careful.evaluate(asked)
    assert [n for n in small.calls if n > 25] == [30]  # which is one alone


def test_engines_say_whether_they_can_be_batched() -> None:
    assert batched_engine_names() == ("sevennet",)
    assert can_be_batched(get_engine("sevennet:7net-mf-0"))
    assert not can_be_batched(get_engine("vasp"))
    with pytest.raises(
        ConfigurationError, match="chgnet: its potential cannot be evaluated for many at once"
    ):
        build_potential(get_engine("chgnet"))
    assert batched(ENGINE) is ENGINE  # nobody evaluates for this process
    with evaluated_by(RemoteEvaluator(multiprocessing.Pipe()[0], never)):
        assert isinstance(batched(ENGINE), BatchedEngine)
        assert batched(ALONE) is ALONE


@contextmanager
def process(folder: Path) -> Iterator[tuple[EvaluatorProcess, RemoteEvaluator, list[str]]]:
    started, lost = EvaluatorProcess(1, folder / "new" / "log"), []
    try:
        yield started, RemoteEvaluator(started.clients[0], lambda: lost.append("lost")), lost
    finally:
        for client in started.clients:
            client.close()


def test_who_asks_notices_that_the_process_was_killed(tmp_path: Path) -> None:
    with process(tmp_path) as (started, remote, lost):
        remote.fingerprint(ENGINE)
        os.kill(started.pid, signal.SIGKILL)
        with pytest.raises(CalculationError, match="the process that evaluates its potential has ended"):
            remote.evaluate(ENGINE, Configuration(np.ones(1, int), np.eye(3), np.zeros((1, 3))))
        assert lost == ["lost"]
        with pytest.raises(CalculationError, match=r"ended by itself, with code -9.*fewer simulations"):
            started.close()
