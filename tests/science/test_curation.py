"""Flags of structures as read."""

import pytest
from pymatgen.core import Composition, Lattice, Structure

from mtl_flows.science.curation import CurationFlags, CurationLimits, disorder, flags
from mtl_flows.science.reading import Metadata, ParsedStructure, reduced_formula
from mtl_flows.science.reading.formula import proportional, read_formula

CELL = Lattice.cubic(4)
CENTRES = [[0, 0, 0], [0.5, 0.5, 0.5]]


def parsed(
    species: list, metadata: Metadata | None = None, implicit_hydrogens: float = 0.0
) -> ParsedStructure:
    coords = [[i / len(species)] * 3 for i in range(len(species))]
    return ParsedStructure(
        stem="x",
        structure=Structure(CELL, species, coords),
        formula_text="",
        file_name="x.cif",
        file_sha256="",
        file_size=0,
        metadata=metadata or Metadata(),
        implicit_hydrogens=implicit_hydrogens,
    )


def test_nothing_to_say_of_a_plain_crystal() -> None:
    found = flags(parsed(["Li", "O"]))
    assert found == CurationFlags(True, False, False, False, False, False)


@pytest.mark.parametrize(
    ("species", "expected"),
    [
        (["Li", "O"], (True, False, False)),
        ([{"Li": 0.5}, "O"], (False, True, False)),
        ([{"Li": 0.5, "Na": 0.5}, "O"], (False, True, False)),
        (["Li", {"O": 0.5, "S": 0.5}], (False, False, True)),
        ([{"Li": 0.9}, {"O": 0.9}], (False, True, True)),
    ],
)
def test_disorder(species: list, expected: tuple[bool, bool, bool]) -> None:
    found = flags(parsed(species))
    where = disorder(parsed(species).structure, ["Li"])
    assert (found.ordered, where.mobile_disordered, where.framework_disordered) == expected


def test_disorder_depends_on_the_ions() -> None:
    structure = parsed([{"Na": 0.5}, "Li", "O"]).structure
    seen = {ions: disorder(structure, ions.split(",")) for ions in ("Li", "Na", "Li,Na")}
    assert [(d.mobile_disordered, d.framework_disordered) for d in seen.values()] == [
        (False, True),
        (True, False),
        (True, False),
    ]


@pytest.mark.parametrize(
    ("declared", "mismatch", "missing_hydrogen"),
    [
        ("Li1 O1", False, False),
        ("Li4 O4", False, False),
        ("Li2 O1", True, False),
        ("Li1 O1 H1", False, True),
        ("Li1 O1 P1", True, False),
        ("Li1 S1", True, False),
        ("gibberish!", False, False),
        ("", False, False),
        ("Li0.99 O1", False, False),
    ],
)
def test_declared_formula(declared: str, mismatch: bool, missing_hydrogen: bool) -> None:
    found = flags(parsed(["Li", "O"], Metadata(declared_formula_sum=declared)))
    assert (found.composition_mismatch, found.missing_hydrogen) == (mismatch, missing_hydrogen)


def test_hydrogen_that_is_there() -> None:
    declared = Metadata(declared_formula_sum="H1 Li1 O1")
    assert not flags(parsed(["Li", "O", "H"], declared)).missing_hydrogen
    assert flags(parsed(["Li", "O"], implicit_hydrogens=2.0)).missing_hydrogen


@pytest.mark.parametrize(
    ("metadata", "non_ambient"),
    [
        (Metadata(temperature_K=293), False),
        (Metadata(temperature_K=100), True),
        (Metadata(temperature_K=573), True),
        (Metadata(pressure_kPa=101.3), False),
        (Metadata(pressure_kPa=5e6), True),
    ],
)
def test_ambient(metadata: Metadata, non_ambient: bool) -> None:
    assert flags(parsed(["Li"], metadata)).non_ambient is non_ambient


def test_limits_are_the_callers() -> None:
    poor = parsed(["Li"], Metadata(r_factor=0.12))
    assert flags(poor).poor_refinement
    assert not flags(poor, CurationLimits(max_r_factor=0.2)).poor_refinement


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Li6.5 La3 Zr1.75 Te0.25 O12", {"Li": 6.5, "La": 3, "Zr": 1.75, "Te": 0.25, "O": 12}),
        ("Li (P O3)3", {"Li": 1, "P": 3, "O": 9}),
        ("D2 O1", {"H": 2, "O": 1}),
        ("H1 D1 O1", {"H": 2, "O": 1}),
        ("nothing", {}),
        ("", {}),
        ("Xx2", {}),
    ],
)
def test_formulae(text: str, amounts: dict[str, float]) -> None:
    assert read_formula(text).as_dict() == amounts


def test_proportional() -> None:
    assert proportional(Composition("Li2O"), Composition("Li4O2"))
    assert not proportional(Composition("Li2O"), Composition("LiO"))
    assert not proportional(Composition(), Composition())


@pytest.mark.parametrize(
    ("formula", "reduced"),
    [
        ("Ba7.9992 Li48 La16.0008 Ta16 O96", "BaLi6La2Ta2O12"),
        ("Li21.48 P12 S48", "Li1.79P1S4"),
        ("Li7.8 Ti10.2 Al1.8 P18 O72", "Li1.3Ti1.7Al0.3P3O12"),
        ("Li13.37 P18 O72", "Li0.74P1O4"),
        ("Li9 N3", "Li3N"),
        ("Li2 O2", "Li2O2"),
        ("Li13.4 La6.2", "Li13.4La6.2"),
    ],
)
def test_reduced_formula(formula: str, reduced: str) -> None:
    assert reduced_formula(Composition(formula)) == reduced
