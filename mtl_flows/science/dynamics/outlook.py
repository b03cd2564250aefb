"""What the posterior of a simulation lets a campaign expect: whether a conductor is decided, and what would decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from mtl_flows.science.dynamics.belief import Belief
from mtl_flows.science.dynamics.foresight import foresee, is_decided
from mtl_flows.science.dynamics.result import DiffusionResult
from mtl_flows.science.dynamics.transport import CONDUCTING_S_PER_CM, Observed


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of the simulation alone: picoseconds do not make up for what a potential gets wrong.

    Attributes
    ----------
    conducts
        P(σ(300 K) ≥ `CONDUCTING_S_PER_CM`).
    n_temperatures
        Temperatures that say something.
    temperatures_K, additional_ps
        The least further simulation that is expected to decide: so much at each; none where it is decided, or where no
        1000 ps more at these temperatures are likely to.
    colder_K
        Where these are not, a colder temperature that is; None if none is.
    """

    conducts: float
    n_temperatures: int
    temperatures_K: tuple[float, ...]
    additional_ps: float
    colder_K: float | None = None

    @classmethod
    def of(cls, orderings: Sequence[Sequence[DiffusionResult]]) -> Self | None:
        """Look at what was analysed of each ordering; None where no temperature says anything."""
        if not any(orderings):
            return None
        seen = Observed.of(orderings)
        if not seen.temperatures_K:
            return None

        def conducts(belief: Belief) -> float:
            return 1.0 - float(seen.conductivity_below(belief, (CONDUCTING_S_PER_CM,))[0])

        belief = seen.belief()
        probability, n = conducts(belief), len(seen.temperatures_K)
        if is_decided(probability):
            return cls(probability, n, (), 0.0)
        readings = [r for ordering in seen.readings for r in ordering]
        foreseen = foresee(belief, readings, conducts, colder=False)
        if foreseen.temperatures_K:
            return cls(probability, n, foreseen.temperatures_K, foreseen.additional_ps)
        colder = foresee(belief, readings, conducts).temperatures_K
        return cls(probability, n, (), 0.0, min(colder, default=None))

    @property
    def is_decided(self) -> bool:
        """Whether σ(300 K) reaches the threshold, or does not, with 95 %."""
        return is_decided(self.conducts)

    @property
    def fails(self) -> bool:
        """Whether it is decided that σ(300 K) stays below."""
        return self.is_decided and self.conducts < 0.5

    @property
    def told(self) -> str:
        """In words."""
        said = f"P(σ(300 K) ≥ 10⁻⁴ S/cm) = {self.conducts:.2f}"
        if self.is_decided:
            return f"{said}: decided"
        if not self.temperatures_K:
            elsewhere = "" if self.colder_K is None else f"; a run at {self.colder_K:g} K would"
            return f"{said}: no 1000 ps more at these temperatures are likely to decide{elsewhere}"
        at = ", ".join(f"{temperature_K:g}" for temperature_K in self.temperatures_K)
        return f"{said}: about {self.additional_ps:g} ps more at {at} K would decide"
