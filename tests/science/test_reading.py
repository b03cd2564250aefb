"""Whole files: known crystals, mangled files, and pymatgen's own parser as a referee."""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser, CifWriter
from pymatgen.io.vasp import Poscar

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.crystals import crystal_hash
from mtl_flows.science.reading import ParsedStructure, limits, read_structures

CELL = """
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {c}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {gamma}
"""
SITES = """
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def cif(
    *rows: str,
    name: str = "x",
    a: float = 4.0,
    c: float | None = None,
    gamma: float = 90,
    ops: str = "x,y,z",
    extra: str = "",
) -> str:
    symmetry = (
        "loop_\n_space_group_symop_operation_xyz\n" + "\n".join(f"'{op}'" for op in ops.split())
        if ops
        else ""
    )
    cell = CELL.format(a=a, c=c or a, gamma=gamma)
    return f"data_{name}\n{extra}\n{cell}{symmetry}{SITES}" + "\n".join(rows) + "\n"


def read(text: str | bytes, name: str = "some.cif") -> ParsedStructure:
    (block,) = read_structures((name, text if isinstance(text, bytes) else text.encode()))
    if isinstance(block.result, InputError):
        raise block.result
    return block.result


def refused(text: str | bytes, name: str = "some.cif") -> InputError:
    (block,) = read_structures((name, text if isinstance(text, bytes) else text.encode()))
    assert isinstance(block.result, InputError)
    return block.result


class TestCrystals:
    def test_rock_salt(self) -> None:
        text = cif(
            "Li1 Li1+ 0 0 0 1",
            "Cl1 Cl1- 0.5 0.5 0.5 1",
            a=5.13,
            ops="",
            extra="_symmetry_space_group_name_H-M 'F m -3 m'\n_database_code_ICSD 26909\n_chemical_formula_sum 'LiCl'",
        )
        parsed = read(text)
        expected = Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(5.13), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
        )
        assert parsed.source_id == "icsd-26909"
        assert crystal_hash(parsed.structure) == crystal_hash(expected)
        assert parsed.oxidation_states == {"Cl": -1.0, "Li": 1.0}
        assert parsed.formula_text == "LiCl"
        assert parsed.file_sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert (parsed.file_name, parsed.file_size, parsed.block_name) == ("some.cif", len(text), "x")

    def test_open_origin_is_settled_by_the_formula(self) -> None:
        """The spinel LiMn2O4, given in the first setting of Fd-3m, without saying so."""
        rows = ("Li1 Li 0 0 0 1", "Mn1 Mn 0.625 0.625 0.625 1", "O1 O 0.3854 0.3854 0.3854 1")
        parsed = read(
            cif(
                *rows,
                a=8.24,
                ops="",
                extra="_symmetry_space_group_name_H-M 'F d -3 m'\n_chemical_formula_sum 'Li Mn2 O4'",
            )
        )
        assert parsed.structure.composition.reduced_formula == "LiMn2O4"
        assert len(parsed.structure) == 56

    def test_occupancies_are_kept_and_shared_sites_merged(self) -> None:
        parsed = read(cif("Li1 Li 0 0 0 0.25", "Na1 Na 0 0 1.0 0.5", "O1 O 0.5 0.5 0.5 ."))
        assert len(parsed.structure) == 2
        assert parsed.structure[0].species.as_dict() == {"Li": 0.25, "Na": 0.5}
        assert parsed.structure[1].species.as_dict() == {"O": 1.0}

    def test_rounding_of_occupancies_is_mended_and_said(self) -> None:
        parsed = read(cif("Li1 Li 0 0 0 0.334", "Na1 Na 0 0 0 0.334", "K1 K 0 0 0 0.334"))
        assert parsed.structure[0].species.num_atoms == pytest.approx(1)
        assert parsed.warnings == ("occupancies of site Li1 scaled from 1.002 to 1",)

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            (("Li1 Li 0 0 0 1.2",), "occupancy_above_one"),
            (("Li1 Li 0 0 0 1", "Li2 Li 0 0 0 1"), "occupancy_above_one"),
            (("Li1 Li 0 0 0 -0.5",), "negative_occupancy"),
        ],
    )
    def test_impossible_occupancies(self, rows: tuple[str, ...], reason: str) -> None:
        error = refused(cif(*rows))
        assert error.reason == reason
        assert "Li1" in error.message
        assert error.subject == "some.cif"

    def test_empty_sites_vacancies_and_dummies_are_left_out(self) -> None:
        parsed = read(cif("Li1 Li 0 0 0 1", "V1 Va 0.5 0 0 1", "X1 X 0 0.5 0 1", "O1 O 0.5 0.5 0.5 0"))
        assert parsed.structure.composition.as_dict() == {"Li": 1}

    def test_thirds_are_exact(self) -> None:
        parsed = read(cif("Li1 Li 0.3333 0.6667 -0.3333 1", c=5.0, gamma=120))
        np.testing.assert_allclose(parsed.structure.frac_coords, [[1 / 3, 2 / 3, 2 / 3]], atol=1e-12)

    @pytest.mark.parametrize("occupancy", [1.0, 0.8])
    def test_too_few_digits_on_a_special_position(self, occupancy: float) -> None:
        """Three digits of 1/3 leave three images of one site 0.01 Å apart, too many atoms for one place."""
        hexagonal = "x,y,z -y,x-y,z -x+y,-x,z"
        parsed = read(cif(f"Li1 Li 0.333 0.667 0 {occupancy}", a=10, c=5, gamma=120, ops=hexagonal))
        np.testing.assert_allclose(parsed.structure.frac_coords, [[1 / 3, 2 / 3, 0]], atol=1e-12)
        assert parsed.structure.composition["Li"] == pytest.approx(occupancy)
        assert "too few digits" in parsed.warnings[0]

    def test_images_of_a_sparse_site_closer_than_atoms_can_be_are_one(self) -> None:
        text = cif("Li1 Li 0.333 0.667 0 0.3", a=10, c=5, gamma=120, ops="x,y,z -y,x-y,z -x+y,-x,z")
        parsed = read(text)
        assert len(parsed.structure) == 1
        assert parsed.structure.composition["Li"] == pytest.approx(0.3)
        assert "0.010 Å apart: too few digits" in parsed.warnings[0]

    def test_images_that_are_as_many_as_stated_stay_apart(self) -> None:
        text = cif("Li1 Li 0.333 0.667 0 0.3", a=10, c=5, gamma=120, ops="x,y,z -y,x-y,z -x+y,-x,z").replace(
            "_atom_site_occupancy\n", "_atom_site_occupancy\n_atom_site_symmetry_multiplicity\n"
        )
        assert len(read(text.replace("0 0.3\n", "0 0.3 3\n")).structure) == 3
        assert len(read(text.replace("0 0.3\n", "0 0.3 1\n")).structure) == 1

    def test_images_that_the_formula_counts_apart_stay(self) -> None:
        rows = ("Li1 Li 0.4995 0.5 0.5 0.5", "O1 O 0 0 0 1")
        ops = "x,y,z -x,-y,-z"
        assert len(read(cif(*rows, a=10, ops=ops)).structure) == 2
        told = read(cif(*rows, a=10, ops=ops, extra="_chemical_formula_sum 'Li O'"))
        assert len(told.structure) == 3

    def test_genuine_split_sites_stay(self) -> None:
        parsed = read(cif("Li1 Li 0.02 0 0 0.5", a=10, ops="x,y,z -x,y,z"))
        assert len(parsed.structure) == 2
        assert parsed.warnings == ()

    @pytest.mark.parametrize(
        ("symbol", "element"),
        [
            ("Li1+", "Li"),
            ("LI", "Li"),
            ("O2-", "O"),
            ("Cl", "Cl"),
            ("Fe3+", "Fe"),
            ("D", "H"),
            ("Ow", "O"),
            ("Hw", "H"),
        ],
    )
    def test_symbols(self, symbol: str, element: str) -> None:
        assert read(cif(f"A1 {symbol} 0 0 0 1")).structure.composition.as_dict() == {element: 1}

    def test_capital_labels_are_settled_by_the_formula(self) -> None:
        text = cif("CO1 0 0 0 1").replace("_atom_site_type_symbol\n", "")
        assert read(text).structure.composition.as_dict() == {"Co": 1}
        carbonyl = text.replace("data_x\n", "data_x\n_chemical_formula_sum 'C O'\n")
        assert read(carbonyl).structure.composition.as_dict() == {"C": 1}

    def test_unknown_symbol_falls_back_on_the_label(self) -> None:
        assert read(cif("Li1 ? 0 0 0 1")).structure.composition.as_dict() == {"Li": 1}

    def test_water_is_oxygen_with_hydrogen_to_spare(self) -> None:
        parsed = read(cif("Li1 Li 0 0 0 1", "O1 Wat 0.5 0.5 0.5 0.5"))
        assert parsed.structure.composition.as_dict() == {"Li": 1, "O": 0.5}
        assert parsed.implicit_hydrogens == 1.0

    def test_hydrogen_without_coordinates_is_left_out_and_said(self) -> None:
        parsed = read(cif("O1 O 0 0 0 1", "H1 H ? ? ? 1"))
        assert parsed.structure.composition.as_dict() == {"O": 1}
        assert parsed.warnings == ("hydrogen site H1 without coordinates left out",)

    def test_mixed_valence_is_averaged(self) -> None:
        extra = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nFe2+ 2\nFe3+ 3\nO2- -2\n"
        rows = ("Fe1 Fe2+ 0 0 0 0.5", "Fe2 Fe3+ 0 0 0 0.25", "O1 O2- 0.5 0.5 0.5 1")
        parsed = read(cif(*rows, extra=extra))
        assert parsed.oxidation_states == {"Fe": pytest.approx(7 / 3), "O": -2.0}
        assert parsed.site_charges == [{"Fe2+": 0.5, "Fe3+": 0.25}, {"O2-": 1.0}]
        assert parsed.structure.composition.as_dict() == {"Fe": 0.75, "O": 1.0}

    def test_charges_of_sites_that_differ_are_kept(self) -> None:
        rows = ("Mn1 Mn3+ 0 0 0 1", "Mn2 Mn4+ 0.5 0.5 0 1", "O1 O2- 0.5 0.5 0.5 1")
        parsed = read(cif(*rows))
        assert parsed.site_charges == [{"Mn3+": 1.0}, {"Mn4+": 1.0}, {"O2-": 1.0}]
        assert [str(site.specie) for site in parsed.charged_structure] == ["Mn3+", "Mn4+", "O2-"]
        swapped = read(cif(*(row.translate(str.maketrans("34", "43")) for row in rows[:2]), rows[2]))
        assert crystal_hash(swapped.structure) == crystal_hash(parsed.structure)
        assert swapped.site_charges != parsed.site_charges

    def test_charges_that_the_means_tell_are_not_repeated(self) -> None:
        parsed = read(cif("Li1 Li+ 0 0 0 0.5", "O1 O2- 0.5 0.5 0.5 1"))
        assert parsed.oxidation_states == {"Li": 1.0, "O": -2.0}
        assert parsed.site_charges == []
        assert [str(site.species) for site in parsed.charged_structure] == ["Li+0.5", "O2-1"]

    @pytest.mark.parametrize(
        ("symbol", "state"),
        [("Fe2.67+", 2.67), ("Mn3.5+", 3.5), ("O0.5-", -0.5), ("Li+1", 1.0), ("S-", -1.0)],
    )
    def test_charges_written_into_symbols(self, symbol: str, state: float) -> None:
        assert list(read(cif(f"X1 {symbol} 0 0 0 1")).oxidation_states.values()) == [state]

    def test_a_shared_symbol_has_a_charge_for_each_element(self) -> None:
        parsed = read(cif("M1 '0.615(5)Li1+ + 0.385(5)Fe2.5+' 0 0 0 1", "N1 '0.5Fe2+ + 0.5Fe3+' 0.5 0 0 1"))
        assert parsed.structure.composition.as_dict() == pytest.approx({"Li": 0.615, "Fe": 1.385})
        assert parsed.site_charges == [{"Li+": 0.615, "Fe2.5+": 0.385}, {"Fe2+": 0.5, "Fe3+": 0.5}]


class TestMetadata:
    def test_what_the_file_says(self) -> None:
        extra = """
