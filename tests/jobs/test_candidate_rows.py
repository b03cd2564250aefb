"""One row: every gate's word once, one run of the dynamics, and nothing that no longer holds."""

from itertools import product

import numpy as np
import pytest
from candidate_parts import (
    SOURCE,
    STRUCTURE,
    assignment,
    barrier,
    build,
    chemistry,
    fitted,
    line,
    simulated,
    topology,
    window,
)

from mtl_flows.science.dynamics.ensemble import summarise_orderings
from mtl_flows.science.topology import PROTOCOLS
from mtl_flows.stages.evidence import Evidence
from mtl_flows.stages.subjects import RunSource


def test_a_fresh_structure_has_everything_before_it() -> None:
    candidate = build()
    assert (candidate.furthest_stage, candidate.pending) == ("ingested", ["topology", "chemistry"])
    assert (candidate.survives_published, candidate.passes_chemistry, candidate.failed_rules) == (None,) * 3
    assert (candidate.id, candidate.is_representative, candidate.elements) == (
        "Li:icsd-34280",
        True,
        ["Li", "N"],
    )


@pytest.mark.parametrize(
    ("rho", "selected", "failures"),
    list(product((0.3, 0.9), (True, False, None), ((), (1,), None))),
)
def test_survival_is_what_all_gates_say(
    rho: float, selected: bool | None, failures: tuple[int, ...] | None
) -> None:
    candidate = build(
        topology=topology(rho=rho),
        chemistry=None if failures is None else chemistry(*failures),
        assignments={} if selected is None else {p: assignment(p, selected=selected) for p in PROTOCOLS},
        clustered=frozenset() if selected is None else frozenset(PROTOCOLS),
    )
    prescreened, chemical = rho < 0.6, None if failures is None else not failures
    # What failed the prescreen is not asked for its cluster.
    chosen = selected if prescreened else False
    gates = (prescreened, chosen, chemical)
    survives = False if False in gates else None if None in gates else True
    for protocol in PROTOCOLS:
        assert getattr(candidate, f"passes_prescreen_{protocol}") is prescreened
        assert getattr(candidate, f"selected_{protocol}") is chosen
        assert getattr(candidate, f"survives_{protocol}") is survives
    assert candidate.survives is bool(survives)
    pending = [*(["dynamics"] if survives else []), *(["clustering"] if chosen is None else [])]
    assert candidate.pending == [*pending, *(["chemistry"] if chemical is None else [])]


def test_the_protocols_are_judged_apart() -> None:
    candidate = build(
        topology=topology(rho=0.0),
        chemistry=chemistry(),
        assignments={"text": assignment("text", selected=True)},
        clustered=frozenset(PROTOCOLS),
    )
    assert (candidate.passes_prescreen_published, candidate.passes_prescreen_text) == (False, True)
    assert (candidate.survives_published, candidate.survives_text, candidate.survives) == (False, True, True)
    assert (candidate.furthest_stage, candidate.pending) == ("chemistry", ["dynamics"])


def test_the_priority_is_a_wide_path_of_short_hops_over_low_barriers() -> None:
    wide = build(topology=topology(v3_A=1.5, d3_A=3.0), barrier=barrier(0.4))
    assert (wide.v3_over_d3, wide.E_3D_eV) == (0.5, 0.4)
    assert wide.priority == pytest.approx(np.log(0.5) - 0.8)
    closed = build(topology=topology(d3_A=float("inf")), barrier=barrier(9.0))
    assert (closed.v3_over_d3, closed.priority) == (0.0, pytest.approx(np.log(0.05) - 6.0))
    # Without a barrier there is the ratio alone.
    for unknown in (None, barrier(None)):
        row = build(topology=topology(v3_A=1.5, d3_A=3.0), barrier=unknown)
        assert (row.v3_over_d3, row.E_3D_eV, row.priority) == (0.5, None, None)
    assert build(topology=topology(v3_A=None, d3_A=None), barrier=barrier(0.4)).priority is None


