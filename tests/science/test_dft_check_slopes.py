"""Slopes of a potential against DFT, and what follows for a barrier."""

import numpy as np
import pytest

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics.dft_check import Softening, softening

RNG = np.random.default_rng(5)
DFT = [RNG.standard_normal((20, 3)) for _ in range(6)]
ENERGIES = RNG.standard_normal(6).tolist()


def test_a_slope_is_found_with_its_error() -> None:
    noisy = [0.7 * forces + 0.1 * RNG.standard_normal(forces.shape) for forces in DFT]
    found = softening(noisy, DFT, [0.7 * e + 3.0 for e in ENERGIES], ENERGIES)
    assert found.force_slope == pytest.approx(0.7, abs=4.0 * found.force_slope_error)
    assert 0.002 < found.force_slope_error < 0.03
    assert found.energy_slope == pytest.approx(0.7)
    assert found.n_frames == 6


def test_barriers_are_as_soft_as_forces() -> None:
    error = Softening(10, 0.8, 0.01, 0.8, 0.1).error(0.24)
    assert error.bias_eV == pytest.approx(0.24 - 0.3)
    assert (error.deviation_eV, error.source) == (0.05, "dft")
    apart = Softening(10, 0.8, 0.01, 0.4, 0.1).error(0.24)
    assert apart.deviation_eV == pytest.approx(0.15, abs=0.01)
    # One frame has no scatter: the error is as large as the barrier.
    assert Softening(1, 0.8, float("inf"), None, 0.1).error(0.24).deviation_eV == pytest.approx(0.3)


def test_two_frames_say_nothing_of_energies() -> None:
    assert softening(DFT[:2], DFT[:2], ENERGIES[:2], ENERGIES[:2]).energy_slope is None


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DynamicsError, match="no forces"):
        softening([], [], [], [])
    with pytest.raises(DynamicsError, match="the other way"):
        softening([-f for f in DFT], DFT, ENERGIES, ENERGIES)
