"""The verdict, on the published candidates and on constructed ones."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedEntry

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.measured import Measured, measured_window
from mtl_flows.science.stability import EntrySet, electrochemical_window
from mtl_flows.science.verdict import Criterion, VerdictThresholds, decide

# Table 1 of D. Chen et al., J. Am. Chem. Soc. 2025, doi:10.1021/jacs.5c04828: ICSD code, formula, activation energy
# (eV) and electrochemical window (V) of the fourteen candidates that met both thresholds.
PUBLISHED = [
    (9987, "Li6Ga2(BO3)4", 0.826, 1.654),
    (15631, "Li7SbO6", 0.228, 1.137),
    (23634, "Li10Zn4O9", 0.624, 1.405),
    (35250, "K2Li14Pb3O14", 0.998, 0.553),
    (40245, "Li3BiO3", 0.573, 0.977),
    (59640, "Li4Zn(PO4)2", 0.387, 1.772),
    (69967, "NaLi2PO4", 0.429, 3.19),
    (71035, "KLi6BiO6", 0.272, 1.064),
    (72840, "Li6KBiO6", 0.611, 1.063),
    (74864, "CsKNa2Li8(Li(SiO4))4", 0.296, 2.382),
    (78819, "Li10N3Br", 0.435, 0.530),
    (92708, "LiAlSiO4", 0.455, 2.667),
    (95972, "Li2MgSiO4", 0.323, 2.739),
    (262642, "In2Li2SiS6", 0.934, 0.755),
]

# Zhu, He and Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015), doi:10.1021/acsami.5b07517: width of the window (V).
PUBLISHED_WINDOWS = {
    "Li10GeP2S12": (0.43, "fail"),
    "Li7P3S11": (0.03, "fail"),
    "Li6PS5Cl": (0.30, "fail"),
    "Li3PS4": (0.60, "pass"),
    "Li7La3Zr2O12": (2.86, "pass"),
    "Li3PO4": (3.52, "pass"),
}


def candidate(energy: Measured, window: Measured) -> dict[str, Measured]:
    return {"activation_energy_eV": energy, "window_V": window}


def around(value: float, uncertainty: float) -> Measured:
    return Measured(value, value - uncertainty, value + uncertainty, "test")


def exact(value: float) -> Measured:
    return Measured.exact(value, "test")


@pytest.mark.parametrize(("icsd", "formula", "energy", "window"), PUBLISHED)
def test_published_candidates_pass(icsd, formula, energy, window):
    verdict = decide(candidate(exact(energy), exact(window)))
    assert verdict.outcome == "pass", (icsd, formula)
    assert [c.outcome for c in verdict.criteria] == ["pass", "pass"]
    assert verdict.what_would_decide == ()


@pytest.mark.parametrize("formula", PUBLISHED_WINDOWS)
def test_the_published_gate_rejects_known_sulphide_conductors(formula):
    width, expected = PUBLISHED_WINDOWS[formula]
    assert decide(candidate(exact(0.25), exact(width))).outcome == expected


@pytest.mark.parametrize(
    ("energy", "window", "expected"),
    [
        (0.1, 0.6, "pass"),
        (1.0, 0.6, "pass"),
        (0.0999, 0.6, "fail"),
        (1.0001, 0.6, "fail"),
        (0.3, 0.5, "fail"),
        (0.3, 0.5001, "pass"),
        (2.0, 0.1, "fail"),
    ],
)
def test_bounds_of_energy_are_kept_and_that_of_window_is_exceeded(energy, window, expected):
    assert decide(candidate(exact(energy), exact(window))).outcome == expected


def test_interval_across_a_threshold_is_undecided():
    verdict = decide(candidate(around(0.95, 0.1), exact(2.0)))
    assert verdict.outcome == "undecided"
    (hint,) = verdict.what_would_decide
    assert hint == "activation_energy_eV: an interval narrower than [0.85, 1.05] that leaves out 1"
    assert decide(candidate(around(0.95, 0.04), exact(2.0))).outcome == "pass"
    assert decide(candidate(around(1.2, 0.1), exact(2.0))).outcome == "fail"


def test_interval_over_both_bounds_names_both():
    verdict = decide(candidate(around(0.5, 0.6), exact(2.0)))
    assert verdict.what_would_decide[0].endswith("leaves out 0.1 and 1")


def test_interval_that_touches_the_strict_window_bound_is_undecided():
    assert decide(candidate(exact(0.3), Measured(0.7, 0.5, 0.9, "test"))).outcome == "undecided"
    assert decide(candidate(exact(0.3), Measured(0.4, 0.3, 0.5, "test"))).outcome == "fail"


def test_unknown_window_is_undecided_unless_something_else_fails():
    unknown = Measured.unusable("CHGNet 0.3.0", note="entries of P are missing")
    assert decide(candidate(exact(0.3), unknown)).outcome == "undecided"
    assert decide(candidate(exact(0.3), unknown)).what_would_decide == ("window_V: entries of P are missing",)
    failed = decide(candidate(exact(3.0), unknown))
    assert failed.outcome == "fail"
    assert failed.what_would_decide == ()


def test_window_result_becomes_an_interval():
    def measured(energy: float | None, *entries: ComputedEntry) -> Measured:
        hull = EntrySet.build(entries, kind="file", label="table", energy_scale="enthalpy")
        return measured_window(
            electrochemical_window(Composition("LiCl"), hull, energy), 0.2, "table (enthalpy)"
        )

    elements = ComputedEntry("Li", 0.0), ComputedEntry("Cl2", 0.0)
    known = measured(None, *elements, ComputedEntry("LiCl", -4.235))
    assert (known.low, known.value, known.high) == pytest.approx((4.035, 4.235, 4.435))
    assert (known.status, known.origin) == ("known", "table (enthalpy)")
    unknown = measured(None, elements[0])
    assert (unknown.status, unknown.note) == ("unknown", "energies are missing: Cl")


def test_window_without_competing_oxides_is_an_upper_bound():
    def measured(energy: float, *compounds: ComputedEntry) -> Measured:
        elements = [ComputedEntry(symbol, 0.0) for symbol in ("Li", "Nb", "O")]
        hull = EntrySet.build([*elements, *compounds], kind="file", label="table", energy_scale="enthalpy")
        return measured_window(
            electrochemical_window(Composition("LiNbO3"), hull, energy), 0.2, "table (enthalpy)"
        )

    # LiNbO3 → Nb + 3/2 O2 + Li at 14.0 V, LiNbO3 + 5 Li → 3 Li2O + Nb at 0.92 V; Nb2O5 brings the former to 4.15 V.
    lithia = ComputedEntry("Li2O", -6.2)
    open_edge = measured(-2.8, lithia)
    assert (open_edge.status, open_edge.value) == ("upper_bound", pytest.approx(13.08))
    assert decide(candidate(exact(0.3), open_edge)).what_would_decide == (
        "window_V: the high edge rests on missing compounds: add their energies",
    )
    closed = measured(-2.8, lithia, ComputedEntry("Nb2O5", -19.7))
    assert (closed.status, closed.value) == ("known", pytest.approx(3.23))


def test_absent_quantity_is_undecided():
    verdict = decide({"activation_energy_eV": exact(0.3)})
    assert verdict.outcome == "undecided"
    assert verdict.criteria[1].measured.status == "unknown"


@pytest.mark.parametrize("status", ["framework_melted", "unconverged", "unknown"])
def test_numbers_of_unusable_status_do_not_count(status):
    melted = Measured(0.3, 0.25, 0.35, "MD", status)
    verdict = decide(candidate(melted, exact(2.0)))
    assert verdict.outcome == "undecided"
    assert verdict.criteria[0].measured.value == 0.3
    assert "activation_energy_eV: " in verdict.what_would_decide[0]


def test_bounds_decide_only_on_their_side():
    conductivity = VerdictThresholds((Criterion("conductivity_300K_mS_per_cm", minimum=0.1),))
    few_hops = Measured(0.01, 0.0, 0.02, "MD", "upper_bound")
    assert decide({"conductivity_300K_mS_per_cm": few_hops}, conductivity).outcome == "fail"
    weak_bound = Measured(5.0, 0.0, 9.0, "MD", "upper_bound")
    verdict = decide({"conductivity_300K_mS_per_cm": weak_bound}, conductivity)
    assert verdict.outcome == "undecided"
    assert "enough hops" in verdict.what_would_decide[0]
    at_least = Measured(5.0, 4.0, 9.0, "MD", "lower_bound")
    assert decide({"conductivity_300K_mS_per_cm": at_least}, conductivity).outcome == "pass"
    # An activation energy known only from above may still be too small.
    assert decide(candidate(Measured(0.6, 0.0, 0.7, "MD", "upper_bound"), exact(2.0))).outcome == "undecided"
    assert decide(candidate(Measured(1.2, 1.1, 1.3, "MD", "lower_bound"), exact(2.0))).outcome == "fail"


def test_user_thresholds_replace_the_published_ones():
    strict = VerdictThresholds(
        (
            Criterion("activation_energy_eV", maximum=0.3),
            Criterion("window_V", minimum=1.0, strict=True),
            Criterion("e_above_hull_eV_per_atom", maximum=0.05),
        )
    )
    quantities = candidate(exact(0.228), exact(1.137))
    assert decide(quantities, strict).outcome == "undecided"
    assert decide({**quantities, "e_above_hull_eV_per_atom": exact(0.02)}, strict).outcome == "pass"
    assert VerdictThresholds.from_dict(json.loads(json.dumps(strict.as_dict()))) == strict
    assert str(strict.criteria[0]) == "activation_energy_eV ≤ 0.3"
    assert str(VerdictThresholds().criteria[0]) == "0.1 ≤ activation_energy_eV ≤ 1"
    assert str(strict.criteria[1]) == "1 < window_V"


def test_verdict_is_plain_json_without_infinities():
    verdict = decide(candidate(Measured.unusable("none"), around(0.5, 0.1)))
    text = json.dumps(verdict.as_dict(), allow_nan=False)
    first, second = json.loads(text)["criteria"]
    assert (first["value"], first["low"], first["high"]) == (None, None, None)
    assert (second["value"], second["minimum"], second["strict"]) == (0.5, 0.5, True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Measured(1.0, 2.0, 3.0, "x"), "outside"),
        (lambda: Measured(1.0, 2.0, 0.0, "x"), "no interval"),
        (lambda: Measured(math.nan, math.nan, math.nan, "x"), "no interval"),
        (lambda: Measured(None, 0.0, 1.0, "x"), "no value"),
        (lambda: Measured(1.0, 1.0, 1.0, "x", "guessed"), "no status"),
        (lambda: Criterion("window_V"), "no bound"),
        (lambda: Criterion("window_V", minimum=2.0, maximum=1.0), "minimum exceeds"),
    ],
)
def test_contradictions_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


numbers = st.floats(-3.0, 3.0)


@given(value=numbers, half=st.floats(0.0, 2.0), truth=st.floats(0.0, 1.0))
def test_a_decided_interval_holds_no_exception(value, half, truth):
    criterion = Criterion("window_V", minimum=-0.5, maximum=1.0, strict=True)
    outcome = criterion.judge(value - half, value + half)
    point = min(value - half + 2 * half * truth, value + half)
    if outcome == "pass":
        assert criterion.admits(point)
    elif outcome == "fail":
        assert not criterion.admits(point)
    else:
        assert half > 0.0


@given(value=numbers, narrow=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0))
def test_narrowing_an_interval_never_reverses_a_verdict(value, narrow, more):
    wide = decide(candidate(around(value, narrow + more), exact(2.0))).outcome
    tight = decide(candidate(around(value, narrow), exact(2.0))).outcome
    assert wide in ("undecided", tight)


def test_bounds_of_one_quantity_change_and_the_others_stay() -> None:
    article = VerdictThresholds()
    wider = article.bounding("activation_energy_eV", maximum=1.2).bounding("window_V", minimum=0.3)
    assert [str(c) for c in wider.criteria] == ["0.1 ≤ activation_energy_eV ≤ 1.2", "0.3 < window_V"]
    further = article.bounding("e_above_hull_eV_per_atom", maximum=0.05)
    assert further.criteria == (*article.criteria, Criterion("e_above_hull_eV_per_atom", maximum=0.05))
    assert article.bounding("window_V") is article
