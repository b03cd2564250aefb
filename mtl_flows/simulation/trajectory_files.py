"""Frames as a file that other programs read."""

from pathlib import Path

from ase import Atoms
from ase.io import write

from mtl_flows.errors import ConfigurationError, unwritable
from mtl_flows.science.dynamics import Trajectory

FORMATS = {".extxyz": "extxyz", ".xyz": "extxyz", ".traj": "traj", ".xdatcar": "vasp-xdatcar"}


def write_frames(trajectory: Trajectory, path: Path, *, every: int = 1) -> int:
    """Write frames and return their number.

    Positions are written as they are, unwrapped for a run of this package. In ``extxyz`` and ``traj`` each frame
    carries its energy and temperature.

    Parameters
    ----------
    path
        The ending names the format: ``.extxyz``, ``.xyz``, ``.traj`` or ``.xdatcar``; a file called XDATCAR too.
    every
        Write every so many frames.

    Raises
    ------
    ConfigurationError
        If the ending is none of these, or the file cannot be written.
    """
    kind = format_of(path)
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
        raise unwritable(path, error) from error
    return len(frames)


def format_of(path: Path) -> str:
    """Return ASE's name of the format that goes with a file name.

    Raises
    ------
    ConfigurationError
        If none does.
    """
    ending = ".xdatcar" if path.name.lower() == "xdatcar" else path.suffix.lower()
    if ending not in FORMATS:
        raise ConfigurationError(
            "no format goes with this name", subject=str(path), remedy=f"end it in {', '.join(FORMATS)}"
        )
    return FORMATS[ending]