def test_runs_of_the_dynamics_are_not_mixed() -> None:
    """The newest run is shown, with its own fit; what other parameters gave is left in its collection."""
    old = [simulated("old", T, age_h=9) for T in (800.0, 1000.0)]
    new = [simulated("new", 1200.0, age_h=1, status="running"), simulated("new", 900.0, age_h=1)]
    while_running = build(trajectories=[*old, *new], fits=[fitted("old", 0.2, age_h=8)])
    assert [d.temperature_K for d in while_running.diffusivities] == [900.0, 1200.0]
    assert (while_running.engine, while_running.dynamics_status) == ("new", "running")
    assert while_running.activation_energy_eV is None
    done = build(
        trajectories=[*new, *old],
        fits=[fitted("new", 0.4, age_h=2, judgement="before"), fitted("new", 0.3), fitted("old", 0.2)],
    )
    assert (done.engine, done.dynamics_status, done.activation_energy_eV) == ("new", "fitted", 0.3)
    assert (done.furthest_stage, done.verdict) == ("dynamics", "undecided")
    with_window = build(
        trajectories=[*new, *old],
        fits=[fitted("new", 0.3), fitted("old", 0.2)],
        windows=[window("new", 0.0, 3.0, age_h=3), window("old", 0.0, 0.1)],
    )
    assert (with_window.window_status, with_window.window_high_V) == ("known", 3.0)
    assert (with_window.verdict, with_window.furthest_stage) == ("pass", "verdict")


def test_a_row_summarises_the_orderings_of_its_run_and_no_others() -> None:
    runs = [
        simulated("new", 900.0, ordering=k, ordering_id=f"o:{k}", id=f"o:{k}:new:900K") for k in (0, 1, 2)
    ]
    lines = [line(0.30, -3.0), line(0.36, -4.0)]
    fits = [
        fitted("new", 0.30, sigma_S_per_cm=1e-3),
        fitted("new", 0.36, sigma_S_per_cm=1e-4, ordering=1),
        fitted("new", None, status="upper_bound", ordering=2, age_h=-1),
        # The newest of all, yet of another run.
        fitted("old", 0.9, sigma_S_per_cm=1e-9, age_h=-5, ordering=1, engine="new"),
    ]
    row = build(trajectories=[*runs, simulated("old", 900.0, age_h=2)], fits=fits)
    expected = summarise_orderings(lines)
    assert (row.n_orderings, row.n_fits, row.dynamics_status) == (3, 2, "fitted")
    assert row.activation_energy_eV == pytest.approx(0.33)
    assert row.activation_energy_error_eV == pytest.approx(expected.activation_energy_error_eV)
    assert row.activation_energy_spread_eV == pytest.approx(0.06 / np.sqrt(2))
    assert row.conductivity_300K_S_per_cm == pytest.approx(10**-3.5)
    assert row.conductivity_300K_spread_decades == pytest.approx(1 / np.sqrt(2))
    assert (row.conductivity_300K_low_S_per_cm, row.conductivity_300K_high_S_per_cm) == pytest.approx(
        expected.conductivity_interval_S_per_cm
    )
    # Another protocol of the same potential is no second opinion.
    assert (row.compared_engines, row.potentials_agree) == ([], None)


def test_two_orderings_that_differ_are_too_few_for_a_verdict_on_their_mean() -> None:
    runs = [simulated("new", 900.0, ordering=k, ordering_id=f"o:{k}", id=f"o:{k}:new:900K") for k in (0, 1)]
    wide, narrow = (
        build(
            trajectories=runs,
            fits=[fitted("new", 0.6 - apart, ordering=0), fitted("new", 0.6 + apart, ordering=1)],
            windows=[window("new", 0.0, 3.0)],
        )
        for apart in (0.05, 0.005)
    )
    # Student's t with one degree of freedom: 12.7 standard errors.
    assert wide.activation_energy_low_eV == pytest.approx(0.6 - 12.706 * 0.05, abs=1e-3)
    assert (wide.verdict, narrow.verdict) == ("undecided", "pass")


