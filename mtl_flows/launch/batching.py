"""Which jobs go into a batch, which wait for workers without one, and how many simulations a batch holds."""

import re
from collections.abc import Sequence
from typing import Any, Final

import psutil  # type: ignore[import-untyped]

from mtl_flows.errors import ConfigurationError
from mtl_flows.launch.launchpad import open_launchpad
from mtl_flows.machine import processors
from mtl_flows.simulation.batched.engine import batched_engine_names
from mtl_flows.simulation.devices import device_here
from mtl_flows.simulation.engines import engine_names
from mtl_flows.store.connection import Connection

AUTO: Final = "auto"
_ENGINE: Final = "spec._tasks.job.function.@bound.parameters.engine"
_ON_A_GPU: Final = 64
_PROCESS_GB: Final = 0.6
"""Memory of a process that simulates."""


def jobs_for_batches() -> dict[str, Any]:
    """Return FireWorks' query of the jobs of a worker that evaluates potentials in batches.

    They are those without a potential, those of engines of the package that can be batched, and those of engines by
    import path, ``package.module:ENGINE``, which run as they can.
    """
    return {"$or": [{_ENGINE: {"$exists": False}}, {_ENGINE: {"$regex": _taken()}}]}


def left_to_others(connection: Connection, categories: Sequence[str]) -> dict[str, int]:
    """Count the ready jobs that a worker without batches would take, by the name of their engine."""
    pad = open_launchpad(connection)
    try:
        ready = {
            "state": "READY",
            "spec._category": {"$in": list(categories)},
            _ENGINE: {"$exists": True, "$not": {"$regex": _taken()}},
        }
        found = [engine for job in pad.fireworks.find(ready, {_ENGINE: 1}) for engine in _engines(job)]
    finally:
        pad.connection.close()
    return {engine: found.count(engine) for engine in sorted(set(found))}


def batch_size(asked: str, device: str) -> int:
    """Return how many simulations to run at a time.

    Parameters
    ----------
    asked
        A number, or ``auto``: on a GPU 64, or as many as memory holds their processes; elsewhere as many as there are
        processors, since a batch takes as long there as its members one by one.
    device
        Where potentials are evaluated, as `mtl_flows.simulation.devices` names it.

    Raises
    ------
    ConfigurationError
        If it is neither, or this machine lacks the device.
    """
    if asked.isdecimal() and int(asked):
        return int(asked)
    if asked != AUTO:
        raise ConfigurationError(
            "is no number of simulations",
            subject=f"--batch {asked}",
            remedy="give a number from 1 on, or auto",
        )
    if device_here(device) == "cpu":
        return processors()
    return max(1, min(_ON_A_GPU, int(0.8 * psutil.virtual_memory().available / 1e9 / _PROCESS_GB)))


def _taken() -> str:
    """Regular expression of the engines whose jobs are taken."""
    own, batched = ("|".join(map(re.escape, names)) for names in (engine_names(), batched_engine_names()))
    return rf"^(?:(?:{batched})(?::|$)|(?!(?:{own}):)[^:]+:)"


def _engines(job: dict[str, Any]) -> list[str]:
    return [task["job"]["function"]["@bound"]["parameters"]["engine"] for task in job["spec"]["_tasks"]]
