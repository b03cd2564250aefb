"""Motion with the vibration averaged out: jumps of the mobile ions, and whether the framework stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrameworkMotion:
    """How far the framework has gone from where it began.

    Attributes
    ----------
    msd_A2
        Mean square displacement over all framework atoms, largest over the run.
    msd_by_element_A2
        The same for each element.
    max_displacement_A
        Largest displacement of any framework atom, hydrogen left out unless there is nothing else.
    """

    msd_A2: float
    msd_by_element_A2: dict[str, float]
    max_displacement_A: float


def cage_positions(displacements_A: FloatArray, frames_per_cage: int) -> FloatArray:
    """Return displacements averaged over consecutive windows.

    Parameters
    ----------
    displacements_A
        Shape (n_atoms, n_frames, 3).
    frames_per_cage
        Frames in a window; a shorter rest at the end is dropped.

    Returns
    -------
    numpy.ndarray
        Shape (n_atoms, n_windows, 3), with at least one window.
    """
    n_atoms, n_frames, _ = displacements_A.shape
    width = min(max(frames_per_cage, 1), n_frames)
    n_windows = n_frames // width
    averaged: FloatArray = (
        displacements_A[:, : n_windows * width].reshape(n_atoms, n_windows, width, 3).mean(axis=2)
    )
    return averaged


def count_hops(cages_A: FloatArray, hop_distance_A: float) -> int:
    """Count jumps: an ion jumps when its cage is more than half a jump away from its last one.

    Forward and backward jumps both count, so the number is no measure of diffusion by itself.

    Parameters
    ----------
    cages_A
        From :func:`cage_positions`.
    hop_distance_A
        Length of a jump.
    """
    home = cages_A[:, 0].copy()
    n_hops = 0
    for present in cages_A.transpose(1, 0, 2)[1:]:
        jumped = np.linalg.norm(present - home, axis=1) > 0.5 * hop_distance_A
        home[jumped] = present[jumped]
        n_hops += int(jumped.sum())
    return n_hops


def framework_motion(cages_A: FloatArray, species: tuple[str, ...]) -> FrameworkMotion:
    """Measure how far framework atoms have moved.

    Parameters
    ----------
    cages_A
        Cage positions of the framework atoms, shape (n_atoms, n_windows, 3).
    species
        Their element symbols.
    """
    squared = ((cages_A - cages_A[:, :1]) ** 2).sum(axis=2)
    symbols = np.array(species)
    heavy = symbols != "H"
    bounded = squared[heavy] if heavy.any() else squared
    return FrameworkMotion(
        msd_A2=float(squared.mean(axis=0).max()),
        msd_by_element_A2={
            str(element): float(squared[symbols == element].mean(axis=0).max())
            for element in np.unique(symbols)
        },
        max_displacement_A=float(np.sqrt(bounded.max())),
    )
