"""What the rules may be told: one frozen, JSON-able record."""

from dataclasses import dataclass, fields
from typing import Literal

from pymatgen.core import Element

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record

_RADIOACTIVE = (
    *("Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf"),
    *("Es", "Fm", "Md", "No", "Lr"),
)
_TRANSITION_METALS = (
    *("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"),
    *("Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag"),
    *("La", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au"),
)
_ANION_FORMERS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I")
_TERNARIES = (
    *((partner, "O") for partner in ("S", "I", "Si", "C", "P", "Al", "Ge", "Se", "B", "Cl")),
    ("P", "S"),
)


@dataclass(frozen=True, slots=True)
class ChemistryParameters(Record):
    """Adjustable parts of the eight chemical rules.

    Attributes
    ----------
    disabled_rules
        Rules (1–8) that are switched off; they pass and say so.
    max_elements
        Rule 1: a compound with this many elements or fewer is excluded.
    radioactive_elements
        Rule 2: elements without a stable isotope. Bi is not among them (half-life 2·10¹⁹ a).
    water_oh_min_A, water_oh_max_A
        Rule 2: range of O–H distances that count as a bond. The lower end admits the short distances
        that X-ray refinement gives.
    anion_formers
        Rule 3: elements that make a compound of metals something other than an alloy.
    min_anion_charge_ratio
        Rule 3: share of the electrons of the metals, in their lowest common states, that hydrogen, carbon or
        pnictogens must be able to take up.
    min_electronegativity_difference
        Rule 3: Pauling electronegativity of hydrogen, carbon or a pnictogen minus the mean of the other
        elements.
    charge_tolerance, disorder_charge_tolerance
        Rule 4: imbalance of a disordered material, as a share of the positive charge, that counts as
        rounding of occupancies; and the share up to which it is still let through, with low confidence.
    bond_factor
        Rules 2 and 4: two atoms are bonded below this multiple of the sum of their covalent radii.
    excluded_ternaries
        Rule 5: pairs of elements that, with the mobile ion and nothing else, make an excluded compound.
    transition_metals
        Rule 6: groups 3–11 of the d block, hence without Zn, Cd and Hg.
    d_shell_judged_by
        Rule 6: ``element`` excludes every listed metal; ``ion`` lets those pass whose ion has an empty
        or a full d shell (Ti⁴⁺, Zr⁴⁺, Y³⁺, Cu⁺).
    oxide_excluded_elements
        Rule 6: elements excluded together with oxygen.
    max_atoms
        Rule 7: more atoms than this in the conventional cell are excluded.
    symprec_A
        Rule 7: tolerance of the search for the conventional cell.
    shared_site_distance_A
        Rule 8: a mobile ion and another element closer than this are alternatives on one site.
    """

    disabled_rules: tuple[int, ...] = ()
    max_elements: int = 2
    radioactive_elements: tuple[str, ...] = _RADIOACTIVE
    water_oh_min_A: float = 0.6
    water_oh_max_A: float = 1.15
    anion_formers: tuple[str, ...] = _ANION_FORMERS
    min_anion_charge_ratio: float = 0.6
    min_electronegativity_difference: float = 0.0
    charge_tolerance: float = 0.01
    disorder_charge_tolerance: float = 0.05
    bond_factor: float = 1.2
    excluded_ternaries: tuple[tuple[str, str], ...] = _TERNARIES
    transition_metals: tuple[str, ...] = _TRANSITION_METALS
    d_shell_judged_by: Literal["element", "ion"] = "element"
    oxide_excluded_elements: tuple[str, ...] = ("N", "Re", "Ho", "Hf", "Ru", "Eu", "Lu")
    max_atoms: int = 500
    symprec_A: float = 0.01
    shared_site_distance_A: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):  # lists, as JSON gives them, become tuples
            value = getattr(self, field.name)
            if isinstance(value, list | tuple):
                frozen = tuple(tuple(item) if isinstance(item, list) else item for item in value)
                object.__setattr__(self, field.name, frozen)
        if self.disabled_rules:
            _require_rules(self.disabled_rules)
        for name in ("radioactive_elements", "anion_formers", "transition_metals", "oxide_excluded_elements"):
            _require_elements(getattr(self, name), name)
        for pair in self.excluded_ternaries:
            _require_elements(pair, "excluded_ternaries")
        if self.d_shell_judged_by not in ("element", "ion"):
            raise ConfigurationError(
                f"unknown choice {self.d_shell_judged_by!r}",
                subject="d_shell_judged_by",
                remedy="element or ion",
            )
        if not 0 < self.water_oh_min_A < self.water_oh_max_A:
            raise ConfigurationError("the range of O–H distances is empty", subject="water_oh_max_A")
        if not 0 <= self.charge_tolerance <= self.disorder_charge_tolerance < 1:
            raise ConfigurationError(
                "the tolerances must satisfy 0 ≤ ordered ≤ disordered < 1", subject="charge_tolerance"
            )
        for name in ("max_elements", "max_atoms", "bond_factor", "symprec_A", "shared_site_distance_A"):
            if getattr(self, name) <= 0:
                raise ConfigurationError("must be positive", subject=name)


def _require_elements(symbols: tuple[str, ...], subject: str) -> None:
    for symbol in symbols:
        if not Element.is_valid_symbol(symbol):
            raise ConfigurationError(f"{symbol!r} is not an element", subject=subject)


def _require_rules(numbers: tuple[int, ...]) -> None:
    from mtl_flows.science.chemistry.rules import RULES  # they import this module

    known = {rule.id for rule in RULES}
    for number in numbers:
        if number not in known:
            raise ConfigurationError(
                f"there is no chemical rule {number}",
                subject="disabled_rules",
                remedy=f"rules are {', '.join(map(str, sorted(known)))}",
            )
