import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.diffusion.analyzer import get_conversion_factor
from pymatgen.core import Lattice, Structure
from scipy import optimize, stats

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics import (
    ArrheniusFit,
    ArrheniusStatus,
    DiffusionResult,
    DiffusionStatus,
    analyse_diffusion,
    fit_arrhenius,
    nernst_einstein,
)
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.synthetic import SyntheticWalk

TEMPERATURES_K = (800.0, 1000.0, 1200.0, 1400.0)


@pytest.fixture(scope="module")
def template() -> DiffusionResult:
    return analyse_diffusion(SyntheticWalk(D_cm2_per_s=5e-5).trajectory(0), "Li", 1000.0)


def at(
    template: DiffusionResult, temperature_K: float, D: float, relative_error: float = 0.1
) -> DiffusionResult:
    return replace(template, temperature_K=temperature_K, D_cm2_per_s=D, relative_error=relative_error)


def law(temperature_K: float, E_eV: float = 0.3, ln_D0: float = -7.0) -> float:
    return float(np.exp(ln_D0 - E_eV / (BOLTZMANN_EV_PER_K * temperature_K)))


def line(template: DiffusionResult, **fields: float) -> ArrheniusFit:
    fit = fit_arrhenius([at(template, T, law(T, **fields)) for T in TEMPERATURES_K]).fit
    assert fit is not None
    return fit


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.5), st.floats(-12.0, -3.0))
def test_an_exact_law_is_found_exactly(template: DiffusionResult, E_eV: float, ln_D0: float) -> None:
    fit = line(template, E_eV=E_eV, ln_D0=ln_D0)
    assert fit.activation_energy_eV == pytest.approx(E_eV, abs=1e-9)
    assert fit.ln_D0 == pytest.approx(ln_D0, abs=1e-8)
    assert fit.D_cm2_per_s == pytest.approx(law(300.0, E_eV, ln_D0), rel=1e-6)
    assert fit.D_interval_cm2_per_s[0] < fit.D_cm2_per_s < fit.D_interval_cm2_per_s[1]


def test_weights_and_covariance_are_those_of_scipy(template: DiffusionResult) -> None:
    rng = np.random.default_rng(2)
    T, errors = np.array(TEMPERATURES_K), np.array([0.3, 0.1, 0.2, 0.05])
    D = np.array([law(t) for t in T]) * np.exp(rng.normal(size=4) * errors * 0.3)
    fit = fit_arrhenius([at(template, *point) for point in zip(T, D, errors, strict=True)]).fit
    assert fit is not None
    x = 1.0 / (BOLTZMANN_EV_PER_K * T)
    (E_eV, ln_D0), covariance = optimize.curve_fit(
        lambda beta, e, c: c - e * beta, x, np.log(D), sigma=errors, absolute_sigma=True
    )
    assert fit.scatter < 1.0
    assert fit.activation_energy_eV == pytest.approx(E_eV, rel=1e-6)
    assert fit.ln_D0 == pytest.approx(ln_D0, rel=1e-6)
    assert fit.activation_energy_error_eV == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-4)
    assert fit.ln_D0_error == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-4)
    assert fit.covariance_eV == pytest.approx(covariance[0, 1], rel=1e-4)
    # The same extrapolation with the covariance written out.
    beta = 1.0 / (BOLTZMANN_EV_PER_K * 300.0)
    variance = covariance[1, 1] - 2.0 * beta * covariance[0, 1] + beta**2 * covariance[0, 0]
    low, high = fit.conductivity_interval_S_per_cm
    assert np.log(high / low) == pytest.approx(2.0 * 1.96 * np.sqrt(variance), rel=1e-3)


def test_points_that_scatter_more_than_their_errors_enlarge_them_as_ordinary_regression_does(
    template: DiffusionResult,
) -> None:
    rng = np.random.default_rng(1)
    T = np.array(TEMPERATURES_K)
    D = np.array([law(t) for t in T]) * np.exp(rng.normal(size=4) * 0.8)
    fit = fit_arrhenius([at(template, t, d, 0.1) for t, d in zip(T, D, strict=True)]).fit
    regression = stats.linregress(1.0 / (BOLTZMANN_EV_PER_K * T), np.log(D))
    assert fit is not None
    assert fit.scatter > 1.0
    assert fit.activation_energy_eV == pytest.approx(-regression.slope, rel=1e-9)
    assert fit.activation_energy_error_eV == pytest.approx(regression.stderr, rel=1e-9)


def test_two_points_have_the_errors_that_theirs_give(template: DiffusionResult) -> None:
    fit = fit_arrhenius([at(template, 800.0, law(800.0), 0.2), at(template, 1200.0, law(1200.0), 0.1)]).fit
    assert fit is not None
    lever = (1.0 / 800.0 - 1.0 / 1200.0) / BOLTZMANN_EV_PER_K
    assert fit.activation_energy_error_eV == pytest.approx(np.hypot(0.2, 0.1) / lever, rel=1e-9)
    assert fit.scatter == 1.0


