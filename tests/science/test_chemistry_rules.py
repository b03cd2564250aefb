"""What each rule excludes and what it lets through: the full set of failures of every example."""

import json

import pytest
from chemistry_structures import (
    antiperovskite,
    bismuthide,
    failures,
    of_the_article,
    olivine,
    scattered,
)
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.errors import ConfigurationError, InputError
from mtl_flows.science.chemistry import RULES, ChemistryParameters, check_chemistry, check_composition

# Final candidates of doi:10.1021/jacs.5c04828, Table 1.
FINALISTS = [
    "Li6Ga2(BO3)4",
    "Li7SbO6",
    "Li10Zn4O9",
    "K2Li14Pb3O14",
    "Li3BiO3",
    "Li4Zn(PO4)2",
    "NaLi2PO4",
    "KLi6BiO6",
    "Li6KBiO6",
    "CsKNa2Li8(Li(SiO4))4",
    "Li10N3Br",
    "LiAlSiO4",
    "Li2MgSiO4",
    "In2Li2SiS6",
]

# Formula, mobile ion, every rule that must object. The atoms stand far apart, so the composition decides.
EXCLUDED_COMPOSITIONS = [
    # 1: two elements or fewer
    ("Li3N", "Li", [1]),
    ("Li3P", "Li", [1]),
    ("Li2S", "Li", [1]),
    ("LiCl", "Li", [1]),
    ("Li2O", "Li", [1]),
    ("LiH", "Li", [1]),
    ("Li", "Li", [1]),
    ("Na2S", "Na", [1]),
    ("AgI", "Ag", [1]),
    ("CuBr", "Cu", [1]),
    ("PbF2", "F", [1]),
    ("Bi2O3", "O", [1]),
    # 2: radioactive
    ("LiTcO4", "Li", [2, 6]),
    ("LiThF5", "Li", [2]),
    ("Li2UO4", "Li", [2]),
    ("LiPaF6", "Li", [2]),
    ("Li3PmCl6", "Li", [2]),
    ("LiAcF4", "Li", [2]),
    ("Li2PoCl6", "Li", [2]),
    ("Na2RaCl4", "Na", [2]),
    # 3: alloys and Zintl phases
    ("LiAl", "Li", [1, 3]),
    ("LiAg", "Li", [1, 3, 6]),
    ("Li13Si4", "Li", [1, 3]),
    ("Li17Sn4", "Li", [1, 3]),
    ("Li2MgSi", "Li", [3]),
    ("LiZnSb", "Li", [3]),
    ("LiGaGe", "Li", [3]),
    ("LiMgBi", "Li", [3]),
    ("Li2AgSn", "Li", [3, 6]),
    ("Li2AlB14", "Li", [3]),
    ("NaTl", "Na", [1, 3]),
    ("Li80Ba39N9", "Li", [3, 4]),
    ("LiPt3P", "Li", [3, 4, 6]),
    ("LiNi3C", "Li", [3, 6]),
    # 4: no observed oxidation states fit
    ("NaLiAlO4", "Li", [4]),
    ("LiGaO4", "Li", [4]),
    ("LiZnO3", "Li", [4]),
    ("LiBiO4", "Li", [4]),
    ("LiMgF4", "Li", [4]),
    ("Li2InCl6", "Li", [4]),
    ("Li2ZnBr6", "Li", [4]),
    ("LiSnCl6", "Li", [4]),
    ("KLi2AlO5", "Li", [4]),
    ("LiBaF2", "Li", [4]),
    ("LiCaN2", "Li", [4]),
    ("Li2PO4", "Li", [4, 5]),
    ("LiAlO3", "Li", [4, 5]),
    ("Li5SO4", "Li", [4, 5]),
    ("Li3Fe2O", "Li", [4, 6]),
    # 5: much-studied ternaries
    ("Li2SO4", "Li", [5]),
    ("LiIO3", "Li", [5]),
    ("Li4SiO4", "Li", [5]),
    ("Li2CO3", "Li", [5]),
    ("Li3PO4", "Li", [5]),
    ("Li5AlO4", "Li", [5]),
    ("Li4GeO4", "Li", [5]),
    ("Li2SeO4", "Li", [5]),
    ("Li3BO3", "Li", [5]),
    ("LiClO4", "Li", [5]),
    ("Li3ClO", "Li", [5]),
    ("Li3PS4", "Li", [5]),
    ("Li7P3S11", "Li", [5]),
    ("Na3PS4", "Na", [5]),
    ("MgAl2O4", "Mg", [5]),
    # 6: transition metals, certain oxides
    ("LiCoO2", "Li", [6]),
    ("LiNiO2", "Li", [6]),
    ("Li3VO4", "Li", [6]),
    ("Li2MoO4", "Li", [6]),
    ("LiTi2P3O12", "Li", [6]),
    ("Li7La3Zr2O12", "Li", [6]),
    ("Li3YCl6", "Li", [6]),
    ("LiCuS", "Li", [6]),
    ("LiNO3", "Li", [6]),
    ("Li2PO2N", "Li", [6]),
    ("LiReO4", "Li", [6]),
    ("Li2HfO3", "Li", [6]),
    ("Li2RuO3", "Li", [6]),
    ("LiEuO2", "Li", [6]),
    ("LiHoO2", "Li", [6]),
    ("LiLuO2", "Li", [6]),
    ("Ag2HgI4", "Cu", [6]),
    # several at once
    ("LiUFeO5", "Li", [2, 6]),
    ("Li3Fe", "Li", [1, 3, 6]),
]

