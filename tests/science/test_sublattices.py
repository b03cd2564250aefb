import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import NoMobileIonError
from mtl_flows.science.sublattices import split_sublattices


def structure(*species: object) -> Structure:
    coords = np.linspace(0, 0.9, len(species))[:, None] * np.ones(3)
    return Structure(Lattice.cubic(10), species, coords)


def test_any_share_of_the_mobile_element_makes_a_site_mobile():
    sublattices = split_sublattices(structure("Li", {"Li": 0.01, "Mg": 0.99}, {"Li": 0.3}, "O", {"Mg": 0.2}))
    assert sublattices.mobile_indices.tolist() == [0, 1, 2]
    assert sublattices.framework_indices.tolist() == [3, 4]


def test_oxidation_states_do_not_hide_an_element():
    assert split_sublattices(structure("Li+", "O2-", {"Li+": 0.5, "Ti4+": 0.5})).mobile_indices.tolist() == [
        0,
        2,
    ]


def test_deuterium_and_tritium_are_hydrogen():
    sites = structure("D", "O", {"T": 0.5, "H": 0.5}, "He")
    for symbol in ("H", "D", "T"):
        assert split_sublattices(sites, symbol).mobile_indices.tolist() == [0, 2]


def test_symbols_are_not_prefixes():
    assert split_sublattices(structure("N", "Na", "Ne"), "N").mobile_indices.tolist() == [0]


@pytest.mark.parametrize("ion", ["Na", "K", "Mg", "Ag", "Cu", "F", "O"])
def test_every_mobile_ion(ion):
    sublattices = split_sublattices(structure("Na", "K", "Mg", "Ag", "Cu", "F", "O"), ion)
    assert len(sublattices.mobile_indices) == 1
    assert len(sublattices.framework_indices) == 6


def test_all_sites_may_be_mobile():
    sublattices = split_sublattices(structure("Li", "Li"))
    assert sublattices.framework_indices.shape == (0,)


def test_no_mobile_ion_is_refused():
    with pytest.raises(NoMobileIonError, match="no site holds Li"):
        split_sublattices(structure("Na", "Cl"))
