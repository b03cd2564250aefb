"""A trajectory as arrays, with what turns it into displacements: unwrapping and drift."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError

_AMBIGUOUS_JUMP = 0.45  # of a lattice vector between two frames: the minimum image is a guess beyond
_ON_THE_FACE = 1e-5  # positions folded in single precision may lie this far outside the cell


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Frames of one run at constant cell.

    Attributes
    ----------
    species
        Element symbols, length n_atoms.
    lattice_A
        Lattice vectors as rows, shape (3, 3).
    positions_A
        Cartesian positions, shape (n_frames, n_atoms, 3).
    timestep_fs
        Time between frames.
    temperatures_K
        Instantaneous temperature of each frame, shape (n_frames,).
    energies_eV
        Potential energy of each frame, shape (n_frames,).
    wrapped
        Whether positions were folded back into the cell.

    Raises
    ------
    DynamicsError
        If shapes disagree, the time step is not positive or a position is not finite.
    """

    species: tuple[str, ...]
    lattice_A: NDArray[np.float64]
    positions_A: NDArray[np.floating[Any]]
    timestep_fs: float
    temperatures_K: NDArray[np.float64]
    energies_eV: NDArray[np.float64]
    wrapped: bool = False

    def __post_init__(self) -> None:
        shape = np.shape(self.positions_A)
        if len(shape) != 3 or shape[1:] != (len(self.species), 3):
            raise DynamicsError(f"positions of shape {shape} do not fit {len(self.species)} atoms")
        if np.shape(self.lattice_A) != (3, 3):
            raise DynamicsError(f"lattice of shape {np.shape(self.lattice_A)} is not 3 × 3")
        for name, values in (("temperatures_K", self.temperatures_K), ("energies_eV", self.energies_eV)):
            if np.shape(values) != (shape[0],):
                raise DynamicsError(f"{name} of shape {np.shape(values)} do not fit {shape[0]} frames")
        if not self.timestep_fs > 0:
            raise DynamicsError(f"time between frames is {self.timestep_fs} fs")
        if not np.isfinite(self.positions_A).all():
            raise DynamicsError("positions are not finite")

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.positions_A.shape[0])

    @property
    def duration_ps(self) -> float:
        """Time from the first frame to the last."""
        return (self.n_frames - 1) * self.timestep_fs * 1e-3

    @property
    def volume_A3(self) -> float:
        """Volume of the cell."""
        return float(abs(np.linalg.det(self.lattice_A)))

    def mask(self, element: str) -> NDArray[np.bool_]:
        """Return which atoms are of ``element``, shape (n_atoms,)."""
        return np.array([symbol == element for symbol in self.species], dtype=bool)

    def from_time(self, start_ps: float) -> Self:
        """Return the part that begins ``start_ps`` after the first frame."""
        # A multiple of the frame time must survive its binary rounding.
        first = int(np.ceil(start_ps * 1e3 / self.timestep_fs - 1e-9))
        return replace(
            self,
            positions_A=self.positions_A[first:],
            temperatures_K=self.temperatures_K[first:],
            energies_eV=self.energies_eV[first:],
        )

    def thinned(self, max_frames: int) -> Self:
        """Return every k-th frame, k the smallest number that leaves at most ``max_frames``."""
        stride = -(-self.n_frames // max_frames)
        if stride <= 1:
            return self
        return replace(
            self,
            positions_A=self.positions_A[::stride],
            temperatures_K=self.temperatures_K[::stride],
            energies_eV=self.energies_eV[::stride],
            timestep_fs=self.timestep_fs * stride,
        )

    def _looks_folded(self) -> bool:
        inverse = np.linalg.inv(self.lattice_A)
        before: NDArray[np.float64] | None = None
        leap = 0.0
        for frame in self.positions_A:  # frame by frame: a walk that leaves the cell is known at once
            fractional = np.asarray(frame, dtype=np.float64) @ inverse
            if fractional.size and (
                fractional.min() < -_ON_THE_FACE or fractional.max() > 1.0 + _ON_THE_FACE
            ):
                return False
            if before is not None and fractional.size:
                leap = max(leap, float(np.abs(fractional - before).max()))
            before = fractional
        return leap > 0.5

    def unwrapped(self) -> Self:
        """Return the trajectory with continuous positions.

        Each frame is taken to be the image nearest to the one before. Positions that never leave the cell and leap
        across more than half of it were folded, whatever `wrapped` says.

        Raises
        ------
        DynamicsError
            If an atom moves so far between frames that the nearest image is a guess.
        """
        if not self.wrapped and not self._looks_folded():
            return self
        positions = np.asarray(self.positions_A, dtype=np.float64)
        inverse = np.linalg.inv(self.lattice_A)
        steps = np.diff(positions, axis=0) @ inverse
        steps -= np.round(steps)
        if steps.size and float(np.abs(steps).max()) > _AMBIGUOUS_JUMP:
            raise DynamicsError(
                "an atom moves almost half a cell between frames, so the trajectory cannot be unwrapped",
                remedy="store frames more often",
            )
        continuous = np.empty_like(positions)
        continuous[0] = positions[0]
        continuous[1:] = positions[0] + np.cumsum(steps @ self.lattice_A, axis=0)
        return replace(self, positions_A=continuous, wrapped=False)


def displacements_A(trajectory: Trajectory, framework: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return displacements from the first frame with the framework's drift taken out.

    The drift is the mean displacement of the framework atoms, unweighted, as in pymatgen-analysis-diffusion.

    Parameters
    ----------
    trajectory
        Wrapped or not.
    framework
        Which atoms are framework, shape (n_atoms,); at least one.

    Returns
    -------
    numpy.ndarray
        Shape (n_atoms, n_frames, 3).
    """
    positions = np.asarray(trajectory.unwrapped().positions_A, dtype=np.float64)
    moved = positions - positions[0]
    moved -= moved[:, framework].mean(axis=1, keepdims=True)
    return np.ascontiguousarray(moved.transpose(1, 0, 2))
