"""The posterior of E_a and D0: against plain integration, what it covers, what it never claims."""

import numpy as np
import pytest
import scipy

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.belief import Belief, Priors
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.foresight import foresee
from mtl_flows.science.dynamics.posterior import infer
from mtl_flows.science.dynamics.readings import Count, Reading, Value
from mtl_flows.science.dynamics.transport import Transport
from mtl_flows.science.quantiles import PROBABILITIES

TEMPERATURES_K = (800.0, 1000.0, 1200.0, 1400.0)
LN10 = np.log(10.0)


def jumps_per_D(n_ions: int = 40, length_ps: float = 18.0) -> float:
    return 6.0 * n_ions * length_ps / 9.0 * 1e4


def value(temperature_K: float, ln_D: float, error: float, length_ps: float = 18.0) -> Value:
    per_D = jumps_per_D(length_ps=length_ps)
    return Value(temperature_K, ln_D, error, 8.0, per_D * np.exp(ln_D), per_D, length_ps)


def count(temperature_K: float, n: float, **run: float) -> Count:
    return Count(temperature_K, n, n, 1.0, jumps_per_D(**run), run.get("length_ps", 18.0))


def ln_D(temperature_K: float, energy_eV: float, log10_D0: float) -> float:
    return log10_D0 * LN10 - energy_eV / (BOLTZMANN_EV_PER_K * temperature_K)


def exact_line(energy_eV: float = 0.3, log10_D0: float = -3.0, error: float = 0.15) -> list[Reading]:
    return [value(T, ln_D(T, energy_eV, log10_D0), error) for T in TEMPERATURES_K]


def drawn(
    rng: np.random.Generator, energy_eV: float, log10_D0: float, n_ions: int, length_ps: float
) -> list[Reading]:
    """What four temperatures show: Poisson numbers of jumps, and slopes that err more than these say."""
    told: list[Reading] = []
    per_D = jumps_per_D(n_ions, length_ps)
    for temperature_K in TEMPERATURES_K:
        truth = ln_D(temperature_K, energy_eV, log10_D0)
        n_jumps = int(rng.poisson(per_D * np.exp(truth)))
        if n_jumps < 10:
            told.append(Count(temperature_K, n_jumps, n_jumps, 1.0, per_D, length_ps))
            continue
        error = np.sqrt(1.0 / n_jumps + 0.35 / n_ions)
        claimed = error * np.sqrt(rng.chisquare(8) / 8)
        seen = truth + error * rng.standard_normal()
        told.append(Value(temperature_K, seen, claimed, 8.0, n_jumps, per_D, length_ps))
    return told


MIXED = [
    count(800.0, 2),
    Count(1000.0, 3, 7, 2.0, jumps_per_D(), 18.0),
    value(1200.0, -12.1, 0.5),
    value(1400.0, -11.0, 0.3),
]


@pytest.mark.parametrize("readings", [exact_line(), MIXED, exact_line()[:1], [count(1400.0, 0)]])
def test_it_is_the_integral_over_a_plain_grid(readings: list[Reading]) -> None:
    """Written anew with scipy's distributions, on an even grid over the priors."""
    energies = np.linspace(0.0, 2.0, 801)[:, None]
    log10_D0 = np.linspace(-3.0 - 6.75, -3.0 + 6.75, 1501)[None, :]
    density = scipy.stats.norm.logpdf(log10_D0, -3.0, 1.5) + 0.0 * energies
    for reading in readings:
        curve = log10_D0 * LN10 - energies / (BOLTZMANN_EV_PER_K * reading.temperature_K)
        if isinstance(reading, Value):
            density = density + scipy.stats.t.logpdf(reading.ln_D, 8.0, curve, reading.error)
        else:
            mean = reading.jumps_per_D_s_per_cm2 * np.exp(curve) / reading.together
            numbers = np.arange(
                np.floor(reading.fewest / reading.together), np.ceil(reading.most / reading.together) + 1
            )
            terms = [scipy.stats.poisson.logpmf(number, mean) for number in numbers]
            density = density + scipy.special.logsumexp(terms, axis=0)
    weights = np.exp(density - density.max())
    weights /= weights.sum()
    of_energy = np.cumsum(weights.sum(axis=1))
    room = (log10_D0 - energies / (BOLTZMANN_EV_PER_K * 300.0 * LN10)).ravel()
    order = np.argsort(room)
    of_room = np.cumsum(weights.ravel()[order])

    belief = infer([readings])
    asked = [0.025, 0.25, 0.5, 0.75, 0.975]
    assert belief.energy_quantiles_eV(asked) == pytest.approx(
        np.interp(asked, of_energy, energies[:, 0]), abs=0.006
    )
    assert belief.log10_D_quantiles(asked, 300.0) == pytest.approx(
        np.interp(asked, of_room, room[order]), abs=0.12
    )
    for sigma in (-8.0, -10.0):
        assert belief.log10_D_below([sigma], 300.0)[0] == pytest.approx(
            np.interp(sigma, room[order], of_room), abs=0.01
        )


