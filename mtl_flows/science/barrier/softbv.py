"""Interactions of a mobile ion with the ions around it, as the softBV force field has them.

Ions of the other charge attract by a Morse potential whose parameters follow from bond valences; ions of the same
charge repel by a screened Coulomb potential (H. Chen, S. Adams and co-workers, doi:10.1107/S2052520618015718 and
doi:10.1107/S2052520616020539). ``mtl_flows/data/softbv.csv`` holds the pairs of the mobile ions that are known here,
lengths in Å and energies in eV; those marked *interpolated* are ours, from the trends along the rows and groups of the
published ones. Published pairs whose softness is negative are left out: their potential has no minimum.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
import scipy
from numpy.typing import NDArray
from pymatgen.core import Element

from mtl_flows.science.elements import covalent_radius_A

FloatArray = NDArray[np.float64]

_COULOMB_EV_A = 14.4


@dataclass(frozen=True, slots=True)
class Morse:
    """Attraction of two ions of opposite charge.

    Attributes
    ----------
    interpolated
        Not published, but read off the trends.
    """

    r_min_A: float
    alpha_per_A: float
    d0_eV: float
    interpolated: bool = False

    def energy_eV(self, distance_A: FloatArray) -> FloatArray:
        """Return the energy at each distance."""
        stretch = np.exp(self.alpha_per_A * (self.r_min_A - distance_A)) - 1.0
        return np.asarray(0.5 * self.d0_eV * (stretch**2 - 1.0))


@dataclass(frozen=True, slots=True)
class ScreenedCoulomb:
    """Repulsion of two ions of one sign.

    Attributes
    ----------
    strength_eV_A
        Product of the charges over the root of the principal quantum numbers, in units of energy times length.
    length_A
        Length of the screening.
    """

    strength_eV_A: float
    length_A: float

    @classmethod
    def between(
        cls, one: str, other: str, charges_e: tuple[float, float], screening: float
    ) -> "ScreenedCoulomb":
        """Repulsion of two elements with charges."""
        periods = Element(one).row * Element(other).row
        strength = _COULOMB_EV_A * abs(charges_e[0] * charges_e[1]) / float(np.sqrt(periods))
        return cls(strength, screening * (covalent_radius_A(one) + covalent_radius_A(other)))

    def energy_eV(self, distance_A: FloatArray) -> FloatArray:
        """Return the energy at each distance."""
        screened = scipy.special.erfc(distance_A / self.length_A)
        return np.asarray(self.strength_eV_A / distance_A * screened)


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[float, Morse]]]:
    text = files("mtl_flows").joinpath("data/softbv.csv").read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[float, Morse]]] = {}
    for row in csv.DictReader(text.splitlines()):
        pair = Morse(
            float(row["r_min_A"]),
            float(row["alpha_per_A"]),
            float(row["d0_eV"]),
            row["origin"] == "interpolated",
        )
        found.setdefault(row["ion"], {}).setdefault(row["partner"], {})[float(row["partner_charge"])] = pair
    return MappingProxyType(found)


def supported_ions() -> tuple[str, ...]:
    """Return the mobile ions whose interactions are known."""
    return tuple(_table())


def attraction(ion: str, partner: str, partner_charge_e: float) -> Morse | None:
    """Attraction of a mobile ion to an ion of opposite charge; None where nothing is known of the pair.

    Of a partner whose charge is not tabulated, such as the mean of a mixed valence or the sulphur of a disulphide, the
    nearest charge that is counts.
    """
    charges = _table().get(ion, {}).get(partner, {})
    if not charges:
        return None
    return charges[min(charges, key=lambda known: (abs(known - partner_charge_e), known))]
