"""What the landscape of a mobile ion can be told."""

from dataclasses import dataclass, replace
from typing import Self

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record

_REFINED_EV = 0.01


@dataclass(frozen=True, slots=True)
class BarrierParameters(Record):
    """Parameters of `migration_barriers`.

    Attributes
    ----------
    spacing_A
        Points of the grid are at most this far apart along each axis of the cell.
    attraction_cutoff_A, repulsion_cutoff_A
        How far ions of the other and of the same charge are felt.
    screening
        Factor between the sum of two covalent radii and the length that screens their repulsion.
    site_threshold
        Repelling sites whose occupancy, summed within `merging_A`, is at most this leave a way around them: the
        threshold of site percolation of the simple cubic lattice.
    merging_A
        Repelling sites this close are taken together for that.
    symprec_A
        Positional tolerance of the symmetry of the framework: points that it makes equal are computed once.
    refine_to_eV
        Refine the grid near the saddle until the barriers change by less than this; 0 for the grid as it is.
    """

    spacing_A: float = 0.25
    attraction_cutoff_A: float = 7.0
    repulsion_cutoff_A: float = 6.0
    screening: float = 0.74
    site_threshold: float = 0.69
    merging_A: float = 1.0
    symprec_A: float = 0.01
    refine_to_eV: float = 0.0

    def __post_init__(self) -> None:
        positive = ("spacing_A", "attraction_cutoff_A", "repulsion_cutoff_A", "screening", "symprec_A")
        problems = [f"{name} is not positive" for name in positive if not getattr(self, name) > 0]
        if not self.refine_to_eV >= 0:
            problems.append("refine_to_eV is negative")
        if problems:
            raise ConfigurationError("; ".join(problems), subject="barrier", remedy="choose other values")

    def refined(self) -> Self:
        """Return them with a grid that is refined: barriers then agree with those of finer grids within 0.02 eV."""
        sought = min(self.refine_to_eV, _REFINED_EV) if self.refine_to_eV else _REFINED_EV
        return replace(self, refine_to_eV=sought)
