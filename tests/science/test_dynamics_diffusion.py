import json
from dataclasses import replace

import numpy as np
import pytest
from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import ConfigurationError, DynamicsError, NoFrameworkError, NoMobileIonError
from mtl_flows.science.dynamics import (
    DiffusionParameters,
    DiffusionStatus,
    Trajectory,
    analyse_diffusion,
)
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.science.dynamics.trajectory import displacements_A

FAST = SyntheticWalk(D_cm2_per_s=5e-5, n_ions=20)


def test_a_fast_conductor_converges_on_its_diffusivity() -> None:
    result = analyse_diffusion(FAST.trajectory(0), "Li", 1000.0)
    assert result.status is DiffusionStatus.CONVERGED
    assert result.D_cm2_per_s is not None
    assert result.interval_cm2_per_s is not None
    assert result.fit is not None
    low, high = result.interval_cm2_per_s
    assert low < 5e-5 < high
    assert low < result.D_cm2_per_s < high
    assert np.mean(result.fit.D_components_cm2_per_s) == pytest.approx(result.D_cm2_per_s)
    assert result.fit.n_effective_hops == pytest.approx(120.0, rel=0.5)
    assert result.n_hops == pytest.approx(120, rel=0.5)
    assert result.fit.exponent == pytest.approx(1.0, abs=0.3)
    assert result.framework_msd_A2 < 0.3
    assert result.n_mobile == 20
    assert result.number_density_per_A3 == pytest.approx(20 / 12.0**3)
    assert result.production_ps == pytest.approx(18.0)


def test_the_slope_is_near_that_of_pymatgen() -> None:
    # The same displacements, another weighting and a longer window: equal within the error.
    for seed in range(3):
        trajectory = FAST.trajectory(seed)
        result = analyse_diffusion(trajectory, "Li", 1000.0)
        production = trajectory.from_time(2.0)
        moved = displacements_A(production, ~production.mask("Li"))
        structure = Structure(
            Lattice(production.lattice_A),
            production.species,
            production.positions_A[0],
            coords_are_cartesian=True,
        )
        referee = DiffusionAnalyzer(structure, moved, "Li", 1000.0, 20.0, 1, smoothed="max", min_obs=60)
        assert result.fit is not None
        difference = abs(result.fit.D_cm2_per_s - referee.diffusivity)
        assert difference < 2.0 * result.fit.standard_error_cm2_per_s


def test_the_msd_is_the_definition() -> None:
    trajectory = SyntheticWalk(n_ions=3, n_framework=2, duration_ps=12.0).trajectory(1)
    result = analyse_diffusion(trajectory, "Li", 1000.0)
    production = trajectory.from_time(2.0)
    moved = displacements_A(production, ~production.mask("Li"))[production.mask("Li")]
    assert result.fit is not None
    for index in (0, 40, -1):
        lag = round(result.fit.lag_ps[index] / 0.02)
        squared = ((moved[:, lag:] - moved[:, :-lag]) ** 2).sum(axis=2)
        assert result.fit.msd_A2[index] == pytest.approx(squared.mean(), rel=1e-9)


def test_wrapping_drift_and_other_atoms_change_nothing() -> None:
    plain = FAST.trajectory(3)
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(size=(plain.n_frames, 1, 3)) * 0.05, axis=0)
    disturbed = replace(
        plain, positions_A=(np.asarray(plain.positions_A, dtype=float) + drift) % 12.0, wrapped=True
    )
    expected = analyse_diffusion(plain, "Li", 1000.0)
    result = analyse_diffusion(disturbed, "Li", 1000.0)
    assert result.D_cm2_per_s == pytest.approx(expected.D_cm2_per_s, rel=1e-4)
    assert result.interval_cm2_per_s == pytest.approx(expected.interval_cm2_per_s, rel=1e-4)


def test_lengths_scale_the_diffusivity_quadratically_and_time_inversely() -> None:
    plain = FAST.trajectory(4)
    parameters = DiffusionParameters(discard_ps=0.0)
    base = analyse_diffusion(plain, "Li", 1000.0, parameters)
    wide = analyse_diffusion(replace(plain, positions_A=1.5 * plain.positions_A), "Li", 1000.0, parameters)
    assert base.fit is not None
    assert wide.fit is not None
    assert wide.fit.D_cm2_per_s == pytest.approx(2.25 * base.fit.D_cm2_per_s, rel=1e-5)
    slow = analyse_diffusion(
        replace(plain, timestep_fs=40.0), "Li", 1000.0, replace(parameters, min_lag_ps=2.0)
    )
    assert slow.fit is not None
    assert slow.fit.D_cm2_per_s == pytest.approx(0.5 * base.fit.D_cm2_per_s, rel=0.05)


