"""The jobs of one approximant, which the flows share: order and relax, heat, run each temperature, fit."""

from collections.abc import Iterable
from typing import NamedTuple

from jobflow import Job

from mtl_flows.jobs.dynamics import PrepareMaker, TrajectoryMaker
from mtl_flows.jobs.transport import TransportMaker
from mtl_flows.stages.dynamics import DynamicsParameters


class ApproximantJobs(NamedTuple):
    """Jobs of one approximant, each after those that it waits for."""

    prepare: Job
    heat: Job
    runs: list[Job]
    fit: Job


def approximant_jobs(
    parent: str,
    ordering: int,
    label: str,
    parameters: DynamicsParameters,
    *,
    temperatures_K: Iterable[float],
    fitted: DynamicsParameters,
) -> ApproximantJobs:
    """Make them.

    Parameters
    ----------
    parent, ordering
        What is ordered, and the number of the approximant.
    label
        What the jobs are named after.
    parameters
        Of the simulations at `temperatures_K`.
    fitted
        Parameters under which the fit is stored.
    """
    prepare = PrepareMaker(name=f"order and relax {label}", parameters=parameters).make(parent, ordering)
    heat = TrajectoryMaker(name=f"heat {label}", parameters=parameters).make(
        parent, ordering, [prepare.output]
    )
    runs = [
        TrajectoryMaker(
            name=f"{label} at {temperature_K:g} K", temperature_K=temperature_K, parameters=parameters
        ).make(parent, ordering, [heat.output])
        for temperature_K in temperatures_K
    ]
    fit = TransportMaker(name=f"Arrhenius fit {label}", parameters=fitted).make(
        parent, ordering, [run.output for run in runs]
    )
    return ApproximantJobs(prepare, heat, runs, fit)


def labels(material_id: str, n_orderings: int) -> list[str]:
    """Name of each approximant of a material; the number is left out where there is one."""
    return [material_id + (f" #{n}" if n_orderings > 1 else "") for n in range(n_orderings)]
