"""Symmetry operations, against pymatgen's own parser and tables."""

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure
from pymatgen.core.operations import SymmOp
from pymatgen.symmetry.groups import SpaceGroup

from mtl_flows.errors import InconsistentFileError, UnreadableStructureError
from mtl_flows.science.reading.cif import CifBlock
from mtl_flows.science.reading.operations import completed, is_group, parse_operations
from mtl_flows.science.reading.settings import NamedSetting, by_hall, by_number, by_symbol
from mtl_flows.science.reading.symmetry import SymmetryReading, symmetry_readings
from mtl_flows.science.symmetry import Operations, database_operations, space_group


def as_set(operations: Operations) -> set[tuple[float, ...]]:
    rotations, translations = operations
    return {
        (*np.round(r).astype(int).ravel().tolist(), *(np.round(t % 1.0, 4) % 1.0).tolist())
        for r, t in zip(rotations, translations, strict=True)
    }


@pytest.mark.parametrize(
    "text",
    [
        "x,y,z",
        "-x, y+1/2, -z",
        "x-y, x, z+5/6",
        "1/2+X,-Y,Z-0.25",
        "-x+y,-x,z",
        "+x,+y,+z",
        "y+.5,z+0.3333,x",
        "'x,y,z'",
    ],
)
def test_operation_as_pymatgen_reads_it(text: str) -> None:
    rotations, translations = parse_operations((text,))
    expected = SymmOp.from_xyz_str(text.strip("'"))
    np.testing.assert_allclose(rotations[0], expected.rotation_matrix)
    np.testing.assert_allclose(translations[0], expected.translation_vector)


@pytest.mark.parametrize("text", ["x,y", "x,y,w", "", "x,x,x", "x,,z", "x y z", "1/0,y,z", "x,y,z+"])
def test_what_is_no_operation(text: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        parse_operations((text,))


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")
@pytest.mark.parametrize("hall_number", range(1, 531, 7))
def test_settings_by_hall_symbol(hall_number: int) -> None:
    kind = spglib.get_spacegroup_type(hall_number)
    stored = spglib.get_symmetry_from_database(hall_number)
    (named,) = by_hall(kind.hall_symbol)
    assert as_set(named.operations) == as_set((stored["rotations"], stored["translations"]))


@pytest.mark.parametrize(
    "symbol", ["P1", "P-1", "Pnma", "P6_3/mmc", "Fm-3m", "Ia-3d", "P2_1/c", "I4_1/acd", "P4_2/nmc"]
)
def test_group_by_symbol_and_number_as_in_pymatgen(symbol: str) -> None:
    group = SpaceGroup(symbol)
    expected = as_set(
        (
            np.array([op.rotation_matrix for op in group.symmetry_ops]),
            np.array([op.translation_vector for op in group.symmetry_ops]),
        )
    )
    spaced = symbol.replace("P", "P ").replace("F", "F ").replace("I", "I ")
    for named in (by_symbol(symbol), by_symbol(spaced), by_number(group.int_number)):
        assert expected in [as_set(setting.operations) for setting in named]


def test_open_origin_gives_both_with_the_inversion_centre_first() -> None:
    both = by_symbol("F d -3 m")
    (second,) = by_symbol("F d -3 m :2")
    (first,) = by_symbol("F d -3 m S")
    assert [as_set(setting.operations) for setting in both] == [
        as_set(second.operations),
        as_set(first.operations),
    ]
    assert as_set(second.operations) != as_set(first.operations)


def sizes(named: tuple[NamedSetting, ...]) -> list[int]:
    return [len(setting.operations[0]) for setting in named]


def test_rhombohedral_and_hexagonal_axes() -> None:
    assert sizes(by_symbol("R -3 m H")) == [36]
    assert sizes(by_symbol("R -3 m :R")) == sizes(by_symbol("R -3 c RS")) == [12]
    assert sizes(by_number(166)) == sizes(by_symbol("R -3 m")) == [36, 12]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("P 21/n", "P 1 21/n 1"),
        ("P2_1/n", "P 1 21/n 1"),
        ("P 2(1)/c", "P 1 21/c 1"),
        ("P2~1~/n", "P 1 21/n 1"),
        ("P 21 / c", "P 1 21/c 1"),
        ("P m 3 m", "P m -3 m"),
        ("Fm3m", "F m -3 m"),
        ("P N M A", "P n m a"),
        ("C m c e", "C m c a"),
        ("F 4/m -3 2/m", "F m -3 m"),
        ("I41/amd (origin choice 2)", "I 41/a m d :2"),
        ("C 2/c (No. 15)", "C 1 2/c 1"),
    ],
)
def test_old_and_spaced_symbols(old: str, new: str) -> None:
    assert as_set(by_symbol(old)[0].operations) == as_set(by_symbol(new)[0].operations)


@pytest.mark.parametrize("symbol", ["C -1", "I -1", "F 4/m m m", "B m a b", "I 1 2/a 1"])
def test_cells_that_are_not_standard(symbol: str) -> None:
    (named,) = by_symbol(symbol)
    assert is_group(named.operations)


def test_unique_axis_is_open_where_the_symbol_does_not_say() -> None:
    assert sizes(by_symbol("P 2/m")) == [4, 4, 4]
    assert sizes(by_symbol("P 1 2/m 1")) == [4]


