"""Whole files: crystals known by hand, what files say of themselves, and their names."""

import hashlib

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from reading_files import cif, read, refused

from mtl_flows.errors import UnreadableStructureError
from mtl_flows.science.crystals import crystal_hash
from mtl_flows.science.reading import ParsedStructure, read_structures


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
