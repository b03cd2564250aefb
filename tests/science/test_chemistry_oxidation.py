"""Oxidation states: the table, the search, and what bonds and decorations tell."""

from itertools import product

import numpy as np
import pytest
from chemistry_structures import linked, on_grid, peroxide, scattered, spinel
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Element, Lattice, Structure

from mtl_flows.science.chemistry import RuleVerdict, check_chemistry, check_composition
from mtl_flows.science.chemistry.balance import Group, SearchLimitError, balance
from mtl_flows.science.elements import is_observed, oxidation_state_table, states_of


def oxidation_rule(crystal: Structure, **options: object) -> RuleVerdict:
    return check_chemistry(crystal, **options).rules[3]  # type: ignore[arg-type]


# --- the table


@pytest.mark.parametrize("element", [element for element in Element if element.Z <= 103], ids=str)
def test_the_table_holds_what_its_sources_report(element: Element) -> None:
    reported = {*element.icsd_oxidation_states, *element.common_oxidation_states} - {0}
    assert all(is_observed(element.symbol, state, tolerance=0.0) for state in reported)


def test_the_table_is_in_order() -> None:
    for states in oxidation_state_table().values():
        assert list(states.observed) == sorted(set(states.observed))
        assert set(states.common) <= set(states.observed)
        assert 0 not in states.observed
        if states.own_kind:
            assert states.own_kind[0] <= states.own_kind[1]


@pytest.mark.parametrize(
    ("symbol", "state"),
    [
        ("Li", 2),
        ("Al", 5),
        ("Zn", 3),
        ("P", 6),
        ("Bi", 7),
        ("F", 1),
        ("O", -3),
        ("Na", -1),
        ("S", 7),
        ("Mg", 1),
    ],
)
def test_states_nobody_observed(symbol: str, state: float) -> None:
    assert not is_observed(symbol, state)


@pytest.mark.parametrize(
    ("symbol", "state"),
    [
        ("Fe", 8 / 3),
        ("Mn", 3.5),
        ("Sb", 4),
        ("O", -0.5),
        ("P", 4),
        ("B", 5 / 6),
        ("I", -1 / 3),
        ("N", -1 / 3),
    ],
)
def test_averages_of_mixed_valence_and_of_bonded_atoms(symbol: str, state: float) -> None:
    assert is_observed(symbol, state)


# --- the search


def all_states(formula: str) -> list[Group]:
    return [
        Group(element.symbol, element.symbol, amount, tuple(map(float, states_of(element.symbol).observed)))
        for element, amount in Composition(formula).items()
    ]


SMALL = [
    "LiFePO4",
    "LiZnO3",
    "Li7SbO6",
    "LiBiO4",
    "K2Cr2O7",
    "LiMnF6",
    "Li2SO5",
    "CuInSe2",
    "LiSnCl6",
    "Na2S2O3",
]


@pytest.mark.parametrize("formula", SMALL)
def test_the_search_agrees_with_brute_force(formula: str) -> None:
    groups = all_states(formula)
    neutral = any(
        abs(sum(group.amount * state for group, state in zip(groups, states, strict=True))) < 1e-9
        for states in product(*(group.states for group in groups))
    )
    assert (balance(groups, electronegativity_order=False) is not None) is neutral


@pytest.mark.parametrize("formula", [*SMALL, "Li10GeP2S12", "LiAlSiO4", "Li3OCl", "NaMgF4"])
def test_the_search_agrees_with_pymatgen(formula: str) -> None:
    composition = Composition(formula)
    states = {str(element): list(states_of(str(element)).observed) for element in composition}
    # One state per element, as here: pymatgen would otherwise mix states within an element.
    guesses = composition.oxi_state_guesses(oxi_states_override=states)
    single = [guess for guess in guesses if all(state in states[symbol] for symbol, state in guess.items())]
    assert (balance(all_states(formula), electronegativity_order=False) is not None) is bool(single)


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.lists(st.integers(-4, 7), min_size=1, max_size=5, unique=True)),
        min_size=1,
        max_size=5,
    )
)
def test_every_answer_is_neutral_and_none_is_missed(rows: list[tuple[int, list[int]]]) -> None:
    groups = [
        Group(str(number), "Fe", float(amount), tuple(map(float, states)))
        for number, (amount, states) in enumerate(rows)
    ]
    answer = balance(groups, electronegativity_order=False)
    sums = {
        sum(amount * state for (amount, _), state in zip(rows, states, strict=True))
        for states in product(*(states for _, states in rows))
    }
    assert (answer is not None) is (0 in sums)
    if answer is not None:
        assert sum(group.amount * answer.states[group.label] for group in groups) == pytest.approx(0)


