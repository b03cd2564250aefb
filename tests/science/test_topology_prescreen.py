import pytest

from mtl_flows.science.topology import PrescreenThresholds, prescreen


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
def test_rules_of_both_protocols(r_connected, rho, published, text):
    assert prescreen(r_connected, rho, "published").passed is published
    assert prescreen(r_connected, rho, "text").passed is text


def test_every_gate_says_what_it_compared():
    verdict = prescreen(4.0, 0.7, "published", PrescreenThresholds(r_connected_A=3.5, rho_cycles=0.8))
    assert [(gate.name, gate.value, gate.threshold, gate.passed) for gate in verdict.gates] == [
        ("r_connected", 4.0, 3.5, False),
        ("rho_cycles", 0.7, 0.8, True),
        ("has_cycles", 0.7, 0.0, True),
    ]
    assert [gate.rule for gate in verdict.gates] == [
        "r_connected < 3.5 Å",
        "rho_cycles < 0.8",
        "rho_cycles > 0",
    ]
    assert [gate.name for gate in prescreen(4.0, 0.7, "text").gates] == ["r_connected", "rho_cycles"]
