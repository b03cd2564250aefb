"""The tensor of diffusion: known walks in turned frames, invariance, what noise does."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics import DiffusionResult, DiffusionTensor, Trajectory, analyse_diffusion
from mtl_flows.science.dynamics.synthetic import SyntheticWalk

LAYERED = SyntheticWalk(
    D_cm2_per_s=5e-5, n_ions=60, duration_ps=30.0, timestep_fs=40.0, shares=(2.0, 0.95, 0.05)
)
TURN = Rotation.from_euler("xyz", [35.0, -50.0, 110.0], degrees=True).as_matrix()


def turned(trajectory: Trajectory, turn: np.ndarray) -> Trajectory:
    positions = np.asarray(trajectory.positions_A, dtype=float) @ turn.T
    return replace(trajectory, positions_A=positions, lattice_A=trajectory.lattice_A @ turn.T)


def tensor_of(trajectory: Trajectory) -> DiffusionTensor:
    fit = analyse_diffusion(trajectory, "Li", 1000.0).fit
    assert fit is not None
    assert fit.tensor is not None
    assert np.trace(fit.tensor.tensor_cm2_per_s) / 3.0 == pytest.approx(fit.D_cm2_per_s, rel=1e-9)
    assert fit.D_components_cm2_per_s == tuple(np.diag(fit.tensor.tensor_cm2_per_s))
    return fit.tensor


@pytest.mark.parametrize("jump_A", [0.0, 3.0])
def test_a_known_tensor_is_found_in_a_turned_frame(jump_A: float) -> None:
    truth = TURN @ np.diag(np.array(LAYERED.shares) * 5e-5) @ TURN.T
    found = tensor_of(turned(replace(LAYERED, jump_A=jump_A).trajectory(1), TURN))
    assert np.abs(np.array(found.tensor_cm2_per_s) - truth).max() < 0.25 * truth.max()
    for value, error, share in zip(
        found.principal_cm2_per_s, found.principal_error_cm2_per_s, LAYERED.shares, strict=True
    ):
        assert value == pytest.approx(5e-5 * share, abs=3.0 * error + 2e-7)
    for axis, true_axis in zip(found.axes, TURN.T, strict=True):
        assert abs(np.dot(axis, true_axis)) > 0.97
    exact = 9.0 / float((np.array(LAYERED.shares) ** 2).sum())
    assert found.dimensionality == pytest.approx(exact, abs=0.3)


def test_turning_the_crystal_turns_the_axes_and_nothing_else() -> None:
    plain = LAYERED.trajectory(3)
    before, after = tensor_of(plain), tensor_of(turned(plain, TURN))
    assert after.principal_cm2_per_s == pytest.approx(before.principal_cm2_per_s, rel=1e-4)
    assert after.dimensionality == pytest.approx(before.dimensionality, rel=1e-4)
    assert np.array(after.tensor_cm2_per_s) == pytest.approx(
        TURN @ np.array(before.tensor_cm2_per_s) @ TURN.T, abs=1e-9
    )
    assert np.abs(np.array(after.axes) @ TURN @ np.array(before.axes).T) == pytest.approx(np.eye(3), abs=1e-3)


@pytest.mark.parametrize("jump_A", [0.0, 3.0])
def test_errors_hold_the_truth_about_as_often_as_they_should(jump_A: float) -> None:
    walk = replace(LAYERED, n_ions=20, duration_ps=20.0, shares=(1.8, 0.9, 0.3), jump_A=jump_A)
    inside = []
    for seed in range(40):
        found = tensor_of(walk.trajectory(seed))
        truth = np.sort(np.array(walk.shares) * walk.D_cm2_per_s)[::-1]
        inside += list(
            np.abs(np.array(found.principal_cm2_per_s) - truth)
            < 2.0 * np.array(found.principal_error_cm2_per_s)
        )
    assert np.mean(inside) > 0.85


@pytest.mark.parametrize(
    ("shares", "dimensionality"), [((1.0, 1.0, 1.0), 3.0), ((0.0, 1.5, 1.5), 2.0), ((0.0, 0.0, 3.0), 1.0)]
)
def test_channels_layers_and_spaces_are_told_apart(
    shares: tuple[float, float, float], dimensionality: float
) -> None:
    assert tensor_of(replace(LAYERED, shares=shares).trajectory(0)).dimensionality == pytest.approx(
        dimensionality, abs=0.3
    )


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(*[st.floats(1e-9, 1e-3)] * 3),
    st.tuples(*[st.floats(-180.0, 180.0)] * 3),
)
def test_principal_values_do_not_depend_on_the_frame(
    values: tuple[float, float, float], angles: tuple[float, float, float]
) -> None:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix = turn @ np.diag(values) @ turn.T
    found = DiffusionTensor.of(0.5 * (matrix + matrix.T), 0.1 * sum(values) / 3.0)
    assert found.principal_cm2_per_s == pytest.approx(sorted(values, reverse=True), rel=1e-6, abs=1e-14)
    assert found.dimensionality is not None
    assert 1.0 - 1e-9 <= found.dimensionality <= 3.0 + 1e-9
    # The error of D is that of a third of three independent values.
    assert np.linalg.norm(found.principal_error_cm2_per_s) / 3.0 == pytest.approx(0.1 * sum(values) / 3.0)


def test_ions_at_rest_have_no_dimensionality() -> None:
    rest = DiffusionTensor.of(np.zeros((3, 3)), 0.0)
    assert (rest.dimensionality, rest.principal_error_cm2_per_s) == (None, (0.0, 0.0, 0.0))


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    with pytest.raises(DynamicsError, match="symmetric"):
        DiffusionTensor.of(np.triu(np.ones((3, 3))), 0.1)


def test_results_stored_with_and_without_a_tensor_are_read() -> None:
    result = analyse_diffusion(replace(LAYERED, n_ions=12).trajectory(0), "Li", 1000.0)
    assert result.fit is not None
    stored = json.loads(json.dumps(result.as_dict()))
    assert DiffusionResult.from_dict(stored).fit is not None
    assert asdict(DiffusionResult.from_dict(stored))["fit"]["tensor"] == asdict(result.fit)["tensor"]
    del stored["fit"]["tensor"]
    old = DiffusionResult.from_dict(stored)
    assert old.fit is not None
    assert (old.fit.tensor, old.fit.D_cm2_per_s) == (None, result.fit.D_cm2_per_s)