def test_common_states_are_preferred() -> None:
    iron = Group("Fe", "Fe", 1.0, (2.0, 3.0, 6.0), common=(2.0, 3.0))
    anion = Group("X", "Se", 1.0, (-2.0, -6.0), common=(-2.0,))
    answer = balance([iron, anion])
    assert answer is not None
    assert answer.states == {"Fe": 2.0, "X": -2.0}
    assert answer.cost == 0.0


def test_a_search_without_end_is_given_up() -> None:
    groups = [
        Group(f"M{number}", "Fe", 1 + 0.618034**number, tuple(map(float, range(-7, 8))))
        for number in range(12)
    ]
    with pytest.raises(SearchLimitError):
        balance(groups, electronegativity_order=False)


def test_a_crowd_of_elements_is_undecided_or_decided_but_never_fatal() -> None:
    metals = ["Fe", "Co", "Ni", "Mn", "Cr", "V", "Mo", "W", "Re", "Os", "Ru", "Nb"]
    formula = (
        "Li1.37" + "".join(f"{metal}{1 + index / 17:.3f}" for index, metal in enumerate(metals)) + "S19.7"
    )
    verdict = check_composition(formula).rules[3]
    assert verdict.evidence["method"] in ("one state per element", "mixed valence", "undecided")
    assert verdict.passed


# --- real and built materials


@pytest.mark.parametrize(
    ("formula", "states"),
    [
        ("Li10GeP2S12", {"Li": [1], "Ge": [4], "P": [5], "S": [-2]}),
        ("Li7La3Zr2O12", {"Li": [1], "La": [3], "Zr": [4], "O": [-2]}),
        ("Li3BiO3", {"Li": [1], "Bi": [3], "O": [-2]}),
        ("LiNO3", {"Li": [1], "N": [5], "O": [-2]}),
        ("LiSCN", {"Li": [1], "S": [-2], "C": [4], "N": [-3]}),
        ("LiBH4", {"Li": [1], "B": [3], "H": [-1]}),
        ("LiMn2O4", {"Li": [1], "Mn": [3.5], "O": [-2]}),
        ("Fe3O4", {"Fe": [2.6667], "O": [-2]}),
        ("Pb3O4", {"Pb": [2.6667], "O": [-2]}),
        ("Li2O2", {"Li": [1], "O": [-1]}),
        ("KO2", {"K": [1], "O": [-0.5]}),
        ("Li4P2S6", {"Li": [1], "P": [4], "S": [-2]}),
        ("Li2B12H12", {"Li": [1], "B": [0.8333], "H": [-1]}),
        ("Ca3PbO", {"Ca": [2], "Pb": [-4], "O": [-2]}),
    ],
)
def test_known_oxidation_states(formula: str, states: dict[str, list[float]]) -> None:
    verdict = check_composition(formula).rules[3]
    assert verdict.passed
    assert verdict.evidence["states"] == states


def test_ordinary_states_are_sure_and_assumed_bonds_are_not() -> None:
    assert check_composition("LiFePO4").rules[3].confidence == "high"
    assert check_composition("Li4P2S6").rules[3].confidence == "low"


def test_peroxide_needs_its_bond() -> None:
    found = oxidation_rule(peroxide())
    assert found.passed
    assert found.evidence["states"] == {"Li": [1.0], "O": [-1.0]}
    assert found.evidence["method"] == "states by bonding"
    assert not oxidation_rule(scattered("Li2O2")).passed


def test_superoxide_needs_its_bond() -> None:
    lone = linked("KO2", "O", "O", 1.30)
    assert oxidation_rule(lone, mobile_ion="K").evidence["states"]["O"] == [-0.5]
    assert not oxidation_rule(scattered("KO2"), mobile_ion="K").passed


