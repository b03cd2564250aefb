"""How much longer to simulate, and at which temperatures, until a question is decided: expected from the posterior."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.dynamics.belief import Belief
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.readings import USUAL_FREEDOM, Count, Reading, Value
from mtl_flows.science.dynamics.transport import TARGET_TEMPERATURE_K
from mtl_flows.science.verdict import outcome_of

FloatArray = NDArray[np.float64]
Question = Callable[[Belief], float]
"""The probability that something holds."""

_LENGTHS_PS = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_TRUTHS = 7
"""Values of the unknowns, drawn evenly from the posterior, for which a longer run is foreseen."""
_FEWEST_JUMPS = 10.0
_COLDER = (0.85, 0.7)
"""Fractions of the coldest temperature that was run at which a further run is weighed."""
_COLDEST_K = 300.0


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would decide.

    Attributes
    ----------
    temperatures_K, additional_ps
        The least further simulation that is more likely than not to decide: so much at each of these temperatures; none
        and 0 where 1000 ps do not. A temperature that was not run, colder than those that were, is one of them where it
        decides sooner.
    limited_by_potential
        However long, the simulation would not decide: the potential's error does not let it.
    """

    temperatures_K: tuple[float, ...]
    additional_ps: float
    limited_by_potential: bool


def is_decided(probability: float) -> bool:
    """Whether something holds or fails, as verdicts see it."""
    return outcome_of(probability) != "undecided"


def foresee(
    belief: Belief, readings: Sequence[Reading], question: Question, *, colder: bool = True
) -> Foresight:
    """Look for the least further simulation that decides: at one temperature that was run, at all, or at a colder one.

    For values of E_a and D0 drawn evenly from the posterior, a further run is put to what is known: with the slope that
    they give and the error that its length lets expect, or with the jumps that they give where these are few. A run is
    expected to decide where it does for more than half of the values.

    Parameters
    ----------
    belief
        With the potential's error, if the question is about the crystal.
    readings
        What was seen so far, all orderings together.
    colder
        Whether temperatures below those that were run are weighed.
    """
    truths = _truths(belief)
    known = [_known(belief, *truth) for truth in truths]
    if 2 * sum(is_decided(question(certain)) for certain in known) <= len(truths):
        return Foresight((), 0.0, belief.error_eV > 0.0)
    longest = {r.temperature_K: r for r in sorted(readings, key=lambda r: r.production_ps)}
    sets: list[tuple[Reading, ...]] = [(longest[temperature_K],) for temperature_K in sorted(longest)]
    if len(longest) > 1:
        sets.append(tuple(longest[temperature_K] for temperature_K in sorted(longest)))
    if colder:
        sets += [(run,) for run in _colder(readings)]
    plans = [(len(runs) * length_ps, runs, length_ps) for runs in sets for length_ps in _LENGTHS_PS]
    for _, runs, additional_ps in sorted(plans, key=lambda plan: plan[0]):
        decided = sum(is_decided(question(_after(belief, runs, truth, additional_ps))) for truth in truths)
        if 2 * decided > len(truths):
            return Foresight(tuple(run.temperature_K for run in runs), additional_ps, False)
    return Foresight((), 0.0, False)


def _colder(readings: Sequence[Reading]) -> list[Reading]:
    """Runs at temperatures below all that were run, of which nothing is known but how many ions they have."""
    if not readings:
        return []
    coldest = min(readings, key=lambda r: r.temperature_K)
    rounded = [50.0 * round(fraction * coldest.temperature_K / 50.0) for fraction in _COLDER]
    return [
        Count(temperature_K, 0.0, 0.0, 1.0, coldest.jumps_per_D_s_per_cm2, coldest.production_ps)
        for temperature_K in dict.fromkeys(rounded)
        if _COLDEST_K <= temperature_K < coldest.temperature_K
    ]


def _truths(belief: Belief) -> list[tuple[float, float]]:
    """E_a and log10 D0 at even steps of the probability of D at room temperature."""
    room = belief.log10_D0 - belief.energies_eV / (BOLTZMANN_EV_PER_K * TARGET_TEMPERATURE_K * log(10.0))
    order = np.argsort(room, kind="stable")
    steps = (np.arange(_TRUTHS) + 0.5) / _TRUTHS
    chosen = order[np.minimum(np.searchsorted(np.cumsum(belief.weights[order]), steps), len(order) - 1)]
    return [(float(belief.energies_eV[i]), float(belief.log10_D0[i])) for i in chosen]


def _known(belief: Belief, energy_eV: float, log10_D0: float) -> Belief:
    """What an endless simulation would leave."""
    return replace(
        belief,
        energies_eV=np.array([energy_eV]),
        log10_D0=np.array([log10_D0]),
        weights=np.ones(1),
    )


def _after(
    belief: Belief, runs: Sequence[Reading], truth: tuple[float, float], additional_ps: float
) -> Belief:
    """The belief after further runs like some that were done."""
    energy_eV, log10_D0 = truth
    log_weights = np.log(belief.weights)
    for run in runs:
        beta = 1.0 / (BOLTZMANN_EV_PER_K * run.temperature_K)
        foreseen = _foreseen(run, log10_D0 * log(10.0) - beta * energy_eV, additional_ps)
        log_weights = log_weights + foreseen.log_likelihood(
            belief.log10_D0 * log(10.0) - beta * belief.energies_eV
        )
    weights: FloatArray = np.exp(log_weights - log_weights.max())
    return replace(belief, weights=weights / weights.sum())


def _foreseen(reading: Reading, ln_D: float, additional_ps: float) -> Reading:
    """What a run of some length shows if ln D is so much."""
    per_D = reading.jumps_per_D_s_per_cm2 * additional_ps / reading.production_ps
    jumps = per_D * float(np.exp(ln_D))
    if jumps < _FEWEST_JUMPS:
        return Count(reading.temperature_K, round(jumps), round(jumps), 1.0, per_D, additional_ps)
    error = sqrt(1.0 / jumps)
    if isinstance(reading, Value):
        error = reading.error * sqrt(reading.production_ps / additional_ps)
    return Value(reading.temperature_K, ln_D, error, USUAL_FREEDOM, jumps, per_D, additional_ps)
