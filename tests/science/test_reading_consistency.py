"""Statements of a file against each other: one reading fits all, or both numbers are told."""

import pytest

from mtl_flows.errors import InputError
from mtl_flows.science.reading import ParsedStructure, read_structures
from mtl_flows.science.reading.settings import by_symbol

SITES = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_symmetry_multiplicity
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def cif(
    *rows: str,
    cell: tuple[float, ...] = (4.026, 4.026, 4.026, 90, 90, 90),
    said: str = "",
    ops: str = "",
) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = "\n".join(f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True) if value)
    listed = (
        "loop_\n_space_group_symop_operation_xyz\n" + "\n".join(f"'{op}'" for op in ops.split())
        if ops
        else ""
    )
    return f"data_x\n{said}\n{lines}\n{listed}\n{SITES}" + "\n".join(rows) + "\n"


def read(text: str) -> ParsedStructure:
    (block,) = read_structures(("x.cif", text.encode()))
    if isinstance(block.result, InputError):
        raise block.result
    return block.result


def refused(text: str) -> InputError:
    (block,) = read_structures(("x.cif", text.encode()))
    assert isinstance(block.result, InputError)
    return block.result


ROCK_SALT = ("Li1 Li 4 0 0 0 1", "F1 F 4 0.5 0.5 0.5 1")
PRIMITIVE = "x,y,z -x,-y,-z"
SYMBOL = "_symmetry_space_group_name_H-M 'F m -3 m'\n"


def operations(symbol: str) -> str:
    import gemmi

    group = gemmi.find_spacegroup_by_name(symbol)
    return " ".join(op.triplet() for op in group.operations())


def test_missing_centring_is_supplied_by_the_symbol_where_contents_ask_for_it() -> None:
    text = cif(
        *ROCK_SALT,
        said=f"{SYMBOL}_chemical_formula_sum 'Li F'\n_cell_formula_units_Z 4",
        ops=operations("P m -3 m"),
    )
    parsed = read(text)
    assert parsed.structure.composition.as_dict() == {"Li": 4, "F": 4}
    assert "48 symmetry operations, those of P m -3 m, where F m -3 m has 192" in parsed.warnings


def test_missing_operations_are_completed() -> None:
    ops = "-x,-y,z+1/2 x+1/2,-y+1/2,z -x+1/2,y+1/2,z+1/2"
    rows = ("Li1 Li 4 0.42 0.13 0.49 1", "O1 O 4 0.41 0.14 0.89 1")
    parsed = read(
        cif(*rows, cell=(5.4, 6.4, 5.0, 90, 90, 90), said="_symmetry_Int_Tables_number 33", ops=ops)
    )
    assert len(parsed.structure) == 8
    assert "the list of 3 symmetry operations is no group, completed to 4 (P n a 21)" in parsed.warnings


def test_operations_that_are_no_group_and_no_name_are_refused() -> None:
    text = cif("Li1 Li ? 0.1 0.2 0.3 1", ops="x,y,z -x,-y,-z+0.1 x,-y,z+0.37")
    error = refused(text)
    assert error.reason == "inconsistent"
    assert any("symop" in line for line in error.lines)


def test_multiplicity_nothing_speaks_for_is_refused_with_both_numbers() -> None:
    text = cif("Li1 Li 1 0.02 0.31 0.48 1", "Cl1 Cl 1 0 0 0 1", ops=PRIMITIVE, cell=(5, 6, 7, 90, 90, 90))
    error = refused(text)
    assert (error.reason, error.message) == (
        "inconsistent",
        "multiplicities stated and found differ: Li1 1 and 2",
    )
    assert error.lines[-1].endswith("Li1 Li 1 0.02 0.31 0.48 1")


def test_wrong_z_beside_a_right_density_is_noted() -> None:
    said = (
        f"{SYMBOL}_chemical_formula_sum 'Li F'\n_cell_formula_units_Z 8\n_exptl_crystal_density_diffrn 2.64"
    )
    parsed = read(cif(*ROCK_SALT, said=said))
    assert len(parsed.structure) == 8
    assert any("Z = 8" in note for note in parsed.warnings)


def test_whole_cell_in_the_formula_is_no_contradiction() -> None:
    said = f"{SYMBOL}_chemical_formula_sum 'Li4 F4'\n_cell_formula_units_Z 4"
    assert read(cif(*ROCK_SALT, said=said)).warnings == (
        "no symmetry operations given, those of F m -3 m used",
    )


@pytest.mark.parametrize(("density", "accepted"), [("", False), ("_exptl_crystal_density_diffrn 2.64", True)])
def test_volume_that_contradicts_the_cell(density: str, accepted: bool) -> None:
    text = cif(*ROCK_SALT, said=f"{SYMBOL}_cell_volume 80\n{density}")
    if accepted:
        assert any("80 declared" in note for note in read(text).warnings)
    else:
        assert refused(text).message == "the cell has 65.256 Å³ by its lengths and angles, 80 declared"


