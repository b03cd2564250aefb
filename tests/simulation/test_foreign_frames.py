"""Trajectories that other programs wrote: a walk of known diffusivity in every format, and what is refused."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mtl_flows.errors import DynamicsError, UnusableTrajectoryError
from mtl_flows.science.dynamics import DiffusionParameters, Trajectory, analyse_diffusion
from mtl_flows.simulation.foreign_frames import read_foreign
from mtl_flows.simulation.trajectory_files import write_frames

D_A2_PER_PS = 0.3
FRAME_FS = 50.0
N_FRAMES = 401
CELL = np.array([[10.2, 0.0, 0.0], [1.5, 9.8, 0.0], [-0.8, 0.6, 11.0]])
"""Lower triangular, as LAMMPS has it."""
SPECIES = ("Li",) * 12 + ("P",) * 4 + ("S",) * 16


@pytest.fixture(scope="module")
def walk() -> Trajectory:
    """Lithium walks; the framework trembles and drifts, as a whole, by several Å."""
    rng = np.random.default_rng(5)
    start = rng.random((len(SPECIES), 3)) @ CELL
    moved = np.zeros((N_FRAMES, len(SPECIES), 3))
    moved[1:, :12] = rng.standard_normal((N_FRAMES - 1, 12, 3)) * np.sqrt(2 * D_A2_PER_PS * FRAME_FS * 1e-3)
    moved = moved.cumsum(axis=0)
    moved[:, 12:] += 0.05 * rng.standard_normal((N_FRAMES, 20, 3))
    moved += np.linspace(0.0, 6.0, N_FRAMES)[:, None, None]
    return Trajectory(SPECIES, CELL, start + moved, FRAME_FS, np.full(N_FRAMES, 600.0), np.zeros(N_FRAMES))


def folded(walk: Trajectory) -> np.ndarray:
    """Fractional positions within the cell."""
    return (walk.positions_A @ np.linalg.inv(CELL)) % 1.0


def xdatcar(walk: Trajectory, path: Path) -> None:
    lines = ["some run", "1.0", *(" ".join(f"{x:.8f}" for x in v) for v in CELL), "Li P S", "12 4 16"]
    for number, frame in enumerate(folded(walk), 1):
        lines += [f"Direct configuration= {number:6d}", *(" ".join(f"{x:.8f}" for x in row) for row in frame)]
    path.write_text("\n".join(lines) + "\n")


def vasprun(walk: Trajectory, path: Path, potim_fs: float = FRAME_FS) -> None:
    kinetic_eV = 1.5 * (len(SPECIES) - 1) * 8.617333e-5 * 600.0
    rows = "".join(f"<rc><c>{s} </c><c>1</c></rc>" for s in SPECIES)
    basis = "".join("<v>" + " ".join(map(str, v)) + "</v>" for v in CELL)
    parts = [
        f'<modeling><parameters><separator name="ionic"><i name="POTIM">{potim_fs}</i></separator></parameters>',
        f'<atominfo><atoms>{len(SPECIES)}</atoms><array name="atoms"><set>{rows}</set></array></atominfo>',
    ]
    for frame in folded(walk):
        positions = "".join("<v>" + " ".join(f"{x:.8f}" for x in row) + "</v>" for row in frame)
        parts.append(
            f'<calculation><structure><crystal><varray name="basis">{basis}</varray></crystal>'
            f'<varray name="positions">{positions}</varray></structure><energy><i name="e_0_energy">-1.5</i>'
            f'<i name="kinetic">{kinetic_eV}</i><i name="total">0.0</i></energy></calculation>'
        )
    path.write_text("\n".join(parts) + "</modeling>")


def dump(walk: Trajectory, path: Path, columns: str = "id element xu yu zu") -> None:
    (_, _, _), (xy, _, _), (xz, yz, _) = CELL
    origin = np.array([1.0, -2.0, 0.5])
    low = origin + np.array([min(0, xy, xz, xy + xz), min(0, yz), 0])
    high = origin + CELL.diagonal() + np.array([max(0, xy, xz, xy + xz), max(0, yz), 0])
    inverse = np.linalg.inv(CELL)
    types = {"Li": 1, "P": 2, "S": 3}
    lines = []
    for number, frame in enumerate(walk.positions_A):
        lines += ["ITEM: TIMESTEP", str(25 * number), "ITEM: NUMBER OF ATOMS", str(len(SPECIES))]
        lines.append("ITEM: BOX BOUNDS xy xz yz pp pp pp")
        lines += [f"{a} {b} {t}" for a, b, t in zip(low, high, (xy, xz, yz), strict=True)]
        lines.append(f"ITEM: ATOMS {columns}")
        scaled = frame @ inverse
        values = {
            "id": list(range(1, len(SPECIES) + 1)),
            "element": SPECIES,
            "type": [types[s] for s in SPECIES],
            **{f"{axis}u": frame[:, k] + origin[k] for k, axis in enumerate("xyz")},
            **{f"{axis}s": scaled[:, k] % 1.0 for k, axis in enumerate("xyz")},
            **{f"i{axis}": np.floor(scaled[:, k]).astype(int) for k, axis in enumerate("xyz")},
        }
        rows = list(zip(*(values[name] for name in columns.split()), strict=True))
        lines += [" ".join(map(str, row)) for row in reversed(rows)]  # LAMMPS sorts nothing by itself
    path.write_text("\n".join(lines) + "\n")


def ase_frames(walk: Trajectory, path: Path) -> None:
    frames = [Atoms(SPECIES, positions=p % 1.0 @ CELL, cell=CELL, pbc=True) for p in folded(walk)]
    write(path, frames)


WRITERS: dict[str, tuple[Callable[[Trajectory, Path], object], dict[str, object]]] = {
    "XDATCAR": (xdatcar, {"timestep_fs": 2.0, "every": 25}),
    "vasprun.xml": (vasprun, {}),
    "run.lammpstrj": (dump, {"timestep_fs": 2.0}),
    "scaled.dump": (
        lambda walk, path: dump(walk, path, "id type xs ys zs"),
        {"timestep_fs": 2.0, "types": {1: "Li", 2: "P", 3: "S"}},
    ),
    "images.dump": (
        lambda walk, path: dump(walk, path, "id element xs ys zs ix iy iz"),
        {"timestep_fs": 2.0},
    ),
    "ours.extxyz": (write_frames, {}),
    "ours.traj": (write_frames, {}),
    "theirs.extxyz": (ase_frames, {"timestep_fs": 50.0}),
    "theirs.traj": (ase_frames, {"timestep_fs": 2.0, "every": 25}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_walk_and_its_diffusivity(walk: Trajectory, tmp_path: Path, name: str) -> None:
    writer, told = WRITERS[name]
    path = tmp_path / name
    writer(walk, path)
    found = read_foreign(path, **told).trajectory  # type: ignore[arg-type]
    assert found.species == SPECIES
    assert found.timestep_fs == pytest.approx(FRAME_FS)
    ours, theirs = walk.positions_A, np.asarray(found.unwrapped().positions_A, dtype=float)
    assert np.abs((theirs - theirs[0]) - (ours - ours[0])).max() < 2e-4
    parameters = DiffusionParameters(max_lag_fraction=0.5)
    D, expected = (analyse_diffusion(t, "Li", 600.0, parameters) for t in (found, walk))
    assert D.D_cm2_per_s == pytest.approx(expected.D_cm2_per_s, rel=1e-3)
    low, high = D.interval_cm2_per_s or (0.0, 0.0)
    assert low < D_A2_PER_PS * 1e-4 < high
    if name == "vasprun.xml":
        assert found.temperatures_K == pytest.approx(600.0, rel=1e-3)


def test_a_compressed_file_is_read_too(walk: Trajectory, tmp_path: Path) -> None:
    xdatcar(walk, tmp_path / "XDATCAR")
    packed = tmp_path / "XDATCAR.gz"
    packed.write_bytes(gzip.compress((tmp_path / "XDATCAR").read_bytes()))
    assert read_foreign(packed, timestep_fs=50.0).trajectory.n_frames == N_FRAMES


@pytest.mark.parametrize("name", ["XDATCAR", "vasprun.xml", "run.lammpstrj"])
def test_a_run_that_was_cut_off_counts_as_far_as_it_is_whole(
    walk: Trajectory, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    WRITERS[name][0](walk, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = read_foreign(path, timestep_fs=50.0 if name != "run.lammpstrj" else 2.0).trajectory
    assert 150 < found.n_frames < 220
    assert found.timestep_fs == pytest.approx(FRAME_FS)


def test_what_does_not_tell_its_time_is_refused(walk: Trajectory, tmp_path: Path) -> None:
    xdatcar(walk, tmp_path / "XDATCAR")
    with pytest.raises(UnusableTrajectoryError, match="how much time") as refused:
        read_foreign(tmp_path / "XDATCAR")
    assert "--timestep" in refused.value.remedy
    dump(walk, tmp_path / "run.lammpstrj")
    with pytest.raises(UnusableTrajectoryError, match="how much time"):
        read_foreign(tmp_path / "run.lammpstrj")
    vasprun(walk, tmp_path / "vasprun.xml", potim_fs=1.0)
    with pytest.raises(UnusableTrajectoryError, match="1 fs apart, not 2"):
        read_foreign(tmp_path / "vasprun.xml", timestep_fs=2.0)


def test_types_without_elements_are_refused(walk: Trajectory, tmp_path: Path) -> None:
    dump(walk, tmp_path / "run.dump", "id type xs ys zs")
    with pytest.raises(UnusableTrajectoryError, match="not of which element") as refused:
        read_foreign(tmp_path / "run.dump", timestep_fs=2.0, types={1: "Li"})
    assert "--types" in refused.value.remedy


def test_cells_that_change_and_atoms_that_change_places_are_refused(walk: Trajectory, tmp_path: Path) -> None:
    frames = [
        Atoms(SPECIES, positions=p, cell=CELL * (1 + 1e-4 * n), pbc=True)
        for n, p in enumerate(walk.positions_A[:30])
    ]
    write(tmp_path / "npt.extxyz", frames)
    with pytest.raises(UnusableTrajectoryError, match="the cell changes"):
        read_foreign(tmp_path / "npt.extxyz", timestep_fs=1.0)
    swapped = [Atoms(SPECIES, positions=p, cell=CELL, pbc=True) for p in walk.positions_A[:30]]
    swapped[7] = swapped[7][::-1]
    write(tmp_path / "swapped.extxyz", swapped)
    with pytest.raises(UnusableTrajectoryError, match="atoms of frame 7"):
        read_foreign(tmp_path / "swapped.extxyz", timestep_fs=1.0)


def test_files_that_are_no_trajectories_are_refused(walk: Trajectory, tmp_path: Path) -> None:
    (tmp_path / "XDATCAR").write_text("nothing\nof the kind\n")
    (tmp_path / "run.txt").write_text("nothing\n")
    write_frames(walk, tmp_path / "one.extxyz", every=N_FRAMES)
    bare = "\n".join(["2", "Atoms. Timestep: 0", "Li 0 0 0", "S 1 1 1"] * 2)
    (tmp_path / "bare.xyz").write_text(bare + "\n")
    for name, message in (
        ("bare.xyz", "holds no cell"),
        ("XDATCAR", "no XDATCAR that can be read"),
        ("run.txt", "no format"),
        ("one.extxyz", "holds 1 frames"),
        ("missing.traj", "cannot be read"),
    ):
        with pytest.raises(UnusableTrajectoryError, match=message) as refused:
            read_foreign(tmp_path / name, timestep_fs=1.0)
        assert name in str(refused.value)


def test_frames_too_far_apart_cannot_be_unwrapped(walk: Trajectory, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    random = replace(walk, positions_A=rng.random(walk.positions_A.shape) @ CELL)
    xdatcar(random, tmp_path / "XDATCAR")
    found = read_foreign(tmp_path / "XDATCAR", timestep_fs=50.0).trajectory
    with pytest.raises(DynamicsError, match="cannot be unwrapped"):
        found.unwrapped()
