"""Fits of one material by potential and protocol: summarised over orderings, compared between potentials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Self

from mtl_flows.schemas.dynamics import TransportDocument
from mtl_flows.science.dynamics.ensemble import (
    Consensus,
    Ensemble,
    Line,
    compare_potentials,
    summarise_orderings,
)


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What fits have in common that differ in nothing but the ordering.

    Attributes
    ----------
    engine
        Name of the potential.
    dynamics, analysis
        Hashes of the parameters of simulations and fits.
    """

    engine: str
    dynamics: str
    analysis: str

    @classmethod
    def of(cls, fit: TransportDocument) -> Self:
        """Series of a fit."""
        return cls(fit.engine_name, fit.dynamics_hash, fit.parameters_hash)

    def __str__(self) -> str:
        return f"{self.engine} {self.dynamics[:6]}-{self.analysis[:6]}"


def series_summaries(fits: Iterable[TransportDocument]) -> dict[Series, Ensemble]:
    """Summarise each series that has a line, in the order of their names."""
    lines: dict[Series, list[Line]] = {}
    for fit in fits:
        line = _line(fit)
        if line is not None:
            lines.setdefault(Series.of(fit), []).append(line)
    return {series: summarise_orderings(lines[series]) for series in sorted(lines)}


def series_comparisons(summaries: Mapping[Series, Ensemble]) -> list[tuple[Series, Series, Consensus]]:
    """Compare every two series of different potentials."""
    return [
        (a, b, compare_potentials(summaries[a], summaries[b]))
        for a, b in combinations(summaries, 2)
        if a.engine != b.engine
    ]


def newest_series(fits: Iterable[TransportDocument]) -> list[TransportDocument]:
    """Fits of the series in which the first ordering was fitted last, by ordering; none of none.

    What a further replica gave under other parameters is no newer series.
    """
    found = list(fits)
    if not found:
        return []
    first = min(fit.ordering for fit in found)
    shown = Series.of(max((fit for fit in found if fit.ordering == first), key=age))
    return sorted((fit for fit in found if Series.of(fit) == shown), key=lambda fit: fit.ordering)


def second_opinions(summary: Ensemble, engine: str, fits: Iterable[TransportDocument]) -> dict[str, bool]:
    """Whether each other potential agrees with a summary, by the potential's name.

    Parameters
    ----------
    engine
        Potential of the summary.
    fits
        Every fit of the material; of another potential its newest series with a line speaks.
    """
    by_engine: dict[str, list[TransportDocument]] = {}
    for fit in fits:
        if fit.engine_name != engine and _line(fit) is not None:
            by_engine.setdefault(fit.engine_name, []).append(fit)
    return {
        name: compare_potentials(summary, other).agree
        for name, found in by_engine.items()
        for other in series_summaries(newest_series(found)).values()
    }


def age(fit: TransportDocument) -> tuple[datetime, str]:
    """When a fit was written; of two at once the ids decide."""
    return fit.provenance.created_at, fit.id


def _line(fit: TransportDocument) -> Line | None:
    energy, error = fit.activation_energy_eV, fit.activation_energy_error_eV
    sigma = fit.conductivity_300K_S_per_cm
    low, high = fit.conductivity_300K_low_S_per_cm, fit.conductivity_300K_high_S_per_cm
    if energy is None or error is None or sigma is None or low is None or high is None:
        return None
    # Fits stored before the degrees of freedom were kept lack them.
    freedom = ((fit.fit or {}).get("fit") or {}).get("degrees_of_freedom")
    return Line(energy, error, sigma, (low, high), freedom)
