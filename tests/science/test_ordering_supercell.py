import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordering_crystals import cubic_llzo, rock_salt_mixture
from pymatgen.core import Lattice, Structure

from mtl_flows.science.ordering import OrderingParameters, choose_supercell
from mtl_flows.science.symmetry import plane_spacings_A

DEFAULT = OrderingParameters()


def test_plane_spacings_are_volume_over_area() -> None:
    lattice = Lattice.from_parameters(4, 6, 9, 70, 80, 110)
    a, b, c = lattice.matrix
    expected = [lattice.volume / np.linalg.norm(np.cross(*pair)) for pair in ((b, c), (c, a), (a, b))]
    assert plane_spacings_A(lattice.matrix) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("lattice", "diagonal"),
    [
        (Lattice.cubic(4.0), [2, 2, 2]),
        (Lattice.cubic(3.9), [3, 3, 3]),
        (Lattice.cubic(12.0), [1, 1, 2]),  # large enough at once, but short of ions
        (Lattice.orthorhombic(3.0, 9.0, 9.0), [3, 1, 2]),
    ],
)
def test_the_smallest_sufficient_cell_is_taken(lattice: Lattice, diagonal: list[int]) -> None:
    n_lithium = 2 if lattice.c != 12.0 else 6
    species = ["Li"] * n_lithium + ["O"]
    structure = Structure(lattice, species, np.linspace(0, 0.9, len(species))[:, None] * [1, 1, 1])
    matrix = choose_supercell(structure, DEFAULT)
    assert np.linalg.det(matrix) == pytest.approx(np.prod(diagonal))
    assert sorted(np.diag(matrix)) == sorted(diagonal)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.floats(2.5, 25.0)] * 3),
    st.tuples(*[st.floats(60.0, 120.0)] * 3),
    st.integers(1, 30),
    st.integers(0, 40),
)
def test_the_order_of_preferences_holds(
    lengths: tuple[float, ...], angles: tuple[float, ...], n_lithium: int, n_oxygen: int
) -> None:
    lattice = Lattice.from_parameters(*lengths, *angles)
    if not lattice.volume > 0.2 * np.prod(lengths):
        return
    n_atoms = n_lithium + n_oxygen
    species = ["Li"] * n_lithium + ["O"] * n_oxygen
    structure = Structure(lattice, species, np.random.default_rng(0).random((n_atoms, 3)))
    diagonal = np.diag(choose_supercell(structure, DEFAULT))
    copies = int(diagonal.prod())
    spacings = plane_spacings_A(lattice.matrix)
    assert n_atoms * copies <= 200
    wide = (spacings * diagonal).min() >= 8.0 - 1e-6
    if n_lithium * (200 // n_atoms) >= 12:
        assert n_lithium * copies >= 12
    least = int(np.ceil(8.0 / spacings - 1e-6).prod())
    enough = max(least, -(-12 // n_lithium))
    if enough == least and n_atoms * least <= 200:
        assert wide
        assert copies == least


def test_a_cell_beyond_the_limit_stays_as_it_is() -> None:
    small = OrderingParameters(max_atoms=50)
    assert np.array_equal(choose_supercell(cubic_llzo(), small), np.eye(3))


def test_occupancies_count_not_sites() -> None:
    # 4 sites of half lithium make two ions a cell.
    mixture = rock_salt_mixture()
    copies = np.linalg.det(choose_supercell(mixture, DEFAULT))
    assert copies == pytest.approx(8)
    assert np.linalg.det(choose_supercell(mixture, DEFAULT, "K")) == pytest.approx(8)
