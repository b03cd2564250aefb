"""Bias and spread of a potential, from materials whose answers are known."""

import numpy as np
import pytest
import scipy

from mtl_flows.science.dynamics.known_answers import (
    EV_PER_DECADE,
    FEWEST_MATERIALS,
    AnswerComparison,
    known_error,
    pool,
    pooled_energy,
    spearman,
)
from mtl_flows.science.dynamics.transport import PotentialError
from mtl_flows.science.quantiles import PROBABILITIES


def log_normal(sigma: float, width: float) -> tuple[float, ...]:
    """Quantiles of σ whose 95 % interval is a factor `width` to either side."""
    scale = np.log(width) / 1.96
    return tuple((sigma * np.exp(scale * scipy.stats.norm.ppf(PROBABILITIES))).tolist())


def comparison(
    material: str, decades: float, *, published: float = 1e-4, width: float = 3.0
) -> AnswerComparison:
    sigma = published * 10.0**decades
    return AnswerComparison(
        material,
        material,
        (published, published),
        log_normal(sigma, width),
        (0.3, 0.25, 0.35),
        (),
        {"800": 20.0},
        52,
    )


def test_nothing_known_is_the_stated_default() -> None:
    nothing = pool([], [])
    assert nothing.bias == pytest.approx(0.0, abs=1e-12)
    assert nothing.deviation == pytest.approx(PotentialError().deviation_eV, abs=0.005)


def test_too_fast_by_decades_is_too_low_a_barrier() -> None:
    one = comparison("a", 2.0)
    assert one.decades == pytest.approx(2.0)
    middle = float(np.median(one.differences_eV))
    assert middle == pytest.approx(-2.0 * EV_PER_DECADE, abs=1e-3) == pytest.approx(-0.119, abs=1e-3)


def test_between_two_published_values_their_middle_counts_and_their_distance_is_an_error() -> None:
    published = (1e-5, 1e-3)
    one = AnswerComparison("a", "A", published, log_normal(1e-4, 2.0), (0.3, 0.2, 0.4), (), {}, 10)
    assert one.decades == pytest.approx(0.0, abs=1e-9)
    assert one.decades_error > 1.0


@pytest.mark.parametrize(("bias", "spread"), [(-0.1, 0.03), (-0.15, 0.1), (0.05, 0.15)])
def test_intervals_hold_bias_and_spread(bias: float, spread: float) -> None:
    """Of many draws of eight materials, the 95 % intervals hold what was put in about as often."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(60):
        errors = rng.uniform(0.02, 0.08, 8)
        seen = bias + spread * rng.standard_normal(8) + errors * rng.standard_normal(8)
        found = pool([[value] for value in seen], list(errors))
        held.append(
            (found.bias_low <= bias <= found.bias_high, found.spread_low <= spread <= found.spread_high)
        )
    assert min(np.mean(held, axis=0)) >= 0.85


def test_what_is_hardly_known_hardly_counts() -> None:
    """A poor conductor that was run too briefly to say anything moves nothing, though its median is far off."""
    alone = pool([[-0.12]] * 5, [0.02] * 5)
    anything = np.linspace(-0.2, 1.6, 100).tolist()
    with_poor = pool([*[[-0.12]] * 5, anything], [0.02] * 6)
    assert with_poor.bias == pytest.approx(alone.bias, abs=0.005)
    assert with_poor.deviation == pytest.approx(alone.deviation, abs=0.01)


def test_five_materials_make_an_error() -> None:
    four = [comparison(name, 2.0) for name in "abcd"]
    assert known_error(four) is None
    assert known_error([*four, four[0]]) is None
    error = known_error([*four, comparison("e", 2.2)])
    assert error is not None
    assert FEWEST_MATERIALS == 5
    assert (error.source, round(error.bias_eV, 1)) == ("known_answers", -0.1)
    assert error.deviation_eV < PotentialError().deviation_eV


def test_order() -> None:
    rising = [comparison(str(n), 1.0, published=10.0**-n) for n in (2, 4, 6)]
    assert spearman(rising) == pytest.approx(1.0)
    assert spearman(rising[:2]) is None


def test_survives_being_stored() -> None:
    one = comparison("a", 1.0)
    assert AnswerComparison.from_dict(one.as_dict()) == one
    assert pooled_energy([one]).n == 1
