"""Parameters of the stability stage."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from pymatgen.core.periodic_table import Element

from mtl_flows.errors import StabilityError

USUAL_CHARGE: Mapping[str, int] = MappingProxyType(
    {"H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Cu": 1, "Ag": 1}
    | {"Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Zn": 2, "Al": 3, "Y": 3}
    | {"F": -1, "Cl": -1, "Br": -1, "I": -1, "O": -2, "S": -2, "Se": -2}
)
"""Charge in units of e with which each of these ions moves."""


@dataclass(frozen=True, slots=True)
class StabilityParameters:
    """How an electrochemical window is computed.

    Parameters
    ----------
    mobile_ion
        Symbol of the ion that is exchanged with the electrode.
    ion_charge
        Its charge in e, with its sign. None stands for the usual charge of that ion (``USUAL_CHARGE``).
    exchange_tolerance
        Share of a phase's mobile ions that it may give off or take up and still count as inert. It must
        exceed the rounding of published occupancies (0.333 for 1/3 is a share of 1e-3).
    hull_tolerance_eV_per_atom
        Height above the hull below which a phase counts as stable.

    Raises
    ------
    StabilityError
        If the ion is no element, its charge is unknown or zero, or a tolerance is out of range.
    """

    mobile_ion: str = "Li"
    ion_charge: int | None = None
    exchange_tolerance: float = 5e-3
    hull_tolerance_eV_per_atom: float = 1e-4

    def __post_init__(self) -> None:
        if not Element.is_valid_symbol(self.mobile_ion):
            raise StabilityError("is not the symbol of an element", subject=self.mobile_ion)
        if self.ion_charge is None and self.mobile_ion not in USUAL_CHARGE:
            raise StabilityError(
                "has no usual charge", subject=self.mobile_ion, remedy="give ion_charge explicitly"
            )
        if self.ion_charge == 0:
            raise StabilityError("a neutral species has no voltage", subject=self.mobile_ion)
        if not 0 < self.exchange_tolerance < 0.5:
            raise StabilityError("must lie between 0 and 0.5", subject="exchange_tolerance")
        if self.hull_tolerance_eV_per_atom < 0:
            raise StabilityError("must not be negative", subject="hull_tolerance_eV_per_atom")

    @property
    def charge(self) -> int:
        """Charge of the mobile ion in e."""
        return USUAL_CHARGE[self.mobile_ion] if self.ion_charge is None else self.ion_charge

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return asdict(self)
