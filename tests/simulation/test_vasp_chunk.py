"""Chunks on a stand-in for VASP: cut and uncut alike, and what is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from samples import crystal
from sinks import MemoryFrameSink

from mtl_flows.errors import CalculationError, ConfigurationError
from mtl_flows.simulation.engine import ChunkResult, ChunkStatus
from mtl_flows.simulation.engines.vasp import ENGINE
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.state import MDState
from mtl_flows.simulation.vasp.chunk import _poscar_order, read_chunk
from mtl_flows.simulation.vasp.output import ionic_steps

pytestmark = [
    pytest.mark.filterwarnings("ignore:No POTCAR file"),
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),
]

FAKE = Path(__file__).parents[1] / "fake_vasp.py"
STAGE = MDParameters(temperature_K=(300.0, 1500.0), n_steps=120, frame_interval=7, seed=3)

Chunk = Callable[..., ChunkResult]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("vasp_std", "vasp_gam"):
        (folder / name).symlink_to(FAKE)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.fixture
def run(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chunk:
    """Run a chunk in a folder of its own."""

    def run(state: MDState, sink: MemoryFrameSink, max_steps: int) -> ChunkResult:
        folder = tmp_path / f"from {state.step} for {max_steps}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        engine = ENGINE.configured({"potcar_spec": True, "polling_s": 0.02})
        return engine.run_chunk(state, STAGE, sink, max_steps=max_steps)

    return run


def mixed() -> MDState:
    """LiCl with its atoms in another order than POSCAR has them, one outside the cell."""
    structure = crystal("licl")
    structure = structure.from_sites([structure[i] for i in (4, 0, 5, 1, 6, 2, 7, 3)])
    state = MDState.from_structure(structure, STAGE)
    state.positions_A[1] += state.cell_A[0]
    return state


def test_a_run_cut_into_chunks_equals_the_run_in_one_piece(run: Chunk) -> None:
    start = mixed()
    whole, pieces = MemoryFrameSink(), MemoryFrameSink()
    uncut = run(start, whole, 120).state
    state = start
    for length in (50, 1, 69):
        state = run(MDState.from_dict(state.as_dict()), pieces, length).state
    assert state.step == uncut.step == 120
    # CONTCAR gives velocities with nine digits.
    assert state.positions_A == pytest.approx(uncut.positions_A, abs=1e-5)
    assert state.momenta == pytest.approx(uncut.momenta, abs=1e-4)
    steps = [np.concatenate([b.steps for b in sink.blocks]) for sink in (whole, pieces)]
    assert steps[0].tolist() == steps[1].tolist() == list(range(0, 120, 7))
    cut, one = (np.concatenate([b.positions_A for b in sink.blocks]) for sink in (pieces, whole))
    assert cut == pytest.approx(one, abs=1e-5)
    assert one[0] == pytest.approx(start.positions_A, abs=1e-6)  # the order and the images of the start
    assert uncut.temperature_K > 2 * start.temperature_K


def test_a_last_step_that_contcar_repeats_is_left_to_the_next_chunk(run: Chunk, tmp_path: Path) -> None:
    start = mixed()
    run(start, MemoryFrameSink(), 15)
    folder = tmp_path / "from 0 for 15"
    last = list(ionic_steps(folder))[-1].positions
    contcar = folder / "CONTCAR.gz"
    lines = gzip.decompress(contcar.read_bytes()).decode().splitlines()
    lines[8:16] = ["  ".join(f"{x:.16f}" for x in row) for row in last]
    contcar.write_bytes(gzip.compress("\n".join(lines).encode()))
    sink = MemoryFrameSink()
    result = read_chunk(folder, start, STAGE, sink, order=_poscar_order(start), max_steps=15)
    assert result.state.step == 14
    assert np.concatenate([b.steps for b in sink.blocks]).tolist() == [0, 7]


def test_a_run_that_melts_is_stopped_at_its_last_good_frame(run: Chunk, tmp_path: Path) -> None:
    start = mixed()
    run(start, MemoryFrameSink(), 40)
    strict = MDParameters(
        temperature_K=(300.0, 1500.0), n_steps=120, frame_interval=7, max_framework_msd_A2=1e-3
    )
    sink = MemoryFrameSink()
    folder = tmp_path / "from 0 for 40"
    result = read_chunk(folder, start, strict, sink, order=_poscar_order(start), max_steps=40)
    assert result.status is ChunkStatus.FRAMEWORK_MELTED
    assert result.stopped_at_step % 7 == 0
    assert result.state.step == result.stopped_at_step - 7


def test_what_was_not_asked_for_is_refused(run: Chunk, tmp_path: Path) -> None:
    start = mixed()
    run(start, MemoryFrameSink(), 10)
    folder, order = tmp_path / "from 0 for 10", _poscar_order(start)
    elsewhere = MDState.from_dict(start.as_dict())
    elsewhere.positions_A[0] += 0.1
    with pytest.raises(CalculationError, match="did not begin where"):
        read_chunk(folder, elsewhere, STAGE, MemoryFrameSink(), order=order, max_steps=10)
    with pytest.raises(CalculationError, match="more steps"):
        read_chunk(folder, start, STAGE, MemoryFrameSink(), order=order, max_steps=5)
    (folder / "vasprun.xml.gz").unlink()
    with pytest.raises(CalculationError, match=r"no vasprun\.xml"):
        read_chunk(folder, start, STAGE, MemoryFrameSink(), order=order, max_steps=10)


def test_a_machine_without_vasp_is_told_so(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(ConfigurationError, match="vasp_std"):
        ENGINE.configured({"potcar_spec": True}).run_chunk(mixed(), STAGE, MemoryFrameSink(), max_steps=1)
