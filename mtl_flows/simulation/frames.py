"""Where frames go while a simulation runs: blocks of float32 positions, never a growing list.

A block travels as bytes, so a file, a GridFS bucket or memory can hold it alike.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics import Trajectory


class FrameSink(Protocol):
    """Receiver of frames."""

    def append(
        self, positions_A: NDArray[np.float32], step: int, temperature_K: float, energy_eV: float
    ) -> None:
        """Take one frame: unwrapped positions (n_atoms, 3), step, temperature and potential energy."""

    def flush(self) -> None:
        """Hand on whatever is still buffered."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """Consecutive frames.

    Attributes
    ----------
    positions_A
        Unwrapped positions, float32, shape (n_frames, n_atoms, 3).
    steps, temperatures_K, energies_eV
        One value for each frame.
    """

    positions_A: NDArray[np.float32]
    steps: NDArray[np.int64]
    temperatures_K: NDArray[np.float64]
    energies_eV: NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """Return the block in numpy's npz format."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            positions_A=self.positions_A,
            steps=self.steps,
            temperatures_K=self.temperatures_K,
            energies_eV=self.energies_eV,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore a block."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(
                arrays["positions_A"], arrays["steps"], arrays["temperatures_K"], arrays["energies_eV"]
            )


@dataclass(slots=True)
class BlockFrameSink:
    """Collects frames and hands them on in blocks, so that memory stays flat.

    Attributes
    ----------
    write
        Called with each full block, and with the rest at :meth:`flush`.
    frames_per_block
        Frames in a full block; 200 frames of 200 atoms are 0.5 MB.
    """

    write: Callable[[FrameBlock], None]
    frames_per_block: int = 200
    _positions: list[NDArray[np.float32]] = field(default_factory=list, init=False)
    _rows: list[tuple[int, float, float]] = field(default_factory=list, init=False)

    def append(
        self, positions_A: NDArray[np.float32], step: int, temperature_K: float, energy_eV: float
    ) -> None:
        """Take one frame."""
        self._positions.append(positions_A)
        self._rows.append((step, temperature_K, energy_eV))
        if len(self._rows) == self.frames_per_block:
            self.flush()

    def flush(self) -> None:
        """Write the frames collected since the last block, if any."""
        if not self._rows:
            return
        steps, temperatures, energies = zip(*self._rows, strict=True)
        self.write(
            FrameBlock(np.stack(self._positions), np.array(steps), np.array(temperatures), np.array(energies))
        )
        self._positions.clear()
        self._rows.clear()


def assemble_trajectory(
    blocks: Iterable[FrameBlock],
    *,
    species: tuple[str, ...],
    lattice_A: NDArray[np.float64],
    timestep_fs: float,
) -> Trajectory:
    """Join blocks, in any order, into one trajectory.

    Parameters
    ----------
    blocks
        Blocks of one stage.
    species, lattice_A
        Element symbols and lattice vectors (rows) of the simulated cell.
    timestep_fs
        Integration step of the run (not the time between frames, which is derived).

    Raises
    ------
    DynamicsError
        If frames are missing or doubled.
    """
    ordered = sorted(blocks, key=lambda block: int(block.steps[0]))
    if not ordered:
        raise DynamicsError("no frames stored")
    steps = np.concatenate([block.steps for block in ordered])
    strides = np.diff(steps)
    if strides.size and (strides.min() <= 0 or strides.min() != strides.max()):
        raise DynamicsError("frames are missing or doubled", remedy="run the missing chunk again")
    stride = int(strides[0]) if strides.size else 1
    return Trajectory(
        species=species,
        lattice_A=lattice_A,
        positions_A=np.concatenate([block.positions_A for block in ordered]),
        timestep_fs=stride * timestep_fs,
        temperatures_K=np.concatenate([block.temperatures_K for block in ordered]),
        energies_eV=np.concatenate([block.energies_eV for block in ordered]),
    )
