"""Spread over orderings; two potentials side by side."""

import numpy as np
import pytest
from scipy import stats

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.ensemble import Line, compare_potentials, summarise_orderings


def line(energy_eV: float, log10_sigma: float, error_eV: float = 0.01, decades: float = 0.1) -> Line:
    sigma = 10.0**log10_sigma
    return Line(energy_eV, error_eV, sigma, (sigma / 10**decades, sigma * 10**decades))


def test_one_ordering_is_its_own_fit_and_has_no_spread() -> None:
    one = summarise_orderings([line(0.3, -3.0)])
    assert (one.n, one.activation_energy_spread_eV, one.conductivity_spread_decades) == (1, None, None)
    assert one.conductivity_interval_S_per_cm == pytest.approx((10**-3.1, 10**-2.9))
    assert (one.activation_energy_eV, one.activation_energy_error_eV) == (0.3, pytest.approx(0.01))
    assert one.activation_energy_interval_eV == pytest.approx((0.3 - 0.0196, 0.3 + 0.0196), abs=1e-5)


def test_orderings_that_differ_widen_the_interval() -> None:
    logs = [-3.0, -2.0, -4.0]
    three = summarise_orderings([line(0.3 - 0.05 * x, x) for x in logs])
    assert three.conductivity_spread_decades == pytest.approx(1.0)
    assert three.activation_energy_spread_eV == pytest.approx(0.05)
    low, high = three.conductivity_interval_S_per_cm
    known = stats.t.interval(0.95, 2, loc=np.mean(logs), scale=stats.sem(logs))
    assert (np.log10(low), np.log10(high)) == pytest.approx(known)
    energies = [0.3 - 0.05 * x for x in logs]
    known = stats.t.interval(0.95, 2, loc=np.mean(energies), scale=stats.sem(energies))
    assert three.activation_energy_interval_eV == pytest.approx(known)


def test_orderings_that_happen_to_agree_are_not_more_certain_than_their_fits() -> None:
    low, high = summarise_orderings([line(0.3, -3.0)] * 4).conductivity_interval_S_per_cm
    assert np.log10(high / low) == pytest.approx(0.2 / 2)


def test_potentials_are_compared_and_not_joined() -> None:
    one, other = summarise_orderings([line(0.30, -3.0)]), summarise_orderings([line(0.31, -3.1)])
    close = compare_potentials(one, other)
    assert close.agree
    assert close.activation_energy_difference_eV == pytest.approx(-0.01)
    assert close.activation_energy_difference_error_eV == pytest.approx(np.sqrt(2) * 0.01)
    assert close.conductivity_ratio_decades == pytest.approx(0.1)
    assert not compare_potentials(one, summarise_orderings([line(0.30, -4.0)])).agree
    assert not compare_potentials(one, summarise_orderings([line(0.40, -3.0)])).agree


def test_no_fit_is_no_summary() -> None:
    with pytest.raises(DynamicsError, match="no fit"):
        summarise_orderings([])
