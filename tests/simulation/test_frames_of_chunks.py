import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.errors import DynamicsError
from mtl_flows.simulation.arrays import decode_array, encode_array
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock, assemble_trajectory


def block(first: int, n_frames: int, stride: int = 10) -> FrameBlock:
    steps = first + stride * np.arange(n_frames)
    positions = (steps[:, None, None] + np.arange(6.0).reshape(1, 2, 3)).astype(np.float32)
    return FrameBlock(positions, steps, 300.0 + steps, -1.0 * steps)


def feed(sink: BlockFrameSink, source: FrameBlock) -> None:
    rows = zip(source.positions_A, source.steps, source.temperatures_K, source.energies_eV, strict=True)
    for positions, step, temperature, energy in rows:
        sink.append(positions, int(step), float(temperature), float(energy))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 25))
def test_no_frame_is_lost_or_doubled_whatever_the_block_size(n_frames: int, frames_per_block: int) -> None:
    blocks: list[FrameBlock] = []
    sink = BlockFrameSink(blocks.append, frames_per_block)
    source = block(0, n_frames)
    feed(sink, source)
    sink.flush()
    sink.flush()
    assert all(len(part.steps) == frames_per_block for part in blocks[:-1])
    assert np.array_equal(np.concatenate([part.steps for part in blocks]), source.steps)
    assert np.array_equal(np.concatenate([part.positions_A for part in blocks]), source.positions_A)
    assert blocks[0].positions_A.dtype == np.float32


def test_blocks_survive_as_bytes() -> None:
    original = block(0, 5)
    copy = FrameBlock.from_bytes(original.to_bytes())
    for name in ("positions_A", "steps", "temperatures_K", "energies_eV"):
        assert np.array_equal(getattr(copy, name), getattr(original, name))


def test_blocks_make_a_trajectory() -> None:
    parts = [block(50, 3), block(0, 5)]
    trajectory = assemble_trajectory(parts, species=("Li", "O"), lattice_A=np.eye(3), timestep_fs=2.0)
    assert trajectory.n_frames == 8
    assert trajectory.timestep_fs == 20.0
    assert not trajectory.wrapped
    assert trajectory.positions_A[:, 0, 0].tolist() == list(range(0, 80, 10))
    assert trajectory.temperatures_K[-1] == 370.0


@pytest.mark.parametrize(
    "parts", [[block(0, 5), block(60, 3)], [block(0, 5), block(40, 3)], [block(0, 5), block(50, 3, stride=5)]]
)
def test_gaps_and_repeats_are_noticed(parts: list[FrameBlock]) -> None:
    with pytest.raises(DynamicsError, match="missing or doubled"):
        assemble_trajectory(parts, species=("Li", "O"), lattice_A=np.eye(3), timestep_fs=2.0)


def test_nothing_makes_no_trajectory() -> None:
    with pytest.raises(DynamicsError, match="no frames"):
        assemble_trajectory([], species=("Li",), lattice_A=np.eye(3), timestep_fs=2.0)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=12), st.sampled_from(["<f8", ">f8", "<f4"]))
def test_arrays_keep_every_bit_as_text(values: list[float], dtype: str) -> None:
    with np.errstate(over="ignore"):
        array = np.array(values).astype(dtype)
    copy = decode_array(encode_array(array))
    assert np.array_equal(copy, array)
    copy[0] = 1.0  # not a view of read-only bytes