@pytest.mark.parametrize("vibration_A", [0.0, 0.1, 0.4])
def test_an_ion_that_does_not_move_has_a_bound_and_no_diffusivity(vibration_A: float) -> None:
    rest = SyntheticWalk(D_cm2_per_s=0.0, vibration_A=vibration_A).trajectory(0)
    result = analyse_diffusion(rest, "Li", 1000.0)
    assert result.status is DiffusionStatus.UPPER_BOUND
    assert result.D_cm2_per_s is None
    assert result.relative_error is None
    assert result.n_hops == 0
    # No jump seen: fewer than three on average, at 95 %.
    three_jumps = 2.9957 * 9.0 / (6.0 * 20 * 18.0) * 1e-4
    assert result.interval_cm2_per_s is not None
    assert result.interval_cm2_per_s[0] == 0.0
    assert result.interval_cm2_per_s[1] == pytest.approx(three_jumps, rel=0.1)


def test_an_ion_that_rattles_between_two_sites_does_not_diffuse() -> None:
    rest = SyntheticWalk(D_cm2_per_s=0.0).trajectory(0)
    rattling = np.array(rest.positions_A)
    rattling[:, :20, 0] += (
        2.5 * (np.random.default_rng(0).random((10, 20)) < 0.5).repeat(101, axis=0)[: rest.n_frames]
    )
    result = analyse_diffusion(replace(rest, positions_A=rattling), "Li", 1000.0)
    assert result.n_hops > 10
    assert result.status is not DiffusionStatus.CONVERGED


def test_few_jumps_give_a_bound_above_the_truth() -> None:
    slow = SyntheticWalk(D_cm2_per_s=1e-6, n_ions=20)
    results = [analyse_diffusion(slow.trajectory(seed), "Li", 1000.0) for seed in range(20)]
    assert {result.status for result in results} == {DiffusionStatus.UPPER_BOUND}
    assert sum(result.interval_cm2_per_s[1] > 1e-6 for result in results if result.interval_cm2_per_s) >= 19


