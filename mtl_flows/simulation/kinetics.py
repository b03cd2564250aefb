"""Temperature and momenta of atoms whose centre of mass is at rest."""

import numpy as np
from numpy.typing import NDArray


def internal_degrees_of_freedom(n_atoms: int) -> int:
    """Return 3N − 3, the degrees of freedom left when the centre of mass rests (at least 1)."""
    return max(3 * n_atoms - 3, 1)


def internal_temperature_K(kinetic_energy_eV: float, n_atoms: int) -> float:
    """Return the temperature of ``n_atoms`` whose centre of mass is at rest.

    ASE divides by 3N; here the three removed degrees of freedom are left out.
    """
    from ase.units import kB

    return 2.0 * kinetic_energy_eV / (internal_degrees_of_freedom(n_atoms) * float(kB))


def thermal_momenta(
    masses_u: NDArray[np.float64], temperature_K: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw Maxwell–Boltzmann momenta with the centre of mass at rest and exactly ``temperature_K``.

    Parameters
    ----------
    masses_u
        Masses of the atoms in u, shape (n_atoms,).

    Returns
    -------
    numpy.ndarray
        Momenta in ASE units, √(eV·u), shape (n_atoms, 3).
    """
    from ase.units import kB

    masses = masses_u[:, None]
    momenta: NDArray[np.float64] = rng.standard_normal((len(masses), 3)) * np.sqrt(
        masses * kB * temperature_K
    )
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    kinetic = float((momenta**2 / (2.0 * masses)).sum())
    actual_K = internal_temperature_K(kinetic, len(masses))
    # A single atom has no relative motion to scale.
    if actual_K > 0:
        momenta *= np.sqrt(temperature_K / actual_K)
    return momenta
