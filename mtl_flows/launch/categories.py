"""Which worker takes which job: FireWorks categories.

Screening jobs are light; molecular dynamics goes by what the engine needs.
A job carries its category in its manager configuration, so a Maker can set it as well.
"""

from typing import TypeVar

from jobflow.core.flow import Flow
from jobflow.core.job import Job

from mtl_flows.jobs.dft_check import DftFrameMaker
from mtl_flows.launch.names import HEAVY, VASP
from mtl_flows.simulation.engine import Engine

_KEY = "_category"
Work = TypeVar("Work", bound=Job | Flow)


def set_category(work: Work, category: str, *, spawned: str | None = None) -> Work:
    """Give every job of `work` that has none yet this category.

    Parameters
    ----------
    work
        A job or a flow; changed in place and returned.
    category
        `LIGHT`, `HEAVY` or one of your own.
    spawned
        Category of the jobs that these jobs create while they run. jobflow gives them their parent's category
        otherwise, whatever they ask for themselves.
    """
    for job in jobs_of(work):
        job.config.manager_config.setdefault(_KEY, category)
        if spawned is not None:
            job.config.response_manager_config.setdefault(_KEY, spawned)
    return work


def heavy(work: Work, engine: Engine | None = None) -> Work:
    """Mark the jobs of `work` as molecular dynamics, by what the engine needs."""
    return set_category(work, f"mtl-{engine.needs}" if engine is not None and engine.needs else HEAVY)


def by_dft(work: Work) -> Work:
    """Mark the jobs of `work` that hold frames against DFT as those of VASP, whatever the potential needs."""
    for job in jobs_of(work):
        if isinstance(job.maker, DftFrameMaker):
            set_category(job, VASP)
    return work


def jobs_of(work: Job | Flow) -> list[Job]:
    """Return the jobs of `work` and of its flows, in the order in which they were given."""
    if isinstance(work, Job):
        return [work]
    return [job for part in work.jobs for job in jobs_of(part)]
