"""Flags on a structure as read: what a curator may want to keep apart.

Flags never drop a structure by themselves; whoever queries does.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pymatgen.core import Composition, Structure

from mtl_flows.science.reading.formula import proportional, read_formula
from mtl_flows.science.reading.model import ParsedStructure

_FULL = 1 - 1e-3

FILTERS = (
    "disordered",
    "mobile_disordered",
    "framework_disordered",
    "missing_hydrogen",
    "composition_mismatch",
    "theoretical",
    "non_ambient",
    "poor_refinement",
)
"""What a curator can choose to drop; all but those of `ION_FILTERS` are flags that are recorded in any case."""

ION_FILTERS: Final = frozenset({"mobile_disordered", "framework_disordered"})
"""Filters that depend on which ions are mobile."""


@dataclass(frozen=True, slots=True)
class CurationLimits:
    """Where a measurement counts as unusual."""

    min_temperature_K: float = 273.0
    max_temperature_K: float = 323.0
    max_pressure_kPa: float = 1000.0
    max_r_factor: float = 0.10
    composition_tolerance: float = 0.02


@dataclass(frozen=True, slots=True)
class CurationFlags:
    """One truth value for each doubt.

    Attributes
    ----------
    ordered
        Every site holds one fully occupied species.
    missing_hydrogen
        The declared formula holds more hydrogen than the sites do.
    composition_mismatch
        Sites and declared formula differ, hydrogen aside.
    theoretical
        Calculated, not measured.
    non_ambient
        Measured away from ambient temperature or pressure; false where the file says nothing.
    poor_refinement
        R factor above the limit; false where the file says nothing.
    """

    ordered: bool
    missing_hydrogen: bool
    composition_mismatch: bool
    theoretical: bool
    non_ambient: bool
    poor_refinement: bool


@dataclass(frozen=True, slots=True)
class DisorderFlags:
    """Which sites are partly occupied or shared, seen from mobile ions: mobile sites hold one of them."""

    mobile_disordered: bool
    framework_disordered: bool


def disorder(structure: Structure, mobile_ions: Collection[str]) -> DisorderFlags:
    """Say where a structure is disordered."""
    mobile = [not symbols.isdisjoint(mobile_ions) for symbols in _disordered(structure)]
    return DisorderFlags(mobile_disordered=any(mobile), framework_disordered=not all(mobile))


def flags(parsed: ParsedStructure, limits: CurationLimits | None = None) -> CurationFlags:
    """Judge a structure as read, whatever its mobile ion."""
    limits = limits or CurationLimits()
    metadata = parsed.metadata
    present = parsed.structure.composition.element_composition
    declared = read_formula(metadata.declared_formula_sum)
    return CurationFlags(
        ordered=not _disordered(parsed.structure),
        missing_hydrogen=parsed.implicit_hydrogens > 0
        or _lacks_hydrogen(present, declared, limits.composition_tolerance),
        composition_mismatch=bool(declared)
        and not proportional(
            _without_hydrogen(present), _without_hydrogen(declared), limits.composition_tolerance
        ),
        theoretical=metadata.theoretical,
        non_ambient=_outside(metadata.temperature_K, limits.min_temperature_K, limits.max_temperature_K)
        or _outside(metadata.pressure_kPa, 0.0, limits.max_pressure_kPa),
        poor_refinement=_outside(metadata.r_factor, 0.0, limits.max_r_factor),
    )


def raised(found: CurationFlags, where: DisorderFlags, chosen: Sequence[str]) -> list[str]:
    """Those of the `chosen` filters that a structure falls under, in their order."""
    on = asdict(found) | asdict(where) | {"disordered": not found.ordered}
    return [name for name in chosen if on[name]]


def _disordered(structure: Structure) -> list[set[str]]:
    """Element symbols of each site that does not hold one fully occupied species."""
    return [
        {element.symbol for element in site.species.element_composition}
        for site in structure
        if len(site.species) > 1 or site.species.num_atoms < _FULL
    ]


def _outside(value: float | None, low: float, high: float) -> bool:
    return value is not None and not low <= value <= high


def _without_hydrogen(composition: Composition) -> Composition:
    return Composition({e.symbol: amount for e, amount in composition.items() if e.symbol != "H"})


def _lacks_hydrogen(present: Composition, declared: Composition, tolerance: float) -> bool:
    """Whether the declared ratio of hydrogen to all else exceeds the one of the sites."""
    wanted, rest = declared["H"], _without_hydrogen(declared).num_atoms
    found, found_rest = present["H"], _without_hydrogen(present).num_atoms
    if wanted == 0 or rest == 0 or found_rest == 0:
        return wanted > 0 and found == 0
    return found / found_rest < wanted / rest * (1 - tolerance)