def test_one_fit_is_shown_as_it_is_and_without_a_spread() -> None:
    row = build(trajectories=[simulated("toy", 900.0)], fits=[fitted("toy", 0.3)])
    assert (row.n_orderings, row.n_fits, row.activation_energy_eV) == (1, 1, 0.3)
    assert row.activation_energy_error_eV == pytest.approx(0.02)
    assert (row.conductivity_300K_low_S_per_cm, row.conductivity_300K_high_S_per_cm) == pytest.approx(
        (5e-4, 2e-3)
    )
    assert (row.activation_energy_spread_eV, row.conductivity_300K_spread_decades) == (None, None)


@pytest.mark.parametrize(("sigma_S_per_cm", "agree"), [(1.5e-3, True), (1e-5, False)])
def test_a_second_potential_is_compared_and_not_mixed_in(sigma_S_per_cm: float, agree: bool) -> None:
    runs = [simulated("new", 900.0), simulated("old", 900.0, age_h=9)]
    fits = [
        fitted("new", 0.3),
        fitted("old", 0.31, sigma_S_per_cm=sigma_S_per_cm, age_h=8),
        # An older protocol of that potential, and a third one without a line, say nothing.
        fitted("old", 0.9, sigma_S_per_cm=1e-12, age_h=20, judgement="before"),
        fitted("third", None, status="failed"),
    ]
    row = build(trajectories=runs, fits=fits)
    assert (row.engine, row.n_fits, row.activation_energy_eV) == ("new", 1, 0.3)
    assert (row.compared_engines, row.potentials_agree) == (["old"], agree)
    # The order in which documents come does not matter, and the newest run decides which is shown.
    assert build(trajectories=runs[::-1], fits=fits[::-1]) == row
    other = build(trajectories=[simulated("new", 900.0, age_h=10), runs[1]], fits=fits)
    assert (other.engine, other.activation_energy_eV, other.compared_engines) == ("old", 0.31, ["new"])


@pytest.mark.parametrize(
    ("energy_eV", "high_V", "verdict"),
    [
        (0.3, 3.0, "pass"),
        (1.5, 3.0, "fail"),
        (0.3, 0.1, "fail"),
        (0.99, 3.0, "undecided"),
        (None, 3.0, "undecided"),
    ],
)
def test_the_verdict_takes_errors_into_account(energy_eV: float | None, high_V: float, verdict: str) -> None:
    status = "fitted" if energy_eV is not None else "unconverged"
    candidate = build(
        trajectories=[simulated("toy", 800.0)],
        fits=[fitted("toy", energy_eV, status=status)],
        windows=[window("toy", 0.0, high_V)],
    )
    assert candidate.verdict == verdict
    assert bool(candidate.what_would_decide) == (verdict == "undecided")
    assert candidate.furthest_stage == ("stability" if verdict == "undecided" else "verdict")


def test_a_row_shows_one_run_of_its_group_and_says_whose() -> None:
    """The material's own, else that of the one that stands for it, else the most complete; never pooled."""
    own = SOURCE
    head = RunSource("head", "c2", "head.r1", "head", current=True, kin="head")
    few = RunSource("few", "c3", "few.r1", "few", current=True, kin="member")
    many = RunSource("many", "c4", "many.r1", "many", current=True, kin="member")
    earlier = RunSource("before", "c5", "icsd-34280.r0", STRUCTURE.material_id, current=False)
    sources = [own, head, few, many, earlier]

    def shown(*simulated_ones: RunSource) -> RunSource | None:
        runs = {s.parent_id: [simulated("toy", 900.0, steps_done=len(s.parent_id))] for s in simulated_ones}
        return Evidence.of(sources, runs, {}, {}).source

    assert shown(*sources) == own
    assert shown(head, few, many, earlier) == head
    assert shown(few, many, earlier) == many
    assert shown(earlier) == earlier
    assert shown() is None