@pytest.mark.parametrize(("n_ions", "length_ps"), [(12, 18.0), (40, 98.0)])
def test_intervals_hold_the_truth(n_ions: int, length_ps: float) -> None:
    rng = np.random.default_rng(7)
    n, held_energy, held_D = 120, 0, 0
    for _ in range(n):
        energy_eV, log10_D0 = rng.uniform(0.1, 0.8), rng.normal(-3.0, 1.5)
        belief = infer([drawn(rng, energy_eV, log10_D0, n_ions, length_ps)])
        low, high = belief.energy_quantiles_eV([0.025, 0.975])
        held_energy += low <= energy_eV <= high
        low, high = belief.log10_D_quantiles([0.025, 0.975], 300.0)
        held_D += low <= log10_D0 - energy_eV / (BOLTZMANN_EV_PER_K * 300.0 * LN10) <= high
    # Four standard errors of a share of 95 %.
    fewest = n * 0.95 - 4.0 * np.sqrt(n * 0.95 * 0.05)
    assert min(held_energy, held_D) >= fewest


def test_sharp_data_are_resolved() -> None:
    belief = infer([exact_line(0.25, -3.2, error=0.002)])
    low, median, high = belief.energy_quantiles_eV([0.025, 0.5, 0.975])
    assert median == pytest.approx(0.25, abs=1e-4)
    beta = 1.0 / (BOLTZMANN_EV_PER_K * np.array(TEMPERATURES_K))
    expected = scipy.stats.t.ppf(0.975, 8.0) * 0.002 / np.sqrt(((beta - beta.mean()) ** 2).sum())
    assert high - low == pytest.approx(2.0 * expected, rel=0.25)


def test_the_order_of_readings_does_not_matter_and_more_say_more() -> None:
    readings = exact_line(error=0.3)
    width = np.diff(infer([readings]).energy_quantiles_eV([0.025, 0.975]))[0]
    backwards = infer([readings[::-1]]).energy_quantiles_eV([0.025, 0.975])
    assert np.diff(backwards)[0] == pytest.approx(width, rel=1e-6)
    assert np.diff(infer([[*readings, *readings]]).energy_quantiles_eV([0.025, 0.975]))[0] < width


def test_runs_without_a_jump_say_that_it_is_slow() -> None:
    belief = infer([[count(T, 0, length_ps=100.0) for T in TEMPERATURES_K]])
    transport = Transport.of(belief, 0.025, 1.0)
    assert transport.conducts < 0.01
    assert transport.activation_energy_eV.interval[0] > 0.6


def test_nothing_is_faster_than_d0_allows() -> None:
    """Two hot temperatures that rise backwards would put a line above any ion at 300 K."""
    readings = [value(1000.0, -9.0, 0.4), value(1200.0, -9.6, 0.4)]
    for belief in (infer([readings]), infer([readings]).with_error(0.2)):
        fastest = belief.log10_D_quantiles([0.999], 300.0)[0]
        assert fastest <= belief.log10_D0.max()
        assert belief.energy_quantiles_eV([0.001])[0] >= 0.0
        assert np.isfinite(belief.energy_quantiles_eV(PROBABILITIES)).all()