_cell_measurement_temperature 573(2)
_diffrn_ambient_pressure 101.3
_refine_ls_R_factor_all 0.045
_journal_paper_doi https://doi.org/10.1000/xyz
_publ_section_title
;
 A title
 in two lines
;
_chemical_formula_structural 'Li (O H) (H2 O)'
_chemical_formula_sum 'H3 Li1 O2'
_cod_database_code 1000041
"""
        parsed = read(cif("Li1 Li 0 0 0 1", extra=extra))
        assert parsed.source_id == "cod-1000041"
        assert parsed.formula_text == "Li (O H) (H2 O)"
        metadata = parsed.metadata
        assert (metadata.temperature_K, metadata.pressure_kPa, metadata.r_factor) == (573.0, 101.3, 0.045)
        assert (metadata.doi, metadata.title) == ("10.1000/xyz", "A title in two lines")
        assert not metadata.theoretical

    def test_nothing_said(self) -> None:
        metadata = read(cif("Li1 Li 0 0 0 1", extra="_refine_ls_R_factor_all ?")).metadata
        assert (metadata.temperature_K, metadata.pressure_kPa, metadata.r_factor) == (None, None, None)

    def test_r_factor_in_per_cent(self) -> None:
        assert read(
            cif("Li1 Li 0 0 0 1", extra="_refine_ls_R_factor_all 4.5")
        ).metadata.r_factor == pytest.approx(0.045)

    @pytest.mark.parametrize(
        ("remark", "theoretical"),
        [
            ("Structure calculated theoretically", True),
            ("DFT optimisation", True),
            ("solved ab initio from powder data", False),
            ("hydrogen positions calculated", False),
        ],
    )
    def test_theoretical(self, remark: str, theoretical: bool) -> None:
        parsed = read(cif("Li1 Li 0 0 0 1", extra=f"_refine_special_details '{remark}'"))
        assert parsed.metadata.theoretical is theoretical


class TestNames:
    @pytest.mark.parametrize(
        ("name", "source_id"),
        [
            ("EntryWithCollCode188887.cif", "icsd-188887"),
            ("ICSD_CollCode188887.cif", "icsd-188887"),
            ("icsd_188887.cif", "icsd-188887"),
            ("folder/LiCoO2 (new).cif", "LiCoO2-new"),
            ("mp-1234.cif", "mp-1234"),
            ("Ä.cif", "unnamed"),
        ],
    )
    def test_ids_from_file_names(self, name: str, source_id: str) -> None:
        assert read(cif("Li1 Li 0 0 0 1"), name).source_id == source_id

    def test_blocks_share_a_file(self) -> None:
        text = (
            "data_global\n_publ_x 1\n" + cif("Li1 Li 0 0 0 1", name="one") + cif("Na1 Na 0 0 0 1", name="two")
        )
        first, second = read_structures(("pair.cif", text.encode()))
        assert isinstance(first.result, ParsedStructure)
        assert isinstance(second.result, ParsedStructure)
        assert (first.result.source_id, second.result.source_id) == ("pair-one", "pair-two")

    def test_a_bad_block_leaves_the_others(self) -> None:
        text = cif("Li1 Li 0 0 0 1", name="good") + cif("Li1 Li x 0 0 1", name="bad")
        good, bad = read_structures(("pair.cif", text.encode()))
        assert isinstance(good.result, ParsedStructure)
        assert isinstance(bad.result, UnreadableStructureError)
        assert bad.result.subject == "pair.cif [bad]"


GOOD = cif("Li1 Li 0 0 0 1")


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "empty"),
            ("  \n", "empty"),
            ("just words", "no data block"),
            ("data_x\n_cell_length_a 3\n", "cell lengths"),
            (GOOD.replace("_cell_length_a 4.0", "_cell_length_a ?"), "cell lengths"),
            (GOOD.replace("_cell_length_a 4.0", "_cell_length_a 0"), "no sense"),
            (GOOD.replace("_cell_angle_gamma 90", "_cell_angle_gamma 181"), "span no volume"),
            (GOOD.split("loop_")[0], "no atom sites"),
            (GOOD.replace("0 0 0 1", "? ? ? 1"), "no numbers"),
            (GOOD.replace("0 0 0 1", ". 0 0 1"), "no numbers"),
            (GOOD.replace("0 0 0 1", "nan 0 0 1"), "no numbers"),
            (GOOD.replace("0 0 0 1", "0 0 0 half"), "occupancy 'half'"),
            (GOOD.replace("0 0 0 1", "0 0 0"), "unequal length"),
            (GOOD.replace("Li1 Li ", "Li1 Qq "), "no element"),
            (cif("Li1 Li 0 0 0 1", ops="x,y,z nonsense"), "symmetry operations"),
            (cif("Li1 Li 0 0 0 1", c=7.0, ops="x,y,z z,x,y y,z,x"), "do not fit the cell"),
        ],
    )
    def test_message_and_subject(self, text: str, message: str) -> None:
        error = refused(text)
        assert isinstance(error, UnreadableStructureError)
        assert message in error.message
        assert error.subject == "some.cif"
        assert error.remedy

    def test_missing_path(self, tmp_path: Path) -> None:
        (block,) = read_structures(tmp_path / "none.cif")
        assert isinstance(block.result, UnreadableStructureError)
        assert "none.cif" in block.result.subject

    def test_unknown_format(self) -> None:
        assert "format" in refused("hello", "notes.txt").message

    def test_size_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MAX_FILE_BYTES", 10)
        assert isinstance(refused(GOOD), LimitExceededError)


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
    def test_title_with_accents(self, encoding: str) -> None:
        text = cif("Li1 Li 0 0 0 1", extra="_publ_section_title 'Müller'")
        assert read(text.encode(encoding)).metadata.title == "Müller"

    @pytest.mark.parametrize("ending", ["\r\n", "\r"])
    def test_line_endings(self, ending: str) -> None:
        assert len(read(GOOD.replace("\n", ending)).structure) == 1


class TestOtherFormats:
    structure = Structure(Lattice.orthorhombic(3, 4, 5), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.25]])

    @pytest.mark.parametrize(
        ("name", "source_id"),
        [
            ("POSCAR", "POSCAR"),
            ("LiF/POSCAR", "LiF-POSCAR"),
            ("POSCAR_LiF", "LiF"),
            ("LiF.vasp", "LiF"),
            ("a/CONTCAR", "a-CONTCAR"),
        ],
    )
    def test_poscar(self, name: str, source_id: str) -> None:
        parsed = read(str(Poscar(self.structure)), name)
        assert parsed.source_id == source_id
        assert crystal_hash(parsed.structure) == crystal_hash(self.structure)
        assert parsed.formula_text == "LiF"

    def test_poscar_without_elements(self) -> None:
        text = "no names\n1.0\n3 0 0\n0 4 0\n0 0 5\n1 1\ndirect\n0 0 0\n0.5 0.5 0.25\n"
        assert "does not name its elements" in refused(text, "POSCAR").message

    @pytest.mark.parametrize(
        "text", ["x", "1\n2\n3\n4\n5\n6\n7\n8\n", "a\n1\n1 0 0\n0 1 0\n0 0 1\nLi\nx\ndirect\n0 0 0\n"]
    )
    def test_broken_poscar(self, text: str) -> None:
        message = refused(text, "POSCAR").message
        assert "not a POSCAR" in message
        assert "index out of range" not in message

    def test_json_with_oxidation_states_and_occupancies(self) -> None:
        decorated = Structure(Lattice.cubic(4), [{"Li+": 0.5}, "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        parsed = read(json.dumps(decorated.as_dict()), "x.json")
        assert parsed.oxidation_states == {"Li": 1.0, "O": -2.0}
        assert parsed.structure.composition.as_dict() == {"Li": 0.5, "O": 1.0}
        several = Structure(Lattice.cubic(4), ["Fe2+", "Fe3+"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        assert read(json.dumps(several.as_dict()), "x.json").site_charges == [{"Fe2+": 1.0}, {"Fe3+": 1.0}]

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"lattice": 1}', '"x"', "null"])
    def test_broken_json(self, text: str) -> None:
        assert "not a pymatgen structure" in refused(text, "x.json").message

    def test_format_is_told_by_content(self) -> None:
        assert len(read(GOOD, "download").structure) == 1


GROUPS = st.sampled_from(["P1", "P-1", "C2/c", "Pnma", "I4/mmm", "R-3m", "P6_3/mmc", "P4_2/nmc", "Pm-3m"])
LATTICES = {
    "triclinic": Lattice.from_parameters(5.1, 6.2, 7.3, 81, 95, 103),
    "monoclinic": Lattice.monoclinic(5.1, 6.2, 7.3, 103),
    "orthorhombic": Lattice.orthorhombic(5.1, 6.2, 7.3),
    "tetragonal": Lattice.tetragonal(5.1, 7.3),
    "trigonal": Lattice.hexagonal(5.1, 14.2),
    "hexagonal": Lattice.hexagonal(5.1, 7.3),
    "cubic": Lattice.cubic(7.6),
}
COORDINATE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.integers(1, 999).map(lambda n: n / 1000))


@st.composite
def crystals(draw: st.DrawFn) -> Structure:
    from pymatgen.symmetry.groups import SpaceGroup

    symbol = draw(GROUPS)
    n = draw(st.integers(1, 3))
    species = draw(
        st.lists(
            st.sampled_from(["Li", "O", "P", {"Li": 0.5}, {"Li": 0.25, "Na": 0.75}, {"S": 0.5, "Cl": 0.25}]),
            min_size=n,
            max_size=n,
        )
    )
    coords = draw(
        st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=n, max_size=n, unique=True)
    )
    return Structure.from_spacegroup(
        symbol, LATTICES[SpaceGroup(symbol).crystal_system], species, coords, tol=1e-3
    )


def far_apart(structure: Structure) -> bool:
    distances = structure.distance_matrix
    np.fill_diagonal(distances, np.inf)
    return bool(distances.min() > 0.6)


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(crystals().filter(far_apart), st.sampled_from([None, 0.01]))
def test_crystals_survive_writing_and_reading(structure: Structure, symprec: float | None) -> None:
    """With all sites listed and with symmetry operations; pymatgen's parser must agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = str(CifWriter(structure, symprec=symprec, significant_figures=10))
        referee = CifParser.from_str(text).parse_structures(primitive=False)[0]
    ours = read(text).structure
    assert crystal_hash(ours) == crystal_hash(referee)
    # The writer may choose another cell.
    assert ours.composition.fractional_composition.almost_equals(
        structure.composition.fractional_composition, 1e-5
    )


MANGLE_ME = cif(
    "Li1 Li1+ 0 0 0 0.5",
    "O1 O2- 0.5 0.25 0.125 1",
    ops="x,y,z -x,-y,-z",
    extra="_chemical_formula_sum 'Li O2'\n_cell_measurement_temperature 293",
)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_mangled_files_give_structures_or_input_errors(data: st.DataObject) -> None:
    raw = bytearray(MANGLE_ME.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from([b"?", b"'", b"\n;\n", b" loop_\n", b" 1e999 ", b"data_y\n"]),
            )
        )
    for block in read_structures(("mangled.cif", bytes(raw))):
        assert isinstance(block.result, ParsedStructure | InputError)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["x.cif", "POSCAR", "x.json", "x.txt", "x.mcif"]))
def test_garbage_gives_input_errors(content: bytes, name: str) -> None:
    for block in read_structures((name, content)):
        assert isinstance(block.result, ParsedStructure | InputError)