# What looks alike and must pass.
ADMITTED_COMPOSITIONS = [
    ("LiZnPS4", "Li"),
    ("LiAlSiO4", "Li"),
    ("Li10GeP2S12", "Li"),
    ("Li6PS5Cl", "Li"),
    ("Li3InCl6", "Li"),
    ("Li2ZnGeO4", "Li"),
    ("LiZnP", "Li"),
    ("LiMgN", "Li"),
    ("LiMgAs", "Li"),
    ("Li5SiP3", "Li"),
    ("Li3AlN2", "Li"),
    ("LiBH4", "Li"),
    ("LiAlH4", "Li"),
    ("LiBC", "Li"),
    ("LiNH2", "Li"),
    ("LiSCN", "Li"),
    ("Li2HgO2", "Li"),
    ("Li2CdCl4", "Li"),
    ("Li8PbO6", "Li"),
    ("Li5BiO5", "Li"),
    ("LiGaBr4", "Li"),
    ("LiLuCl4", "Li"),
    ("LiEuBr3", "Li"),
    ("LiSbO2", "Li"),
    ("Li6TeO6", "Li"),
    ("Li3OBr", "Li"),
    ("LiOH", "Li"),
    ("LiH2PO4", "Li"),
    ("Na3PO4", "Li"),  # not a lithium ternary
    ("Ag3SI", "Ag"),
    ("Cu2HgI4", "Cu"),
    ("NaAlO2", "Li"),
    ("KSn2F5", "F"),
]


@pytest.mark.parametrize(("formula", "mobile_ion", "expected"), EXCLUDED_COMPOSITIONS)
def test_excluded_compositions_fail_exactly_their_rules(
    formula: str, mobile_ion: str, expected: list[int]
) -> None:
    assert failures(scattered(formula), mobile_ion) == expected


@pytest.mark.parametrize(("formula", "mobile_ion"), ADMITTED_COMPOSITIONS)
def test_their_lookalikes_pass(formula: str, mobile_ion: str) -> None:
    assert failures(scattered(formula), mobile_ion) == []


@pytest.mark.parametrize("formula", FINALISTS)
def test_final_candidates_of_the_article_pass(formula: str) -> None:
    assert of_the_article(check_composition(formula)) == []
    assert failures(scattered(formula)) == []


# A formula cannot rule out S–S and N–N bonds, as in dithionite and diazenide.
UNDECIDED_BY_FORMULA = {("Li5SO4", 4), ("LiCaN2", 4)}


@pytest.mark.parametrize(("formula", "mobile_ion", "expected"), EXCLUDED_COMPOSITIONS)
def test_a_bare_formula_fails_the_same_rules(formula: str, mobile_ion: str, expected: list[int]) -> None:
    expected = [rule for rule in expected if (formula, rule) not in UNDECIDED_BY_FORMULA]
    report = check_composition(formula, mobile_ion)
    assert [verdict.rule for verdict in report.rules] == [
        rule.id for rule in RULES if not rule.needs_structure
    ]
    assert of_the_article(report) == expected


def test_every_rule_speaks_whatever_the_others_say() -> None:
    crystal = scattered("Li3Fe", 130, disorder_A=0.4)
    assert failures(crystal) == [1, 3, 6, 7]


