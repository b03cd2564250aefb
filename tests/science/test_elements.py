"""Tables of elements: consistent with themselves, and with those of pymatgen and ASE."""

import pytest
from ase.data import atomic_numbers, covalent_radii
from pymatgen.core import Composition, DummySpecies, Element, Species

from mtl_flows.errors import ConfigurationError
from mtl_flows.science.elements import (
    bond_length_A,
    covalent_radius_A,
    element_amounts,
    element_symbol,
    ion_charge,
    ion_charges,
    oxidation_state_table,
    states_of,
)


@pytest.mark.parametrize(
    ("species", "symbol"),
    [
        ("Li", "Li"),
        ("D", "H"),
        (Element("T"), "H"),
        (Species("Fe", 3), "Fe"),
        (Species("D", 1), "H"),
        (DummySpecies("X"), "X"),
    ],
)
def test_the_element_behind_a_species(species: object, symbol: str) -> None:
    assert element_symbol(species) == symbol


def test_amounts_of_elements() -> None:
    assert element_amounts(Composition({"Fe2+": 1, "Fe3+": 2, "D": 1, "H+": 1})) == {"Fe": 3.0, "H": 2.0}


def test_what_is_preferred_and_what_an_ion_moves_with_is_observed() -> None:
    for symbol, states in oxidation_state_table().items():
        assert states.preferred
        assert set(states.preferred) <= set(states.observed), symbol
        assert len(set(states.preferred)) == len(states.preferred), symbol
    assert all(charge in states_of(symbol).observed for symbol, charge in ion_charges().items())


def test_charges_of_mobile_ions() -> None:
    assert [ion_charge(ion) for ion in ("Li", "Na", "Mg", "Ag", "Cu", "F", "O")] == [1, 1, 2, 1, 1, -1, -2]
    with pytest.raises(ConfigurationError, match="Kr: has no usual charge"):
        ion_charge("Kr")


@pytest.mark.parametrize("symbol", ["H", "Li", "C", "N", "O", "F", "Na", "P", "S", "Zr", "La", "U", "Cm"])
def test_radii_are_those_of_ase_which_are_cordero_s(symbol: str) -> None:
    assert covalent_radius_A(symbol) == pytest.approx(covalent_radii[atomic_numbers[symbol]])


def test_lengths_of_bonds() -> None:
    assert bond_length_A("P", "S") == pytest.approx(1.07 + 1.05)
    assert bond_length_A("Li", "Bk") == pytest.approx(1.28 + 1.5)
