"""Oxidation states of a file: names, means, and the way onto the sites of a structure and off again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Species, Structure

from mtl_flows.science.charges import (
    Ion,
    bare_structure,
    has_several_states,
    ion_amounts,
    known_states,
    mean_states,
    site_charges,
    species_name,
    with_charges,
    without_charges,
)

MIXED = Structure(
    Lattice.cubic(4.0),
    [{"Mn3+": 0.5, "Mn4+": 0.5}, {"Li+": 0.25}, "O2-"],
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]],
    labels=["M", "Li1", "O1"],
)


@pytest.mark.parametrize(
    ("state", "name"),
    [(3.0, "Mn3+"), (1.0, "Mn+"), (-2.0, "Mn2-"), (0.0, "Mn0+"), (3.5, "Mn3.5+"), (None, "Mn")],
)
def test_names_of_ions(state: float | None, name: str) -> None:
    assert species_name("Mn", state) == name


@given(st.floats(-4, 8).map(lambda state: round(state, 6)))
def test_pymatgen_reads_the_names(state: float) -> None:
    assert Species.from_str(species_name("Fe", state)).oxi_state == pytest.approx(state, abs=1e-6)


def test_amounts_merge_isotopes_and_keep_charges_apart() -> None:
    assert ion_amounts(Composition({"D+": 1, "H+": 2, "H": 1, "O2-": 2})) == {
        ("H", 1.0): 3,
        ("H", None): 1,
        ("O", -2.0): 2,
    }


def test_means_leave_out_what_bears_no_state() -> None:
    amounts: dict[Ion, float] = {("Fe", 2.0): 1, ("Fe", 3.0): 2, ("Fe", None): 5, ("O", None): 4}
    assert mean_states(amounts) == {"Fe": 2.666667}


def test_a_state_is_known_if_all_atoms_have_one_that_is_not_zero() -> None:
    amounts: dict[Ion, float] = {
        ("Mn", 3.0): 1,
        ("Mn", 4.0): 3,
        ("Fe", 2.0): 1,
        ("Fe", None): 1,
        ("Al", 0.0): 1,
        ("O", -2.0): 4,
    }
    assert known_states(amounts) == {"Mn": {3.0: 1, 4.0: 3}, "O": {-2.0: 4}}


def test_several_states_are_states_of_one_element() -> None:
    assert has_several_states({("Mn", 3.0): 1, ("Mn", 4.0): 1})
    assert has_several_states({("Mn", 3.0): 1, ("Mn", None): 1})
    assert not has_several_states({("Mn", 3.0): 1, ("Fe", 2.0): 1, ("O", None): 4})


def test_charges_come_off_and_on_again() -> None:
    bare = without_charges(MIXED)
    assert [site.species.as_dict() for site in bare] == [{"Mn": 1.0}, {"Li": 0.25}, {"O": 1.0}]
    assert bare.labels == MIXED.labels
    assert without_charges(bare) is bare
    charges = site_charges(MIXED)
    assert charges == [{"Mn3+": 0.5, "Mn4+": 0.5}, {"Li+": 0.25}, {"O2-": 1.0}]
    again = with_charges(bare, charges, {})
    assert again == MIXED
    assert again.labels == MIXED.labels


def test_means_go_onto_every_site_of_their_element() -> None:
    charged = with_charges(without_charges(MIXED), [], {"Mn": 3.5, "O": -2.0})
    assert site_charges(charged) == [{"Mn3.5+": 1.0}, {"Li": 0.25}, {"O2-": 1.0}]


def test_a_bare_structure_bears_nothing_but_elements() -> None:
    spun = Structure(
        Lattice.cubic(3.0), [Species("Fe", spin=5)], [[0, 0, 0]], site_properties={"magmom": [5.0]}
    )
    bare = bare_structure(spun)
    assert str(bare[0].species) == "Fe1"
    assert bare.site_properties == {}