@pytest.mark.parametrize(
    "walk",
    [
        SyntheticWalk(D_cm2_per_s=2e-5, n_ions=12),
        SyntheticWalk(D_cm2_per_s=1e-5, n_ions=12, jump_A=0.0),
        SyntheticWalk(D_cm2_per_s=3e-5, n_ions=12, ions_per_jump=3, duration_ps=40.0, timestep_fs=40.0),
    ],
    ids=["jumps", "gaussian", "collective"],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(walk: SyntheticWalk) -> None:
    # Forty walks each; the proof with hundreds is benchmarks/diffusion_coverage.py.
    results = [analyse_diffusion(walk.trajectory(seed), "Li", 1000.0) for seed in range(40)]
    intervals = [result.interval_cm2_per_s for result in results if result.interval_cm2_per_s is not None]
    covered = sum(low <= walk.D_cm2_per_s <= high for low, high in intervals)
    assert len(intervals) == 40
    assert covered >= 33


def test_the_error_shrinks_with_the_square_root_of_time_and_of_ions() -> None:
    def error(walk: SyntheticWalk) -> float:
        fits = [analyse_diffusion(walk.trajectory(seed), "Li", 1000.0).fit for seed in range(6)]
        return float(np.mean([fit.standard_error_cm2_per_s for fit in fits if fit is not None]))

    # A fixed window, so that only the number of windows changes.
    base = SyntheticWalk(D_cm2_per_s=5e-5, n_ions=16, duration_ps=12.0, timestep_fs=40.0)
    short = error(base)
    assert short / error(replace(base, n_ions=64)) == pytest.approx(2.0, rel=0.3)


def test_time_shrinks_the_error_in_a_fixed_window() -> None:
    def error(duration_ps: float) -> float:
        walk = SyntheticWalk(D_cm2_per_s=5e-5, n_ions=16, duration_ps=duration_ps, timestep_fs=40.0)
        parameters = DiffusionParameters(discard_ps=0.0, max_lag_fraction=3.0 / duration_ps)
        fits = [analyse_diffusion(walk.trajectory(seed), "Li", 1000.0, parameters).fit for seed in range(6)]
        return float(np.mean([fit.standard_error_cm2_per_s for fit in fits if fit is not None]))

    assert error(15.0) / error(60.0) == pytest.approx(2.0, rel=0.3)


def melted(trajectory: Trajectory, D_cm2_per_s: float) -> Trajectory:
    rng = np.random.default_rng(9)
    framework = ~trajectory.mask("Li")
    steps = rng.normal(size=(trajectory.n_frames, int(framework.sum()), 3)) * np.sqrt(
        2.0 * D_cm2_per_s * 1e4 * 0.02
    )
    positions = np.array(trajectory.positions_A)
    positions[:, framework] += np.cumsum(steps, axis=0)
    return replace(trajectory, positions_A=positions)


def test_a_molten_framework_is_told_from_a_conductor() -> None:
    result = analyse_diffusion(melted(FAST.trajectory(0), 2e-5), "Li", 1000.0)
    assert result.status is DiffusionStatus.FRAMEWORK_MELTED
    assert "framework" in result.reason
    assert result.D_cm2_per_s is None
    assert result.interval_cm2_per_s is None
    assert result.framework_msd_A2 > 3.0


def test_rotating_groups_are_not_a_melt() -> None:
    trajectory = FAST.trajectory(0)
    positions = np.array(trajectory.positions_A)
    # Six tetrahedra, each a centre (P) and three corners (O) that swing between equivalent places 3.3 Å apart.
    species = ("Li",) * 20 + ("P",) * 6 + ("O",) * 18
    rng = np.random.default_rng(0)
    swing = rng.choice([-1.65, 1.65], size=(11, 18, 3)).repeat(100, axis=0)[: trajectory.n_frames]
    positions[:, 26:] += swing / np.sqrt(2.0)
    result = analyse_diffusion(replace(trajectory, species=species, positions_A=positions), "Li", 1000.0)
    assert result.framework_msd_by_element_A2["O"] > 3.0
    assert result.framework_msd_by_element_A2["P"] < 3.0
    assert result.status is DiffusionStatus.CONVERGED


def test_one_runaway_atom_breaks_the_framework() -> None:
    trajectory = FAST.trajectory(0)
    positions = np.array(trajectory.positions_A)
    positions[:, -1, 2] += np.linspace(0.0, 7.0, trajectory.n_frames)
    result = analyse_diffusion(replace(trajectory, positions_A=positions), "Li", 1000.0)
    assert result.status is DiffusionStatus.FRAMEWORK_MELTED
    assert result.max_framework_displacement_A > 5.0


def test_a_short_run_is_unconverged_without_a_number() -> None:
    result = analyse_diffusion(replace(FAST, duration_ps=5.0).trajectory(0), "Li", 1000.0)
    assert result.status is DiffusionStatus.UNCONVERGED
    assert "too short" in result.reason
    assert (result.D_cm2_per_s, result.interval_cm2_per_s, result.fit) == (None, None, None)


def test_a_run_within_its_equilibration_cannot_be_analysed() -> None:
    with pytest.raises(DynamicsError, match="equilibration"):
        analyse_diffusion(replace(FAST, duration_ps=1.5).trajectory(0), "Li", 1000.0)


def test_a_run_that_speeds_up_is_not_converged() -> None:
    trajectory = FAST.trajectory(0)
    positions = np.array(trajectory.positions_A)
    # All lithium in one stream: the displacement grows with the square of time.
    positions[:, :20, 0] += np.linspace(0.0, 40.0, trajectory.n_frames)[:, None]
    result = analyse_diffusion(replace(trajectory, positions_A=positions), "Li", 1000.0)
    assert result.status is DiffusionStatus.UNCONVERGED
    assert "slope changes" in result.reason
    assert result.fit is not None
    assert result.fit.exponent > 1.5


@pytest.mark.parametrize("n_ions", [1, 2])
def test_one_or_two_ions_are_analysed_too(n_ions: int) -> None:
    walk = SyntheticWalk(D_cm2_per_s=1e-4, n_ions=n_ions, duration_ps=40.0, timestep_fs=40.0)
    result = analyse_diffusion(walk.trajectory(2), "Li", 1000.0)
    assert result.status in (DiffusionStatus.UNCONVERGED, DiffusionStatus.CONVERGED)
    assert result.interval_cm2_per_s is not None
    low, high = result.interval_cm2_per_s
    assert low < 1e-4 < high
    assert high / low > 2.0


def test_a_crystal_without_the_ion_or_without_a_framework_is_refused() -> None:
    trajectory = FAST.trajectory(0)
    with pytest.raises(NoMobileIonError, match="Na"):
        analyse_diffusion(trajectory, "Na", 1000.0)
    with pytest.raises(NoFrameworkError, match="every atom"):
        analyse_diffusion(replace(trajectory, species=("Li",) * 44), "Li", 1000.0)


def test_another_ion_works_the_same() -> None:
    result = analyse_diffusion(FAST.trajectory(0, mobile_ion="Ag"), "Ag", 600.0)
    assert (result.mobile_ion, result.status) == ("Ag", DiffusionStatus.CONVERGED)


def test_long_runs_are_thinned() -> None:
    parameters = DiffusionParameters(max_frames=300)
    result = analyse_diffusion(FAST.trajectory(0), "Li", 1000.0, parameters)
    assert result.n_frames <= 300
    full = analyse_diffusion(FAST.trajectory(0), "Li", 1000.0)
    assert full.fit is not None
    assert result.fit is not None
    assert result.fit.D_cm2_per_s == pytest.approx(full.fit.D_cm2_per_s, rel=0.1)


def test_results_are_json_and_repeatable() -> None:
    first = analyse_diffusion(FAST.trajectory(0), "Li", 1000.0).as_dict()
    second = analyse_diffusion(FAST.trajectory(0), "Li", 1000.0).as_dict()
    assert json.loads(json.dumps(first, allow_nan=False)) == json.loads(json.dumps(second, allow_nan=False))
    assert first["parameters"]["discard_ps"] == 2.0
    assert "pymatgen-analysis-diffusion" in first["versions"]


@pytest.mark.parametrize(
    "fields", [{"min_lag_ps": 0.5}, {"max_lag_fraction": 0.9}, {"confidence": 1.0}, {"max_lag_fraction": 0.0}]
)
def test_impossible_parameters_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="|".join(fields)):
        DiffusionParameters(**fields)  # type: ignore[arg-type]
