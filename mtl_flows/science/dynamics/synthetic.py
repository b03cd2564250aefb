"""Trajectories whose diffusivity is known, to hold the analysis against."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.science.dynamics.trajectory import Trajectory

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SyntheticWalk:
    """A crystal in which ions walk at random about a vibrating framework.

    Attributes
    ----------
    D_cm2_per_s
        True diffusivity.
    n_ions, n_framework
        Atoms of either kind.
    duration_ps, timestep_fs
        Length and time between frames.
    jump_A
        Length of the jumps along the axes of a simple cubic lattice; 0 for a Gaussian walk without jumps.
    ions_per_jump
        Ions that jump together, all in one direction.
    vibration_A
        Standard deviation of the vibration along each axis.
    shares
        Diffusivity along each Cartesian axis, relative to their mean.
    """

    D_cm2_per_s: float = 1e-5
    n_ions: int = 20
    n_framework: int = 24
    duration_ps: float = 20.0
    timestep_fs: float = 20.0
    jump_A: float = 3.0
    ions_per_jump: int = 1
    vibration_A: float = 0.25
    shares: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def trajectory(self, seed: int, *, mobile_ion: str = "Li", cell_A: float = 12.0) -> Trajectory:
        """Return one walk."""
        rng = np.random.default_rng(seed)
        n_frames = round(self.duration_ps * 1e3 / self.timestep_fs) + 1
        walk = self._jumps(rng, n_frames) if self.jump_A > 0.0 else self._gaussian(rng, n_frames)
        moved = np.concatenate([walk, np.zeros((n_frames, self.n_framework, 3))], axis=1)
        n_atoms = self.n_ions + self.n_framework
        positions = rng.uniform(0.0, cell_A, (n_atoms, 3)) + moved + self._vibration(rng, n_frames, n_atoms)
        return Trajectory(
            species=(mobile_ion,) * self.n_ions + ("O",) * self.n_framework,
            lattice_A=cell_A * np.eye(3),
            positions_A=positions.astype(np.float32),
            timestep_fs=self.timestep_fs,
            temperatures_K=np.full(n_frames, 1000.0),
            energies_eV=np.zeros(n_frames),
        )

    @property
    def _D_A2_per_frame(self) -> float:
        return self.D_cm2_per_s * 1e4 * self.timestep_fs * 1e-3

    def _gaussian(self, rng: np.random.Generator, n_frames: int) -> FloatArray:
        steps = rng.standard_normal((n_frames, self.n_ions, 3)) * np.sqrt(
            2.0 * self._D_A2_per_frame * np.array(self.shares)
        )
        walk: FloatArray = np.cumsum(steps, axis=0)
        return walk

    def _jumps(self, rng: np.random.Generator, n_frames: int) -> FloatArray:
        n_groups = self.n_ions // self.ions_per_jump
        # The number of jumps a frame is Poisson: thermally activated, without memory.
        mean_jumps = 6.0 * self._D_A2_per_frame / self.jump_A**2
        forward, backward = rng.poisson(mean_jumps / 6.0 * np.array(self.shares), (2, n_frames, n_groups, 3))
        walk: FloatArray = np.cumsum(self.jump_A * (forward - backward).astype(np.float64), axis=0)
        return np.repeat(walk, self.ions_per_jump, axis=1)

    def _vibration(self, rng: np.random.Generator, n_frames: int, n_atoms: int) -> FloatArray:
        memory = np.exp(-self.timestep_fs / 80.0)
        noise = rng.standard_normal((n_frames, n_atoms, 3)) * self.vibration_A * np.sqrt(1.0 - memory**2)
        vibration: FloatArray = scipy.signal.lfilter([1.0], [1.0, -memory], noise, axis=0)
        return vibration
