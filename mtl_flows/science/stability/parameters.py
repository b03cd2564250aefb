"""Parameters of the stability stage."""

from dataclasses import dataclass

from mtl_flows.errors import StabilityError
from mtl_flows.records import Record
from mtl_flows.science.elements import ion_charge, is_element


@dataclass(frozen=True, slots=True)
class StabilityParameters(Record):
    """How an electrochemical window is computed.

    Parameters
    ----------
    mobile_ion
        Symbol of the ion that is exchanged with the electrode.
    ion_charge
        Its charge in e, with its sign. None stands for the usual charge of that ion.
    exchange_tolerance
        Share of a phase's mobile ions that it may give off or take up and still count as inert. It must
        exceed the rounding of published occupancies (0.333 for 1/3 is a share of 1e-3).
    hull_tolerance_eV_per_atom
        Height above the hull below which a phase counts as stable.

    Raises
    ------
    StabilityError
        If the ion is no element, its charge is zero, or a tolerance is out of range.
    ConfigurationError
        If no charge is given and the ion has no usual one.
    """

    mobile_ion: str = "Li"
    ion_charge: int | None = None
    exchange_tolerance: float = 5e-3
    hull_tolerance_eV_per_atom: float = 1e-4

    def __post_init__(self) -> None:
        if not is_element(self.mobile_ion):
            raise StabilityError("is not the symbol of an element", subject=self.mobile_ion)
        if self.charge == 0:
            raise StabilityError("a neutral species has no voltage", subject=self.mobile_ion)
        if not 0 < self.exchange_tolerance < 0.5:
            raise StabilityError("must lie between 0 and 0.5", subject="exchange_tolerance")
        if self.hull_tolerance_eV_per_atom < 0:
            raise StabilityError("must not be negative", subject="hull_tolerance_eV_per_atom")

    @property
    def charge(self) -> int:
        """Charge of the mobile ion in e."""
        return ion_charge(self.mobile_ion) if self.ion_charge is None else self.ion_charge
