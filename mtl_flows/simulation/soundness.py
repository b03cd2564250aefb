"""Whether a potential can be trusted with dynamics at all: tried once, on the relaxed cell."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

SOUNDNESS_VERSION = 1
"""Of the check: raised whenever the same potential would be judged otherwise, so that it is tried again."""
POSITION_ERRORS = (ArithmeticError, LookupError, RuntimeError, ValueError)
"""What calculators raise when they meet positions, or elements, that make no sense to them."""
_SHIFT_A = 0.02
"""Of all atoms together: a few of them bear most of the force, and beyond it does not fall in a straight line."""
_STRAIN = 2e-3
_SEED = 0
_FORCE_TOLERANCE_EV_PER_A = 0.03
_RELATIVE_TOLERANCE = 0.05
_STRESS_TOLERANCE_EV_PER_A3 = 5e-3


@dataclass(frozen=True, slots=True)
class Soundness:
    """What a potential does on one cell.

    Attributes
    ----------
    finite
        Energy and forces are numbers.
    conservative
        Forces are the slope of the energy, within 5 % or 0.03 eV/Å along one direction of all atoms.
    force_eV_per_A, slope_eV_per_A
        Force along that direction, and −dE/dx by central differences.
    stress_eV_per_A3, strain_slope_eV_per_A3
        Mean of the diagonal of the stress, and dE/dV under a strain of all axes; None without a stress.
    stress_agrees
        Whether these are alike, sign included; None without a stress.
    message
        What the calculator raised; empty otherwise.
    """

    finite: bool
    conservative: bool
    force_eV_per_A: float
    slope_eV_per_A: float
    stress_eV_per_A3: float | None
    strain_slope_eV_per_A3: float | None
    stress_agrees: bool | None
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able copy."""
        return asdict(self)

    @property
    def objection(self) -> str:
        """Why it must not drive dynamics; empty if nothing speaks against it."""
        if self.message:
            return self.message
        if not self.finite:
            return "energy or forces are no numbers"
        if not self.conservative:
            return (
                f"forces are not the slope of the energy: {self.force_eV_per_A:.3f} eV/Å against "
                f"{self.slope_eV_per_A:.3f} along one direction, so that dynamics would heat up or cool down by itself"
            )
        stress, slope = self.stress_eV_per_A3, self.strain_slope_eV_per_A3
        if self.stress_agrees is False and (stress or 0.0) * (slope or 0.0) < 0.0:
            return (
                f"the stress has the wrong sign: {stress:.4f} eV/Å³, the slope of the energy is {slope:.4f}"
            )
        return ""


def try_potential(calculator: "Calculator", structure: Structure) -> Soundness:
    """Hold forces and stress of a potential against differences of its energy, five evaluations in all.

    Parameters
    ----------
    structure
        Ordered; all atoms are displaced from it at random by 0.05 Å first, so that there are forces.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure)
    rng = np.random.default_rng(_SEED)
    atoms.positions += 0.05 * rng.standard_normal(atoms.positions.shape)
    atoms.calc = calculator
    try:
        return _tried(atoms, rng)
    except POSITION_ERRORS as error:
        return Soundness(False, False, 0.0, 0.0, None, None, None, f"{type(error).__name__}: {error}")


def _tried(atoms: "Atoms", rng: np.random.Generator) -> Soundness:
    forces: NDArray[np.float64] = np.asarray(atoms.get_forces(), dtype=float)
    energy = float(atoms.get_potential_energy())
    if not (np.isfinite(forces).all() and np.isfinite(energy)):
        return Soundness(False, False, 0.0, 0.0, None, None, None)
    direction = forces / np.linalg.norm(forces) if forces.any() else rng.standard_normal(forces.shape)
    direction /= np.linalg.norm(direction)
    along = float((forces * direction).sum())
    there = atoms.positions.copy()
    energies = []
    for sign in (1.0, -1.0):
        atoms.positions = there + sign * _SHIFT_A * direction
        energies.append(float(atoms.get_potential_energy()))
    atoms.positions = there
    slope = -(energies[0] - energies[1]) / (2.0 * _SHIFT_A)
    off = abs(along - slope)
    stress, strain_slope = _stress(atoms)
    agrees = None
    if stress is not None and strain_slope is not None:
        agrees = bool(
            abs(stress - strain_slope)
            <= max(_STRESS_TOLERANCE_EV_PER_A3, _RELATIVE_TOLERANCE * abs(strain_slope))
        )
    return Soundness(
        finite=True,
        conservative=bool(off <= max(_FORCE_TOLERANCE_EV_PER_A, _RELATIVE_TOLERANCE * abs(slope))),
        force_eV_per_A=along,
        slope_eV_per_A=slope,
        stress_eV_per_A3=stress,
        strain_slope_eV_per_A3=strain_slope,
        stress_agrees=agrees,
    )


def _stress(atoms: "Atoms") -> tuple[float | None, float | None]:
    """Mean of the diagonal of the stress, and the slope of the energy under strain; None without a stress."""
    if "stress" not in atoms.calc.implemented_properties:
        return None, None
    stress = float(np.asarray(atoms.get_stress())[:3].mean())
    cell = atoms.cell.copy()
    energies = []
    for sign in (1.0, -1.0):
        atoms.set_cell(cell * (1.0 + sign * _STRAIN), scale_atoms=True)
        energies.append(float(atoms.get_potential_energy()))
    atoms.set_cell(cell, scale_atoms=True)
    return stress, (energies[0] - energies[1]) / (6.0 * _STRAIN * atoms.get_volume())