def test_doubled_tetragonal_cell_by_number_and_centring() -> None:
    standard = by_number(139)[0].operations
    for named in by_number(139, "F"):
        assert is_group(named.operations)
        assert len(named.operations[0]) == 2 * len(standard[0])


def test_unknown_group() -> None:
    assert by_symbol("Q 9 9") == by_hall("nonsense") == by_number(999) == ()


@pytest.mark.parametrize("hall_number", [1, 81, 227, 430, 523])
def test_lists_with_gaps_are_no_groups_and_are_completed(hall_number: int) -> None:
    rotations, translations = database_operations(hall_number)
    assert is_group((rotations, translations))
    if len(rotations) > 2:
        gaps = rotations[1:], translations[1:]
        assert not is_group(gaps)
        whole = completed(gaps)
        assert whole is not None
        assert as_set(whole) == as_set((rotations, translations))


def test_operations_about_another_origin_are_a_group() -> None:
    assert is_group(parse_operations(("x,y,z", "-x+0.246,-y+0.111,-z")))
    assert not is_group(parse_operations(("x,y,z", "-x,-y,-z", "x,-y,z+0.4")))


def block(**values: str | list[str]) -> CifBlock:
    return CifBlock("x", {f"_{tag}": [v] if isinstance(v, str) else v for tag, v in values.items()})


def only(given: CifBlock) -> SymmetryReading:
    (reading,) = symmetry_readings(given)
    return reading


def test_given_operations_come_first_and_a_name_that_asks_for_more_is_told() -> None:
    given = block(symmetry_equiv_pos_as_xyz=["x,y,z", "-x,-y,-z"], symmetry_int_tables_number="225")
    first, second = symmetry_readings(given)
    assert len(first.operations[0]) == 2
    assert len(second.operations[0]) == 192
    assert (
        first.contradicts == second.contradicts == "2 symmetry operations, those of P -1, where 225 has 192"
    )


def test_names_that_agree_with_the_operations() -> None:
    given = block(
        symmetry_equiv_pos_as_xyz=["x,y,z", "-x,-y,-z"],
        **{"symmetry_space_group_name_h-m": "P -1", "symmetry_int_tables_number": "1"},
    )
    reading = only(given)
    assert reading.agrees
    assert reading.notes == (
        "the number of the space group is that of P 1, its operations are those of P -1",
    )


def test_names_stand_in_for_missing_operations() -> None:
    reading = only(block(symmetry_equiv_pos_as_xyz="?", symmetry_int_tables_number="225"))
    assert len(reading.operations[0]) == 192
    assert reading.notes == ("no symmetry operations given, those of 225 used",)


def test_no_symmetry_at_all_is_p1_and_said() -> None:
    reading = only(block())
    assert as_set(reading.operations) == as_set(parse_operations(("x,y,z",)))
    assert reading.notes == ("no symmetry given, P 1 assumed",)


@pytest.mark.parametrize(
    "given",
    [
        block(symmetry_equiv_pos_as_xyz=["x,y,z", "nonsense"]),
        block(**{"space_group_name_h-m_alt": "Q 9"}),
        CifBlock("x", {}, ragged={"_space_group_symop_operation_xyz"}),
    ],
)
def test_symmetry_that_cannot_be_read_is_never_taken_for_none(given: CifBlock) -> None:
    with pytest.raises(UnreadableStructureError, match="symmetry operations"):
        symmetry_readings(given)


def test_superspace_operations_are_refused_by_name() -> None:
    for given in (
        block(space_group_symop_operation_xyz=["x1,x2,x3,x4", "-x1,-x2,-x3,-x4"]),
        block(space_group_symop_ssg_operation_algebraic=["x1,x2,x3,x4"]),
    ):
        with pytest.raises(UnreadableStructureError, match="superspace"):
            symmetry_readings(given)


def test_symbol_nobody_knows_is_never_replaced_by_the_standard_setting() -> None:
    letter = only(block(**{"symmetry_space_group_name_h-m": "F 9", "symmetry_int_tables_number": "216"}))
    assert len(letter.operations[0]) == 96
    assert letter.notes == ("nobody knows the space group 'F 9', F -4 3 m of number 216 used",)
    with pytest.raises(InconsistentFileError, match="no setting of its centring"):
        symmetry_readings(
            block(**{"symmetry_space_group_name_h-m": "I 9", "symmetry_int_tables_number": "216"})
        )


def test_magnetic_operations_with_their_centrings() -> None:
    given = block(
        space_group_symop_magn_operation_xyz=["x,y,z,+1", "-x,-y,-z,-1"],
        space_group_symop_magn_centering_xyz=["x,y,z,+1", "x+1/2,y+1/2,z,-1"],
    )
    expected = parse_operations(("x,y,z", "-x,-y,-z", "x+1/2,y+1/2,z", "-x+1/2,-y+1/2,-z"))
    assert as_set(only(given).operations) == as_set(expected)


def test_space_group_sees_occupancies() -> None:
    rock_salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    assert space_group(rock_salt) == (225, "Fm-3m")
    rock_salt[0] = {"Li": 0.5}
    assert space_group(rock_salt)[0] < 225


def test_space_group_of_coinciding_sites_is_none() -> None:
    same = Structure(Lattice.cubic(3.0), ["Li", "Li"], [[0, 0, 0], [0, 0, 0]])
    assert space_group(same) == (1, "P1")