def test_hypothiodiphosphate_needs_its_bond() -> None:
    assert oxidation_rule(linked("Li4P2S6", "P", "P", 2.26)).evidence["states"]["P"] == [4.0]
    assert not oxidation_rule(scattered("Li4P2S6")).passed


def test_alternative_positions_are_not_bonded() -> None:
    sites = [{"Li": 1.0}, {"Li": 1.0}, {"O": 0.5}, {"O": 0.5}, {"O": 0.5}, {"O": 0.5}]
    crystal = on_grid(sites)
    for anchor, other in ((2, 3), (4, 5)):
        place = np.add(crystal[anchor].coords, [1.45, 0, 0])
        crystal.replace(other, {"O": 0.5}, place, coords_are_cartesian=True)
    assert not oxidation_rule(crystal).passed


def test_amide_borohydride_holds_protons_and_hydride() -> None:
    formula_only = check_composition("Li2BNH6").rules[3]
    assert formula_only.passed
    crystal = scattered("Li2BN")
    for symbol, count, length_A in (("B", 4, 1.22), ("N", 2, 1.02)):
        centre = next(site for site in crystal if site.specie.symbol == symbol).coords
        for axis in ([1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1])[:count]:
            shift = length_A / 3**0.5
            crystal.append("H", centre + [shift * a for a in axis], coords_are_cartesian=True)
    verdict = oxidation_rule(crystal)
    assert verdict.passed
    assert verdict.confidence == "high"
    assert sorted(verdict.evidence["states"].values()) == [[-3.0], [-1.0], [1.0], [1.0], [3.0]]


def test_mixed_valence_in_a_structure() -> None:
    verdict = oxidation_rule(spinel())
    assert verdict.evidence["states"]["Mn"] == [3.5]
    assert verdict.evidence["method"] == "mixed valence"


def test_the_blame_falls_on_the_odd_element() -> None:
    verdict = check_composition("LiBiO4").rules[3]
    assert verdict.evidence["abnormal"] == {"Bi": [7.0]}
    assert "Bi would have to be +7" in verdict.reason
    assert check_composition("NaAlO4").rules[3].evidence["abnormal"] == {"Al": [7.0]}
    assert check_composition("Li2PO4").rules[3].evidence["abnormal"] == {"P": [6.0]}


def test_missing_hydrogens_are_thought_of() -> None:
    verdict = oxidation_rule(scattered("Li2OBr"))
    assert not verdict.passed
    assert "hydrogen" in verdict.reason
    assert oxidation_rule(scattered("Li2OBr"), formula_text="Li2(OH)Br").passed


@pytest.mark.parametrize(
    ("lithium", "passed", "confidence"),
    [(1.0, True, "high"), (0.95, True, "high"), (0.7, True, "low"), (0.0, False, "low")],
)
def test_rounded_occupancies_are_forgiven_within_bounds(
    lithium: float, passed: bool, confidence: str
) -> None:
    sites = [{"Li": lithium}] if lithium else []
    sites += [{"Al": 1.0}, {"Ge": 0.99}, {"Ge": 0.01}, *[{"O": 1.0}] * 4]
    verdict = oxidation_rule(on_grid(sites))
    assert verdict.passed is passed
    assert verdict.confidence == confidence


def test_ordered_structures_must_balance_exactly() -> None:
    assert not oxidation_rule(scattered("Li49Al50Ge50O200")).passed


def test_a_given_abnormal_state_is_certain() -> None:
    crystal = scattered("LiZnPS4").add_oxidation_state_by_element({"Li": 1, "Zn": 3, "P": 4, "S": -2})
    verdict = oxidation_rule(crystal)
    assert not verdict.passed
    assert verdict.confidence == "certain"
    assert verdict.evidence["abnormal"] == {"Zn": [3.0]}


def test_given_states_go_before_a_search() -> None:
    crystal = scattered("LiFePO4")
    assert not oxidation_rule(crystal, oxidation_states={"Fe": 1.0}).passed
    assert oxidation_rule(crystal, oxidation_states={"Fe": 2.0}).passed
    assert oxidation_rule(crystal, oxidation_states={"Fe": 0.0}).evidence["states"]["Fe"] == [2.0]
    mixed = oxidation_rule(spinel(), oxidation_states={"Mn": 3.5})
    assert mixed.passed
    assert mixed.evidence["states"]["Mn"] == [3.5]


