"""A potential that another process evaluates, as ASE sees it."""

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation.batched.potential import Configuration
from mtl_flows.simulation.batched.remote import evaluator
from mtl_flows.simulation.calculators import CalculatorEngine


class RemoteCalculator(Calculator):  # type: ignore[misc]
    """Energy, forces and stress of an engine's potential, evaluated by another process.

    Parameters
    ----------
    engine
        Whose potential it is.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, *, engine: CalculatorEngine) -> None:
        super().__init__()
        self._engine = engine

    def calculate(
        self,
        atoms: Any = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Ask for all of them."""
        super().calculate(atoms, properties, system_changes)
        asked = evaluator()
        if asked is None:
            raise ConfigurationError("no process stands by to evaluate it", subject=self._engine.name)
        told = asked.evaluate(
            self._engine,
            Configuration(
                numbers=atoms.get_atomic_numbers(),
                cell_A=np.array(atoms.cell),
                positions_A=atoms.get_positions(),
            ),
        )
        self.results = {"energy": told.energy_eV, "forces": told.forces_eV_per_A}
        if told.stress_eV_per_A3 is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(told.stress_eV_per_A3)
