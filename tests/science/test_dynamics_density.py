from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp import Chgcar

from mtl_flows.errors import ConfigurationError, NoMobileIonError
from mtl_flows.science.dynamics import Trajectory, ion_density
from mtl_flows.science.dynamics.synthetic import SyntheticWalk


def test_the_density_holds_every_ion_and_pymatgen_reads_it(tmp_path: Path) -> None:
    walk = SyntheticWalk(n_ions=5, n_framework=4, duration_ps=6.0).trajectory(0)
    # Interleaved species make a CHGCAR unreadable unless they are sorted.
    order = [0, 5, 1, 6, 2, 7, 3, 8, 4]
    mixed = replace(
        walk, species=tuple(walk.species[i] for i in order), positions_A=walk.positions_A[:, order]
    )
    density = ion_density(mixed, "Li", spacing_A=0.5)
    voxel_A3 = 12.0**3 / density.per_A3.size
    assert density.per_A3.sum() * voxel_A3 == pytest.approx(5.0)
    path = tmp_path / "CHGCAR"
    path.write_text(density.to_chgcar())
    read = Chgcar.from_file(path)
    assert read.structure.composition.as_dict() == {"Li": 5, "O": 4}
    assert read.data["total"] / 12.0**3 == pytest.approx(density.per_A3, abs=1e-6)


def test_an_ion_at_a_corner_is_in_the_first_voxel_from_every_side() -> None:
    lattice = np.array([[4.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.5, 5.0]])
    offsets = np.array([0.0, -1e-17, 1e-17, -1e-9, 1.0, 1.0 - 1e-12])
    positions = np.zeros((6, 2, 3))
    positions[:, 0] = offsets[:, None] @ np.ones((1, 3)) @ lattice
    positions[:, 1] = [1.0, 1.0, 1.0]
    frames = Trajectory(("Li", "O"), lattice, positions, 100.0, np.zeros(6), np.zeros(6))
    density = ion_density(frames, "Li", spacing_A=1.0, discard_ps=0.0)
    assert np.count_nonzero(density.per_A3) == 1
    assert density.per_A3[0, 0, 0] * 80.0 / density.per_A3.size == pytest.approx(1.0)


def test_drift_does_not_smear_the_density() -> None:
    positions = np.zeros((50, 2, 3)) + np.linspace(0.0, 7.0, 50)[:, None, None]
    positions[:, 1] += 1.0
    frames = Trajectory(("Li", "O"), 6.0 * np.eye(3), positions, 100.0, np.zeros(50), np.zeros(50))
    assert np.count_nonzero(ion_density(frames, "Li", discard_ps=0.0).per_A3) == 1


def test_without_the_ion_there_is_no_density() -> None:
    with pytest.raises(NoMobileIonError, match="K"):
        ion_density(SyntheticWalk(duration_ps=3.0).trajectory(0), "K")


def test_the_suggested_surface_holds_its_share_of_the_ions() -> None:
    density = ion_density(
        SyntheticWalk(n_ions=5, n_framework=4, duration_ps=6.0).trajectory(0), "Li", spacing_A=0.5
    )
    for fraction in (0.5, 0.9):
        level = density.level_holding(fraction)
        inside = density.per_A3[density.per_A3 >= level].sum() / density.per_A3.sum()
        outside = density.per_A3[density.per_A3 > level].sum() / density.per_A3.sum()
        assert outside < fraction <= inside
    with pytest.raises(ConfigurationError, match="between"):
        density.level_holding(1.0)
