"""The example crystals: the reader, and the physical sanity of every entry of the table."""

import itertools
import json
import math
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import spglib
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element, Structure
from pymatgen.io.cif import CifParser

from mtl_flows.errors import ConfigurationError, InputError, OccupancyError, OverlappingSitesError
from mtl_flows.science.compounds import (
    Compound,
    SpaceGroup,
    build_structure,
    cif_text,
    load_compounds,
    parse_compound,
    write_cif,
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

TABLE = Path(__file__).parents[2] / "examples" / "compounds.yaml"
COMPOUNDS = load_compounds(TABLE)
BY_ID = {compound.id: compound for compound in COMPOUNDS}
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
def structure_of(slug: str) -> Structure:
    return build_structure(BY_ID[slug])


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


# ------------------------------------------------------------------ known answers


@pytest.mark.parametrize(
    ("slug", "pair", "expected_A"),
    [
        ("li3n", ("Li1", "N1"), 3.875 / 2),
        ("li3n", ("Li2", "N1"), 3.648 / math.sqrt(3)),
        ("li2o", ("Li1", "O1"), 4.61 * math.sqrt(3) / 4),
        ("li3ocl", ("Li1", "O1"), 3.908 / 2),
        ("li2mgcl4", ("Li1", "Cl1"), 10.401 * math.sqrt(3) * 0.132),
        ("na3li3al2f12", ("Li1", "Al1"), 12.122 * math.sqrt(5) / 8),
    ],
)
def test_distances_known_by_hand(slug: str, pair: tuple[str, str], expected_A: float) -> None:
    structure = structure_of(slug)
    first, second = (np.flatnonzero(np.array(structure.labels) == label) for label in pair)
    assert structure.distance_matrix[np.ix_(first, second)].min() == pytest.approx(expected_A, abs=1e-6)


def test_sites_keep_labels_and_mixed_occupancies() -> None:
    structure = structure_of("li10snp2s12")
    shared = [site for site in structure if site.label == "Sn1"]
    assert len(shared) == 4
    assert all(site.species.get_el_amt_dict() == {"Sn": 0.5, "P": 0.5} for site in shared)
    assert not BY_ID["li10snp2s12"].is_ordered


# ------------------------------------------------------------------ space groups


@settings(deadline=None)
@given(hall=st.integers(1, 530))
def test_full_symbol_and_setting_name_one_hall_number(hall: int) -> None:
    entry = spglib.get_spacegroup_type(hall)
    group = SpaceGroup(entry.international_full.replace(" ", ""), entry.number, entry.choice)
    operations = spglib.get_symmetry_from_database(group.hall_number)
    assert spglib.get_spacegroup_type(group.hall_number).hall_symbol == group.hall_symbol
    assert len(group.operations) == len(operations["rotations"])
    if entry.choice:
        assert group.hall_number == hall


@pytest.mark.parametrize(
    ("symbol", "number", "hall_symbol"),
    [
        ("Pnma", 62, "-P 2ac 2n"),
        ("C2/m", 12, "-C 2y"),
        ("R-3c", 167, '-R 3 2"c'),
        ("Fd-3m", 227, "-F 4vw 2vw 3"),
    ],
)
def test_symbols_alone_mean_the_standard_setting(symbol: str, number: int, hall_symbol: str) -> None:
    assert SpaceGroup(symbol, number).hall_symbol == hall_symbol


@settings(max_examples=15, deadline=None)
@given(shift=st.tuples(*[st.integers(-2, 2)] * 3))
def test_lattice_translations_of_a_site_change_nothing(shift: tuple[int, int, int]) -> None:
    row = rows()["li2co3"]
    row["sites"] = [
        [*site[:2], *(float(x) + t for x, t in zip(site[2:], shift, strict=True))]
        for site in row["sites"][:1]
    ] + row["sites"][1:]
    moved = build_structure(parse_compound(row))
    assert np.sort(moved.distance_matrix, axis=None) == pytest.approx(
        np.sort(structure_of("li2co3").distance_matrix, axis=None), abs=1e-8
    )


# ------------------------------------------------------------------ refusals


@cache
def table_text() -> str:
    return json.dumps(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def rows() -> dict[str, dict]:
    """The table as written, fresh for each caller to change."""
    return {row["id"]: row for row in json.loads(table_text())}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"formula": None}, "field 'formula' is missing"),
        ({"colour": "red"}, "unknown fields \\['colour'\\]"),
        ({"id": "Li3N!"}, "not a lower-case slug"),
        ({"space_group": {"symbol": "P6/mmm", "number": 192}}, "not a known setting"),
        ({"space_group": {"symbol": "Fd-3m", "number": 227, "setting": "3"}}, "\\['1', '2'\\]"),
        ({"space_group": "P6/mmm"}, "malformed"),
        ({"lattice": [3.6, 3.6, 3.9]}, "malformed"),
        ({"sites": [["Li1", "Xx", 0, 0, 0]]}, "malformed"),
        ({"sites": [["Li1", "Li", 0, 0]]}, "malformed"),
        ({"sites": [["Li1", 3, 0, 0, 0]]}, "malformed"),
        ({"sites": [["Li1", "Li", 0, 0, 0], ["Li1", "N", 0, 0, "1/2"]]}, "labels are repeated"),
        ({"sites": [["Li1", "Li", 0, 0, "one"]]}, "malformed"),
        ({"source": {}}, "needs a DOI or a citation"),
        ({"source": {"doi": "doi:10.1/x"}}, "is not a DOI"),
        ({"conductivity": {"S_per_cm": -1, "doi": "10.1000/x"}}, "not positive"),
        ({"coordinates": "guessed", "note": "no"}, "coordinates are not one of"),
        ({"coordinates": "computed"}, "needs a note"),
        ({"source_confidence": "medium"}, "source_confidence is not one of"),
    ],
)
def test_malformed_entries_are_refused_by_name(change: dict, message: str) -> None:
    row = {**rows()["li3n"], **change}
    row = {key: value for key, value in row.items() if value is not None}
    with pytest.raises(InputError, match=message) as caught:
        parse_compound(row)
    assert caught.value.subject == row["id"]


