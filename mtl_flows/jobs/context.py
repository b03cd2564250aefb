"""What a running job needs from its worker: the store, and its own identity."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobflow import CURRENT_JOB

from mtl_flows.store.database import MTLStore


@contextmanager
def worker_store() -> Iterator[MTLStore]:
    """Open the store of the worker that runs the job; its address never travels with the job."""
    with MTLStore.open() as store:
        yield store


def job_id() -> str:
    """Return the uuid of the running job; empty outside a workflow."""
    job = CURRENT_JOB.job
    return "" if job is None else str(job.uuid)
