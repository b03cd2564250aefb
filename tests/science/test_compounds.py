"""The example crystals: the physical sanity of every entry of the table."""

import itertools
import math
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import spglib
from compound_table import COMPOUNDS, TABLE, structure_of
from pymatgen.core import Composition, Element, Structure
from pymatgen.io.cif import CifParser

from mtl_flows.science.compounds import (
    Compound,
    cif_text,
    write_cif,
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

each_compound = pytest.mark.parametrize("compound", COMPOUNDS, ids=lambda compound: compound.id)

OXIDATION_STATES = {
    **dict.fromkeys(("F", "Cl", "Br", "I"), (-1,)),
    **dict.fromkeys(("Li", "Na"), (1,)),
    **dict.fromkeys(("Mg", "Zn"), (2,)),
    **dict.fromkeys(("B", "Al", "Ga", "In", "Sc", "Y", "La", "Co"), (3,)),
    **dict.fromkeys(("C", "Si", "Ge", "Sn", "Ti", "Zr"), (4,)),
    **dict.fromkeys(("Nb", "Ta", "Sb", "Bi"), (5,)),
    **dict.fromkeys(("O", "S"), (-2,)),
    "Fe": (2,),
    "W": (6,),
    "V": (3, 5),
    "P": (5, 4, -3),
    "N": (-3, 5),
    "H": (-1, 1),
}
# Crystal radii (Å) that pymatgen's table of Shannon radii does not hold.
MISSING_RADII = {
    ("P", -3): 1.9,
    ("P", 4): 0.55,
    ("H", -1): 1.2,
    ("H", 1): -0.24,
    ("N", 5): 0.27,
    ("C", 4): 0.3,
}


@cache
def oxidation_states(formula: str) -> dict[str, int]:
    """The first combination of common oxidation states that is as near to neutral as any."""
    amounts = Composition(formula).get_el_amt_dict()
    combinations = itertools.product(*(OXIDATION_STATES[symbol] for symbol in amounts))
    choices = [dict(zip(amounts, states, strict=True)) for states in combinations]
    return min(choices, key=lambda states: abs(sum(states[symbol] * amounts[symbol] for symbol in amounts)))


def is_ordered_oxide(compound: Compound) -> bool:
    anions = {symbol for symbol, state in oxidation_states(compound.formula).items() if state < 0}
    return compound.is_ordered and anions == {"O"}


# Bond-valence parameters for bonds to oxygen (Å), N. E. Brese, M. O'Keeffe, doi:10.1107/S0108768190011041.
BOND_VALENCE_R0_A = {
    "Li": 1.466, "Na": 1.80, "Mg": 1.693, "Zn": 1.704, "Fe": 1.734, "B": 1.371, "Al": 1.651, "Ga": 1.73,
    "Sc": 1.849, "La": 2.172, "Co": 1.70, "C": 1.39, "Si": 1.624, "Ge": 1.748, "Ti": 1.815, "Zr": 1.937,
    "P": 1.604, "V": 1.803, "Nb": 1.911, "Ta": 1.92, "N": 1.432,
}  # fmt: skip


def radius_A(symbol: str, state: int) -> float:
    known = MISSING_RADII.get((symbol, state))
    return known if known is not None else float(Element(symbol).ionic_radii[state])


def read_cif(path: Path) -> Structure:
    """Parse with pymatgen, which warns whenever it completes 0.33333333 to 1/3."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Issues encountered while parsing CIF")
        return CifParser(path).parse_structures(primitive=False)[0]


def spglib_number(structure: Structure, symprec: float = 0.01) -> int:
    kinds: dict[str, int] = {}
    numbers = [kinds.setdefault(str(site.species), len(kinds)) for site in structure]
    dataset = spglib.get_symmetry_dataset(
        (structure.lattice.matrix, structure.frac_coords, numbers), symprec=symprec
    )
    return int(dataset.number)


# ------------------------------------------------------------------ every entry


@each_compound
def test_spglib_finds_the_declared_space_group(compound: Compound) -> None:
    assert spglib_number(structure_of(compound.id)) == compound.space_group.number


@each_compound
def test_cell_contents_match_the_formula(compound: Compound) -> None:
    expected = Composition(compound.formula) * compound.formula_units
    found = structure_of(compound.id).composition
    assert set(found) == set(expected)
    for element in expected:
        assert found[element] == pytest.approx(expected[element], rel=0.01)


@each_compound
def test_charges_balance(compound: Compound) -> None:
    states = oxidation_states(compound.formula)
    amounts = structure_of(compound.id).composition.get_el_amt_dict()
    total = sum(states[symbol] * amount for symbol, amount in amounts.items())
    positive = sum(max(states[symbol], 0) * amount for symbol, amount in amounts.items())
    assert abs(total) <= 0.02 * positive


@each_compound
def test_density_is_that_of_a_solid(compound: Compound) -> None:
    assert 0.5 < float(structure_of(compound.id).density) < 9.0


@each_compound
def test_contacts_match_ionic_radii(compound: Compound) -> None:
    structure, states = structure_of(compound.id), oxidation_states(compound.formula)
    symbols = [max(site.species.get_el_amt_dict().items(), key=lambda item: item[1])[0] for site in structure]
    filled = np.array([site.species.num_atoms > 0.999 for site in structure])
    charge = np.array([states[symbol] for symbol in symbols])
    radius = np.array([radius_A(symbol, states[symbol]) for symbol in symbols])
    distance = structure.distance_matrix + np.diag(structure.lattice.abc[:1] * len(structure))
    touching = distance / (radius[:, None] + radius[None, :])

    both = filled[:, None] & filled[None, :]
    opposite = charge[:, None] * charge[None, :] < 0
    assert np.all(touching[both & opposite] > 0.7)
    for first, second in np.argwhere(both & ~opposite & (distance < 2.0)):
        assert {symbols[first], symbols[second]} <= {"H", "Li"}
    cations = np.flatnonzero(charge > 0)
    anions = filled & (charge < 0)
    if anions.any():
        nearest = touching[np.ix_(cations, np.flatnonzero(anions))].min(axis=1)
        assert np.all(nearest > 0.65)
        assert np.all(nearest < 1.25)


@pytest.mark.parametrize(
    "compound", list(filter(is_ordered_oxide, COMPOUNDS)), ids=lambda compound: compound.id
)
def test_bond_valences_match_charges(compound: Compound) -> None:
    structure, states = structure_of(compound.id), oxidation_states(compound.formula)
    for site in structure:
        symbol = site.specie.symbol
        if states[symbol] < 0 or symbol == "H":
            continue
        bonds = [n.nn_distance for n in structure.get_neighbors(site, 3.4) if n.specie.symbol == "O"]
        total = sum(math.exp((BOND_VALENCE_R0_A[symbol] - length) / 0.37) for length in bonds)
        assert total == pytest.approx(states[symbol], rel=0.4 if symbol in ("Li", "Na") else 0.12), site.label


@each_compound
def test_cif_round_trip(compound: Compound, tmp_path: Path) -> None:
    file = tmp_path / f"{compound.id}.cif"
    write_cif(compound, file)
    original, parsed = structure_of(compound.id), read_cif(file)
    assert parsed.composition.almost_equals(original.composition, rtol=1e-4)
    assert parsed.lattice.parameters == pytest.approx(original.lattice.parameters, rel=1e-6)
    assert len(parsed) == len(original)
    assert spglib_number(parsed) == compound.space_group.number


@each_compound
def test_cif_states_its_provenance(compound: Compound) -> None:
    text = cif_text(compound)
    assert f"data_{compound.id}\n" in text
    assert ("_database_code_ICSD" in text) == (
        compound.icsd is not None and compound.coordinates == "published"
    )
    assert ("_journal_paper_doi" in text) == bool(compound.source.doi)
    assert ("_cell_measurement_temperature" in text) == (compound.temperature_K is not None)
    assert compound.source.doi in text
    assert ("_publ_section_references" in text) == bool(compound.source.citation)
    assert text.isascii()


@each_compound
def test_entry_has_sources(compound: Compound) -> None:
    assert compound.source.doi or re.search(r"\d.*\((18|19|20)\d\d\)", compound.source.citation)
    if compound.conductivity is not None:
        assert 1e-18 <= compound.conductivity.S_per_cm < 0.1
        assert compound.conductivity.source.doi or compound.conductivity.source.citation


@pytest.mark.parametrize("compound", [c for c in COMPOUNDS if c.is_ordered], ids=lambda compound: compound.id)
def test_ase_reads_the_same_crystal(compound: Compound, tmp_path: Path) -> None:
    ase_io = pytest.importorskip("ase.io")
    file = tmp_path / f"{compound.id}.cif"
    write_cif(compound, file)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="crystal system .* is not interpreted", category=UserWarning
        )
        atoms = ase_io.read(file)
    structure = structure_of(compound.id)
    assert len(atoms) == len(structure)
    assert atoms.get_volume() == pytest.approx(structure.volume, rel=1e-6)
    ours = np.sort(structure.distance_matrix[np.triu_indices(len(structure), 1)])
    theirs = np.sort(atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)])
    assert theirs == pytest.approx(ours, abs=1e-4)


# ------------------------------------------------------------------ the table as a whole


def test_table_is_large_and_mostly_ordered() -> None:
    assert len(COMPOUNDS) >= 60
    assert sum(compound.is_ordered for compound in COMPOUNDS) >= 25
    small = [c.id for c in COMPOUNDS if c.is_ordered and len(structure_of(c.id)) <= 30]
    assert {"li3n", "li3ocl", "li3ps4-gamma", "liznps4", "li10n3br", "li3po4-beta", "li3incl6"} <= set(small)


def test_readme_counts_the_table() -> None:
    readme = (TABLE.parent / "README.md").read_text(encoding="utf-8")
    assert f"{len(COMPOUNDS)} lithium compounds" in readme
    assert f"{sum(compound.is_ordered for compound in COMPOUNDS)} of them fully ordered" in readme


def test_every_compound_holds_lithium() -> None:
    assert all("Li" in structure_of(compound.id).symbol_set for compound in COMPOUNDS)


@pytest.mark.parametrize(
    "family",
    [
        "LGPS",
        "Li7P3S11",
        "garnet",
        "NASICON",
        "argyrodite",
        "thio-LISICON",
        "LISICON",
        "anti-perovskite",
        "lithium nitride",
        "halide",
        "lithium phosphate",
        "hexaoxometalate",
        "perovskite",
        "carbonate",
        "aluminosilicate",
        "silicate",
        "aluminate",
        "niobate",
        "tantalate",
        "LiPON",
        "borate",
        "nitridoborate",
        "antifluorite",
        "rock salt",
        "thiophosphate",
    ],
)
def test_family_is_represented(family: str) -> None:
    assert family in {compound.family for compound in COMPOUNDS}


def test_finalists_conductors_and_poor_conductors_are_present() -> None:
    finalists = {Composition(c.formula).reduced_formula for c in COMPOUNDS if c.article_finalist}
    named = ["Li7SbO6", "LiAlSiO4", "Li4Zn(PO4)2", "NaLi2PO4", "Li10N3Br", "Li2MgSiO4"]
    assert finalists == {Composition(formula).reduced_formula for formula in named}
    assert sum(compound.known_conductor for compound in COMPOUNDS) >= 10
    poor = [compound for compound in COMPOUNDS if compound.poor_conductor]
    assert len(poor) >= 10
    assert not any(compound.known_conductor for compound in poor)
    assert all(c.conductivity.S_per_cm < 1e-9 for c in poor if c.conductivity is not None)


def test_uncertain_entries_say_why() -> None:
    uncertain = [c for c in COMPOUNDS if c.coordinates != "published" or c.source_confidence == "low"]
    assert uncertain
    assert all(len(compound.note) > 20 for compound in uncertain)
