"""Another screening from barcodes that are stored: other thresholds, distances and statistics, no homology."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.topology.barcodes import Barcodes
from mtl_flows.science.topology.features import StructureBarcodes
from mtl_flows.science.topology.parameters import PrescreenThresholds, TopologyParameters
from mtl_flows.vocabulary import Protocol

Cloud = Literal["mobile", "framework", "cell_mobile", "cell_framework"]
Quantity = Literal["h0_death", "h1_birth", "h1_death", "h1_persistence"]

_DEFAULTS = TopologyParameters()
_NAME = re.compile(
    r"(?P<cloud>mobile|framework|cell_mobile|cell_framework)_(?P<quantity>h0_death|h1_birth|h1_death|h1_persistence)_"
    r"(?P<statistic>min|max|mean|std|sum|median|count|p\d{1,2})(?:_A)?"
)
_PLAIN: dict[str, Callable[[NDArray[np.float64]], np.float64]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "std": np.std,
    "sum": np.sum,
    "median": np.median,
}


@dataclass(frozen=True, slots=True)
class BarStatistic:
    """One number made of a structure's bars, such as ``framework_h1_persistence_p90``.

    Attributes
    ----------
    cloud
        ``mobile`` and ``framework``: the spheres around the mobile sites, averaged over these; ``cell_mobile`` and
        ``cell_framework``: the sites of the unit cell.
    quantity
        ``h0_death``, ``h1_birth``, ``h1_death`` or ``h1_persistence``. Spheres of mobile sites have no loops.
    statistic
        ``min``, ``max``, ``mean``, ``std``, ``sum``, ``median``, ``count``, or a percentile, ``p0`` to ``p99``. Of no
        bars it is 0.
    """

    cloud: Cloud
    quantity: Quantity
    statistic: str

    @classmethod
    def parse(cls, name: str) -> "BarStatistic":
        """Read a name such as ``mobile_h0_death_p90``; ``_A`` at its end may be left out.

        Raises
        ------
        ConfigurationError
            If there is no such statistic.
        """
        match = _NAME.fullmatch(name)
        if match is None or (match["cloud"] == "mobile" and match["quantity"] != "h0_death"):
            raise ConfigurationError(
                "no statistic of stored barcodes",
                subject=name,
                remedy=f"write CLOUD_QUANTITY_STATISTIC: {', '.join(get_args(Cloud))}; "
                f"{', '.join(get_args(Quantity))} (mobile: h0_death alone); "
                f"{', '.join(_PLAIN)}, count or a percentile such as p90",
            )
        return cls(match["cloud"], match["quantity"], match["statistic"])  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The name that `parse` reads."""
        return f"{self.cloud}_{self.quantity}_{self.statistic}"

    def of(self, barcodes: StructureBarcodes, parameters: TopologyParameters = _DEFAULTS) -> float:
        """Value for one structure, in Å but for counts."""
        if self.cloud == "cell_mobile":
            return self._of_bars(barcodes.cell_mobile, parameters)
        if self.cloud == "cell_framework":
            return self._of_bars(barcodes.cell_framework, parameters)
        values = [
            self._of_bars(orbit.mobile if self.cloud == "mobile" else orbit.framework, parameters)
            for orbit in barcodes.orbits
        ]
        return float(np.average(values, weights=[orbit.multiplicity for orbit in barcodes.orbits]))

    def _of_bars(self, bars: Barcodes, parameters: TopologyParameters) -> float:
        lengths = _lengths(bars, self.quantity, parameters)
        if self.statistic == "count":
            return float(len(lengths))
        if not len(lengths):
            return 0.0
        if self.statistic in _PLAIN:
            return float(_PLAIN[self.statistic](lengths))
        return float(np.percentile(lengths, int(self.statistic[1:])))


@dataclass(frozen=True, slots=True)
class BarLimit:
    """Limits of a statistic, both included: one more gate."""

    statistic: BarStatistic
    at_least: float = float("-inf")
    at_most: float = float("inf")

    def allows(self, value: float) -> bool:
        """Whether a value is within."""
        return self.at_least <= value <= self.at_most


@dataclass(frozen=True, slots=True)
class Alternative:
    """How to screen otherwise.

    Attributes
    ----------
    protocol
        Whose cloud and gates.
    thresholds
        Of r_connected and rho_cycles.
    distance_A
        Count loops at this length rather than at r_connected.
    distance_factor
        Count loops at r_connected times this rather than at r_connected itself.
    limits
        Further gates on statistics of the bars.

    Raises
    ------
    ConfigurationError
        If two distances are asked for, or one that is not positive.
    """

    protocol: Protocol = "published"
    thresholds: PrescreenThresholds = field(default_factory=PrescreenThresholds)
    distance_A: float | None = None
    distance_factor: float | None = None
    limits: tuple[BarLimit, ...] = ()

    def __post_init__(self) -> None:
        given = [d for d in (self.distance_A, self.distance_factor) if d is not None]
        if len(given) > 1:
            raise ConfigurationError(
                "loops are counted at one distance", remedy="give a length or a factor, not both"
            )
        if any(not distance > 0 for distance in given):
            raise ConfigurationError("the distance of rho_cycles must be positive")

    @property
    def counts_loops(self) -> bool:
        """Whether rho_cycles has to be counted anew."""
        return self.distance_A is not None or self.distance_factor is not None

    @property
    def needs_spheres(self) -> bool:
        """Whether the barcodes around the mobile sites are needed, not only those of the unit cell."""
        return any(limit.statistic.cloud in ("mobile", "framework") for limit in self.limits)

    def length_A(self, r_connected_A: float, parameters: TopologyParameters = _DEFAULTS) -> float:
        """Length at which loops are counted, at most the cutoff of the barcodes.

        Raises
        ------
        ConfigurationError
            If `distance_A` is beyond what the barcodes were computed to.
        """
        if self.distance_A is not None:
            if self.distance_A > parameters.cutoff_A:
                raise ConfigurationError(
                    f"barcodes end at {parameters.cutoff_A:g} Å", remedy="choose a shorter distance"
                )
            return self.distance_A
        factor = 1.0 if self.distance_factor is None else self.distance_factor
        return min(r_connected_A * factor * (1.0 + parameters.tie_tolerance), parameters.cutoff_A)


def rho_cycles_at(cell: Barcodes, length_A: float, n_mobile: int) -> float:
    """Loops per mobile site of a unit cell's cloud at a length."""
    return cell.betti(1, length_A) / n_mobile


def _lengths(bars: Barcodes, quantity: Quantity, parameters: TopologyParameters) -> NDArray[np.float64]:
    """Bars as the features count them: without the class of the cloud itself, clipped at the cutoff."""
    if quantity == "h0_death":
        deaths: NDArray[np.float64] = np.minimum(bars.h0_deaths_A[:-1].astype(float), parameters.cutoff_A)
        return deaths[deaths > parameters.h0_floor_A]
    loops: NDArray[np.float64] = np.minimum(bars.h1_A.astype(float), parameters.cutoff_A)
    if quantity == "h1_persistence":
        return loops[:, 1] - loops[:, 0]
    return loops[:, 0 if quantity == "h1_birth" else 1]
