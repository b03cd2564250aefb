"""How soft a potential is: its forces and energies on frames of a simulation against those of DFT."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import DynamicsError
from mtl_flows.records import Record
from mtl_flows.science.dynamics.transport import PotentialError

_SMALLEST_ERROR_EV = 0.05
"""Barriers are not all as soft as the forces about them: the error that remains is no smaller."""
_FRAMES_FOR_ENERGY = 3


@dataclass(frozen=True, slots=True)
class Softening(Record):
    """Slope of a potential against DFT; below one it is soft.

    Attributes
    ----------
    n_frames
        Compared.
    force_slope, force_slope_error
        Of forces, through zero, over all atoms and frames (arXiv:2405.07105), and its standard error from the scatter
        between frames; infinite of one.
    energy_slope
        Of energies about their mean; None of fewer than three frames.
    force_rmse_eV_per_A
        Root mean square of the difference of the components.
    """

    n_frames: int
    force_slope: float
    force_slope_error: float
    energy_slope: float | None
    force_rmse_eV_per_A: float

    def error(self, energy_eV: float) -> PotentialError:
        """Return what the potential gets wrong in an activation energy: it is soft as the forces are.

        Parameters
        ----------
        energy_eV
            E_a of the simulation, S E_a(DFT) for a slope S. What the slope is not known to, and what the two slopes
            differ by, is the error; never less than 0.05 eV.
        """
        apart = 0.0 if self.energy_slope is None else self.energy_slope - self.force_slope
        relative = min(sqrt(self.force_slope_error**2 + apart**2) / self.force_slope, 1.0)
        stiff_eV = energy_eV / self.force_slope
        return PotentialError(
            deviation_eV=max(stiff_eV * relative, _SMALLEST_ERROR_EV),
            bias_eV=energy_eV - stiff_eV,
            source="dft",
        )


def softening(
    forces_eV_per_A: Sequence[NDArray[np.float64]],
    dft_forces_eV_per_A: Sequence[NDArray[np.float64]],
    energies_eV: Sequence[float],
    dft_energies_eV: Sequence[float],
) -> Softening:
    """Compare frames.

    Parameters
    ----------
    forces_eV_per_A, dft_forces_eV_per_A
        Of each frame, shape (n_atoms, 3).
    energies_eV, dft_energies_eV
        Of each frame; their zeros need not be the same.

    Raises
    ------
    DynamicsError
        If there is no frame, or nothing pulls at any atom, or the potential pulls the other way.
    """
    ours, theirs = np.asarray(forces_eV_per_A, dtype=float), np.asarray(dft_forces_eV_per_A, dtype=float)
    if not len(ours) or not np.any(theirs):
        raise DynamicsError(
            "no forces to compare", remedy="check frames of a simulation, not of a crystal at rest"
        )
    slope = _through_zero(ours, theirs)
    if slope <= 0.0:
        raise DynamicsError(f"forces point the other way than those of DFT, slope {slope:.2f}")
    each = [_through_zero(a, b) for a, b in zip(ours, theirs, strict=True)]
    n = len(each)
    energy_slope = None
    if n >= _FRAMES_FOR_ENERGY:
        a, b = (np.asarray(x, dtype=float) - np.mean(x) for x in (energies_eV, dft_energies_eV))
        energy_slope = _through_zero(a, b) if np.any(b) else None
    return Softening(
        n_frames=n,
        force_slope=slope,
        force_slope_error=float(np.std(each, ddof=1) / sqrt(n)) if n > 1 else float("inf"),
        energy_slope=energy_slope,
        force_rmse_eV_per_A=float(np.sqrt(np.mean((ours - theirs) ** 2))),
    )


def _through_zero(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    return float((ours * theirs).sum() / (theirs**2).sum())
