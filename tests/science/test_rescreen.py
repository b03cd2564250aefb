"""Statistics of the bars against the features, numpy and small clouds of known homology."""

import numpy as np
import pytest
from samples import crystal

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.topology import (
    Alternative,
    Barcodes,
    BarLimit,
    BarStatistic,
    OrbitBarcodes,
    StructureBarcodes,
    compute_topology,
    rho_cycles_at,
)


def bars(h0: list[float], h1: list[tuple[float, float]]) -> Barcodes:
    return Barcodes(np.array([*h0, np.inf], np.float32), np.array(h1, np.float32).reshape(-1, 2))


def orbit(mobile: Barcodes, framework: Barcodes, multiplicity: int) -> OrbitBarcodes:
    return OrbitBarcodes(0, "Li", multiplicity, mobile, framework, 2, 2, 1.0)


SMALL = StructureBarcodes(
    orbits=(
        orbit(bars([1.0, 2.0, 4.0], []), bars([0.05, 3.0], [(1.0, 2.0), (2.0, 12.0)]), 1),
        orbit(bars([2.0], []), bars([], []), 3),
    ),
    cell_mobile=bars([1.0], [(1.0, 3.0)]),
    cell_framework=bars([1.0, 1.5], [(1.0, 1.25), (1.5, 4.0), (2.0, np.inf)]),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mobile_h0_death_max", (4 + 3 * 2) / 4),
        ("mobile_h0_death_p50_A", (2 + 3 * 2) / 4),
        ("mobile_h0_death_p25", (1.5 + 3 * 2) / 4),
        ("mobile_h0_death_count", (3 + 3 * 1) / 4),
        ("framework_h0_death_count", 1 / 4),  # 0.05 Å is a split site
        ("framework_h1_death_max_A", 10 / 4),  # clipped at the cutoff
        ("framework_h1_persistence_sum", (1 + 8) / 4),
        ("cell_mobile_h1_persistence_mean", 2.0),
        ("cell_framework_h1_persistence_median", 2.5),
        ("cell_framework_h1_birth_min", 1.0),
        ("cell_framework_h0_death_std", 0.25),
    ],
)
def test_statistics_of_bars(name: str, value: float) -> None:
    statistic = BarStatistic.parse(name)
    assert statistic.of(SMALL) == pytest.approx(value, rel=1e-6)
    assert BarStatistic.parse(statistic.name) == statistic


@pytest.mark.parametrize("slug", ["li10gep2s12", "li3ocl"])
def test_statistics_that_are_features_agree_with_them(slug: str) -> None:
    found = compute_topology(crystal(slug))
    stored = found.barcodes
    compared = 0
    for features in found.features.values():
        for name, value in features.items():
            if name not in ("r_connected_A", "framework_h0_count"):
                assert BarStatistic.parse(name).of(stored) == pytest.approx(value, rel=1e-9, abs=1e-12), name
                compared += 1
    assert compared == 42
    n_mobile = sum(o.multiplicity for o in stored.orbits)
    at_r = Alternative(distance_factor=1.0).length_A(found.r_connected_A)
    assert rho_cycles_at(stored.cell_mobile, at_r, n_mobile) == found.rho_cycles["published"]
    assert rho_cycles_at(stored.cell_framework, at_r, n_mobile) == found.rho_cycles["text"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "mobile_h1_birth_max",
        "mobile_h0_death",
        "framework_h0_death_p100",
        "r_connected_A",
        "cell_h1_birth_min",
    ],
)
def test_there_is_no_such_statistic(name: str) -> None:
    with pytest.raises(ConfigurationError, match="statistic"):
        BarStatistic.parse(name)


def test_loops_are_counted_at_one_length() -> None:
    assert Alternative().length_A(4.0) == pytest.approx(4.0004)
    assert Alternative(distance_factor=1.5).length_A(4.0) == pytest.approx(6.0006)
    assert Alternative(distance_factor=9.0).length_A(4.0) == 10.0
    assert Alternative(distance_A=3.0).length_A(4.0) == 3.0
    assert [rho_cycles_at(SMALL.cell_framework, d, 2) for d in (0.5, 1.1, 1.75, 2.5, 4.0)] == [
        0,
        0.5,
        0.5,
        1,
        0.5,
    ]
    for wrong in (
        {"distance_A": 0.0},
        {"distance_factor": -1.0},
        {"distance_A": 1.0, "distance_factor": 1.0},
    ):
        with pytest.raises(ConfigurationError):
            Alternative(**wrong)
    with pytest.raises(ConfigurationError, match="10 Å"):
        Alternative(distance_A=11.0).length_A(4.0)


def test_limits_include_their_ends() -> None:
    limit = BarLimit(BarStatistic.parse("mobile_h0_death_max"), at_least=1.0, at_most=2.0)
    assert [limit.allows(x) for x in (0.9, 1.0, 2.0, 2.1)] == [False, True, True, False]
    assert Alternative(limits=(limit,)).needs_spheres
    assert not Alternative(limits=(BarLimit(BarStatistic.parse("cell_mobile_h1_birth_max")),)).needs_spheres