def test_disabled_rules_pass_and_say_so() -> None:
    parameters = ChemistryParameters(disabled_rules=(1, 3))
    report = check_chemistry(bismuthide(), parameters=parameters)
    assert report.passed
    assert [verdict.rule for verdict in report.rules if verdict.evidence == {"disabled": True}] == [1, 3]


def test_ion_reading_of_rule_6_admits_closed_shells() -> None:
    by_ion = ChemistryParameters(d_shell_judged_by="ion")
    for formula in ("LiTi2P3O12", "Li7La3Zr2O12", "Li3YCl6", "LiCuS", "Li3VO4"):
        assert check_composition(formula, parameters=by_ion).failures == []
    for formula in ("LiFePO4", "LiTi2O4", "Li2CuO2", "LiNbO2", "LiMn2O4"):
        assert check_composition(formula, parameters=by_ion).failures == [6]


def test_the_mobile_ion_is_no_transition_metal() -> None:
    assert check_composition("CuGaS2", "Cu").failures == []
    assert check_composition("CuGaS2", "Li").failures == [6]
    assert check_composition("CuFeS2", "Cu").failures == [6]


def test_parameters_change_what_they_name() -> None:
    def with_(**changes: object) -> list[int]:
        return check_composition("Li3PS4", parameters=ChemistryParameters(**changes)).failures  # type: ignore[arg-type]

    assert with_() == [5]
    assert with_(excluded_ternaries=()) == []
    assert with_(max_elements=3) == [1, 5]
    assert with_(radioactive_elements=("P",)) == [2, 5]
    assert with_(transition_metals=("S",)) == [5, 6]
    assert with_(anion_formers=("O",)) == [3, 5]


def test_parameters_survive_json() -> None:
    parameters = ChemistryParameters(disabled_rules=(7,), max_atoms=300, d_shell_judged_by="ion")
    assert ChemistryParameters(**json.loads(json.dumps(parameters.as_dict()))) == parameters


@pytest.mark.parametrize(
    ("wrong", "subject"),
    [
        ({"disabled_rules": (99,)}, "disabled_rules"),
        ({"transition_metals": ("Qq",)}, "transition_metals"),
        ({"excluded_ternaries": (("S", "Qq"),)}, "excluded_ternaries"),
        ({"d_shell_judged_by": "mood"}, "d_shell_judged_by"),
        ({"water_oh_min_A": 2.0}, "water_oh_max_A"),
        ({"charge_tolerance": 0.5}, "charge_tolerance"),
        ({"max_atoms": 0}, "max_atoms"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object], subject: str) -> None:
    with pytest.raises(ConfigurationError, match=subject):
        ChemistryParameters(**wrong)  # type: ignore[arg-type]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="mobile_ion"):
        check_chemistry(antiperovskite(), "Xx")
    with pytest.raises(ConfigurationError, match="oxidation_states"):
        check_chemistry(antiperovskite(), oxidation_states={"Xx": 1})
    with pytest.raises(InputError, match="not a chemical formula"):
        check_composition("lithium something")
    with pytest.raises(InputError, match="no atoms"):
        check_chemistry(Structure(Lattice.cubic(3), [], []))


def test_verdicts_name_their_rule_and_its_origin() -> None:
    report = check_chemistry(olivine())
    assert [rule.id for rule in RULES][:8] == list(range(1, 9))
    assert RULES[5].reference == "doi:10.1021/jacs.5c04828, section 2.4, criterion (6)"
    assert len({rule.name for rule in RULES}) == len({rule.id for rule in RULES}) == len(RULES)
    for rule, verdict in zip(RULES, report.rules, strict=True):
        assert verdict.name == rule.name
        assert verdict.reference == rule.reference
        assert verdict.reason.endswith(".")
    assert json.loads(json.dumps(report.as_dict()))["failures"] == [6]
    assert report.formula == "LiFePO4"


def test_unlocated_elements_are_taken_from_the_formula() -> None:
    crystal = scattered("LiO2")  # LiOH·H2O as X-rays often leave it
    assert failures(crystal) == [1, 4]
    report = check_chemistry(crystal, formula_text="H3 Li1 O2")
    assert report.failures == []
    assert [verdict.confidence for verdict in report.rules[:2]] == ["high", "low"]
    assert failures(crystal, formula_text="Li (O H) (H2 O)") == [2]


def test_composition_objects_are_formulas_too() -> None:
    assert check_composition(Composition("LiFePO4")).failures == [6]
    assert check_composition("Li₂SO₄·H₂O").failures == [2]