@pytest.mark.parametrize(
    ("statement", "n_sites"),
    [
        ("_cell_formula_units_Z 8", 16),
        ("_exptl_crystal_density_diffrn 1.74", 16),
        ("_cell_formula_units_Z 16", 32),
    ],
)
def test_origin_is_settled_by_z_or_density(statement: str, n_sites: int) -> None:
    rows = ("Li1 Li ? 0 0 0 1", "Al1 Al ? 0.5 0.5 0.5 1")
    said = f"_symmetry_space_group_name_H-M 'F d -3 m'\n_chemical_formula_sum 'Al Li'\n{statement}"
    assert len(read(cif(*rows, cell=(6.37, 6.37, 6.37, 90, 90, 90), said=said)).structure) == n_sites


@pytest.mark.parametrize(
    ("cell", "n_sites"), [((2.816, 2.816, 14.05, 90, 90, 120), 12), ((4.96, 4.96, 4.96, 33, 33, 33), 4)]
)
def test_rhombohedral_axes_are_those_that_fit_the_cell(cell: tuple[float, ...], n_sites: int) -> None:
    third = ("0 0 0.26", "0.26 0.26 0.26")[n_sites == 4]
    half = ("0 0 0.5", "0.5 0.5 0.5")[n_sites == 4]
    rows = ("Li1 Li ? 0 0 0 1", f"Co1 Co ? {half} 1", f"O1 O ? {third} 1")
    assert (
        len(read(cif(*rows, cell=cell, said="_symmetry_space_group_name_H-M 'R -3 m'")).structure) == n_sites
    )


def test_angle_that_symmetry_implies_and_one_that_it_leaves_open() -> None:
    cubic = cif(*ROCK_SALT, cell=(4.026, 4.026, 4.026, 90, 0, 90), said=SYMBOL)
    assert any("cell angle beta missing, 90°" in note for note in read(cubic).warnings)
    monoclinic = cif(
        "Li1 Li ? 0.1 0.2 0.3 1", cell=(5, 6, 7, 90, 0, 90), said="_symmetry_space_group_name_H-M 'P 21/c'"
    )
    assert refused(monoclinic).reason == "inconsistent"


def test_identity_alone_is_taken_where_the_whole_cell_is_listed() -> None:
    rows = [
        f"{e}{i} {e} ? {x} {y} {z} 1"
        for e, shift in (("Li", 0.0), ("F", 0.5))
        for i, (x, y, z) in enumerate(
            [
                ((a + shift) % 1, (b + shift) % 1, (c + shift) % 1)
                for a, b, c in [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
            ]
        )
    ]
    assert len(read(cif(*rows, said=SYMBOL, ops="x,y,z")).structure) == 8
    assert refused(cif(rows[0], rows[4], said=SYMBOL, ops="x,y,z")).reason == "inconsistent"


def test_orders_of_site_symmetry_in_place_of_multiplicities() -> None:
    rows = ("Li1 Li 1 0.496 0.504 0.497 0.5", "O1 O 1 0.1 0.2 0.3 1", "P1 P 2 0 0 0 1")
    assert len(read(cif(*rows, cell=(8, 8, 8, 90, 90, 90), ops=PRIMITIVE)).structure) == 5


def test_second_list_of_atom_sites() -> None:
    text = cif("Li1 Li ? 0.25 0.25 0.25 1", "P1 P ? 0 0 0 1", ops="x,y,z").replace(
        "_atom_site_occupancy\n", ""
    )
    text = text.replace("0.25 1\n", "0.25\n").replace("0 0 0 1\n", "0 0 0\n")
    second = "loop_\n_atom_site_label\n_atom_site_occupancy\nP1 1\nLi1 0.5\n"
    assert read(text + second).structure.composition.as_dict() == {"Li": 0.5, "P": 1}
    assert refused(text + second.replace("P1 1\n", "")).reason == "inconsistent"


def test_tags_given_twice_are_noted() -> None:
    text = cif(*ROCK_SALT, said=f"{SYMBOL}_cell_length_a 4.026\n_cell_length_a 4.5")
    assert any("_cell_length_a" in note for note in read(text).warnings)


def test_unit_of_density_and_old_symbols_leave_no_doubt() -> None:
    said = "_symmetry_space_group_name_H-M 'F m 3 m'\n_exptl_crystal_density_diffrn 2640"
    parsed = read(cif(*ROCK_SALT, said=said))
    assert parsed.warnings == ("no symmetry operations given, those of F m 3 m used",)
    assert len(by_symbol("F m 3 m")) == 1
