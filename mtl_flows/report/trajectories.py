"""Frames of a simulation as a file that other programs read."""

from pathlib import Path

from ase import Atoms
from ase.io import write

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.dynamics import load_trajectory
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.store.database import MTLStore

FORMATS = {".extxyz": "extxyz", ".xyz": "extxyz", ".traj": "traj", ".xdatcar": "vasp-xdatcar"}


def write_trajectory(
    store: MTLStore, simulation: TrajectoryDocument, path: Path, *, discard_ps: float = 0.0, every: int = 1
) -> int:
    """Write the frames of a simulation and return their number.

    Positions are unwrapped, as they were simulated. In ``extxyz`` and ``traj`` each frame carries its energy and
    temperature.

    Parameters
    ----------
    path
        The ending names the format: ``.extxyz``, ``.xyz``, ``.traj`` or ``.xdatcar``; a file called XDATCAR too.
    discard_ps
        Left out at the front.
    every
        Write every so many frames.

    Raises
    ------
    ConfigurationError
        If the ending is none of these, or the file cannot be written.
    """
    kind = (
        FORMATS["." + path.name.lower()]
        if path.name.lower() == "xdatcar"
        else FORMATS.get(path.suffix.lower())
    )
    if kind is None:
        raise ConfigurationError(
            "no format goes with this name", subject=str(path), remedy=f"end it in {', '.join(FORMATS)}"
        )
    trajectory = load_trajectory(store, simulation).from_time(discard_ps)
    frames = [
        Atoms(
            symbols=trajectory.species,
            positions=trajectory.positions_A[number],
            cell=trajectory.lattice_A,
            pbc=True,
            info={
                "energy_eV": float(trajectory.energies_eV[number]),
                "temperature_K": float(trajectory.temperatures_K[number]),
                "time_ps": number * trajectory.timestep_fs * 1e-3,
            },
        )
        for number in range(0, trajectory.n_frames, every)
    ]
    try:
        write(path, frames, format=kind)
    except OSError as error:
        raise ConfigurationError(
            "cannot be written", subject=str(path), remedy="choose another file"
        ) from error
    return len(frames)