def test_the_error_of_the_potential_is_added_to_that_of_the_simulation() -> None:
    belief = infer([exact_line(0.9, -3.0, error=0.05)])
    own = np.diff(belief.energy_quantiles_eV([0.025, 0.975]))[0] / 3.92
    whole = belief.with_error(0.1, bias_eV=-0.05)
    assert np.diff(whole.energy_quantiles_eV([0.025, 0.975]))[0] / 3.92 == pytest.approx(
        np.hypot(own, 0.1), rel=0.03
    )
    # The simulation's barrier is 0.05 eV too low.
    assert whole.energy_quantiles_eV([0.5])[0] == pytest.approx(0.95, abs=0.005)
    shift = 0.05 / (BOLTZMANN_EV_PER_K * 300.0 * LN10)
    assert whole.log10_D_quantiles([0.5], 300.0)[0] == pytest.approx(
        belief.log10_D_quantiles([0.5], 300.0)[0] - shift, abs=0.05
    )


def test_orderings_that_agree_sharpen_and_those_that_do_not_widen() -> None:
    def width(*energies_eV: float) -> float:
        belief = infer([exact_line(energy_eV) for energy_eV in energies_eV])
        return float(np.diff(belief.energy_quantiles_eV([0.025, 0.975]))[0])

    alone = width(0.3)
    assert width(0.3, 0.3, 0.3) < alone
    assert width(0.3, 0.45, 0.6) > width(0.4, 0.45, 0.5) > width(0.45, 0.45, 0.45)
    assert infer([exact_line(e) for e in (0.3, 0.45, 0.6)]).energy_quantiles_eV([0.5])[0] == pytest.approx(
        0.45, abs=0.02
    )


def test_the_mean_over_orderings_is_held() -> None:
    rng = np.random.default_rng(3)
    n, held = 60, 0
    for _ in range(n):
        mean_eV = rng.uniform(0.2, 0.5)
        orderings = [drawn(rng, mean_eV + 0.05 * rng.standard_normal(), -3.0, 40, 18.0) for _ in range(3)]
        low, high = infer(orderings).energy_quantiles_eV([0.025, 0.975])
        held += low <= mean_eV <= high
    assert held >= n * 0.95 - 4.0 * np.sqrt(n * 0.95 * 0.05)


def test_without_a_reading_there_is_no_posterior() -> None:
    with pytest.raises(DynamicsError, match="no temperature says anything"):
        infer([[], []])


def conducts(belief: Belief) -> float:
    return float(1.0 - belief.log10_D_below([-8.0], 300.0)[0])


def test_foresight_is_about_the_length_that_decides() -> None:
    """What it says is done, for truths drawn from the posterior: many are decided then, fewer by a tenth of it."""
    readings = exact_line(0.33, -3.0, error=0.25)
    belief = infer([readings])
    assert 0.05 < conducts(belief) < 0.95
    foreseen = foresee(belief, readings, conducts)
    # Colder than all that was run: nearer to room temperature, it says more in the same time.
    assert foreseen.temperatures_K == (700.0,)
    assert 0.0 < foreseen.additional_ps < 1000.0
    per_D_and_ps = readings[0].jumps_per_D_s_per_cm2 / readings[0].production_ps
    rng = np.random.default_rng(0)
    truths = rng.choice(len(belief.weights), size=40, p=belief.weights)

    def share(factor: float) -> float:
        length_ps = factor * foreseen.additional_ps
        decided = 0
        for i in truths:
            true_ln_D = ln_D(700.0, belief.energies_eV[i], belief.log10_D0[i])
            error = float((per_D_and_ps * length_ps * np.exp(true_ln_D)) ** -0.5)
            further = value(700.0, true_ln_D + error * rng.standard_normal(), error, length_ps)
            after = infer([[*readings, further]])
            decided += not 0.05 < conducts(after) < 0.95
        return decided / len(truths)

    assert share(1.0) >= 0.3
    assert share(0.1) < share(2.0)


def test_no_length_decides_what_the_potential_leaves_open() -> None:
    readings = exact_line(0.28, -3.0, error=0.1)
    belief = infer([readings]).with_error(0.2)
    foreseen = foresee(belief, readings, conducts)
    assert foreseen.limited_by_potential
    assert foreseen.temperatures_K == ()
    assert Priors.from_dict(belief.priors.as_dict()) == belief.priors
