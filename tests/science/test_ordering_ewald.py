import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from mtl_flows.science.ordering.ewald import COULOMB_EV_A, ewald_matrix


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(*[st.floats(4.0, 11.0)] * 3),
    st.tuples(*[st.floats(65.0, 115.0)] * 3),
    st.integers(0, 10_000),
)
def test_energies_agree_with_pymatgen(
    lengths: tuple[float, ...], angles: tuple[float, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*lengths, *angles)
    grid = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    structure = Structure(lattice, ["Na+", "Cl-", "Mg2+", "O2-"], grid + rng.uniform(-0.08, 0.08, (4, 3)))
    if structure.distance_matrix[np.triu_indices(4, 1)].min() < 1.1:
        return
    charges = np.array([site.specie.oxi_state for site in structure])
    ours = charges @ ewald_matrix(lattice, structure.frac_coords) @ charges
    assert ours == pytest.approx(EwaldSummation(structure, acc_factor=14).total_energy, rel=1e-6)


def test_the_madelung_constant_of_rock_salt() -> None:
    a = 5.64
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    charges = np.array([1.0 if site.specie.symbol == "Na" else -1.0 for site in salt])
    energy = charges @ ewald_matrix(salt.lattice, salt.frac_coords) @ charges
    assert energy / 4.0 == pytest.approx(-1.747564594633 * COULOMB_EV_A / (a / 2.0), rel=1e-9)


def test_split_sites_do_not_diverge() -> None:
    close = np.array([[0.0, 0.0, 0.0], [1e-7, 0.0, 0.0], [0.5, 0.5, 0.5]])
    matrix = ewald_matrix(Lattice.cubic(6.0), close)
    assert np.isfinite(matrix).all()
    assert np.allclose(matrix, matrix.T)
    assert np.abs(matrix).max() < 2.0 * COULOMB_EV_A
