"""The Bussi thermostat in a form that restarts exactly and that a schedule can drive.

Stochastic velocity rescaling samples the canonical ensemble and leaves the relative velocities alone, so
diffusion is that of the undisturbed dynamics (Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007),
doi:10.1063/1.2408420). Langevin friction, the default of atomate2 at 10 ps⁻¹, slows ions down.
"""

import numpy as np
from ase import Atoms, units
from ase.md.bussi import Bussi

from mtl_flows.simulation.kinetics import internal_degrees_of_freedom


class BussiThermostat(Bussi):  # type: ignore[misc]
    """ASE's Bussi dynamics with a settable temperature and a random generator of its own.

    ASE's class has no ``set_temperature``, which atomate2's schedule calls at every step, and counts
    three degrees of freedom too many when the centre of mass is at rest.

    Parameters
    ----------
    atoms
        Atoms with momenta; the total momentum is expected to be zero.
    timestep
        Time step in ASE units.
    temperature_K
        Target temperature.
    taut
        Relaxation time in ASE units, 100 fs by default.
    rng
        Random generator, or a seed for one.
    """

    def __init__(
        self,
        atoms: Atoms,
        timestep: float,
        temperature_K: float,
        taut: float = 100.0 * units.fs,
        rng: np.random.Generator | int = 0,
    ) -> None:
        generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
        super().__init__(atoms, timestep, temperature_K=temperature_K, taut=taut, rng=generator)
        self.ndof = internal_degrees_of_freedom(len(atoms))
        self.set_temperature(temperature_K=temperature_K)

    def set_temperature(self, temperature_K: float) -> None:
        """Set the target temperature; takes effect at the next step."""
        self.temp = temperature_K * units.kB
        self.target_kinetic_energy = 0.5 * self.temp * self.ndof
