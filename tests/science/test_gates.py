"""The gates in their order: what passes, what fails, what waits, and what is said of it."""

from dataclasses import replace
from itertools import product

import pytest

from mtl_flows.errors import ConfigurationError
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.science.gates import (
    GATES,
    MILESTONES,
    PASSED,
    STORED,
    Comparison,
    Criteria,
    Facts,
    Gate,
    Outcome,
    furthest,
    gate,
    gates_before,
    stand,
)
from mtl_flows.science.topology import PROTOCOLS, BarLimit, BarStatistic, PrescreenThresholds, Protocol

PUBLISHED, TEXT = Criteria("published"), Criteria("text")
GOOD = Facts(
    4.0, 0.3, clustered=True, cluster="P3", selected=True, passes_chemistry=True
)  # passes every gate of both protocols
NOTHING = Facts()
SHORTEST = BarStatistic.parse("mobile_h0_death_min")


def outcomes(facts: Facts, criteria: Criteria = PUBLISHED) -> list[Outcome]:
    return [standing.outcome for standing in stand(facts, criteria).gates]


def test_what_passes_every_gate_survives() -> None:
    for criteria in (PUBLISHED, TEXT):
        standing = stand(GOOD, criteria)
        assert standing.outcome == "pass"
        assert standing.decided_by is None
        assert standing.reason == "every gate passed"
        assert standing.pending_stages == ()
        assert {standing.through(known.key) for known in GATES} == {"pass"}
    assert [standing.gate.key for standing in standing.gates] == [known.key for known in GATES]


@pytest.mark.parametrize(
    ("r_connected", "rho", "published", "text"),
    [
        (4.99, 0.3, True, True),
        (5.0, 0.3, False, False),
        (3.0, 0.0, False, True),
        (3.0, 0.6, False, False),
        (3.0, 0.599, True, True),
        (10.0, 0.0, False, False),
    ],
)
def test_the_prescreen_of_both_protocols(r_connected: float, rho: float, published: bool, text: bool) -> None:
    for criteria, passed in ((PUBLISHED, published), (TEXT, text)):
        standing = stand(Facts(r_connected, rho), criteria, gates_before("cluster"))
        assert standing.outcome == ("pass" if passed else "fail")
        assert stand(replace(GOOD, r_connected_A=r_connected, rho_cycles=rho), criteria).outcome == (
            "pass" if passed else "fail"
        )


def test_every_comparison_says_what_it_compared_and_with_which_limit() -> None:
    strict = Criteria("published", PrescreenThresholds(r_connected_A=3.5, rho_cycles=0.8))
    checks = [check for standing in stand(GOOD, strict).gates for check in standing.checks]
    assert [(c.name, c.value, c.threshold, c.rule, c.outcome) for c in checks[:3]] == [
        ("r_connected", 4.0, 3.5, "r_connected < 3.5 Å", "fail"),
        ("rho_cycles", 0.3, 0.8, "rho_cycles < 0.8", "pass"),
        ("has_cycles", 0.3, 0.0, "rho_cycles > 0", "pass"),
    ]
    assert [c.name for c in stand(GOOD, TEXT).at("prescreen").checks] == ["rho_cycles"]
    assert stand(GOOD, strict).reason == "4, must be r_connected < 3.5 Å"


def test_labels_carry_the_limits_that_were_used() -> None:
    labels = [known.label(PrescreenThresholds(4.5, 0.7)) for known in STORED]
    assert labels[0] == "r_connected below 4.5 Å"
    assert "0.7" in labels[1]
    assert STORED[0].label(PrescreenThresholds()) == "r_connected below 5 Å"
    assert len({*labels, *MILESTONES.values()}) == len(labels) + len(MILESTONES)


def test_without_any_result_everything_is_pending() -> None:
    standing = stand(NOTHING, PUBLISHED)
    assert standing.outcome == "pending"
    assert [s.outcome for s in standing.gates if s.gate.key != "limits"] == ["pending"] * len(STORED)
    assert standing.reason == "topology has not run"
    # What only survivors are asked is not waited for yet.
    assert standing.pending_stages == ("topology", "chemistry")


def test_clusters_are_asked_only_of_what_passed_before() -> None:
    unclustered = replace(GOOD, clustered=False, cluster="", selected=None)
    assert stand(unclustered, PUBLISHED).at("cluster").outcome == "pending"
    assert stand(unclustered, PUBLISHED).pending_stages == ("clustering",)
    assert stand(replace(unclustered, clustered=True), PUBLISHED).at("cluster").outcome == "fail"
    far = stand(replace(unclustered, r_connected_A=6.0), PUBLISHED)
    assert (far.at("cluster").outcome, far.at("cluster").checks) == ("fail", ())
    assert far.at("cluster").reason == "did not come so far"
    assert far.pending_stages == ()
    waiting = stand(replace(GOOD, r_connected_A=None), PUBLISHED)
    assert waiting.at("cluster").outcome == "pending"


