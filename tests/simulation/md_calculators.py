"""Small potentials for the tests: exact functions of the positions, so that runs repeat bit for bit."""

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.core import Lattice, Structure


class Einstein(Calculator):
    """Every atom on a spring to where it first was."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    spring_eV_per_A2 = 2.0

    def __init__(self) -> None:
        super().__init__()
        self.home: np.ndarray | None = None

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = None,
        system_changes: Any = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        if self.home is None:
            self.home = atoms.get_positions()
        away = atoms.get_positions() - self.home
        self.results = {
            "energy": 0.5 * self.spring_eV_per_A2 * float((away**2).sum()),
            "forces": -self.spring_eV_per_A2 * away,
        }


class Waves(Calculator):
    """Every pair of atoms attracts by −cos k(x_i − x_j) along each axis: anharmonic, total momentum conserved."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    wave_per_A = 2.0 * np.pi / 1.955  # in phase at every site of the antiperovskite
    depth_eV = 0.5

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = None,
        system_changes: Any = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        phase = self.wave_per_A * atoms.get_positions()
        strength = self.depth_eV / len(atoms)
        cosine, sine = np.cos(phase).sum(axis=0), np.sin(phase).sum(axis=0)
        self.results = {
            "energy": -0.5 * strength * float((cosine**2 + sine**2).sum()),
            "forces": self.wave_per_A * strength * (np.cos(phase) * sine - np.sin(phase) * cosine),
        }


class Breaking(Einstein):
    """Springs that give way to nonsense after some evaluations."""

    evaluations_until_nan = 25

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = None,
        system_changes: Any = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.evaluations_until_nan -= 1
        if self.evaluations_until_nan < 0:
            self.results["forces"] = np.full_like(self.results["forces"], np.nan)


class Expelling(Einstein):
    """Springs that push: atoms fly apart."""

    spring_eV_per_A2 = -2.0


def antiperovskite(*repeats: int) -> Structure:
    """Cubic Li3OCl with a lattice constant of 3.91 Å (doi:10.1021/ja305709z)."""
    cell = Structure(
        Lattice.cubic(3.91),
        ["Li", "Li", "Li", "O", "Cl"],
        [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]],
    )
    return cell * repeats if repeats else cell
