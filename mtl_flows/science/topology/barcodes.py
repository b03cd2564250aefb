"""Barcodes of one point cloud: what they hold, how they are packed, and the Betti numbers they give."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sBII")
_MAGIC = b"MTLB"


@dataclass(frozen=True, slots=True, eq=False)
class Barcodes:
    """Persistence barcodes of a Vietoris–Rips filtration over Z/2, in Å.

    Attributes
    ----------
    h0_deaths_A
        Deaths of the components, float32, shape ``(n_points,)``, ascending; every one is born at 0. Classes that
        never die (one per component that is left at the cutoff) are ``inf``, so a non-empty connected cloud
        ends with exactly one ``inf``.
    h1_A
        Birth and death of the loops, float32, shape ``(n_loops, 2)``, sorted by birth, then death. Loops still open at
        the cutoff have death ``inf``; loops without length (birth = death) are left out.
    max_dimension
        1, or 0 where loops were not asked for: ``h1_A`` is then empty and says nothing.
    """

    h0_deaths_A: NDArray[np.float32]
    h1_A: NDArray[np.float32]
    max_dimension: int = 1

    @property
    def n_points(self) -> int:
        """Number of points of the cloud."""
        return len(self.h0_deaths_A)

    def betti(self, dimension: int, distance_A: float) -> int:
        """Betti number of the Rips complex whose edges are at most ``distance_A`` long.

        Parameters
        ----------
        dimension
            0 (components) or 1 (independent loops).
        distance_A
            Longest edge, between 0 and the cutoff that the barcodes were computed with.
        """
        if dimension == 0:
            return int(np.count_nonzero(self.h0_deaths_A > distance_A))
        if dimension == 1 and self.max_dimension >= 1:
            alive = (self.h1_A[:, 0] <= distance_A) & (distance_A < self.h1_A[:, 1])
            return int(np.count_nonzero(alive))
        raise ValueError(f"these barcodes do not hold dimension {dimension}")

    def connection_length_A(self, cutoff_A: float) -> float:
        """Edge length at which the cloud becomes connected; ``cutoff_A`` if it never does, or has a single point."""
        finite = self.h0_deaths_A[np.isfinite(self.h0_deaths_A)]
        connected = self.n_points - len(finite) == 1
        return float(finite[-1]) if connected and len(finite) else cutoff_A

    def pack(self) -> bytes:
        """Encode losslessly as little-endian float32; :func:`decode_barcodes` reverses it."""
        header = _HEADER.pack(_MAGIC, self.max_dimension, len(self.h0_deaths_A), len(self.h1_A))
        return header + self.h0_deaths_A.astype("<f4").tobytes() + self.h1_A.astype("<f4").tobytes()


def decode_barcodes(data: bytes) -> Barcodes:
    """Decode packed barcodes, the only reader of the format.

    The format is a 13-byte header (``MTLB``, highest dimension as uint8, number of H0 and H1 classes as
    uint32), then the H0 deaths and the H1 birth–death pairs, all little-endian float32.

    Raises
    ------
    ValueError
        The bytes are not packed barcodes, or are cut short.
    """
    if len(data) < _HEADER.size:
        raise ValueError("not packed barcodes: too short")
    magic, max_dimension, n_h0, n_h1 = _HEADER.unpack_from(data)
    if magic != _MAGIC or len(data) != _HEADER.size + 4 * (n_h0 + 2 * n_h1):
        raise ValueError("not packed barcodes: wrong header or length")
    values = np.frombuffer(data, dtype="<f4", offset=_HEADER.size).astype(np.float32)
    return Barcodes(values[:n_h0], values[n_h0:].reshape(n_h1, 2), max_dimension)
