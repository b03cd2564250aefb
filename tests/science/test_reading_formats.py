"""Files that are refused, in other encodings, and in other formats."""

import json
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar
from reading_files import cif, read, refused

from mtl_flows.errors import LimitExceededError, UnreadableStructureError
from mtl_flows.science.crystals import crystal_hash
from mtl_flows.science.reading import limits, read_structures

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