def test_the_interval_at_300_K_holds_the_truth(template: DiffusionResult) -> None:
    rng = np.random.default_rng(7)
    truth, held = law(300.0), 0
    for _ in range(400):
        errors = rng.uniform(0.08, 0.25, 4)
        results = [
            at(template, T, law(T) * np.exp(rng.normal() * error), error)
            for T, error in zip(TEMPERATURES_K, errors, strict=True)
        ]
        fit = fit_arrhenius(results).fit
        assert fit is not None
        held += fit.D_interval_cm2_per_s[0] <= truth <= fit.D_interval_cm2_per_s[1]
    assert 0.92 <= held / 400 <= 0.995


def test_only_converged_temperatures_enter_and_the_others_are_named(template: DiffusionResult) -> None:
    bound = replace(
        template,
        temperature_K=800.0,
        status=DiffusionStatus.UPPER_BOUND,
        reason="too few jumps",
        D_cm2_per_s=None,
        relative_error=None,
        interval_cm2_per_s=(0.0, 1e-6),
    )
    molten = replace(bound, temperature_K=1400.0, status=DiffusionStatus.FRAMEWORK_MELTED, reason="gone")
    good = [at(template, T, law(T)) for T in (1000.0, 1200.0)]
    result = fit_arrhenius([bound, *good, molten])
    assert result.temperatures_K == (1000.0, 1200.0)
    assert result.excluded == ((800.0, "upper_bound: too few jumps"), (1400.0, "framework_melted: gone"))
    assert result.fit is not None
    assert result.fit.activation_energy_eV == pytest.approx(0.3)


def test_the_error_of_the_line_has_the_degrees_of_freedom_of_its_points(template: DiffusionResult) -> None:
    assert template.fit is not None
    of_one = template.fit.degrees_of_freedom
    assert of_one is not None
    assert of_one >= 8.0
    symmetric = fit_arrhenius([at(template, T, law(T)) for T in (800.0, 1200.0)]).fit
    assert symmetric is not None
    # Both ends bear equally on the slope: two variances of equal size.
    assert symmetric.degrees_of_freedom == pytest.approx(2.0 * of_one)
    uneven = fit_arrhenius(
        [at(template, 800.0, law(800.0), 0.2), at(template, 1200.0, law(1200.0), 1e-6)]
    ).fit
    assert uneven is not None
    assert uneven.degrees_of_freedom == pytest.approx(of_one)


def test_scatter_about_the_line_leaves_its_own_degrees_of_freedom(template: DiffusionResult) -> None:
    wild = [
        at(template, T, law(T) * np.exp(s), 1e-3) for T, s in zip(TEMPERATURES_K, (1, -1, 1, -1), strict=True)
    ]
    fit = fit_arrhenius(wild).fit
    assert fit is not None
    assert fit.degrees_of_freedom == pytest.approx(2.0, rel=0.1)
    assert template.fit is not None
    old = [replace(r, fit=replace(template.fit, degrees_of_freedom=None)) for r in wild]
    assert fit_arrhenius(old).fit.degrees_of_freedom == pytest.approx(2.0, rel=1e-4)  # type: ignore[union-attr]
    assert line(replace(template, fit=None)).degrees_of_freedom is None


@pytest.mark.parametrize("temperatures", [(), (1000.0,), (1000.0, 1000.0)])
def test_less_than_two_temperatures_make_no_line(
    template: DiffusionResult, temperatures: tuple[float, ...]
) -> None:
    result = fit_arrhenius([at(template, T, law(T)) for T in temperatures])
    assert result.status is ArrheniusStatus.TOO_FEW_TEMPERATURES
    assert result.fit is None
    json.dumps(result.as_dict())


def test_different_ions_do_not_share_a_line(template: DiffusionResult) -> None:
    sodium = replace(template, mobile_ion="Na", temperature_K=800.0)
    with pytest.raises(DynamicsError, match="different ions"):
        fit_arrhenius([template, sodium])


def test_conductivity_agrees_with_pymatgen(template: DiffusionResult) -> None:
    structure = Structure(Lattice.cubic(5.0), ["Li", "Li", "O"], [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    expected_mS = 2e-6 * get_conversion_factor(structure, "Li", 400.0)
    ours = nernst_einstein(2e-6, 2 / 125.0, 1, 400.0)
    assert ours == pytest.approx(1e-3 * expected_mS, rel=1e-6)
    fit = line(template)
    assert fit.conductivity_S_per_cm == pytest.approx(
        nernst_einstein(fit.D_cm2_per_s, template.number_density_per_A3, 1, 300.0)
    )


def test_charge_enters_squared(template: DiffusionResult) -> None:
    assert nernst_einstein(1e-6, 0.02, 2, 300.0) == pytest.approx(
        4.0 * nernst_einstein(1e-6, 0.02, -1, 300.0)
    )
    results = [at(template, T, law(T)) for T in TEMPERATURES_K]
    double = fit_arrhenius(results, charge_e=2.0).fit
    assert double is not None
    assert double.conductivity_S_per_cm == pytest.approx(4.0 * line(template).conductivity_S_per_cm)
