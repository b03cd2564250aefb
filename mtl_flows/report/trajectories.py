"""Frames of a stored simulation as a file that other programs read."""

from pathlib import Path

from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.simulation.trajectory_files import format_of, write_frames
from mtl_flows.store.database import MTLStore


def write_trajectory(
    store: MTLStore, simulation: TrajectoryDocument, path: Path, *, discard_ps: float = 0.0, every: int = 1
) -> int:
    """Write the frames of a stored simulation and return their number.

    Parameters
    ----------
    path
        See `mtl_flows.simulation.trajectory_files.write_frames`.
    discard_ps
        Left out at the front.
    every
        Write every so many frames.

    Raises
    ------
    ConfigurationError
        As `mtl_flows.simulation.trajectory_files.write_frames`.
    """
    format_of(path)  # before the frames are fetched
    return write_frames(load_trajectory(store, simulation).from_time(discard_ps), path, every=every)
