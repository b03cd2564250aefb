"""Metrics and features from barcodes written by hand."""

import numpy as np
import pytest

from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PROTOCOLS,
    Barcodes,
    OrbitBarcodes,
    StructureBarcodes,
    TopologyParameters,
    features_from_barcodes,
    metrics_from_barcodes,
)

INF = np.inf


def barcodes(deaths: list[float], loops: list[tuple[float, float]] | None = None) -> Barcodes:
    return Barcodes(np.array(deaths, np.float32), np.array(loops or [], np.float32).reshape(-1, 2))


def orbit(mobile: Barcodes, framework: Barcodes, multiplicity: int = 1) -> OrbitBarcodes:
    return OrbitBarcodes(
        site_index=0,
        label="Li",
        multiplicity=multiplicity,
        mobile=mobile,
        framework=framework,
        n_mobile_in_sphere=mobile.n_points,
        n_framework_in_sphere=framework.n_points,
        r_connected_A=mobile.connection_length_A(10.0),
    )


ALONE = orbit(barcodes([INF]), barcodes([]), multiplicity=3)
CROWDED = orbit(
    barcodes([0.05, 2.0, 4.0, INF]),
    barcodes([0.09, 1.0, 2.0, 6.0, INF, INF], [(2.0, 2.5), (3.0, INF)]),
)


def test_names():
    assert set(FEATURE_NAMES) == set(PROTOCOLS)
    for names in FEATURE_NAMES.values():
        assert len(names) == len(set(names)) == 22
    assert [n for n in FEATURE_NAMES["published"] if "mobile" in n] == []
    assert "r_connected_A" in FEATURE_NAMES["text"]


def test_every_statistic_of_one_site():
    features = features_from_barcodes([CROWDED])
    # Deaths up to 0.1 Å do not count, the second component that never dies does so at 10 Å.
    assert features["published"] == pytest.approx(
        {
            "framework_h0_count": 4,
            "framework_h0_death_min_A": 1,
            "framework_h0_death_max_A": 10,
            "framework_h0_death_mean_A": 4.75,
            "framework_h0_death_std_A": np.std([1, 2, 6, 10]),
            "framework_h0_death_sum_A": 19,
            "framework_h0_death_median_A": 4,
            "framework_h1_birth_min_A": 2,
            "framework_h1_birth_max_A": 3,
            "framework_h1_birth_mean_A": 2.5,
            "framework_h1_birth_std_A": 0.5,
            "framework_h1_birth_sum_A": 5,
            "framework_h1_death_min_A": 2.5,
            "framework_h1_death_max_A": 10,
            "framework_h1_death_mean_A": 6.25,
            "framework_h1_death_std_A": 3.75,
            "framework_h1_death_sum_A": 12.5,
            "framework_h1_persistence_min_A": 0.5,
            "framework_h1_persistence_max_A": 7,
            "framework_h1_persistence_mean_A": 3.75,
            "framework_h1_persistence_std_A": 3.25,
            "framework_h1_persistence_sum_A": 7.5,
        }
    )
    text = features["text"]
    assert [text[name] for name in FEATURE_NAMES["text"][:7]] == [2, 4, 3, 1, 6, 3, 4]
    assert {k: v for k, v in text.items() if "h1" in k} == {
        k: v for k, v in features["published"].items() if "h1" in k
    }


def test_empty_diagrams_give_zeros_and_count_in_the_mean():
    one = features_from_barcodes([CROWDED])
    both = features_from_barcodes([CROWDED, ALONE])
    for protocol in PROTOCOLS:
        assert tuple(both[protocol]) == FEATURE_NAMES[protocol]
        for name in FEATURE_NAMES[protocol]:
            if name != "r_connected_A":
                assert both[protocol][name] == pytest.approx(one[protocol][name] / 4)
    assert both["text"]["r_connected_A"] == pytest.approx((4.0 + 3 * 10.0) / 4)


def test_metrics_weigh_orbits_by_multiplicity():
    # Three loops alive at r = 8.5 (1 + 1e-4): one born just there, one far older.
    cell_mobile = barcodes([1, INF], [(8.5, 9.0), (2.0, INF), (3.0, 8.5), (8.51, 9)])
    cell_framework = barcodes([1, INF], [(2.0, 9.9)])
    metrics = metrics_from_barcodes(StructureBarcodes((CROWDED, ALONE), cell_mobile, cell_framework))
    assert metrics.r_connected_A == pytest.approx(8.5)
    assert metrics.rho_cycles == {"published": 2 / 4, "text": 1 / 4}


def test_loops_can_be_counted_at_any_distance():
    cell = barcodes([1, INF], [(2.0, 3.0), (2.5, 4.0)])
    rho = [
        metrics_from_barcodes(StructureBarcodes((CROWDED,), cell, cell), distance_A=d).rho_cycles["text"]
        for d in (1.9, 2, 2.7, 3.5, 4)
    ]
    assert rho == [0, 1, 2, 1, 0]


def test_ties_are_inclusive():
    cell = barcodes([1, INF], [(4.0 * (1 + 5e-5), 9)])
    assert metrics_from_barcodes(StructureBarcodes((CROWDED,), cell, cell)).rho_cycles["published"] == 1
    exact = TopologyParameters(tie_tolerance=0.0)
    assert (
        metrics_from_barcodes(StructureBarcodes((CROWDED,), cell, cell), exact).rho_cycles["published"] == 0
    )


def test_parameters_are_plain_and_checked():
    assert TopologyParameters().as_dict() == {
        "cutoff_A": 10.0,
        "symprec_A": 1e-5,
        "tie_tolerance": 1e-4,
        "h0_floor_A": 0.1,
        "extended": True,
    }
    for bad in (
        {"cutoff_A": 0.0},
        {"symprec_A": -1.0},
        {"tie_tolerance": -1e-9},
        {"h0_floor_A": float("nan")},
    ):
        with pytest.raises(ValueError, match="must"):
            TopologyParameters(**bad)
