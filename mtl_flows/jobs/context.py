"""What a running job needs from its worker: the store, and its own identity."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from jobflow import CURRENT_JOB

from mtl_flows.settings import Settings
from mtl_flows.simulation.engine import Engine
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Owner

_owner: ContextVar[Owner | None] = ContextVar("owner", default=None)


@contextmanager
def owned_by(owner: Owner) -> Iterator[None]:
    """Let the jobs that run meanwhile write as `owner`; whoever hands out jobs knows who that is."""
    previous = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(previous)


@contextmanager
def worker_store() -> Iterator[MTLStore]:
    """Open the store of the worker that runs the job; its address never travels with the job.

    It refuses to write for a job that was given to another worker.
    """
    with MTLStore.open(owner=_owner.get()) as store:
        yield store


def engine_here(parameters: DynamicsParameters) -> Engine:
    """Return the engine on the device of this worker, if its settings name one, else on that which was asked for."""
    device = Settings.load().device
    return (replace(parameters, device=device) if device else parameters).configured_engine()


def job_id() -> str:
    """Return the uuid of the running job; empty outside a workflow."""
    job = CURRENT_JOB.job
    return "" if job is None else str(job.uuid)
