"""Limits beyond which a simulation is not worth going on with, whatever engine runs it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mtl_flows.simulation.engine import ChunkStatus
from mtl_flows.simulation.kinetics import internal_degrees_of_freedom
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """The limits of one simulation.

    Attributes
    ----------
    max_temperature_ratio
        Largest multiple of the target temperature.
    max_framework_msd_A2
        Largest mean square displacement of the framework from its reference.
    framework
        Which atoms are framework, shape (n_atoms,).
    reference_A
        Their reference positions.
    """

    max_temperature_ratio: float
    max_framework_msd_A2: float
    framework: NDArray[np.bool_]
    reference_A: NDArray[np.float64]

    @classmethod
    def of(cls, start: MDState, parameters: MDParameters) -> Self:
        """Return the limits of a simulation that stands at ``start``."""
        framework = np.array([symbol != parameters.mobile_ion for symbol in start.species])
        # Canonical fluctuation of the temperature: relative standard deviation √(2/dof).
        fluctuation = np.sqrt(2.0 / internal_degrees_of_freedom(len(start.species)))
        return cls(
            max_temperature_ratio=parameters.max_temperature_ratio + 8.0 * float(fluctuation),
            max_framework_msd_A2=parameters.max_framework_msd_A2,
            framework=framework,
            reference_A=start.reference_A[framework],
        )

    def check_step(self, temperature_K: float, target_K: float) -> ChunkStatus:
        """Judge what every step gives."""
        if not np.isfinite(temperature_K):
            return ChunkStatus.NOT_A_NUMBER
        if temperature_K > self.max_temperature_ratio * target_K:
            return ChunkStatus.TEMPERATURE_RUNAWAY
        return ChunkStatus.COMPLETED

    def check_frame(self, positions_A: NDArray[np.float64], energy_eV: float) -> ChunkStatus:
        """Judge a frame before it is stored."""
        if not (np.isfinite(energy_eV) and np.isfinite(positions_A).all()):
            return ChunkStatus.NOT_A_NUMBER
        if self.framework.any():
            moved = positions_A[self.framework] - self.reference_A
            moved -= moved.mean(axis=0)
            if float((moved**2).sum(axis=1).mean()) > self.max_framework_msd_A2:
                return ChunkStatus.FRAMEWORK_MELTED
        return ChunkStatus.COMPLETED
