import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordering_crystals import argyrodite, cubic_llzo
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.science.elements import element_amounts
from mtl_flows.science.ions import total_charge
from mtl_flows.science.ordering import assign_oxidation_states


def of_formula(formula: str) -> Structure:
    """Put a formula on one smeared site: only the composition matters here."""
    composition = Composition(formula)
    n_sites = 10
    amounts = {element: 0.9 * amount / composition.num_atoms for element, amount in composition.items()}
    return Structure(Lattice.cubic(20.0), [amounts] * n_sites, [[i / n_sites, 0, 0] for i in range(n_sites)])


@pytest.mark.parametrize(
    ("formula", "states"),
    [
        ("Li10GeP2S12", {"Li": 1, "Ge": 4, "P": 5, "S": -2}),
        ("Li6PS5Cl", {"Li": 1, "P": 5, "S": -2, "Cl": -1}),
        ("Li1.3Al0.3Ti1.7P3O12", {"Li": 1, "Al": 3, "Ti": 4, "P": 5, "O": -2}),
        ("Li6.4La3Zr1.4Ta0.6O12", {"Li": 1, "La": 3, "Zr": 4, "Ta": 5, "O": -2}),
        ("Li3N", {"Li": 1, "N": -3}),
        ("LiPN2", {"Li": 1, "P": 5, "N": -3}),
        ("Li2SO4", {"Li": 1, "S": 6, "O": -2}),
        ("LiClO4", {"Li": 1, "Cl": 7, "O": -2}),
        ("LiBH4", {"Li": 1, "B": 3, "H": -1}),
        ("LiNH2", {"Li": 1, "N": -3, "H": 1}),
        ("Li2CO3", {"Li": 1, "C": 4, "O": -2}),
        ("Li3PS4", {"Li": 1, "P": 5, "S": -2}),
        ("Li3InCl6", {"Li": 1, "In": 3, "Cl": -1}),
        ("LiFePO4", {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
        ("LiCoO2", {"Li": 1, "Co": 3, "O": -2}),
        ("Li7SbO6", {"Li": 1, "Sb": 5, "O": -2}),
        ("Li6AsSe5I", {"Li": 1, "As": 5, "Se": -2, "I": -1}),
        ("Li0.5CoO2", {"Li": 1, "Co": 3.5, "O": -2}),
        ("LiMn2O4", {"Li": 1, "Mn": 3.5, "O": -2}),
        ("Na3Zr2Si2PO12", {"Na": 1, "Zr": 4, "Si": 4, "P": 5, "O": -2}),
    ],
)
def test_textbook_states(formula: str, states: dict[str, float]) -> None:
    assert assign_oxidation_states(of_formula(formula)) == pytest.approx(states)


def test_occupancies_that_do_not_quite_balance_leave_states_whole() -> None:
    assert assign_oxidation_states(cubic_llzo()) == {"Li": 1, "La": 3, "Zr": 4, "O": -2}
    assert assign_oxidation_states(argyrodite()) == {"Li": 1, "P": 5, "S": -2, "Cl": -1}


def test_a_formula_that_lacks_atoms_stays_unbalanced() -> None:
    # An atom of lithium is missing: no state of the others makes up for it.
    structure = of_formula("Li3OCl2")
    states = assign_oxidation_states(structure)
    assert states == {"Li": 1, "O": -2, "Cl": -1}
    assert total_charge(states, element_amounts(structure.composition)) == pytest.approx(-1.5)


def test_states_given_with_the_structure_are_kept_if_they_balance() -> None:
    lattice = Lattice.cubic(4.0)
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.5]]
    assert assign_oxidation_states(Structure(lattice, ["Cu+", "Cu+", "O2-"], places)) == {"Cu": 1, "O": -2}
    assert assign_oxidation_states(Structure(lattice, ["Cu3+", "Cu3+", "O2-"], places))["O"] == -2


def test_deuterium_is_hydrogen() -> None:
    structure = of_formula("LiOD")
    assert element_amounts(structure.composition) == pytest.approx({"Li": 3, "O": 3, "H": 3})
    assert assign_oxidation_states(structure) == {"Li": 1, "O": -2, "H": 1}


ELEMENTS = [
    "Li",
    "Na",
    "Mg",
    "Al",
    "Ti",
    "Fe",
    "Mn",
    "La",
    "P",
    "S",
    "O",
    "F",
    "Cl",
    "N",
    "H",
    "C",
    "Xe",
    "Au",
    "U",
]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(ELEMENTS), st.floats(0.05, 20.0), min_size=1, max_size=6))
def test_no_composition_is_too_strange(amounts: dict[str, float]) -> None:
    structure = of_formula("".join(f"{element}{amount:.3f}" for element, amount in amounts.items()))
    states = assign_oxidation_states(structure)
    assert set(states) == set(element_amounts(structure.composition))
    assert all(abs(state) < 1e4 for state in states.values())
    assert abs(total_charge(states, element_amounts(structure.composition))) < 1e9
