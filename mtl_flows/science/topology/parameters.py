"""What a topology run can be told, the two protocols, and the names of their features."""

from dataclasses import dataclass
from typing import Final

from mtl_flows.records import Record
from mtl_flows.vocabulary import Protocol

_H0_STATISTICS: Final = ("min", "max", "mean", "std", "sum", "median")
_H1_STATISTICS: Final = ("min", "max", "mean", "std", "sum")

_MOBILE_H0: Final = tuple(f"mobile_h0_death_{statistic}_A" for statistic in _H0_STATISTICS)
_FRAMEWORK_H0: Final = (
    "framework_h0_count",
    *(f"framework_h0_death_{statistic}_A" for statistic in _H0_STATISTICS),
)
_FRAMEWORK_H1: Final = tuple(
    f"framework_h1_{quantity}_{statistic}_A"
    for quantity in ("birth", "death", "persistence")
    for statistic in _H1_STATISTICS
)

SITE_FEATURES: Final[tuple[str, ...]] = ("r_connected_A", *_MOBILE_H0, *_FRAMEWORK_H0, *_FRAMEWORK_H1)
"""Every feature that the surroundings of one mobile site give."""

FEATURE_NAMES: Final[dict[Protocol, tuple[str, ...]]] = {
    "published": (*_FRAMEWORK_H0, *_FRAMEWORK_H1),
    "text": (*_MOBILE_H0, "r_connected_A", *_FRAMEWORK_H1),
}
"""The 22 features of each protocol, those of ``published`` in the order of the released tables."""


@dataclass(frozen=True, slots=True)
class PrescreenThresholds:
    """Limits of the prescreen (doi:10.1021/jacs.5c04828, section 2.2).

    Attributes
    ----------
    r_connected_A
        r_connected must be below this.
    rho_cycles
        rho_cycles must be below this.
    """

    r_connected_A: float = 5.0
    rho_cycles: float = 0.6


@dataclass(frozen=True, slots=True)
class BarcodeParameters(Record):
    """What the homology of a structure depends on.

    Attributes
    ----------
    cutoff_A
        Radius of the spheres around mobile sites, and longest edge of the Rips complex.
    symprec_A
        Positional tolerance of the symmetry search. Sites are merged into an orbit only if their surroundings
        agree this well, so it bounds the error that sharing one computation per orbit can bring. The
        published accuracy asks for at most 0.01 Å; the default keeps the result that of a loop over all sites.
    """

    cutoff_A: float = 10.0
    symprec_A: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("cutoff_A", "symprec_A"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive")


@dataclass(frozen=True, slots=True)
class TopologyParameters(Record):
    """Parameters of :func:`mtl_flows.science.topology.compute_topology`.

    Attributes
    ----------
    cutoff_A, symprec_A
        As in `BarcodeParameters`.
    tie_tolerance
        Loops are counted at ``r_connected * (1 + tie_tolerance)``: many are born exactly at r_connected.
    h0_floor_A
        H0 deaths up to this length (split sites) do not enter the features.
    extended
        Also compute the percolation descriptors d1–d3 and v1–v3.
    """

    cutoff_A: float = 10.0
    symprec_A: float = 1e-5
    tie_tolerance: float = 1e-4
    h0_floor_A: float = 0.1
    extended: bool = True

    def __post_init__(self) -> None:
        BarcodeParameters(self.cutoff_A, self.symprec_A)
        for name in ("tie_tolerance", "h0_floor_A"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative")

    @property
    def barcodes(self) -> BarcodeParameters:
        """Those of them that the barcodes depend on."""
        return BarcodeParameters(self.cutoff_A, self.symprec_A)
