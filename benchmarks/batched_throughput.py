"""Picoseconds times atoms a second, alone and in a batch: ``python benchmarks/batched_throughput.py --simulations 32``.

Cells of Li3OCl and LiCl of 16 to 135 atoms at several temperatures: each by the runner for one, one after the other in
one process, then all at a time with one process that evaluates them together, both on the same device. On a GPU, more
simulations show more; on a CPU a batch takes as long as its members. Needs the extra ``gpu``
(constraints-modern.txt and constraints-gpu.txt).
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from md_overhead import antiperovskite_cell
from pymatgen.core import Lattice, Structure

from mtl_flows.simulation.batched.engine import batched
from mtl_flows.simulation.batched.process import EvaluatorProcess
from mtl_flows.simulation.batched.remote import RemoteEvaluator, evaluated_by
from mtl_flows.simulation.devices import device_here
from mtl_flows.simulation.engine import ChunkStatus, Engine
from mtl_flows.simulation.frames import BlockFrameSink
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.registry import get_engine
from mtl_flows.simulation.state import MDState

WARM_UP = 2
TEMPERATURES_K = (800.0, 1000.0, 1200.0, 1400.0)


def cells() -> list[Structure]:
    """Return cells of several sizes."""
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.13), ["Li", "Cl"], [[0] * 3, [0.5] * 3])
    anti = antiperovskite_cell()
    return [
        anti * (2, 2, 2),
        salt * (2, 2, 1),
        anti * (5, 2, 1),
        salt * (2, 1, 1),
        anti * (3, 3, 3),
        salt * (2, 2, 2),
    ]


def simulation(number: int, n_steps: int) -> tuple[MDState, MDParameters]:
    """Return where one of the simulations starts, and its parameters."""
    temperature_K = TEMPERATURES_K[number % len(TEMPERATURES_K)]
    stage = MDParameters(temperature_K=temperature_K, n_steps=WARM_UP + n_steps, seed=number)
    structures = cells()
    return MDState.from_structure(structures[number % len(structures)], stage), stage


def timed(engine: Engine, number: int, n_steps: int, ready: Callable[[], Any]) -> float:
    """Simulate; gives the seconds that it took after warming up and after all were ready."""
    state, stage = simulation(number, n_steps)
    sink = BlockFrameSink(lambda block: None)
    state = engine.run_chunk(state, stage, sink, max_steps=WARM_UP).state
    ready()
    began = time.perf_counter()
    result = engine.run_chunk(state, stage, sink, max_steps=n_steps)
    assert result.status is ChunkStatus.COMPLETED, result.status
    return time.perf_counter() - began


def client(pipe: Pipe, name: str, device: str, number: int, n_steps: int, barrier: Any, times: Any) -> None:
    """One simulation of the batch, in a process of its own."""
    try:
        with evaluated_by(RemoteEvaluator(pipe, barrier.abort)):
            engine = batched(get_engine(name).configured({}, device=device))
            times.put(timed(engine, number, n_steps, barrier.wait))
    except BaseException:
        barrier.abort()  # nobody is to wait for one that failed
        raise


def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="sevennet")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--simulations", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    numbers = range(asked.simulations)
    states = [simulation(number, asked.steps) for number in numbers]
    work_ps_atoms = sum(len(s.species) * asked.steps * p.timestep_fs * 1e-3 for s, p in states)

    engine = get_engine(asked.engine).configured({}, device=asked.device)
    alone_s = sum(timed(engine, number, asked.steps, lambda: None) for number in numbers)
    print(f"alone, one after the other: {work_ps_atoms / alone_s:.3g} ps·atoms/s", flush=True)

    context = multiprocessing.get_context("spawn")
    barrier, times = context.Barrier(asked.simulations), context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        evaluator = EvaluatorProcess(asked.simulations, Path(folder) / "evaluator.log")
        clients = []
        for number, pipe in zip(numbers, evaluator.clients, strict=True):
            arguments = (pipe, asked.engine, asked.device, number, asked.steps, barrier, times)
            clients.append(context.Process(target=client, args=arguments))
            clients[-1].start()
        for process, pipe in zip(clients, evaluator.clients, strict=True):
            pipe.close()
            process.join()
        evaluator.close()
    batch_s = max(times.get() for process in clients if process.exitcode == 0)
    print(f"{asked.simulations} in a batch: {work_ps_atoms / batch_s:.3g} ps·atoms/s")
    print(
        f"ratio {alone_s / batch_s:.2f}, {sum(len(s.species) for s, _ in states)} atoms, on {device_here(asked.device)}"
    )


if __name__ == "__main__":
    main()
