"""Where the mobile ions were: their probability density on a grid, in a file that VESTA opens."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import ConfigurationError, DynamicsError, NoMobileIonError
from mtl_flows.science.dynamics.trajectory import Trajectory

_VALUES_PER_LINE = 5


@dataclass(frozen=True, slots=True, eq=False)
class IonDensity:
    """Number density of the mobile ions averaged over a trajectory.

    Attributes
    ----------
    structure
        First frame, sites wrapped into the cell and sorted by element.
    per_A3
        Ions in each Å³, shape (n_a, n_b, n_c); voxel (i, j, k) is centred at fractional coordinates
        (i / n_a, j / n_b, k / n_c), as CHGCAR has it.
    """

    structure: Structure
    per_A3: NDArray[np.float64]

    def level_holding(self, fraction: float) -> float:
        """Return the density in 1/Å³ above which lie the voxels that hold this share of the ions.

        Parameters
        ----------
        fraction
            Between 0 and 1.

        Raises
        ------
        ConfigurationError
            If it is not.
        """
        if not 0.0 < fraction < 1.0:
            raise ConfigurationError("not between 0 and 1", subject=f"fraction {fraction:g}")
        falling = np.sort(self.per_A3, axis=None)[::-1]
        held = np.cumsum(falling)
        return float(falling[np.searchsorted(held, fraction * held[-1])])

    def to_chgcar(self) -> str:
        """Return the density in VASP's CHGCAR format (density times cell volume, first index fastest)."""
        lattice = self.structure.lattice
        symbols = [site.specie.symbol for site in self.structure]
        elements = list(dict.fromkeys(symbols))
        lines = [
            f"{self.structure.composition.reduced_formula} ion density",
            "   1.0",
            *("  " + " ".join(f"{x:16.10f}" for x in row) for row in lattice.matrix),
            "   " + "   ".join(elements),
            "   " + "   ".join(str(symbols.count(element)) for element in elements),
            "Direct",
            *("  " + " ".join(f"{x:12.8f}" for x in row) for row in self.structure.frac_coords),
            "",
            "  " + " ".join(str(n) for n in self.per_A3.shape),
        ]
        values = (self.per_A3 * lattice.volume).ravel(order="F")
        lines += [
            " ".join(f"{value:.6E}" for value in values[start : start + _VALUES_PER_LINE])
            for start in range(0, len(values), _VALUES_PER_LINE)
        ]
        return "\n".join(lines) + "\n"


def ion_density(
    trajectory: Trajectory, mobile_ion: str, *, spacing_A: float = 0.3, discard_ps: float = 2.0
) -> IonDensity:
    """Average the positions of the mobile ions over time.

    The framework's drift is taken out. The density integrates to the number of mobile ions.

    Parameters
    ----------
    trajectory
        Wrapped or not.
    mobile_ion
        Element symbol.
    spacing_A
        Largest edge of a voxel.
    discard_ps
        Equilibration, cut off the front.

    Raises
    ------
    NoMobileIonError
        If there is no atom of ``mobile_ion``.
    DynamicsError
        If no frame is left.
    """
    mobile = trajectory.mask(mobile_ion)
    if not mobile.any():
        raise NoMobileIonError(f"the trajectory holds no {mobile_ion}")
    production = trajectory.unwrapped().from_time(discard_ps)
    if not production.n_frames:
        raise DynamicsError(
            f"the run of {trajectory.duration_ps:g} ps does not outlast its equilibration of {discard_ps:g} ps",
            remedy="discard less, or extend the run",
        )
    lattice = Lattice(trajectory.lattice_A)
    shape = np.maximum(np.ceil(np.array(lattice.abc) / spacing_A).astype(int), 1)
    counts = np.zeros(int(shape.prod()))
    inverse = np.linalg.inv(trajectory.lattice_A)
    first = np.asarray(production.positions_A[0], dtype=np.float64)
    for frame in production.positions_A:
        positions = np.asarray(frame, dtype=np.float64)
        if not mobile.all():
            positions = positions - (positions - first)[~mobile].mean(axis=0)
        # Rounding may wrap −1e-17 to 1.0, so the voxel index is reduced once more.
        voxel = np.round((positions[mobile] @ inverse) % 1.0 * shape).astype(int) % shape
        counts += np.bincount(np.ravel_multi_index(tuple(voxel.T), tuple(shape)), minlength=len(counts))
    structure = Structure(
        lattice, production.species, first, coords_are_cartesian=True, to_unit_cell=True
    ).get_sorted_structure(key=lambda site: site.specie.symbol)
    voxel_A3 = lattice.volume / counts.size
    return IonDensity(structure, counts.reshape(shape) / (production.n_frames * voxel_A3))
