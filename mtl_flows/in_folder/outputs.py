"""Files that people read: the result of each crystal, and its frames."""

from collections.abc import Iterator
from pathlib import Path

from mtl_flows.in_folder.crystals import GivenCrystal
from mtl_flows.in_folder.dynamics import FolderDynamics
from mtl_flows.in_folder.result import RESULT, FolderResult, demand_same_crystal
from mtl_flows.science.verdict import VerdictThresholds
from mtl_flows.simulation.trajectory_files import write_frames
from mtl_flows.stages.dynamics import DynamicsParameters


def results(
    dynamics: FolderDynamics,
    crystals: list[GivenCrystal],
    folder: Path,
    parameters: DynamicsParameters,
    thresholds: VerdictThresholds,
) -> Iterator[tuple[Path, FolderResult]]:
    """Run the dynamics of some crystals and write what each gave as soon as it is done.

    The files of one crystal lie in the folder itself, those of several in folders of their names.

    Yields
    ------
    folder, result
        In the order given.

    Raises
    ------
    ConfigurationError
        If a folder holds the result of something else, before anything is computed.
    """
    places = [folder if len(crystals) == 1 else folder / crystal.name for crystal in crystals]
    for place, crystal in zip(places, crystals, strict=True):
        demand_same_crystal(place, crystal.subject.crystal_id if crystal.subject else None, parameters)
    for place, run in zip(places, dynamics.run(crystals), strict=True):
        result = FolderResult.of(run, thresholds)
        if run.crystal.subject is not None or not (place / RESULT).exists():
            result.write(place, parameters)
        for simulation in run.simulations:
            if simulation.chunks:
                number = f"-{simulation.ordering}" if len(run.orderings) > 1 else ""
                path = place / f"{simulation.temperature_K:g}K{number}.extxyz"
                part = path.with_name(f".part-{path.name}")
                write_frames(dynamics.trajectory(simulation), part)
                part.replace(path)
        yield place, result
