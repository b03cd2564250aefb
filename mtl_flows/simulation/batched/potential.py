"""What evaluates many configurations in one call, and how one of them that it cannot take harms no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mtl_flows.simulation.soundness import POSITION_ERRORS

_LESS = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """Atoms in a periodic cell.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (n_atoms,).
    cell_A
        Lattice vectors as rows, shape (3, 3).
    positions_A
        Cartesian, wherever in space, shape (n_atoms, 3).
    """

    numbers: NDArray[np.int64]
    cell_A: NDArray[np.float64]
    positions_A: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a potential says of a configuration.

    Attributes
    ----------
    energy_eV
        Of the cell.
    forces_eV_per_A
        Shape (n_atoms, 3).
    stress_eV_per_A3
        Shape (3, 3), positive under tension; None where it was left out.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None = None


class BatchPotential(Protocol):
    """A potential that takes many configurations in one call."""

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Evaluation]:
        """Return one evaluation for each; which others there are changes it by rounding alone."""
        ...


class CarefulPotential:
    """A potential that is called with as much as it takes, and whose failures hit only who causes them.

    Parameters
    ----------
    potential
        What it calls.

    Attributes
    ----------
    most_atoms
        Atoms in one call, four fifths of the least for which memory did not suffice.
    """

    def __init__(self, potential: BatchPotential) -> None:
        self._potential = potential
        self.most_atoms = float("inf")

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Evaluation | Exception]:
        """Return an evaluation for each configuration, or what the potential raises for it alone."""
        answers: list[Evaluation | Exception] = []
        together: list[Configuration] = []
        for configuration in configurations:
            if together and _n_atoms([*together, configuration]) > self.most_atoms:
                answers += self._attempt(together)
                together = []
            together.append(configuration)
        return answers + (self._attempt(together) if together else [])

    def _attempt(self, configurations: Sequence[Configuration]) -> list[Evaluation | Exception]:
        try:
            return list(self._potential.evaluate(configurations))
        except (*POSITION_ERRORS, MemoryError) as error:
            if len(configurations) == 1:
                return [error]
            if (
                isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
            ):  # the latter PyTorch's
                self.most_atoms = int(_LESS * _n_atoms(configurations))
        half = len(configurations) // 2
        return self._attempt(configurations[:half]) + self._attempt(configurations[half:])


def _n_atoms(configurations: Sequence[Configuration]) -> int:
    return sum(len(configuration.numbers) for configuration in configurations)