def test_given_states_that_do_not_add_up_are_set_aside() -> None:
    verdict = oxidation_rule(scattered("LiFePO4"), oxidation_states={"Fe": 3.0, "P": 5.0})
    assert verdict.passed
    assert verdict.confidence == "low"
    assert verdict.evidence["ignores_given"] is True
    assert verdict.evidence["states"]["Fe"] == [2.0]


def test_given_means_over_unlike_atoms_are_understood() -> None:
    crystal = scattered("Li2BNH6")  # borohydride and amide
    assert oxidation_rule(crystal, oxidation_states={"H": -1 / 3, "N": -3.0}).passed
    assert oxidation_rule(scattered("Na2S2O3"), mobile_ion="Na", oxidation_states={"S": 2.0}).passed
    assert not oxidation_rule(scattered("LiFePO4"), oxidation_states={"P": 6.0}).passed
    assert not oxidation_rule(scattered("LiZnPS4"), oxidation_states={"Zn": 2.5}).passed


def test_states_of_zero_count_as_not_given() -> None:
    crystal = scattered("LiZnPS4").add_oxidation_state_by_element({"Li": 0, "Zn": 0, "P": 0, "S": 0})
    assert oxidation_rule(crystal).evidence["states"]["P"] == [5.0]


def test_decorations_that_do_not_add_up_are_not_trusted() -> None:
    crystal = scattered("LiFePO4").add_oxidation_state_by_element({"Li": 1, "Fe": 3, "P": 5, "O": -2})
    verdict = oxidation_rule(crystal)
    assert verdict.passed
    assert verdict.evidence["states"]["Fe"] == [2.0]


def test_charges_of_one_element_are_judged_one_by_one() -> None:
    crystal = spinel()
    states = iter(["Mn3+", "Mn4+"] * 8)
    charged = Structure(
        crystal.lattice,
        [
            next(states) if s.specie.symbol == "Mn" else {"Li": "Li+", "O": "O2-"}[s.specie.symbol]
            for s in crystal
        ],
        crystal.frac_coords,
    )
    verdict = oxidation_rule(charged)
    assert verdict.passed
    assert verdict.evidence == {"method": "given", "states": {"Li": [1.0], "Mn": [3.0, 4.0], "O": [-2.0]}}
    strange = charged.copy().replace_species({"Mn3+": "Mn9+", "Mn4+": "Mn2-"})
    # Their mean, 3.5, would be one of manganese.
    assert oxidation_rule(strange).evidence["abnormal"] == {"Mn": [-2.0, 9.0]}


def test_a_state_that_is_not_whole_is_a_mean_over_atoms() -> None:
    assert oxidation_rule(scattered("LiMn2O4").replace_species({"Mn": "Mn3.5+"})).passed
    unlike = scattered("Li2BNH6").replace_species({"Li": "Li+", "B": "B3+", "N": "N3-", "H": "H0.333333-"})
    assert oxidation_rule(unlike).evidence["method"] == "given"  # borohydride and amide
    assert not oxidation_rule(scattered("LiZnPS4").replace_species({"Zn": "Zn2.5+"})).passed


def test_states_of_some_elements_are_kept_in_the_search() -> None:
    crystal = scattered("LiTiMnO4")
    found = oxidation_rule(crystal).evidence["states"]
    stated = crystal.copy().replace_species({"Ti": "Ti3+"})
    assert oxidation_rule(stated).evidence["states"] == {"Li": [1.0], "Ti": [3.0], "Mn": [4.0], "O": [-2.0]}
    assert found["Ti"] == [4.0]


def test_alloys_have_no_oxidation_states() -> None:
    assert check_composition("LiAg").rules[3].evidence["method"] == "not applicable"


def test_elements_nobody_knows_leave_it_undecided() -> None:
    crystal = Structure(Lattice.cubic(8), ["Li", "Ar", "O"], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0.5]])
    verdict = oxidation_rule(crystal)
    assert verdict.passed
    assert verdict.confidence == "low"
