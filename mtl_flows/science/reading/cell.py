"""The cell of a data block: lengths and angles as given, and angles that its symmetry implies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice

from mtl_flows.errors import InconsistentFileError, UnreadableStructureError
from mtl_flows.science.reading.cif import CifBlock, number

MIN_LENGTH_A, MAX_LENGTH_A = 0.5, 1000.0
MIN_VOLUME_A3 = 0.5

_AXES = "abc"
_ANGLES = ("alpha", "beta", "gamma")
_BETWEEN = ((1, 2), (0, 2), (0, 1))  # axes that enclose each angle
_SYSTEM_TAGS = ("_space_group_crystal_system", "_symmetry_cell_setting", "_space_group.crystal_system")
_RIGHT_ANGLED = frozenset({"cubic", "tetragonal", "orthorhombic", "isometric"})
_SAME_VOLUME = 1e-3


@dataclass(frozen=True, slots=True)
class Cell:
    """Lengths and angles; NaN for an angle that is not given.

    Attributes
    ----------
    system
        Crystal system in lower case; empty where the file says nothing.
    """

    lengths_A: NDArray[np.float64]
    angles_deg: NDArray[np.float64]
    system: str = ""

    def lattice(self, rotations: NDArray[np.float64], volume_A3: float, notes: list[str]) -> Lattice:
        """The cell as a lattice; missing angles are those that symmetry, system or volume leave.

        Parameters
        ----------
        rotations
            Of the symmetry operations.
        volume_A3
            As the file states it; 0 where it says nothing.
        notes
            What had to be derived is added to it.

        Raises
        ------
        UnreadableStructureError
            If the angles span no volume.
        InconsistentFileError
            If an angle is missing and nothing implies it.
        """
        angles = self.angles_deg
        if np.isnan(angles).any():
            angles = self._complete(rotations, volume_A3, notes)
        cosines = np.cos(np.radians(angles))
        squared_volume = 1 - np.sum(cosines**2) + 2 * np.prod(cosines)
        if not np.all((angles > 0) & (angles < 180)) or squared_volume < 1e-6:
            raise UnreadableStructureError(
                f"cell angles {angles.tolist()}° span no volume", about=[f"_cell_angle_{a}" for a in _ANGLES]
            )
        return Lattice.from_parameters(*self.lengths_A.tolist(), *angles.tolist())

    def _complete(
        self, rotations: NDArray[np.float64], volume_A3: float, notes: list[str]
    ) -> NDArray[np.float64]:
        missing = np.flatnonzero(np.isnan(self.angles_deg))
        names = " and ".join(_ANGLES[i] for i in missing)
        cosines = np.where(np.isnan(self.angles_deg), 0.0, np.cos(np.radians(self.angles_deg)))
        found = self._by_symmetry(rotations, missing, cosines)
        why = "its symmetry"
        if found is None and self.system in _RIGHT_ANGLED:
            found, why = np.zeros(len(missing)), f"being {self.system}"
        if found is None and volume_A3:
            # Only a right angle is no other by the volume.
            right = float(np.prod(self.lengths_A)) * np.sqrt(1 - np.sum(cosines**2) + 2 * np.prod(cosines))
            if abs(right / volume_A3 - 1) <= _SAME_VOLUME:
                found, why = np.zeros(len(missing)), "its volume"
        if found is None and len(missing) == len(_ANGLES) and len(rotations) == 1:
            found, why = np.zeros(len(missing)), "the default of the CIF dictionary"
        if found is None:
            raise InconsistentFileError(
                f"the cell angle {names} is missing, and the symmetry leaves it open",
                remedy="give all angles of the cell",
                about=[f"_cell_angle_{a}" for a in _ANGLES],
            )
        angles = self.angles_deg.copy()
        angles[missing] = np.degrees(np.arccos(np.clip(found, -1, 1)))
        values = ", ".join(f"{angle:g}°" for angle in angles[missing])
        notes.append(f"cell angle {names} missing, {values} by {why}")
        return angles

    def _by_symmetry(
        self, rotations: NDArray[np.float64], missing: NDArray[np.intp], cosines: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Cosines that leave the metric as it is under every rotation; None where they are not determined."""
        a = self.lengths_A
        known = np.diag(a**2)
        for angle, (i, j) in enumerate(_BETWEEN):
            known[i, j] = known[j, i] = a[i] * a[j] * cosines[angle]

        def change(metric: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray((np.swapaxes(rotations, 1, 2) @ metric @ rotations - metric).ravel())

        columns = []
        for angle in missing:
            i, j = _BETWEEN[angle]
            unit = np.zeros((3, 3))
            unit[i, j] = unit[j, i] = a[i] * a[j]
            columns.append(change(unit))
        matrix = np.array(columns).T
        if np.linalg.matrix_rank(matrix, tol=1e-6 * float(np.max(a)) ** 2) < len(missing):
            return None
        solution: NDArray[np.float64] = np.linalg.lstsq(matrix, -change(known), rcond=None)[0]
        return solution


def read_cell(block: CifBlock) -> Cell:
    """Lengths and angles of a data block.

    Raises
    ------
    UnreadableStructureError
        If they are no numbers, or lengths that no crystal has.
    """
    about = [f"_cell_length_{axis}" for axis in _AXES]
    try:
        lengths = [number(block.first(f"_cell_length_{axis}")) for axis in _AXES]
        texts = [block.first(f"_cell_angle_{angle}") for angle in _ANGLES]
        angles = [number(text) if text else np.nan for text in texts]
    except ValueError:
        raise UnreadableStructureError(
            "cell lengths or angles are missing or no numbers", about=about
        ) from None
    check_lengths(lengths)
    system = block.first(*_SYSTEM_TAGS).lower()
    return Cell(np.array(lengths), np.array(angles), system)


def check_lengths(lengths_A: list[float]) -> None:
    """Refuse lengths that no crystal has.

    Raises
    ------
    UnreadableStructureError
        If one is not between 0.5 and 1000 Å.
    """
    if not all(MIN_LENGTH_A <= length <= MAX_LENGTH_A for length in lengths_A):
        raise UnreadableStructureError(
            f"cell lengths {lengths_A} Å make no sense", about=[f"_cell_length_{axis}" for axis in _AXES]
        )
