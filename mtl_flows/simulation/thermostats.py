"""The Bussi thermostat in a form that restarts exactly and that a schedule can drive.

Stochastic velocity rescaling samples the canonical ensemble and leaves the relative velocities alone, so
diffusion is that of the undisturbed dynamics (Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007),
doi:10.1063/1.2408420). Langevin friction, the default of atomate2 at 10 ps⁻¹, slows ions down.
"""

import numpy as np
from ase import Atoms, units
from ase.md.bussi import Bussi
from numpy.typing import NDArray


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


def internal_degrees_of_freedom(n_atoms: int) -> int:
    """Return 3N − 3, the degrees of freedom left when the centre of mass rests (at least 1)."""
    return max(3 * n_atoms - 3, 1)


def internal_temperature_K(kinetic_energy_eV: float, n_atoms: int) -> float:
    """Return the temperature of ``n_atoms`` whose centre of mass is at rest.

    ASE divides by 3N; here the three removed degrees of freedom are left out.
    """
    return 2.0 * kinetic_energy_eV / (internal_degrees_of_freedom(n_atoms) * float(units.kB))


def thermal_momenta(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw Maxwell–Boltzmann momenta with the centre of mass at rest and exactly ``temperature_K``.

    Returns
    -------
    numpy.ndarray
        Momenta in ASE units, shape (n_atoms, 3).
    """
    masses: NDArray[np.float64] = atoms.get_masses()[:, None]
    momenta: NDArray[np.float64] = rng.standard_normal((len(atoms), 3)) * np.sqrt(
        masses * units.kB * temperature_K
    )
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    kinetic = float((momenta**2 / (2.0 * masses)).sum())
    actual_K = internal_temperature_K(kinetic, len(atoms))
    # A single atom has no relative motion to scale.
    if actual_K > 0:
        momenta *= np.sqrt(temperature_K / actual_K)
    return momenta
