"""A material's story on one screen: what decides comes first, and what to do next follows from where it stands."""

from typing import Any

import pytest

from mtl_flows.report.brief import N_NUMBERS, brief


def check(name: str, outcome: str, value: float | None = None, gate: str = "prescreen") -> dict[str, Any]:
    return {
        "protocol": "published",
        "gate": gate,
        "check": name,
        "value": value,
        "rule": f"{name} …",
        "outcome": outcome,
    }


def story(*checks: dict[str, Any], **others: Any) -> dict[str, Any]:
    both = [*checks, *({**one, "protocol": "text"} for one in checks)]
    about = {"subject": "m", "structure": {"representative": "m"}, "gates": both}
    return {**about, "rules": [], "pending": [], **others}


GOOD = check("r_connected", "pass", 2.5, "connectivity")


def test_what_failed_comes_first_and_no_number_comes_twice() -> None:
    made_of = {"priority": -1.0, "v3_over_d3": 0.5, "E_3D_eV": 0.4}
    told = brief(
        story(GOOD, check("rho_cycles", "pass", 0.0), check("has_cycles", "fail", 0.0), ranking=made_of)
    )
    assert [number.name for number in told.numbers] == ["rho_cycles", "priority", "r_connected"]
    assert told.numbers[2].value == "2.5 Å"
    assert told.standing["published"] == "dropped at prescreen: 0, asked has_cycles …"


def test_results_come_before_what_it_is_ranked_by() -> None:
    results = {
        "dynamics_status": "fitted",
        **{f"activation_energy_crystal{end}_eV": x for end, x in (("", 0.3), ("_low", 0.1), ("_high", 0.5))},
        "P_conducts_crystal": 0.7,
        "window_low_V": 1.0,
        "window_high_V": 2.0,
        "window_width_V": 1.0,
    }
    told = brief(story(GOOD, results=results, verdict="undecided", what_would_decide=["longer runs"]))
    assert len(told.numbers) == N_NUMBERS
    assert told.numbers[0].value == "0.30 [0.10, 0.50] eV"
    assert told.next_step == "longer runs"


@pytest.mark.parametrize(
    ("told", "step"),
    [
        (story(pending=["topology", "chemistry"]), "mtl screen"),
        (story(GOOD), "mtl launch m"),
        (story(GOOD, results={"dynamics_status": "running"}), "mtl status"),
        (story(GOOD, results={"dynamics_status": "fitted"}, pending=["stability"]), "mtl stability m"),
        (story(GOOD, results={"dynamics_status": "upper_bound"}), "mtl transport m"),
        (story(GOOD, results={"dynamics_status": "fitted"}, verdict="fail"), "nothing, it failed"),
        (story(GOOD, results={"dynamics_status": "fitted"}, verdict="pass"), "measure it"),
        (story(check("chemistry", "fail", gate="chemistry")), "nothing, it was dropped"),
        (story(), "nothing: it does not hold the ion"),
        (story(screened_in=["Na"]), "mtl explain m --screening Na"),
        (story(GOOD, structure={"representative": "head"}), "mtl launch head, which stands for it"),
    ],
)
def test_what_to_do_next_follows_from_where_it_stands(told: dict[str, Any], step: str) -> None:
    assert brief(told).next_step.startswith(step)


def test_the_rule_that_objects_is_named() -> None:
    rules = [
        {"rule": 6, "name": "transition_metal", "passed": False},
        {"rule": 1, "name": "few", "passed": True},
    ]
    told = brief(story(check("chemistry", "fail", gate="chemistry")) | {"rules": rules})
    assert told.standing["text"] == "dropped at chemistry: rule 6 transition metal"
    assert brief(story()).standing["text"] == "not screened"
