"""From diffusivity to conductivity."""

from scipy import constants

from mtl_flows.errors import DynamicsError

BOLTZMANN_EV_PER_K = constants.k / constants.e

# Formal charge of the mobile ions in use, in units of e.
ION_CHARGES: dict[str, int] = {
    "H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Cu": 1, "Ag": 1,
    "Mg": 2, "Ca": 2, "Zn": 2, "Al": 3, "F": -1, "Cl": -1, "Br": -1, "I": -1, "O": -2, "S": -2,
}  # fmt: skip


def ion_charge(element: str) -> int:
    """Return the formal charge of a mobile ion in units of e.

    Raises
    ------
    DynamicsError
        If the element has no charge on record.
    """
    if element not in ION_CHARGES:
        raise DynamicsError("no formal charge on record", subject=element, remedy="give the charge yourself")
    return ION_CHARGES[element]


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
