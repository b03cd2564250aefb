"""Equivalent sites and primitive cells against spglib."""

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure
from topology_structures import LI2MGCL4, LI3N, LI3OBR, LITI2PO43, OTHERS, STRUCTURES

from mtl_flows.science.symmetry import free_coordinates, quiet_spglib
from mtl_flows.science.topology.symmetry import find_symmetry

SYMPREC_A = 1e-5


def partition(labels) -> set[frozenset[int]]:
    labels = np.asarray(labels)
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels}


def referee(structure: Structure):
    kinds: dict[object, int] = {}
    numbers = [kinds.setdefault(site.species_string, len(kinds)) for site in structure]
    with quiet_spglib():
        return spglib.get_symmetry_dataset(
            (structure.lattice.matrix, structure.frac_coords, numbers), symprec=SYMPREC_A
        )


def transformed(structure: Structure, seed: int) -> Structure:
    """The same crystal rotated, displaced and shuffled, sites moved by lattice vectors, in a sheared cell."""
    rng = np.random.default_rng(seed)
    lattice = np.array([[1, 0, 0], [1, 1, 0], [-2, 1, 1]]) @ structure.lattice.matrix
    coords = structure.cart_coords @ np.linalg.inv(lattice) + rng.random(3)
    coords = coords + rng.integers(-2, 3, coords.shape)
    order = rng.permutation(len(structure))
    species = [structure[int(i)].species for i in order]
    return Structure(Lattice(lattice @ np.linalg.qr(rng.normal(size=(3, 3)))[0]), species, coords[order])


@pytest.mark.parametrize("name", STRUCTURES)
def test_orbits_and_primitive_cells(name):
    structure = STRUCTURES[name]
    for same in (structure, transformed(structure, 1), structure * (1, 2, 1)):
        symmetry, dataset = find_symmetry(same, SYMPREC_A), referee(same)
        assert partition(symmetry.equivalent) == partition(dataset.crystallographic_orbits)
        assert len(symmetry.primitive_sites) == len(set(dataset.mapping_to_primitive))
        volume = abs(np.linalg.det(symmetry.primitive_lattice))
        assert volume == pytest.approx(same.volume * len(symmetry.primitive_sites) / len(same))


def test_primitive_cell_repeats_to_the_given_one():
    symmetry = find_symmetry(LI2MGCL4, SYMPREC_A)
    to_primitive = np.linalg.inv(symmetry.primitive_lattice)
    primitive = LI2MGCL4.cart_coords[symmetry.primitive_sites] @ to_primitive
    for coords in LI2MGCL4.cart_coords @ to_primitive:
        misses = coords - primitive
        assert np.abs(misses - np.round(misses)).max(axis=1).min() < 1e-8


@pytest.mark.parametrize(("displacement_A", "n_orbits"), [(1e-7, 3), (1e-3, 12)])
def test_only_a_displacement_beyond_the_tolerance_breaks_the_symmetry(displacement_A, n_orbits):
    structure = LI3N * (1, 1, 3)
    direction = np.array([0.48, 0.6, 0.64])
    structure.translate_sites([0], displacement_A * direction, frac_coords=False, to_unit_cell=False)
    assert len(set(find_symmetry(structure, SYMPREC_A).equivalent.tolist())) == n_orbits


def test_occupancies_and_species_tell_sites_apart():
    structure = LI3OBR * (2, 1, 1)
    structure.replace(0, {"Li": 0.5})
    whole = find_symmetry(LI3OBR * (2, 1, 1), SYMPREC_A)
    broken = find_symmetry(structure, SYMPREC_A)
    assert len(whole.primitive_sites) == 5
    assert len(broken.primitive_sites) == 10
    assert len(set(broken.equivalent.tolist())) > len(set(whole.equivalent.tolist()))


def test_random_structures_have_no_symmetry():
    rng = np.random.default_rng(0)
    structure = Structure(
        Lattice.from_parameters(7, 8, 9, 80, 95, 110), ["Li", "O"] * 20, rng.random((40, 3))
    )
    symmetry = find_symmetry(structure, SYMPREC_A)
    assert symmetry.equivalent.tolist() == list(range(40))
    assert symmetry.primitive_sites.tolist() == list(range(40))


@pytest.mark.parametrize(
    ("structure", "element", "free"),
    [
        (LI3OBR, "Li", 0),
        (LI2MGCL4, "Cl", 1),
        (LITI2PO43, "Ti", 1),
        (LITI2PO43, "O", 3),
        (LITI2PO43, "Li", 0),
        (OTHERS["beta-Li3PS4"], "P", 2),
    ],
)
def test_free_coordinates(structure, element, free):
    counts = free_coordinates(structure, SYMPREC_A)
    assert {int(n) for n, site in zip(counts, structure, strict=True) if element in site.species} == {free}


@pytest.mark.parametrize("name", ["Li3OBr", "Li2MgCl4", "LiTi2(PO4)3", "beta-Li3PS4"])
def test_what_is_not_asked_for_changes_nothing_that_is(name):
    structure = STRUCTURES[name]
    mobile = np.array([i for i, site in enumerate(structure) if "Li" in site.species])
    everything, asked = find_symmetry(structure, SYMPREC_A), find_symmetry(structure, SYMPREC_A, mobile)
    assert partition(asked.equivalent[mobile]) == partition(everything.equivalent[mobile])
    assert len(asked.primitive_sites) == len(everything.primitive_sites)


def test_one_site_of_interest_makes_its_cell_primitive():
    lattice = Lattice.from_parameters(3.9, 4.1, 5.0, 80, 95, 110)
    structure = Structure(lattice, ["Li", "O", "O"], [[0.1, 0.2, 0.3], [0.6, 0.7, 0.8], [0.6, 0.2, 0.3]])
    everything, asked = (find_symmetry(structure, SYMPREC_A, of) for of in (None, np.array([0])))
    assert asked.primitive_sites.tolist() == everything.primitive_sites.tolist() == [0, 1, 2]
    np.testing.assert_allclose(
        np.linalg.det(asked.primitive_lattice), np.linalg.det(everything.primitive_lattice)
    )