@pytest.mark.parametrize("species", [{"Li": 0.6, "Na": 0.5}, {"Li": -0.1}, {"Li": 0}])
def test_impossible_occupancies_are_refused(species: dict[str, float]) -> None:
    row = rows()["li3n"]
    row["sites"][0][1] = species
    with pytest.raises(OccupancyError, match="site Li1"):
        parse_compound(row)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lattice": [3.648, 3.7, 3.875, 90, 90, 120]}, InputError, "symmetry of P6/mmm"),
        ({"formula": "Li2N"}, InputError, "the formula says Li2 N1"),
        (
            {"sites": [["Li1", "Li", 0, 0, "1/2"], ["Li2", "Li", 0.33, 0.66, 0], ["N1", "N", 0, 0, 0]]},
            OverlappingSitesError,
            "images of site Li2",
        ),
    ],
)
def test_contradictions_are_refused_when_built(
    change: dict, error: type[InputError], message: str, tmp_path: Path
) -> None:
    compound = parse_compound({**rows()["li3n"], **change})
    with pytest.raises(error, match=message) as caught:
        write_cif(compound, tmp_path / "li3n.cif")
    assert caught.value.subject == "li3n"
    assert not (tmp_path / "li3n.cif").exists()


@pytest.mark.parametrize("text", ["id: li3n", "- li3n", "[", "", "\x00"])
def test_files_that_are_no_table_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "table.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="table of compounds"):
        load_compounds(file)


def test_missing_file_and_repeated_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a readable table"):
        load_compounds(tmp_path / "nowhere.yaml")
    twice = tmp_path / "twice.yaml"
    twice.write_text(yaml.safe_dump([rows()["li3n"]] * 2), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="\\['li3n'\\]"):
        load_compounds(twice)
