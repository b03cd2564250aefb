from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
from pymatgen.io.vasp import Xdatcar

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.dynamics import Trajectory
from mtl_flows.science.dynamics.trajectory import displacements_A
from mtl_flows.simulation.trajectory_files import write_frames

SKEWED = np.array([[8.0, 0.0, 0.0], [3.0, 7.0, 0.0], [-2.0, 1.0, 9.0]])
SPECIES = ("Li", "S", "S", "Li", "P")  # as a file has them, not sorted
N_FRAMES = 40


@pytest.fixture
def walk() -> Trajectory:
    """Atoms that leave the cell through every face and drift together."""
    rng = np.random.default_rng(0)
    steps = rng.uniform(-0.8, 0.8, (N_FRAMES, len(SPECIES), 3)) + np.array([0.3, -0.3, 0.4])
    return Trajectory(
        SPECIES,
        SKEWED,
        np.cumsum(steps, axis=0),
        25.0,
        np.linspace(900.0, 1000.0, N_FRAMES),
        np.linspace(-5.0, -4.0, N_FRAMES),
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.extxyz", "extxyz"),
        ("a.XYZ", "extxyz"),
        ("a.traj", "traj"),
        ("a.xdatcar", "vasp-xdatcar"),
        ("XDATCAR", "vasp-xdatcar"),
    ],
)
def test_every_format_gives_the_frames_back_unwrapped(
    walk: Trajectory, tmp_path: Path, name: str, kind: str
) -> None:
    assert write_frames(walk, tmp_path / name) == N_FRAMES
    frames = read(tmp_path / name, index=":", format=kind)
    assert tuple(frames[0].get_chemical_symbols()) == SPECIES
    assert frames[-1].cell.array == pytest.approx(SKEWED)
    assert all(frame.pbc.all() for frame in frames)
    assert np.array([frame.positions for frame in frames]) == pytest.approx(walk.positions_A, abs=1e-6)


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_every_other_frame_keeps_its_time_energy_and_temperature(
    walk: Trajectory, tmp_path: Path, name: str
) -> None:
    assert write_frames(walk, tmp_path / name, every=2) == N_FRAMES // 2
    last = read(tmp_path / name, index=-1)
    told = [last.info[key] for key in ("time_ps", "energy_eV", "temperature_K")]
    assert told == pytest.approx([0.95, walk.energies_eV[38], walk.temperatures_K[38]])
    assert last.positions == pytest.approx(walk.positions_A[38], abs=1e-6)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pymatgen leaves the file open
def test_pymatgen_finds_the_displacements_in_a_folded_file(walk: Trajectory, tmp_path: Path) -> None:
    inside = (walk.positions_A @ np.linalg.inv(SKEWED) % 1.0) @ SKEWED
    assert np.abs(inside - walk.positions_A).max() > 7.0
    folded = Trajectory(SPECIES, SKEWED, inside, 25.0, walk.temperatures_K, walk.energies_eV)
    write_frames(folded, tmp_path / "XDATCAR")
    structures = Xdatcar(tmp_path / "XDATCAR").structures
    analyser = DiffusionAnalyzer.from_structures(structures, "Li", 1000.0, 25.0, 1, smoothed=False)
    moved = displacements_A(walk, ~walk.mask("Li"))
    assert analyser.corrected_displacements == pytest.approx(moved, abs=1e-5)


def test_a_file_of_no_known_ending_or_in_no_folder_is_refused(walk: Trajectory, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no format") as refused:
        write_frames(walk, tmp_path / "frames.pdf")
    assert ".extxyz" in str(refused.value.remedy)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_frames(walk, tmp_path / "nowhere" / "frames.extxyz")
