"""What a row says of E_a and σ: of the simulation, and of the crystal with the error of its potential."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from candidate_parts import STRUCTURE, P, build, fitted, simulated, window

from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument, TransportDocument
from mtl_flows.science.dynamics import DiffusionParameters, analyse_diffusion
from mtl_flows.science.dynamics.conductivity import BOLTZMANN_EV_PER_K
from mtl_flows.science.dynamics.known_answers import AnswerComparison
from mtl_flows.science.dynamics.synthetic import SyntheticWalk
from mtl_flows.science.quantiles import PROBABILITIES
from mtl_flows.science.verdict import Criterion, VerdictThresholds
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.posterior import observed, posterior_fields, posterior_record
from mtl_flows.stages.subjects import RunSource
from mtl_flows.stages.verdict import judge

TEMPERATURES_K = (800.0, 1200.0)


@cache
def analysis(temperature_K: float, energy_eV: float, duration_ps: float = 40.0) -> dict[str, Any]:
    D = 2e-3 * np.exp(-energy_eV / (BOLTZMANN_EV_PER_K * temperature_K))
    walk = SyntheticWalk(float(D), n_ions=30, duration_ps=duration_ps, timestep_fs=40.0)
    parameters = DiffusionParameters(n_surrogates=20)
    return analyse_diffusion(walk.trajectory(round(temperature_K)), "Li", temperature_K, parameters).as_dict()


def run(engine: str, energy_eV: float, **changes: Any) -> list[TrajectoryDocument]:
    return [
        simulated(engine, T, diffusion=(told := analysis(T, energy_eV)), status=told["status"], **changes)
        for T in TEMPERATURES_K
    ]


def fit_of(engine: str, energy_eV: float, **changes: Any) -> TransportDocument:
    seen = observed(run(engine, energy_eV))
    assert seen is not None
    return fitted(engine, energy_eV, **changes).model_copy(update={"posterior": posterior_record(seen)})


def row(**changes: Any) -> CandidateDocument:
    return build(windows=[window("toy", 0.0, 3.0)], **changes)


def test_two_intervals_and_the_verdict_goes_by_the_second() -> None:
    found = row(trajectories=run("toy", 0.35), fits=[fit_of("toy", 0.35)])
    assert found.posterior_temperatures_K == [800.0, 1200.0]
    simulated_low, simulated_high = (
        found.activation_energy_simulated_low_eV,
        found.activation_energy_simulated_high_eV,
    )
    assert simulated_low is not None
    assert simulated_low < 0.35 < (simulated_high or 0.0)
    assert found.activation_energy_crystal_low_eV < simulated_low  # type: ignore[operator]
    assert found.activation_energy_crystal_high_eV > simulated_high  # type: ignore[operator]
    assert (found.potential_error_eV, found.potential_error_source) == (0.2, "default")
    # 0.1 eV is 1.25 standard deviations away: what the simulation alone would call passed is open.
    assert (found.P_energy_simulated or 0.0) > 0.99
    assert found.verdict == "undecided"
    (hint,) = found.what_would_decide
    assert "potential's error of 0.20 eV (default)" in hint
    assert hint.count("activation_energy_eV") == 1

    judged = judge(found, window("toy", 0.0, 3.0), P.verdict)
    energy = judged.criteria[0]
    assert (energy.outcome, energy.outcome_alone) == ("undecided", "pass")
    assert energy.probability == pytest.approx(found.P_energy_crystal, abs=0.005)
    assert energy.as_dict()["outcome_alone"] == "pass"


def test_a_stated_error_decides_and_is_told() -> None:
    evidence = Evidence(trajectories=run("toy", 0.35))
    fields = posterior_fields(evidence, VerdictThresholds(potential_error_eV=0.02))
    assert (fields["potential_error_source"], fields["what_more"]) == ("stated", {})
    assert fields["P_energy_crystal"] > 0.99


def test_a_poor_conductor_is_told_from_bounds_alone() -> None:
    """Runs in which nothing jumps have no line, and decide."""
    found = row(trajectories=run("toy", 1.4))
    assert found.activation_energy_eV is None
    assert (found.P_conducts_simulated or 0.0) < 0.01
    thresholds = VerdictThresholds((Criterion("conductivity_300K_S_per_cm", minimum=1e-4),))
    judged = judge(found, None, thresholds)
    assert (judged.outcome, judged.criteria[0].outcome_alone) == ("fail", "fail")


def test_one_temperature_is_taken_and_rests_on_the_prior() -> None:
    (hot,) = (t for t in run("toy", 0.35) if t.temperature_K == 1200.0)
    found = row(trajectories=[hot])
    assert found.activation_energy_eV is None
    assert found.posterior_temperatures_K == [1200.0]
    low, high = found.activation_energy_simulated_low_eV, found.activation_energy_simulated_high_eV
    assert high - low > 0.4  # type: ignore[operator]


def test_a_simulation_that_goes_on_counts_and_one_that_failed_does_not() -> None:
    going, done = run("toy", 0.35)
    going = going.model_copy(update={"status": "running"})
    assert observed([going, done]) == observed(run("toy", 0.35))
    failed = observed([going.model_copy(update={"status": "failed"}), done])
    assert failed is not None
    assert failed.temperatures_K == (1200.0,)
    assert observed([simulated("toy", 900.0)]) is None


def test_a_fit_speaks_for_an_ordering_whose_trajectories_are_not_at_hand() -> None:
    fit = fit_of("toy", 0.35)
    assert observed([], [fit]) == observed(run("toy", 0.35))
    other = [t.model_copy(update={"ordering": 1}) for t in run("toy", 0.35)]
    both = observed(other, [fit])
    assert both is not None
    assert len(both.readings) == 2


def test_a_second_potential_says_how_far_off_they_may_be() -> None:
    trajectories = [*run("toy", 0.3), *run("other", 0.6, age_h=9)]
    fits = [fit_of("toy", 0.3), fit_of("other", 0.6, age_h=8)]
    source = RunSource("parent", STRUCTURE.crystal_id, STRUCTURE.id, STRUCTURE.material_id, current=True)
    evidence = Evidence.of([source], {"parent": trajectories}, {"parent": fits}, {})
    fields = posterior_fields(evidence, P.verdict)
    assert fields["potential_error_source"] == "second_potential"
    assert fields["potential_error_eV"] == pytest.approx(0.3, abs=0.08)
    alike = replace(evidence, every_fit=[fits[0], fit_of("other", 0.31)])
    assert posterior_fields(alike, P.verdict)["potential_error_eV"] == 0.1


def near(sigma: float) -> tuple[float, ...]:
    """Quantiles of a conductivity that is known to a factor of two."""
    return tuple(sigma * 2.0 ** (2.0 * probability - 1.0) for probability in PROBABILITIES)


def known(bias_decades: float, *, materials: str = "abcde") -> list[AnswerComparison]:
    """Conductors that a potential makes too fast by so much."""
    # Known to a factor of two.
    sigma = tuple(1e-4 * 10.0**bias_decades * 2.0 ** (2.0 * p - 1.0) for p in PROBABILITIES)
    return [
        AnswerComparison(m, f"Li{n}S", (1e-4, 1e-4), sigma, (0.3, 0.2, 0.4), (), {"800": 20.0}, 52)
        for n, m in enumerate(materials, start=3)
    ]


def test_known_answers_come_before_a_second_potential_and_raw_stands_beside_corrected() -> None:
    fits = [fit_of("toy", 0.35), fit_of("other", 0.5)]
    evidence = Evidence(
        trajectories=run("toy", 0.35), fits=fits[:1], every_fit=fits, comparisons={"toy": known(2.0)}
    )
    thresholds = VerdictThresholds()
    fields = posterior_fields(evidence, thresholds)
    assert fields["potential_error_source"] == "known_answers"
    assert fields["potential_bias_eV"] == pytest.approx(-0.119, abs=0.02)
    # The crystal's barrier is the simulation's less the bias, and both stand in the row.
    raised = fields["activation_energy_crystal_eV"] - fields["activation_energy_simulated_eV"]
    assert raised == pytest.approx(-fields["potential_bias_eV"], abs=0.02)
    told = judge(row(trajectories=run("toy", 0.35)).model_copy(update=fields), None, thresholds).as_dict()
    energy = told["criteria"][0]
    assert energy["value"] == pytest.approx(fields["activation_energy_crystal_eV"], abs=0.005)
    assert energy["value_alone"] == pytest.approx(fields["activation_energy_simulated_eV"], abs=0.005)
    few = replace(evidence, comparisons={"toy": known(2.0, materials="abcd")})
    assert posterior_fields(few, thresholds)["potential_error_source"] == "second_potential"
    another = replace(evidence, comparisons={"other": known(2.0)})
    assert posterior_fields(another, thresholds)["potential_error_source"] == "second_potential"
    stated = posterior_fields(evidence, VerdictThresholds(potential_error_eV=0.1))
    assert (stated["potential_error_source"], stated["potential_bias_eV"]) == ("stated", 0.0)


def test_a_material_is_not_corrected_by_its_own_measured_value() -> None:
    source = RunSource("parent", STRUCTURE.crystal_id, STRUCTURE.id, STRUCTURE.material_id, current=True)
    comparisons = known(2.0)
    comparisons[0] = replace(comparisons[0], material_id=STRUCTURE.material_id)
    evidence = Evidence(source, trajectories=run("toy", 0.35), comparisons={"toy": comparisons})
    assert posterior_fields(evidence, VerdictThresholds())["potential_error_source"] == "default"
    # The same composition under another id is as little to be used: it may be the same crystal.
    comparisons[0] = replace(comparisons[0], material_id="another", formula="Li10Ge1.0P2S12")
    evidence = replace(evidence, comparisons={"toy": comparisons}, formula="Li10GeP2S12")
    assert posterior_fields(evidence, VerdictThresholds())["potential_error_source"] == "default"
    evidence = replace(evidence, formula="Li10SnP2S12")
    assert posterior_fields(evidence, VerdictThresholds())["potential_error_source"] == "known_answers"
