"""From diffusivity to conductivity."""

from scipy import constants

BOLTZMANN_EV_PER_K = constants.k / constants.e


def nernst_einstein(
    D_cm2_per_s: float, number_density_per_A3: float, charge_e: float, temperature_K: float
) -> float:
    """Return the ionic conductivity σ = n q² D / (k_B T) in S/cm.

    The relation of the article (equation 7); it takes the ions to move independently.

    Parameters
    ----------
    D_cm2_per_s
        Tracer diffusivity.
    number_density_per_A3
        Mobile ions for each Å³.
    charge_e
        Charge of the ion in units of e.
    temperature_K
        Temperature.
    """
    density_per_cm3 = number_density_per_A3 * 1e24
    charge_C = charge_e * constants.e
    return float(density_per_cm3 * charge_C**2 * D_cm2_per_s / (constants.k * temperature_K))
