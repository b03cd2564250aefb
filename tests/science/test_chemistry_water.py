"""Water found by geometry, by label and by formula; and what is not water."""

import numpy as np
import pytest
from chemistry_structures import hydrate, hydroxide, scattered
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure

from mtl_flows.science.chemistry import RuleVerdict, check_chemistry, check_composition
from mtl_flows.science.chemistry.formula import names_water, parse_formula


def water_rule(crystal: Structure, formula_text: str | None = None) -> RuleVerdict:
    return check_chemistry(crystal, formula_text=formula_text).rules[1]


@pytest.mark.parametrize("oh_A", [0.7, 0.8, 0.96, 1.05, 1.1])
def test_two_hydrogens_make_water(oh_A: float) -> None:
    verdict = water_rule(hydrate("LiCl", 1, oh_A=oh_A))
    assert not verdict.passed
    assert verdict.confidence == "certain"
    assert len(verdict.evidence["water"]) == 1


@pytest.mark.parametrize(
    "crystal",
    [
        hydrate("LiCl", 1, hydrogens=1, hydrogen_positions=1),  # hydroxide
        hydrate("LiCl", 1, hydrogens=3, hydrogen_positions=3),  # hydronium
        hydrate("LiCl", 1, hydrogens=1, hydrogen_positions=2),  # hydroxide, disordered
        hydrate("LiCl", 1, oh_A=1.4),  # too long for a bond
        hydroxide(),
        scattered("Li3OCl"),
    ],
    ids=["hydroxide", "hydronium", "disordered hydroxide", "far hydrogens", "LiOH", "no hydrogen"],
)
def test_other_oxygens_are_no_water(crystal: Structure) -> None:
    assert water_rule(crystal).passed


def test_disordered_hydrogens_are_counted_by_occupancy() -> None:
    ice_like = water_rule(hydrate("LiCl", 2, hydrogens=2, hydrogen_positions=4))
    assert not ice_like.passed
    assert [water["hydrogens"] for water in ice_like.evidence["water"]] == [2.0, 2.0]


def test_partly_occupied_water_is_water() -> None:
    crystal = hydrate("LiCl", 1)
    for index, site in enumerate(crystal):
        if site.specie.symbol in ("O", "H"):
            crystal.replace(index, {site.specie.symbol: 0.3})
    assert not water_rule(crystal).passed


def test_oxygen_of_a_molecule_is_no_water() -> None:
    crystal = hydrate("LiCl", 1)
    oxygen = next(site for site in crystal if site.specie.symbol == "O")
    crystal.append("C", np.add(oxygen.coords, [0.0, 0.0, -1.43]), coords_are_cartesian=True)
    assert water_rule(crystal).passed


def test_a_ligand_of_a_metal_is_water() -> None:
    crystal = hydrate("LiCl", 1)
    oxygen = next(site for site in crystal if site.specie.symbol == "O")
    crystal.append("Al", np.add(oxygen.coords, [0.0, 0.0, -1.88]), coords_are_cartesian=True)
    assert not water_rule(crystal).passed


@pytest.mark.parametrize("label", ["Ow", "OW1", "Wat2", "H2O"])
def test_labels_name_water(label: str) -> None:
    crystal = scattered("LiOCl")
    assert water_rule(crystal).passed
    next(site for site in crystal if site.specie.symbol == "O").label = label
    verdict = water_rule(crystal)
    assert not verdict.passed
    assert verdict.evidence["water"] == [label]


def test_tungsten_and_plain_oxygen_are_not_taken_for_water() -> None:
    crystal = scattered("Li2WO4")
    for number, site in enumerate(crystal):
        site.label = f"{site.specie.symbol}{number}"
    assert water_rule(crystal).passed


@pytest.mark.parametrize(
    "text",
    [
        "Li2SO4·H2O",
        "Li₂SO₄·H₂O",
        "LiCl.H2O",
        "LiCl.2H2O",
        "LiCl·0.5H2O",
        "LiCl·xH2O",
        "LiClO4 3H2O",
        "Li2 S O4, H2 O",
        "Li2 (S O4) (H2 O)",
        "Li (B O2) (H2 O)8",
        "Li (Al (H2 O)6) (S O4)2",
        "[Li(OH2)4]Cl",
        "Li (O H) (D2 O)",
        "Li2SO4H2O",
        "'Li (O H) (H2 O)'",
        "H2O",
    ],
)
def test_formulas_that_name_water(text: str) -> None:
    assert names_water(text)
    assert not water_rule(scattered("LiCl"), text).passed


@pytest.mark.parametrize(
    "text",
    [
        "LiOH",
        "Li (O H)",
        "Li H2 P O4",
        "H2 O4 P1 Li1",
        "Al H2 O5",
        "Li (H3 O) (S O4)",
        "Li2 O2 (H2 O2)2",
        "LiNH2",
        "Li (N H2)",
        "Li1.2H2O2",
        "Li2WO4",
        "LiCH2OH",
        "",
    ],
)
def test_formulas_that_do_not(text: str) -> None:
    assert not names_water(text)


@pytest.mark.parametrize(
    ("text", "reduced"),
    [
        ("Li2SO4·H2O", "Li2SH2O5"),
        ("LiCl.2H2O", "LiH4ClO2"),
        ("Li (B O2) (H2 O)8", "LiBH16O10"),
        ("Li10 Ge P2 S12", "Li10GeP2S12"),
        ("Li0.5CoO2", "Li0.5CoO2"),
        ("C O", "CO"),
        ("Li2 (C O3)", "Li2CO3"),
    ],
)
def test_formulas_are_read(text: str, reduced: str) -> None:
    composition = parse_formula(text)
    assert composition is not None
    assert composition == type(composition)(reduced)


@given(st.text(max_size=30) | st.text("LiHO2Cl·.()[]x ,0123456789", max_size=20))
def test_no_text_breaks_the_reader(text: str) -> None:
    composition = parse_formula(text)
    assert composition is None or composition.num_atoms > 0
    assert names_water(text) in (True, False)


def test_a_bare_formula_with_hydrogen_is_doubtful() -> None:
    assert check_composition("LiH3O2").rules[1].confidence == "low"
    assert check_composition("LiAlSiO4").rules[1].confidence == "certain"


def test_hydrogens_that_were_not_located_lower_the_confidence() -> None:
    assert water_rule(scattered("Li2SO5"), "H2 Li2 O5 S").confidence == "low"
    assert water_rule(scattered("LiGaBr4")).confidence == "certain"
    assert water_rule(scattered("LiSbO2")).confidence == "high"
