"""What a running job needs from its worker: the store, and its own identity."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from jobflow import CURRENT_JOB
from pymatgen.core import Structure

from mtl_flows.carried.supply import CarrierSupply
from mtl_flows.settings import Settings
from mtl_flows.simulation.batched.engine import batched
from mtl_flows.simulation.engine import Engine, RelaxationGoal
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.owner import Owner

_owner: ContextVar[Owner | None] = ContextVar("owner", default=None)
_supply: ContextVar[CarrierSupply | None] = ContextVar("supply", default=None)
_device: ContextVar[str | None] = ContextVar("device", default=None)
_kept: ContextVar[MTLStore | None] = ContextVar("kept", default=None)


@contextmanager
def owned_by(owner: Owner) -> Iterator[None]:
    """Let the jobs that run meanwhile write as `owner`; whoever hands out jobs knows who that is."""
    previous = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(previous)


@contextmanager
def store_kept_open(store: MTLStore) -> Iterator[None]:
    """Let the jobs that run meanwhile share the connection of a store, instead of opening one each."""
    previous = _kept.set(store)
    try:
        yield
    finally:
        _kept.reset(previous)


@contextmanager
def worker_store() -> Iterator[MTLStore]:
    """Open the store of the worker that runs the job; its address never travels with the job.

    It refuses to write for a job that was given to another worker.
    """
    if (kept := _kept.get()) is not None:
        yield kept.written_by(_owner.get())
        return
    with MTLStore.open(owner=_owner.get()) as store:
        yield store


@contextmanager
def computed_by(supply: CarrierSupply) -> Iterator[None]:
    """Let the jobs that run meanwhile compute with engines and stages on other machines."""
    previous = _supply.set(supply)
    try:
        yield
    finally:
        _supply.reset(previous)


def carried_by() -> CarrierSupply | None:
    """Return what computes elsewhere; None where jobs compute on this machine."""
    return _supply.get()


@contextmanager
def computed_on(device: str) -> Iterator[None]:
    """Let the jobs that run meanwhile compute on a device, whatever was asked for; if empty, on that which was.

    Who runs many jobs reads the settings once.
    """
    previous = _device.set(device)
    try:
        yield
    finally:
        _device.reset(previous)


def engine_here(
    parameters: DynamicsParameters,
    *,
    until_step: int = 0,
    relaxing: Callable[[], Sequence[tuple[Structure, RelaxationGoal]]] = tuple,
) -> Engine:
    """Return the engine on the device of this worker, if its settings name one, else on that which was asked for.

    Where a process evaluates potentials for several workers, it does so for those that can be batched.

    Parameters
    ----------
    until_step, relaxing
        How far a simulation is wanted, and what gives all that is relaxed one after the other: for an engine that
        computes elsewhere.
    """
    if (supply := _supply.get()) is not None:
        return supply.engine(parameters, until_step=until_step, relaxing=relaxing)
    device = _device.get()
    if device is None:
        device = Settings.load().device
    return batched((replace(parameters, device=device) if device else parameters).configured_engine())


def job_id() -> str:
    """Return the uuid of the running job; empty outside a workflow."""
    job = CURRENT_JOB.job
    return "" if job is None else str(job.uuid)
