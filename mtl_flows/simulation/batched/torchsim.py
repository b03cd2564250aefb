"""Potentials of torch-sim, which take many configurations of different sizes in one call."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch_sim.state import SimState

from mtl_flows.simulation.batched.potential import Configuration, Evaluation


class TorchSimPotential:
    """A model of torch-sim.

    Parameters
    ----------
    model
        Its device and precision are those of the evaluation.
    known
        Atomic numbers that the model knows; None if it says so itself.
    """

    def __init__(self, model: Any, known: Collection[int] | None = None) -> None:
        self._model = model
        self._known = None if known is None else frozenset(known)

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Evaluation]:
        """Return one evaluation for each.

        Raises
        ------
        ValueError
            If an element is unknown to the model.
        """
        numbers = np.concatenate([c.numbers for c in configurations])
        if self._known is not None and (unknown := set(numbers.tolist()) - self._known):
            raise ValueError(f"the model does not know the elements of atomic numbers {sorted(unknown)}")
        sizes = [len(c.numbers) for c in configurations]
        told = self._model(
            SimState(
                positions=self._tensor(np.concatenate([_wrapped(c) for c in configurations])),
                masses=self._tensor(np.ones(len(numbers))),
                cell=self._tensor(np.stack([c.cell_A.T for c in configurations])),  # columns, there
                pbc=True,
                atomic_numbers=torch.as_tensor(numbers, dtype=torch.int64, device=self._model.device),
                system_idx=torch.repeat_interleave(
                    torch.arange(len(sizes), device=self._model.device),
                    torch.as_tensor(sizes, device=self._model.device),
                ),
            )
        )
        energies, forces = _array(told["energy"]), _array(told["forces"])
        stresses = _array(told["stress"]) if "stress" in told else [None] * len(sizes)
        return [
            Evaluation(float(energy), of_atoms, stress)
            for energy, of_atoms, stress in zip(
                energies, np.split(forces, np.cumsum(sizes)[:-1]), stresses, strict=True
            )
        ]

    def _tensor(self, array: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.as_tensor(array, dtype=self._model.dtype, device=self._model.device)


def _wrapped(configuration: Configuration) -> np.ndarray[Any, Any]:
    """Positions within the cell: in single precision, those of ions that went far would lose digits."""
    fractional = np.linalg.solve(configuration.cell_A.T, configuration.positions_A.T).T
    wrapped: np.ndarray[Any, Any] = (fractional - np.floor(fractional)) @ configuration.cell_A
    return wrapped


def _array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy().astype(np.float64)
    return array
