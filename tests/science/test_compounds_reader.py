"""The reader of the table of crystals: known answers, space groups and refusals."""

import math
from pathlib import Path

import numpy as np
import pytest
import spglib
import yaml
from compound_table import BY_ID, rows, structure_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_flows.errors import ConfigurationError, InputError, OccupancyError, OverlappingSitesError
from mtl_flows.science.compounds import (
    SpaceGroup,
    build_structure,
    load_compounds,
    parse_compound,
    write_cif,
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

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
