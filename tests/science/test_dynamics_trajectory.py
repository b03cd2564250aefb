import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.errors import DynamicsError
from mtl_flows.science.dynamics import Trajectory
from mtl_flows.science.dynamics.trajectory import displacements_A

SKEWED = np.array([[8.0, 0.0, 0.0], [3.0, 7.0, 0.0], [-2.0, 1.0, 9.0]])


def trajectory(positions: np.ndarray, *, wrapped: bool = False, lattice: np.ndarray = SKEWED) -> Trajectory:
    n_frames, n_atoms, _ = positions.shape
    species = ("Li",) * (n_atoms // 2) + ("O",) * (n_atoms - n_atoms // 2)
    return Trajectory(
        species, lattice, positions, 20.0, np.full(n_frames, 900.0), np.zeros(n_frames), wrapped
    )


def folded(positions: np.ndarray) -> np.ndarray:
    return (positions @ np.linalg.inv(SKEWED) % 1.0) @ SKEWED


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_folding_and_unwrapping_gives_the_walk_back(seed: int, n_frames: int) -> None:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.uniform(-0.8, 0.8, (n_frames, 4, 3)), axis=0)
    unwrapped = trajectory(folded(walk), wrapped=True).unwrapped()
    assert not unwrapped.wrapped
    assert unwrapped.positions_A - unwrapped.positions_A[0] == pytest.approx(walk - walk[0], abs=1e-9)


def test_folded_positions_are_known_as_such_without_being_told() -> None:
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.uniform(-0.8, 0.8, (400, 4, 3)), axis=0)
    unwrapped = trajectory(folded(walk).astype(np.float32)).unwrapped()
    assert unwrapped.positions_A - unwrapped.positions_A[0] == pytest.approx(walk - walk[0], abs=1e-3)
    # Atoms that stay within the cell, and walks that leave it, are taken as they are.
    for kept in (folded(walk[:1]).repeat(5, axis=0), walk):
        assert trajectory(kept).unwrapped().positions_A is kept


def test_frames_too_far_apart_cannot_be_unwrapped() -> None:
    walk = np.zeros((3, 4, 3))
    walk[1:, 0] = 0.48 * SKEWED[0]
    with pytest.raises(DynamicsError, match="half a cell"):
        trajectory(walk, wrapped=True).unwrapped()
    assert trajectory(walk).unwrapped().positions_A is walk


def test_the_drift_of_the_framework_is_taken_out_and_no_more() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(6, 4, 3))
    own[:, 2:] -= own[:, 2:].mean(axis=1, keepdims=True)
    drift = np.cumsum(rng.normal(size=(6, 1, 3)), axis=0)
    framework = np.array([False, False, True, True])
    moved = displacements_A(trajectory(own + drift), framework)
    assert moved == pytest.approx((own - own[0]).transpose(1, 0, 2), abs=1e-12)


def test_cutting_and_thinning_keep_time() -> None:
    full = trajectory(np.arange(101 * 12, dtype=float).reshape(101, 4, 3))
    assert full.duration_ps == pytest.approx(2.0)
    late = full.from_time(0.5)
    assert late.n_frames == 76
    assert late.positions_A[0, 0, 0] == full.positions_A[25, 0, 0]
    assert full.from_time(0.06).n_frames == 98  # 0.06 ps are three frames exactly
    thin = full.thinned(40)
    assert (thin.n_frames, thin.timestep_fs) == (34, 60.0)
    assert full.thinned(101) is full


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"species": ("Li",)}, "do not fit 1 atoms"),
        ({"lattice_A": np.eye(2)}, "not 3 × 3"),
        ({"temperatures_K": np.zeros(7)}, "temperatures_K"),
        ({"energies_eV": np.zeros(7)}, "energies_eV"),
        ({"timestep_fs": 0.0}, "time between frames"),
        ({"positions_A": np.full((5, 4, 3), np.nan)}, "not finite"),
    ],
)
def test_inconsistent_arrays_are_refused(change: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {
        "species": ("Li", "Li", "O", "O"),
        "lattice_A": SKEWED,
        "positions_A": np.zeros((5, 4, 3)),
        "timestep_fs": 2.0,
        "temperatures_K": np.zeros(5),
        "energies_eV": np.zeros(5),
    }
    with pytest.raises(DynamicsError, match=message):
        Trajectory(**{**fields, **change})  # type: ignore[arg-type]
