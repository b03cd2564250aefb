"""Whether a cell of somebody else's is one of a crystal."""

import numpy as np
import pytest
from pymatgen.core import Structure
from samples import crystal

from mtl_flows.errors import UnusableTrajectoryError
from mtl_flows.science.ordering import OrderingParameters, order_structure
from mtl_flows.science.ordering.recognition import recognise


def shaken(structure: Structure, deviation_A: float = 0.25, seed: int = 1) -> Structure:
    """As a frame of a hot run is."""
    rng = np.random.default_rng(seed)
    moved = structure.copy()
    for k in range(len(moved)):
        moved.translate_sites(
            [k], deviation_A * rng.standard_normal(3), frac_coords=False, to_unit_cell=False
        )
    return moved


def test_a_supercell_is_recognised_in_any_setting() -> None:
    licl = crystal("licl")
    assert recognise(shaken(licl * (2, 2, 1)), licl, "Li").supercell == ((2, 0, 0), (0, 2, 0), (0, 0, 1))
    # Of the primitive cell, strained by heat, with another origin, turned as another program would.
    primitive = licl.get_primitive_structure() * (3, 3, 2)
    primitive.apply_strain(0.02)
    primitive.translate_sites(range(len(primitive)), [0.21, 0.4, 0.77])
    turned = Structure.from_sites(shaken(primitive))
    a, b, c, alpha, beta, gamma = turned.lattice.parameters
    turned = Structure(
        type(turned.lattice).from_parameters(a, b, c, alpha, beta, gamma), turned.species, turned.frac_coords
    )
    found = recognise(turned, licl, "Li")
    assert round(abs(np.linalg.det(found.supercell))) == 18
    assert found.farthest_A < 1.2
    assert found.composition_error == 0.0


def test_a_disordered_crystal_is_recognised_by_its_approximant() -> None:
    parent = crystal("li6ps5cl")
    (made,) = order_structure(parent, "Li", OrderingParameters(n_orderings=1, max_atoms=60))
    found = recognise(shaken(made.structure, 0.15), parent, "Li")
    assert found.farthest_A < 1.0


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (crystal("li2o") * (2, 2, 2), "holds Li2O, the material LiCl"),
        (crystal("licl").copy().scale_lattice(1.25 * crystal("licl").volume), "is no supercell"),
        (crystal("licl") * (1.0, 1.0, 2.0), None),
    ],
)
def test_what_is_another_crystal_is_refused(cell: Structure, message: str | None) -> None:
    if message is None:
        assert recognise(cell, crystal("licl"), "Li").farthest_A == pytest.approx(0.0, abs=1e-6)
        return
    with pytest.raises(UnusableTrajectoryError, match=message):
        recognise(cell, crystal("licl"), "Li")


def test_numbers_of_atoms_that_occupancies_do_not_give_are_refused() -> None:
    licl = crystal("licl")
    lacking = licl * (2, 2, 2)
    lacking.remove_sites([0])
    with pytest.raises(UnusableTrajectoryError, match="holds 31 Li where 8 cells of the material hold 32"):
        recognise(lacking, licl, "Li")


def test_a_framework_elsewhere_is_refused() -> None:
    licl = crystal("licl")
    moved = licl * (2, 2, 2)
    chlorine = [k for k, site in enumerate(moved) if site.specie.symbol == "Cl"]
    moved.translate_sites(chlorine[:1], [0.24, 0.0, 0.0])
    with pytest.raises(UnusableTrajectoryError, match=r"lies \d\.\d+ Å from every site"):
        recognise(moved, licl, "Li")
