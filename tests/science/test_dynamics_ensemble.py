"""Spread over orderings; two potentials side by side."""

from dataclasses import replace

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
    # Errors of unknown degrees of freedom are taken as known: 1.96 standard errors, not two.
    half = 1.959964 * np.sqrt(2) * 0.01
    assert close.activation_energy_difference_interval_eV == pytest.approx((-0.01 - half, -0.01 + half))
    assert close.conductivity_ratio_decades == pytest.approx(0.1)
    assert not compare_potentials(one, summarise_orderings([line(0.30, -4.0)])).agree
    assert not compare_potentials(one, summarise_orderings([line(0.40, -3.0)])).agree


@pytest.mark.parametrize(("standard_errors", "agree"), [(1.95, True), (1.97, False)])
def test_fits_agree_within_95_per_cent_of_a_normal_difference(standard_errors: float, agree: bool) -> None:
    apart = standard_errors * np.sqrt(2) * 0.01
    one, other = (summarise_orderings([line(energy, -3.0)]) for energy in (0.3, 0.3 + apart))
    assert compare_potentials(one, other).agree is agree
    assert compare_potentials(other, one).agree is agree


def test_orderings_that_scatter_are_compared_by_welch() -> None:
    ours, theirs = [0.28, 0.35, 0.30], [0.41, 0.30, 0.37, 0.45]
    one, other = (
        summarise_orderings([line(energy, -3.0, error_eV=1e-6) for energy in energies])
        for energies in (ours, theirs)
    )
    known = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    shown = compare_potentials(one, other)
    assert shown.activation_energy_difference_interval_eV == pytest.approx((known.low, known.high))
    # Against an exact value only the orderings' own Student's t is left.
    exact = summarise_orderings([line(0.3, -3.0, error_eV=0.0)])
    low, high = compare_potentials(one, exact).activation_energy_difference_interval_eV
    assert (low + 0.3, high + 0.3) == pytest.approx(one.activation_energy_interval_eV)


def test_orderings_that_happen_to_agree_are_compared_by_the_errors_of_their_fits() -> None:
    one, other = (summarise_orderings([line(energy, -3.0)] * 4) for energy in (0.30, 0.31))
    low, high = compare_potentials(one, other).activation_energy_difference_interval_eV
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(2) * 0.01 / 2)


@pytest.mark.parametrize(("standard_errors", "agree"), [(2.44, True), (2.46, False)])
def test_an_error_of_few_degrees_of_freedom_is_itself_uncertain(standard_errors: float, agree: bool) -> None:
    """Six of them: 2.447 standard errors, where two would not do."""
    one = summarise_orderings([replace(line(0.30, -3.0), degrees_of_freedom=6.0)])
    exact = summarise_orderings([line(0.30 + 0.01 * standard_errors, -3.0, error_eV=0.0)])
    assert compare_potentials(one, exact).agree is agree
    # Of two such fits the errors are known better than that of each.
    low, high = compare_potentials(one, one).activation_energy_difference_interval_eV
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 12) * np.sqrt(2) * 0.01)


def test_fits_without_an_error_agree_only_where_they_are_equal() -> None:
    one, other = (summarise_orderings([line(energy, -3.0, error_eV=0.0)]) for energy in (0.30, 0.31))
    assert compare_potentials(one, one).agree
    assert not compare_potentials(one, other).agree


def test_no_fit_is_no_summary() -> None:
    with pytest.raises(DynamicsError, match="no fit"):
        summarise_orderings([])