@pytest.mark.parametrize(
    ("facts", "key", "reason"),
    [
        (replace(GOOD, r_connected_A=6.25), "connectivity", "6.25, must be r_connected < 5 Å"),
        (replace(GOOD, rho_cycles=0.0), "prescreen", "0, must be rho_cycles > 0"),
        (replace(GOOD, selected=False), "cluster", "cluster P3 holds no known conductor"),
        (
            replace(GOOD, passes_chemistry=False, objection="rule 6: transition metal Co."),
            "chemistry",
            "rule 6: transition metal Co.",
        ),
        (replace(GOOD, passes_chemistry=None), "chemistry", "chemistry has not run"),
        # One failed gate settles it, whatever is still pending; the first decides.
        (replace(GOOD, selected=None, clustered=False, passes_chemistry=False), "chemistry", "a chemical rule objects"),
        (replace(GOOD, r_connected_A=None, passes_chemistry=False), "chemistry", "a chemical rule objects"),
        (replace(GOOD, r_connected_A=7.0, rho_cycles=0.9), "connectivity", "7, must be r_connected < 5 Å"),
    ],
)  # fmt: skip
def test_what_decides_and_why(facts: Facts, key: str, reason: str) -> None:
    decisive = stand(facts, PUBLISHED).decided_by
    assert decisive is not None
    assert (decisive.gate.key, decisive.reason) == (key, reason)
    assert stand(facts, PUBLISHED).reason == reason


@pytest.mark.parametrize("rho", [0.3, 0.9, None])
def test_the_whole_is_what_the_parts_say(rho: float | None) -> None:
    for selected, chemical, criteria in product((True, False, None), (True, False, None), (PUBLISHED, TEXT)):
        facts = Facts(4.0, rho, selected=selected, passes_chemistry=chemical)
        standing = stand(facts, criteria)
        parts = [PASSED[one.outcome] for one in standing.gates]
        assert PASSED[standing.outcome] is (False if False in parts else None if None in parts else True)
        for key in (known.key for known in GATES):
            until = [known.key for known in GATES].index(key)
            assert standing.before(key) == ("pass" if until == 0 else standing.through(GATES[until - 1].key))


def test_limits_of_the_bars_are_gates_where_they_are_asked_for() -> None:
    assert stand(GOOD, PUBLISHED).at("limits").checks == ()
    limited = replace(PUBLISHED, limits=(BarLimit(SHORTEST, at_least=2.0, at_most=3.0),))
    assert outcomes(replace(GOOD, bars=(2.5,)), limited) == ["pass"] * len(GATES)
    failed = stand(replace(GOOD, bars=(3.5,)), limited)
    assert failed.reason == "3.5, must be 2 ≤ mobile_h0_death_min ≤ 3"
    assert stand(GOOD, limited).at("limits").outcome == "pending"


def test_how_far_a_material_has_come_under_any_protocol() -> None:
    def reached(**changes: object) -> str:
        facts = replace(GOOD, **changes)  # type: ignore[arg-type]
        return furthest([stand(facts, criteria) for criteria in (PUBLISHED, TEXT)])

    assert reached() == "chemistry"
    assert reached(passes_chemistry=None) == "clustering"
    assert reached(selected=False) == "prescreen"
    assert reached(rho_cycles=0.0) == "chemistry"  # under the text
    assert reached(rho_cycles=0.7) == ""
    assert reached(r_connected_A=None) == ""


def test_the_candidate_table_has_a_field_for_every_stored_gate() -> None:
    fields = CandidateDocument.model_fields
    for known in STORED:
        assert all(known.field_of(protocol) in fields for protocol in PROTOCOLS)
        assert known.by_protocol == (known.field_of("published") != known.field_of("text"))
    assert [known.key for known in STORED] == ["connectivity", "prescreen", "cluster", "chemistry"]


def test_a_gate_is_found_by_its_key() -> None:
    assert gate("cluster") in GATES
    assert [known.key for known in gates_before("prescreen")] == ["connectivity"]
    with pytest.raises(ConfigurationError, match="no gate 'barrier'"):
        gate("barrier")
    assert len({known.key for known in GATES}) == len(GATES)


def test_another_gate_is_one_entry() -> None:
    """A gate put between two others decides in its place, and everything walks past it."""

    light = Comparison(
        "mass",
        lambda facts, criteria: None if facts.cluster == "?" else facts.cluster != "heavy",
        rule=lambda criteria: "light",
        detail=lambda facts: "too heavy",
    )
    toy = Gate("mass", "weighing", lambda thresholds: "light enough", lambda criteria: (light,))
    chain = (*GATES[:2], toy, *GATES[2:])
    assert stand(GOOD, PUBLISHED, chain).outcome == "pass"
    failed = stand(replace(GOOD, cluster="heavy"), PUBLISHED, chain)
    assert len(stand(replace(GOOD, cluster="heavy"), PUBLISHED, chain, stop=True).gates) == 3
    assert failed.reason == "too heavy"
    assert failed.through("prescreen") == "pass"
    assert failed.at("cluster").outcome == "fail"
    waiting = stand(replace(GOOD, cluster="?"), PUBLISHED, chain)
    assert waiting.pending_stages == ("weighing",)
    assert waiting.reason == "weighing has not run"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_criteria_of_the_article_are_the_defaults(protocol: Protocol) -> None:
    thresholds = Criteria(protocol).thresholds
    assert (thresholds.r_connected_A, thresholds.rho_cycles) == (5.0, 0.6)
