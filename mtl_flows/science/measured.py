"""A quantity with its interval, or its distribution, and what it rests on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, get_args

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.quantiles import Quantiles
from mtl_flows.vocabulary import Trust


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantity with its interval and provenance.

    Parameters
    ----------
    value
        Best estimate; None if the status leaves no number to use.
    low, high
        Ends of the interval that holds the true value; infinite where it is open.
    origin
        What the number rests on: potential, database, publication.
    status
        Whether the number can be used. An upper bound says that the true value is at most ``high``, a lower
        bound at least ``low``. Of ``unconverged``, ``framework_melted`` and ``unknown`` no number is used.
    note
        What is missing or doubtful, in words.
    distribution
        Where the whole distribution is known: then it is probabilities that decide, not the interval.
    alone
        The same with nothing but the error of the simulation, for comparison.

    Raises
    ------
    ConfigurationError
        If the status is none of the known ones or the interval does not hold the value.
    """

    value: float | None
    low: float
    high: float
    origin: str
    status: Trust = "known"
    note: str = ""
    distribution: Quantiles | None = None
    alone: Quantiles | None = None

    def __post_init__(self) -> None:
        if self.status not in get_args(Trust):
            raise ConfigurationError("is no status of a measured quantity", subject=self.status)
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise ConfigurationError(f"[{self.low}, {self.high}] is no interval", subject=self.origin)
        if self.value is not None and not self.low <= self.value <= self.high:
            raise ConfigurationError(
                f"{self.value} lies outside [{self.low}, {self.high}]", subject=self.origin
            )
        if self.value is None and self.status in ("known", "converged"):
            raise ConfigurationError(f"is {self.status} but has no value", subject=self.origin)

    @classmethod
    def exact(cls, value: float, origin: str) -> Self:
        """Return a number taken at face value, for published ones that come without an uncertainty."""
        return cls(value, value, value, origin)

    @classmethod
    def distributed(
        cls, distribution: Quantiles, origin: str, *, alone: Quantiles | None = None, note: str = ""
    ) -> Self:
        """Return a quantity whose distribution is known."""
        low, high = distribution.interval
        return cls(distribution.median, low, high, origin, "converged", note, distribution, alone)

    @classmethod
    def unusable(cls, origin: str, status: Trust = "unknown", note: str = "") -> Self:
        """Return a quantity of which no number can be used."""
        return cls(None, -math.inf, math.inf, origin, status, note)

    @property
    def interval(self) -> tuple[float, float]:
        """What the status lets one claim: the true value lies between these."""
        match self.status:
            case "known" | "converged":
                return self.low, self.high
            case "upper_bound":
                return -math.inf, self.high
            case "lower_bound":
                return self.low, math.inf
            case _:
                return -math.inf, math.inf


class Window(Protocol):
    """What a window has to tell to be judged; ``WindowResult`` does, and so does its document."""

    @property
    def width_V(self) -> float | None:
        """Width; None if unknown."""

    @property
    def missing(self) -> Sequence[str]:
        """Phases without an energy, where the window is unknown."""

    @property
    def open_edges(self) -> Sequence[str]:
        """Edges that a missing compound would move inwards."""

    @property
    def on_hull(self) -> bool:
        """Whether some phase of the composition lies on the hull."""


def measured_window(window: Window, uncertainty_V: float, origin: str) -> Measured:
    """Width of an electrochemical window with its interval.

    Parameters
    ----------
    window
        An unknown one gives a quantity without a number, whose note names the missing phases. One with open edges
        is an upper bound if the phase is on the hull, and otherwise no number either.
    uncertainty_V
        Half-width of the interval; 0.2 V is typical of GGA energies and of potentials trained on them.
    origin
        Where the energies come from.
    """
    if window.width_V is None:
        return Measured.unusable(origin, note=f"energies are missing: {', '.join(window.missing)}")
    open_note = ""
    if window.open_edges:
        open_note = (
            f"the {' and '.join(window.open_edges)} edge rests on missing compounds: add their energies"
        )
        if not window.on_hull:
            return Measured.unusable(origin, note=open_note)
    return Measured(
        window.width_V,
        max(0.0, window.width_V - uncertainty_V),
        window.width_V + uncertainty_V,
        origin,
        "upper_bound" if window.open_edges else "known",
        open_note,
    )
